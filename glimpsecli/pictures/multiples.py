"""Small multiples: panels of lines on common axes, shares or another quantity over one that begins at 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.charts import AXIS, GRID, SIZE, Line
from glimpsecli.pictures.strokes import disc, fill, stroke
from glimpsecli.pictures.text import FAINT, MIDDLE, line_height, width_of, wrap, write

if TYPE_CHECKING:
    from glimpsecli.arrays import Colour, Figure

_STEPS = (1.0, 2.0, 2.5, 5.0)
_MOST_STEPS = 5  # between the ticks of an axis
_WHITE = (255, 255, 255)


class Scale(NamedTuple):
    """A y axis from 0: its numbers, of which the last is its end, and the words for one; lines end where it ends."""

    ticks: Sequence[float]
    label: Callable[[float], str]


SHARES = Scale((0.0, 0.25, 0.5, 0.75, 1.0), lambda share: f"{100 * share:g} %")


class Panel(NamedTuple):
    """Lines under a title."""

    title: str
    lines: Sequence[Line]


class Row(NamedTuple):
    """Panels side by side under a title; the name of their y axis, unless it is that of all rows, and its scale."""

    title: str
    panels: Sequence[Panel]
    y_axis: str = ""
    scale: Scale = SHARES


class _Across(NamedTuple):
    """The x axis of every panel: ticks, the place of a value from the panel's left, each line's shift, in pixels."""

    ticks: Sequence[float]
    place: Callable[[float], float]
    shifts: dict[str, float]


def panel_grid(
    rows: Sequence[Row],
    *,
    title: str,
    note: str,
    legend: Sequence[tuple[str, Colour, bool]],
    x_axis: str,
    y_axis: str,
    panel: tuple[int, int] = (190, 212),
    separate: bool = True,
    unit: int = 2,
) -> Figure:
    """Draw rows of panels on linear axes, the x axis from 0 to the largest value.

    Points of different lines at one x would hide each other's intervals, so each line is shifted sideways, by the same
    few pixels everywhere; its area stays as it is. If all x are one, the axis is that single tick, and the lines stand
    side by side over it.

    Parameters
    ----------
    rows : sequence of Row
        All of the same number of panels.
    title, note : str
        Above the panels.
    legend : sequence of (name, colour, dashed)
        It names every line; lines are shifted in its order, from the left.
    x_axis, y_axis : str
        The names of the axes.
    panel : (int, int)
        Height and least width of a panel, in units.
    separate : bool
        Whether lines are shifted; those without intervals need not be.
    unit : int
        Pixels a unit.

    Returns
    -------
    (H, W, 3) uint8

    Raises
    ------
    InvalidInputError
        If there is no point, one has a negative x, or the legend lacks a line.
    """
    lines = [line for row in rows for one in row.panels for line in one.lines]
    values = sorted({x for line in lines for x in line.x})
    if not values:
        raise InvalidInputError("a chart without lines", "give one or more")
    if values[0] < 0:
        raise InvalidInputError(f"a point at x = {values[0]:g}", "the axis begins at 0")
    missing = {line.name for line in lines} - {name for name, _, _ in legend}
    if missing:
        raise InvalidInputError(f"a legend without {min(missing)}", "name every line")
    u, size = unit, SIZE * unit
    margin, gap, head, foot = 22 * u, 16 * u, 48 * u, 32 * u
    numbers = max(width_of(row.scale.label(tick), size) for row in rows for tick in row.scale.ticks)
    left = margin + line_height(size) + numbers + 10 * u
    needed = width_of(title, size + 6 * u, bold=True) + 2 * margin  # a few panels grow until the title fits
    columns = len(rows[0].panels)
    height, width = panel[0] * u, max(panel[1] * u, math.ceil((needed - left - margin + gap) / columns) - gap)
    across = left + columns * (width + gap) - gap + margin
    entries = _laid_out(legend, size, across - 2 * margin, u)
    words = wrap(note, size - u, across - 2 * margin)
    top = margin + line_height(size + 6 * u, bold=True) + 19 * u * len(words) + 23 * u * (entries[-1][1] + 1) + 8 * u
    figure = np.full((top + len(rows) * (head + height + foot) + 28 * u, across, 3), 255, np.uint8)
    _heading(figure, title, words, entries, legend, margin, u)
    across_all = _axis(values, [name for name, _, _ in legend], width, u, separate=separate)
    for i, row in enumerate(rows):
        above = top + i * (head + height + foot) + head
        write(figure, row.title, margin, above - 47 * u, size=size + u, bold=True)
        _write_upwards(figure, row.y_axis or y_axis, margin, above + height // 2, size)
        for j, one in enumerate(row.panels):
            begin = left + j * (width + gap)
            _panel(figure, one, (above, begin, above + height, begin + width), across_all, row.scale, j == 0, u)
    write(figure, x_axis, across - margin, figure.shape[0] - 36 * u, size=size, colour=FAINT, align="right")
    return figure


def round_ticks(highest: float, fits: Callable[[float], bool]) -> list[float]:
    """Choose multiples of 1, 2, 2.5 or 5 times a power of ten from 0 to `highest`, in five steps at the most.

    `fits` says whether the numbers of a step fit: the smallest step that fits is taken.
    """
    power = math.floor(math.log10(highest)) - 1
    candidates = (float(f"{digit}e{more}") for more in range(power, power + 3) for digit in _STEPS)
    for step in candidates:
        if highest / step <= _MOST_STEPS + 1e-9 and fits(step):
            return [step * k for k in range(math.floor(highest / step + 1e-9) + 1)]
    return [0.0]


def _axis(values: Sequence[float], names: Sequence[str], width: int, u: int, *, separate: bool) -> _Across:
    """Lay out an axis of `width` pixels for rising values and the lines of those names, each beside the others."""
    count, highest = len(names), values[-1]
    if len(values) == 1:
        step = 0.8 * width / count
        return _Across(values, lambda value: width / 2, _shifts(names, step))
    nearest = min(b - a for a, b in pairwise(values)) / highest
    # The lines of one value stay clear of those of the next: step * count is at most 0.9 of the least distance, on
    # the axis that the outermost shifts shorten.
    clear = 0.9 * nearest * (width - 8 * u) / (count + 0.9 * nearest * (count - 1))
    step = min(clear, 4.0 * u) if separate else 0.0
    start = step * (count - 1) / 2 + 4 * u
    length = width - 2 * start

    def fits(tick: float) -> bool:
        labels = (f"{tick * k:g}" for k in range(1, math.floor(highest / tick + 1e-9) + 1))
        return max(width_of(label, SIZE * u) for label in labels) + 8 * u <= length * tick / highest

    return _Across(round_ticks(highest, fits), lambda value: start + length * value / highest, _shifts(names, step))


def _shifts(names: Sequence[str], step: float) -> dict[str, float]:
    return {name: (k - (len(names) - 1) / 2) * step for k, name in enumerate(names)}


def _panel(
    figure: Figure, one: Panel, box: tuple[int, int, int, int], across: _Across, scale: Scale, named: bool, u: int
) -> None:
    """Draw a panel into a box (top, left, bottom, right); `named` writes the numbers of its y axis."""
    top, left, bottom, right = box
    size = SIZE * u

    def up(value: float) -> float:
        return bottom - (bottom - top) * (0.02 + 0.96 * min(value / scale.ticks[-1], 1.0))

    write(figure, one.title, left, top - 24 * u, size=size)
    for value in scale.ticks:
        fill(figure, up(value) - u / 4, left, up(value) + u / 4, right, AXIS if value == 0 else GRID)
        if named:
            place = round(up(value) - MIDDLE * size)
            write(figure, scale.label(value), left - 8 * u, place, size=size, align="right")
    for tick in across.ticks:
        x = left + across.place(tick)
        fill(figure, top, x - u / 4, bottom, x + u / 4, GRID)
        write(figure, f"{tick:g}", round(x), bottom + 2 * u, size=size, align="centre")
    for line in sorted(one.lines, key=lambda each: (not each.thin, each.dashed, each.strong)):
        shift = left + across.shifts[line.name]
        points = [(shift + across.place(x), up(y)) for x, y in zip(line.x, line.y, strict=True)]
        if line.thin:
            stroke(figure, points, 0.7 * u, line.colour)
            continue
        for (x, _), low, high in zip(points, line.low, line.high, strict=True):
            fill(figure, up(high), x - 0.4 * u, up(low), x + 0.4 * u, line.colour)
        stroke(figure, points, (2.2 if line.strong else 1.5) * u, line.colour, dash=4 * u if line.dashed else None)
        for x, y in points:
            disc(figure, x, y, 2.2 * u, line.colour)
            if line.dashed:  # hollow, so that it differs even where it lies on its solid fellow
                disc(figure, x, y, 1.2 * u, _WHITE)


def _write_upwards(figure: Figure, text: str, left: int, middle: int, size: int) -> None:
    """Write a line that reads upwards, its middle at a height of the figure."""
    line = np.full((line_height(size), width_of(text, size), 3), 255, np.uint8)
    write(line, text, 0, 0, size=size, colour=FAINT)
    turned = np.rot90(line)
    top = max(middle - len(turned) // 2, 0)
    room = figure[top : top + len(turned), left : left + turned.shape[1]]
    room[...] = turned[: len(room), : room.shape[1]]


def _laid_out(
    legend: Sequence[tuple[str, Colour, bool]], size: int, room: int, u: int
) -> list[tuple[int, int]]:  # fmt: skip
    """Give left end and row of each entry of a legend."""
    places, x, row = [], 0, 0
    for name, _, _ in legend:
        needed = 36 * u + width_of(name, size)
        if x and x + needed > room:
            x, row = 0, row + 1
        places.append((x, row))
        x += needed + 20 * u
    return places


def _heading(
    figure: Figure, title: str, words: Sequence[str], entries: Sequence[tuple[int, int]],
    legend: Sequence[tuple[str, Colour, bool]], margin: int, u: int,
) -> None:  # fmt: skip
    size = SIZE * u
    top = margin - 4 * u
    write(figure, title, margin, top, size=size + 6 * u, bold=True)
    top += line_height(size + 6 * u, bold=True) + 2 * u
    for line in words:
        write(figure, line, margin, top, size=size - u, colour=FAINT)
        top += 19 * u
    top += 4 * u
    for (name, colour, dashed), (x, row) in zip(legend, entries, strict=True):
        begin, y = margin + x, top + 23 * u * row + 10 * u
        stroke(figure, [(begin, y), (begin + 28 * u, y)], 2 * u, colour, dash=4 * u if dashed else None)
        disc(figure, begin + 14 * u, y, 3 * u, colour)
        if dashed:
            disc(figure, begin + 14 * u, y, 1.6 * u, _WHITE)
        write(figure, name, begin + 36 * u, math.floor(y - MIDDLE * size), size=size)
