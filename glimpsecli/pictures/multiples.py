"""Small multiples: panels of lines on common axes, a share against something on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.axes import log_scale
from glimpsecli.pictures.charts import AXIS, GRID, Line
from glimpsecli.pictures.strokes import disc, fill, stroke
from glimpsecli.pictures.text import FAINT, line_height, width_of, wrap, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Figure = NDArray[np.uint8]
    Colour = tuple[int, int, int]

SIZE = 12  # of the words, in units
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_MIDDLE = 0.654  # of a digit: from the top of its line, in ems


class Panel(NamedTuple):
    """Lines under a title; their values are shares, from 0 to 1."""

    title: str
    lines: Sequence[Line]


def panel_grid(
    rows: Sequence[Sequence[Panel]],
    *,
    title: str,
    note: str,
    legend: Sequence[tuple[str, Colour, bool]],
    x_axis: str,
    y_axis: str,
    ticks: Sequence[float],
    panel: tuple[int, int] = (190, 250),
    unit: int = 2,
) -> Figure:
    """Draw rows of panels.

    Parameters
    ----------
    rows : sequence of sequence of Panel
        As many in each row.
    title, note : str
        Above the panels.
    legend : sequence of (name, colour, dashed)
    x_axis, y_axis : str
        What the axes are.
    ticks : sequence of float
        Of the x axis.
    panel : (int, int)
        Height and width of a panel, in units.
    unit : int
        Pixels a unit.

    Returns
    -------
    (H, W, 3) uint8
    """
    places = [x for row in rows for one in row for line in one.lines for x in line.x]
    if not places:
        raise InvalidInputError("a chart without lines", "give one or more")
    u, size = unit, SIZE * unit
    margin, gap, head, foot = 22 * u, 16 * u, 24 * u, 30 * u
    left = margin + width_of("100 %", size) + 8 * u
    needed = width_of(title, size + 6 * u, bold=True) + 2 * margin  # a few panels grow until the title fits
    height, width = panel[0] * u, max(panel[1] * u, math.ceil((needed - left - margin + gap) / len(rows[0])) - gap)
    across = left + len(rows[0]) * (width + gap) - gap + margin
    entries = _laid_out(legend, size, across - 2 * margin, u)
    words = wrap(note, size - u, across - 2 * margin)
    top = margin + line_height(size + 6 * u, bold=True) + 18 * u * len(words) + 22 * u * (entries[-1][1] + 1) + 26 * u
    figure = np.full((top + len(rows) * (head + height + foot) + 26 * u, across, 3), 255, np.uint8)
    _heading(figure, title, words, entries, legend, margin, u)
    write(figure, y_axis, margin, top - 22 * u, size=size - u, colour=FAINT)
    for i, row in enumerate(rows):
        above = top + i * (head + height + foot) + head
        for j, one in enumerate(row):
            begin = left + j * (width + gap)
            scale = log_scale(min(places) / 1.15, max(places) * 1.15, begin, begin + width)
            _panel(figure, one, (above, begin, above + height, begin + width), scale, ticks, j == 0, u)
    write(figure, x_axis, across - margin, figure.shape[0] - 28 * u, size=size - u, colour=FAINT, align="right")
    return figure


def _panel(
    figure: Figure, one: Panel, box: tuple[int, int, int, int], across: Callable[[float], float],
    ticks: Sequence[float], named: bool, u: int,
) -> None:  # fmt: skip
    """Draw a panel into a box (top, left, bottom, right); `named` writes the numbers of its y axis."""
    top, left, bottom, right = box
    size = SIZE * u

    def up(share: float) -> float:
        return bottom - (bottom - top) * (0.02 + 0.96 * share)

    write(figure, one.title, left, top - 22 * u, size=size, bold=True)
    for share in _SHARES:
        fill(figure, up(share) - u / 4, left, up(share) + u / 4, right, AXIS if share == 0 else GRID)
        if named:
            place = round(up(share) - _MIDDLE * size)
            write(figure, f"{100 * share:g} %", left - 8 * u, place, size=size, align="right")
    for tick in ticks:
        fill(figure, top, across(tick) - u / 4, bottom, across(tick) + u / 4, GRID)
        write(figure, f"{tick:g}", round(across(tick)), bottom + 2 * u, size=size - u, align="centre")
    for line in sorted(one.lines, key=lambda each: (each.dashed, each.strong)):
        points = [(across(x), up(y)) for x, y in zip(line.x, line.y, strict=True)]
        stroke(figure, points, (2.2 if line.strong else 1.4) * u, line.colour, dash=4 * u if line.dashed else None)
        for (x, y), low, high in zip(points, line.low, line.high, strict=True):
            fill(figure, up(high), x - u / 3, up(low), x + u / 3, line.colour)
            disc(figure, x, y, 1.8 * u, line.colour)


def _laid_out(
    legend: Sequence[tuple[str, Colour, bool]], size: int, room: int, u: int
) -> list[tuple[int, int]]:  # fmt: skip
    """Give left end and row of each entry of a legend."""
    places, x, row = [], 0, 0
    for name, _, _ in legend:
        needed = 32 * u + width_of(name, size) + 20 * u
        if x and x + needed > room:
            x, row = 0, row + 1
        places.append((x, row))
        x += needed
    return places or [(0, 0)]


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
        top += 18 * u
    top += 4 * u
    for (name, colour, dashed), (x, row) in zip(legend, entries, strict=False):
        y = top + 22 * u * row + 10 * u
        stroke(figure, [(margin + x, y), (margin + x + 26 * u, y)], 2 * u, colour, dash=4 * u if dashed else None)
        write(figure, name, margin + x + 32 * u, math.floor(y - _MIDDLE * size), size=size)
