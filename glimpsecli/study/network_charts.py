"""Trained networks as pictures: their figures against steps, and where they look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.networks.rules import SEED
from glimpsecli.pictures.charts import SIZE, Line
from glimpsecli.pictures.multiples import SHARES, Panel, Row, Scale, panel_grid
from glimpsecli.pictures.outline import outline
from glimpsecli.pictures.scale import as_rgb, magnify
from glimpsecli.pictures.strokes import disc
from glimpsecli.pictures.text import FAINT, line_height, width_of, wrap, write
from glimpsecli.study.network_design import (
    ACCURACY,
    ANNEALED,
    BILINEAR,
    BLURRED,
    CEILING,
    CONDITIONS,
    ERROR,
    FLOOR,
    FOUND,
    GAUSSIAN,
    HARD,
    LEARNT,
    MAIN,
    SAMPLERS,
    SHOWN,
    VARIED,
    WHOLE,
)
from glimpsecli.study.network_plan import Task
from glimpsecli.study.network_summary import some
from glimpsecli.window import Window, corners

if TYPE_CHECKING:
    from glimpsecli.arrays import Colour, Figure, Floats
    from glimpsecli.study.network_design import Measure
    from glimpsecli.study.network_plan import Design
    from glimpsecli.study.network_summary import Run

COLOURS: dict[str, Colour] = {
    FLOOR: (150, 150, 150),
    CEILING: (70, 70, 70),
    WHOLE: (190, 40, 120),
    HARD: (128, 70, 160),
    BILINEAR: (204, 60, 18),
    BLURRED: (226, 160, 0),
    GAUSSIAN: (31, 95, 168),
    ANNEALED: (20, 140, 80),
}

_ERRORS = Scale((0.0, 0.25, 0.5, 0.75, 1.0), lambda error: f"{error:g}")
_MEASURES = ((FOUND, SHARES), (ERROR, _ERRORS), (ACCURACY, SHARES))
_PALE = 0.55
"""Share of white in the lines of single seeds."""

_SIDE = 160
"""Pixels of a side of a scene that is drawn, at least."""

_TRUTH = (0.75, 0.75, 0.75)
_GAP = 6


def curves(runs: Sequence[Run]) -> Figure:
    """Draw share found, place error and accuracy against steps in the main condition, a panel for each sampler."""
    mine = [one for one in runs if one.task.condition == MAIN]
    there = [name for name in SAMPLERS if some(mine, name, MAIN)]
    seeds = len({one.task.seed for one in mine})
    many = f"{seeds} seeds. Thin lines: single ones, thick ones: their means. " if seeds > 1 else "One seed. "
    return panel_grid(
        measure_rows(mine, there),
        title="How networks learn where to look, by sampler",
        note=f"{many}Dashed and hollow: references that learn no place. Errors: from the centre of the window to that "
        "of the digit, in longer sides of the digit, cut at 1.",
        legend=[(name, COLOURS[name], name not in LEARNT) for name in there],
        x_axis="steps",
        y_axis="",
        separate=False,
    )


def measure_rows(runs: Sequence[Run], names: Sequence[str]) -> list[Row]:
    """Give the panels of the main condition: a row for each measure, in it the means, and each sampler's seeds."""
    table = []
    for measure, scale in _MEASURES:
        drawn = [name for name in names if measure is ACCURACY or name not in (WHOLE, CEILING)]
        panels = [
            Panel("all samplers", [_mean(runs, name, MAIN, measure, name in VARIED) for name in drawn]),
            *(Panel(name, _lines(runs, name, MAIN, measure)) for name in names if name in LEARNT),
        ]
        table.append(Row("", panels, _titled(measure), scale))
    return table


def factors(runs: Sequence[Run]) -> Figure:
    """Draw share found, median place error and accuracy against the share of the steps, a panel for each condition."""
    conditions = [name for name in CONDITIONS if any(some(runs, one, name) for one in VARIED)]
    table = [
        Row(
            "",
            [
                Panel(
                    condition, [line for name in VARIED for line in _lines(runs, name, condition, measure, shares=True)]
                )
                for condition in conditions
            ],
            _titled(measure),
            scale,
        )
        for measure, scale in _MEASURES
    ]
    return panel_grid(
        table,
        title="The same under other conditions, of which each changes one thing",
        note="Thin lines: single seeds, thick ones: their means. "
        + "; ".join(f"{name}: {CONDITIONS[name].words}" for name in conditions)
        + ". Errors are cut at 1.",
        legend=[(name, COLOURS[name], False) for name in VARIED if any(some(runs, name, one) for one in conditions)],
        x_axis="steps, % of all",
        y_axis="",
        panel=(190, 190),
        separate=False,
    )


