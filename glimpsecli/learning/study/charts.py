"""The results as pictures: success against offset, for each optimiser and stride."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpsecli.learning.study.summary import ALL, Summary
from glimpsecli.learning.study.working import ADAM, LM, METHODS, SCORE
from glimpsecli.pictures.charts import Line
from glimpsecli.pictures.multiples import Panel, panel_grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glimpsecli.learning.study.summary import Cell

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "hard": (150, 150, 150),
    "hard, 10 times the looks": (128, 62, 152),
    "bilinear": (204, 60, 18),
    "bilinear, blurred 0.5": (232, 140, 20),
    "bilinear, blurred 1": (176, 120, 40),
    "bilinear, blurred 2": (120, 84, 50),
    "bilinear, blur annealed": (70, 50, 20),
    "gaussian 0.35": (120, 190, 230),
    "gaussian 0.5": (31, 95, 168),
    "gaussian 1": (80, 60, 170),
    "gaussian 2": (150, 80, 190),
    "gaussian annealed": (0, 160, 130),
}
SUCCESS = (
    "hard", "hard, 10 times the looks", "bilinear", "bilinear, blurred 0.5", "gaussian 0.5", "bilinear, blur annealed",
    "gaussian annealed",
)  # fmt: skip
SIGMAS = (
    "gaussian 0.35", "gaussian 0.5", "gaussian 1", "gaussian 2", "bilinear, blurred 0.5", "bilinear, blurred 1",
    "bilinear, blurred 2",
)  # fmt: skip
_ROWS = ((LM,), (ADAM, SCORE))


def draw(summary: Summary, condition: str, names: tuple[str, ...]) -> NDArray[np.uint8]:
    """Draw success against offset in a condition, for some of the samplers.

    Returns
    -------
    (H, W, 3) uint8
    """
    cells = [cell for cell in summary.cells if (cell.condition, cell.kind) == (condition, ALL)]
    names = tuple(name for name in names if any(cell.sampler == name for cell in cells))
    rows = [
        [
            Panel(f"{METHODS[methods[0]]}, stride {stride:g}", _lines(cells, stride, methods, names))
            for stride in summary.strides
        ]
        for methods in _ROWS
    ]
    count = cells[0].trials
    return panel_grid(
        rows,
        title=f"Windows recovered from a displaced start: {condition}",
        note=f"{count} trials a point, the same for all; upright lines: Wilson's 95 % intervals; dashed: "
        "on an image that was blurred first",
        legend=[(name, COLOURS[name], _dashed(name)) for name in names],
        x_axis="offset of the start, in widths of the window",
        y_axis="share recovered",
        ticks=[offset for offset in (0.05, 0.1, 0.2, 0.5, 1.0) if offset in summary.offsets] or list(summary.offsets),
    )


def _lines(cells: list[Cell], stride: float, methods: tuple[str, ...], names: tuple[str, ...]) -> list[Line]:
    lines = []
    for name in names:
        mine = [cell for cell in cells if (cell.stride, cell.sampler) == (stride, name) and cell.method in methods]
        if mine:
            lines.append(
                Line(
                    name, [cell.offset for cell in mine], [cell.share for cell in mine], [cell.low for cell in mine],
                    [cell.high for cell in mine], COLOURS[name], name in ("bilinear", "gaussian 0.5"), _dashed(name),
                )
            )  # fmt: skip
    return lines


def _dashed(name: str) -> bool:
    return "blur" in name
