"""The results as pictures: success against offset, for each optimiser and stride, and time against stride."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.pictures.charts import Line, line_chart
from glimpsecli.pictures.multiples import Panel, Row, panel_grid
from glimpsecli.study.lookers import LOOKERS
from glimpsecli.study.speed import BILINEAR, BLURRED, CUT, DENSE
from glimpsecli.study.summary import ALL, Summary
from glimpsecli.study.working import ADAM, LM, METHODS, SCORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from glimpsecli.study.speed import Step
    from glimpsecli.study.summary import Cell
    from glimpsecli.window import Size

Colour = tuple[int, int, int]


class Choice(NamedTuple):
    """Samplers that make up a chart, in order, and what the chart's title says of them."""

    said: str
    names: tuple[str, ...]


SUCCESS = Choice(
    "",
    (
        "hard", "hard, 10 times the looks", "bilinear", "gaussian 0.5", "gaussian annealed", "bilinear, blurred 0.5",
        "bilinear, blur annealed",
    ),
)  # fmt: skip
SIGMAS = Choice(
    ", by sigma",
    (
        "gaussian 0.35", "gaussian 0.5", "gaussian 1", "gaussian 2", "bilinear, blurred 0.5", "bilinear, blurred 1",
        "bilinear, blurred 2",
    ),
)  # fmt: skip

# One hue for one blur: the Gaussian, and in a darker shade the bilinear sampler on the image that is blurred alike.
COLOURS: dict[str, Colour] = {
    "hard": (165, 165, 165),
    "hard, 10 times the looks": (70, 70, 70),
    "bilinear": (204, 60, 18),
    "gaussian 0.35": (226, 160, 0),
    "gaussian 0.5": (31, 95, 168),
    "bilinear, blurred 0.5": (10, 44, 120),
    "gaussian 1": (190, 40, 120),
    "bilinear, blurred 1": (130, 0, 84),
    "gaussian 2": (90, 190, 120),
    "bilinear, blurred 2": (28, 124, 62),
    "gaussian annealed": (20, 160, 80),
    "bilinear, blur annealed": (0, 98, 44),
}
STRONG = ("bilinear", "gaussian 0.5")
"""The two that the article compares."""

_BLURRED = frozenset(one.name for one in LOOKERS if one.sampler == "bilinear" and one.sigmas)
_ROWS = ((LM,), (ADAM, SCORE))
_TIMES = {BILINEAR: (204, 60, 18), CUT: (31, 95, 168), DENSE: (120, 163, 212), BLURRED: (232, 140, 20)}


def draw(summary: Summary, condition: str, choice: Choice) -> NDArray[np.uint8]:
    """Draw success against offset in a condition, for some of the samplers.

    Returns
    -------
    (H, W, 3) uint8
    """
    cells = _chosen(summary, condition, choice)
    there = {cell.sampler for cell in cells}
    blurs = "; dashed and hollow: bilinear, on an image that was blurred first" if there & _BLURRED else ""
    return panel_grid(
        rows(summary, condition, choice),
        title=f"Windows recovered from a displaced start{choice.said}: {condition}",
        note=f"{cells[0].trials} trials a point, the same for all{blurs}; a number in a name: sigma, in strides. "
        "Upright lines: Wilson's 95 % intervals, which take trials for independent; points are moved sideways a "
        "little, so that these can be told apart.",
        legend=[(name, COLOURS[name], name in _BLURRED) for name in choice.names if name in there],
        x_axis="offset of the start, in widths of the window",
        y_axis="share recovered",
    )


def rows(summary: Summary, condition: str, choice: Choice) -> list[Row]:
    """Give the panels of a chart: a row for each optimiser, and in it a panel for each stride."""
    cells = _chosen(summary, condition, choice)
    found = []
    for methods in _ROWS:
        mine = [cell for cell in cells if cell.method in methods]
        panels = [
            Panel(f"stride {stride:g}", _lines([cell for cell in mine if cell.stride == stride], choice.names))
            for stride in summary.strides
        ]
        title = METHODS[methods[0]]
        if any(cell.method == SCORE for cell in mine):
            title += f"; hard attention: {METHODS[SCORE]}"
        found.append(Row(title, panels))
    return found


def draw_speed(steps: Sequence[Step], size: Size, cpu: str) -> NDArray[np.uint8]:
    """Draw the time of a glimpse of a size against its stride: (H, W, 3) uint8."""
    lines = []
    for who, colour in _TIMES.items():
        mine = [(step.stride, *step.seconds[who]) for step in steps if who in step.seconds]
        if mine:
            strides, medians, low, high = zip(*mine, strict=True)
            lines.append(Line(who, strides, medians, low, high, colour, who in (BILINEAR, CUT), who == BLURRED))
    return line_chart(
        lines,
        title=f"What a {size[1]}x{size[0]} glimpse costs, and what an equal picture costs",
        note=f"{cpu}, one thread; dashed: blurred until it aliases as little as the Gaussians",
        x_axis="stride: pixels of the image from tap to tap",
        y_axis="time of a call, median; upright lines: the quartiles",
        x_told=lambda x: f"{x:g}",
        y_told=lambda seconds: f"{seconds * 1e3:g} ms",
        x_ticks=[step.stride for step in steps],
    )


def _chosen(summary: Summary, condition: str, choice: Choice) -> list[Cell]:
    cells = (cell for cell in summary.cells if (cell.condition, cell.kind) == (condition, ALL))
    return [cell for cell in cells if cell.sampler in choice.names]


def _lines(cells: list[Cell], names: tuple[str, ...]) -> list[Line]:
    """Give the lines of a panel from its cells."""
    lines = []
    for name in names:
        mine = [cell for cell in cells if cell.sampler == name]
        if mine:
            lines.append(
                Line(
                    name, [cell.offset for cell in mine], [cell.share for cell in mine], [cell.low for cell in mine],
                    [cell.high for cell in mine], COLOURS[name], name in STRONG, name in _BLURRED,
                )
            )  # fmt: skip
    return lines