def places(runs: Sequence[Run], design: Design) -> Figure:
    """Draw the windows of the main condition's samplers over the same scenes, a row for each sampler."""
    there = [name for name in SAMPLERS if name not in (FLOOR, WHOLE) and some(runs, name, MAIN)]
    scenes = design.scenes_of(Task(CEILING, MAIN, design.seed, 0.0)).batch(SEED, 0, SHOWN)
    factor = -(-_SIDE // design.scenes.canvas)
    side, size, margin = factor * design.scenes.canvas, 2 * SIZE, 40
    names = max(width_of(name, size) for name in there) + 24
    width = 2 * margin + names + SHOWN * (side + _GAP) - _GAP
    seeds = len(some(runs, there[0], MAIN))
    note = (
        "Grey: the box of the digit. In colour: the window of the first seed"
        + f", and dots for the centres of all {seeds}" * (seeds > 1)
        + ". No network has learned from these scenes."
    )
    words = wrap(note, size - 2, width - 2 * margin)
    title_height, line = line_height(size + 12, bold=True), line_height(size - 2)
    top = margin + title_height + line * len(words) + 20
    figure = np.full((top + len(there) * (side + _GAP) - _GAP + margin, width, 3), 255, np.uint8)
    write(figure, "Where trained networks look", margin, margin - 8, size=size + 12, bold=True)
    for k, text in enumerate(words):
        write(figure, text, margin, margin + title_height + k * line, size=size - 2, colour=FAINT)
    for name in there:
        mine = some(runs, name, MAIN)
        middle = top + (side - line_height(size)) // 2
        write(figure, name, margin + names - 24, middle, size=size, align="right")
        for k, image in enumerate(scenes.images):
            tile = np.ascontiguousarray(magnify(as_rgb(image), factor))
            _mark(tile, factor, scenes.windows[k], [one.windows[k] for one in mine], COLOURS[name])
            left = margin + names + k * (side + _GAP)
            figure[top : top + side, left : left + side] = tile
        top += side + _GAP
    return figure


def _mark(tile: Figure, factor: int, truth: Floats, windows: Sequence[Floats], colour: Colour) -> None:
    """Draw the box of the digit, the first window, and the centres of all of them into a scene."""
    red, green, blue = (128 + one // 2 for one in colour)
    outline(tile, factor * _corners(truth), colour=_TRUTH, weight=1.0)
    outline(tile, factor * _corners(windows[0]), colour=(red / 255, green / 255, blue / 255), weight=3.0)
    for x, y in (factor * one[:2] for one in windows):
        disc(tile, x, y, 4.0, (red, green, blue))


def _corners(window: Floats) -> Floats:
    return corners(Window(*window.tolist()).to_affine((1, 1)), (1, 1))


def _lines(runs: Sequence[Run], name: str, condition: str, measure: Measure, *, shares: bool = False) -> list[Line]:
    """Give a thin line for each seed, and their mean."""
    pale: Colour = tuple(round(255 * _PALE + (1 - _PALE) * one) for one in COLOURS[name])  # type: ignore[assignment]
    mine = some(runs, name, condition)
    if not mine:
        return []
    x, table = _values(mine, measure, shares=shares)
    thin = [Line(name, x, row, row, row, pale, thin=True) for row in table.tolist()] if len(mine) > 1 else []
    return [*thin, _mean(runs, name, condition, measure, True, shares=shares)]


def _mean(
    runs: Sequence[Run], name: str, condition: str, measure: Measure, strong: bool, *, shares: bool = False
) -> Line:
    x, table = _values(some(runs, name, condition), measure, shares=shares)
    mean = table.mean(axis=0).tolist()
    return Line(name, x, mean, mean, mean, COLOURS[name], strong, name not in LEARNT)


def _values(runs: Sequence[Run], measure: Measure, *, shares: bool) -> tuple[list[float], Floats]:
    """Give steps, or their share in %, and a row of figures for each run; one that ended early stays as it was."""
    steps = [float(one["step"]) for one in max((run.curve for run in runs), key=len)]
    table = [[one[measure.name] for one in run.curve] for run in runs]
    full = [row + row[-1:] * (len(steps) - len(row)) for row in table]
    x = [100 * step / steps[-1] for step in steps] if shares and steps[-1] else steps
    return x, np.array(full, np.float64)


def _titled(measure: Measure) -> str:
    return f"{measure.words}, digits" if measure is ERROR else measure.words
