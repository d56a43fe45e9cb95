"""Charts on logarithmic axes: dots in groups, and lines. Numbers in, a picture on white out.

A logarithmic axis has no zero from which a bar could begin, so values are dots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.axes import log_scale, log_ticks, nice_range, spread
from glimpsecli.pictures.strokes import disc, fill, stroke
from glimpsecli.pictures.text import FAINT, MIDDLE, line_height, width_of, write

if TYPE_CHECKING:
    from glimpsecli.arrays import Colour, Figure

GRID = (228, 228, 228)
LEADER = (196, 196, 196)
AXIS = (150, 150, 150)
SIZE = 13  # of the text, in units


class Dot(NamedTuple):
    """A dot: its name, its value with the ends of a whisker, its colour, and words behind it."""

    name: str
    value: float
    low: float
    high: float
    colour: Colour
    words: str = ""
    strong: bool = False


class Group(NamedTuple):
    """Dots under a title, with fainter words beside it."""

    title: str
    note: str
    dots: Sequence[Dot]


class Line(NamedTuple):
    """A line: its name, points with the ends of a band, its colour, and how it is drawn; thin ones have no points."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    colour: Colour
    strong: bool = False
    dashed: bool = False
    thin: bool = False


def dot_chart(
    groups: Sequence[Group],
    *,
    title: str,
    axis: str,
    label: Callable[[float], str],
    legend: Sequence[tuple[str, Colour]] = (),
    note: str = "",
    width: int = 860,
    unit: int = 2,
) -> Figure:
    """Draw dots in rows and groups, all on one logarithmic axis.

    Parameters
    ----------
    groups : sequence of Group
    title : str
        Above the chart.
    axis : str
        The name of the axis.
    label : callable
        Writes a number of the axis.
    legend : sequence of (name, colour)
    note : str
        Small words under the title.
    width : int
        Of the chart, in units.
    unit : int
        Pixels a unit.

    Returns
    -------
    (H, W, 3) uint8
    """
    dots = [dot for group in groups for dot in group.dots]
    if not dots:
        raise InvalidInputError("a chart without dots", "give one or more")
    u, size = unit, SIZE * unit
    row, head, gap, margin = 22 * u, 30 * u, 12 * u, 24 * u
    low, high = nice_range([value for dot in dots for value in (dot.low, dot.value, dot.high)])
    names = max(width_of(dot.name, size, bold=dot.strong) for dot in dots)
    words = max(width_of(dot.words, size, bold=dot.strong) for dot in dots)
    left, right = margin + names + 10 * u, width * u - margin - 12 * u - words
    if right - left < 200 * u:  # long names: the chart grows
        width, right = width + math.ceil((200 * u - right + left) / u), left + 200 * u
    top = _height_of_heading(title, note, legend, u)
    height = top + sum(head + row * len(group.dots) for group in groups) + gap * (len(groups) - 1) + 52 * u
    figure = np.full((height, width * u, 3), 255, np.uint8)
    _heading(figure, title, note, legend, u, margin)
    across = log_scale(low, high, left, right)
    widest = max(width_of(label(one), size) for one in log_ticks(low, high, right - left, 1))
    ticks = log_ticks(low, high, right - left, 1.5 * widest)
    bottom = height - 50 * u
    for group in groups:
        write(figure, group.title, margin, top, size=size + u, bold=True)
        beside = margin + width_of(group.title, size + u, bold=True) + 10 * u
        write(
            figure,
            _cut(group.note, size - u, width * u - margin - beside),
            beside,
            top + 2 * u,
            size=size - u,
            colour=FAINT,
        )
        top += head
        for tick in ticks:
            fill(figure, top - 4 * u, across(tick) - u / 4, top + row * len(group.dots), across(tick) + u / 4, GRID)
        for dot in group.dots:
            _dot(figure, dot, top, left, across, row, size, u)
            top += row
        top += gap
    fill(figure, bottom, left, bottom + u / 2, right, AXIS)
    for tick in ticks:
        fill(figure, bottom, across(tick) - u / 4, bottom + 4 * u, across(tick) + u / 4, AXIS)
        write(figure, label(tick), round(across(tick)), bottom + 6 * u, size=size, align="centre")
    write(figure, axis, right, bottom + 24 * u, size=size - u, colour=FAINT, align="right")
    return figure


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_axis: str,
    y_axis: str,
    x_label: Callable[[float], str],
    y_label: Callable[[float], str],
    x_ticks: Sequence[float] | None = None,
    note: str = "",
    width: int = 860,
    height: int = 560,
    unit: int = 2,
) -> Figure:
    """Draw lines on two logarithmic axes; each carries its name at its right end.

    Parameters
    ----------
    lines : sequence of Line
    title, note : str
        Above the chart.
    x_axis, y_axis : str
        The names of the axes.
    x_label, y_label : callable
        Write the numbers of the axes.
    x_ticks : sequence of float, optional
        The numbers of the x axis, in order; one that would touch the last one written is left out. By default the
        numbers of the points where all fit, else round ones.
    width, height : int
        In units; the height grows with the number of names.
    unit : int
        Pixels a unit.

    Returns
    -------
    (H, W, 3) uint8
    """
    if not lines or not all(line.x for line in lines):
        raise InvalidInputError("a chart without lines, or a line without points", "give one or more")
    u, size = unit, SIZE * unit
    margin, pitch = 24 * u, 19 * u
    xs = sorted({x for line in lines for x in line.x})
    low, high = nice_range([value for line in lines for value in (*line.low, *line.y, *line.high)])
    above = _height_of_heading(title, note, (), u) + 18 * u
    bottom = max(height * u - 56 * u, above + pitch * (len(lines) + 1))
    labels = max(width_of(line.name, size, bold=line.strong) for line in lines)
    y_ticks = log_ticks(low, high, bottom - above, 1.7 * size)
    left = margin + max(width_of(y_label(tick), size) for tick in y_ticks) + 8 * u
    right = width * u - margin - labels - 40 * u
    figure = np.full((bottom + 56 * u, width * u, 3), 255, np.uint8)
    _heading(figure, title, note, (), u, margin)
    write(figure, y_axis, margin, above - 28 * u, size=size - u, colour=FAINT)
    across = log_scale(xs[0] / 1.08, max(xs[-1], xs[0] * 1.01), left, right)
    up = log_scale(low, high, bottom, above)
    for tick in y_ticks:
        fill(figure, up(tick) - u / 4, left, up(tick) + u / 4, right, GRID)
        write(figure, y_label(tick), left - 8 * u, round(up(tick) - MIDDLE * size), size=size, align="right")
    wide = 1.5 * max(width_of(x_label(x), size) for x in xs)
    if x_ticks is not None:
        ticks = _not_touching(x_ticks, across, lambda x: width_of(x_label(x), size), size / 2)
    elif len(xs) < 2 or min(across(b) - across(a) for a, b in pairwise(xs)) > wide:
        ticks = xs
    else:
        ticks = log_ticks(xs[0], xs[-1], right - left, wide)
    for tick in ticks:
        fill(figure, above, across(tick) - u / 4, bottom + 5 * u, across(tick) + u / 4, GRID)
        write(figure, x_label(tick), round(across(tick)), bottom + 7 * u, size=size, align="centre")
    write(figure, x_axis, right, bottom + 26 * u, size=size - u, colour=FAINT, align="right")
    fill(figure, bottom - u / 4, left, bottom + u / 4, right, AXIS)
    for line in sorted(lines, key=lambda one: one.strong):  # strong lines on top
        _line(figure, line, across, up, u)
    ends = [up(line.y[-1]) for line in lines]
    for line, end, y in zip(lines, ends, spread(ends, pitch, above, bottom), strict=True):
        thin = [(across(line.x[-1]) + 6 * u, end), (right + 10 * u, end), (right + 26 * u, y), (right + 32 * u, y)]
        stroke(figure, thin, 0.6 * u, tuple(round(255 - (255 - c) * 0.55) for c in line.colour))
        top = round(y - MIDDLE * size)
        write(figure, line.name, right + 36 * u, top, size=size, colour=_readable(line.colour), bold=line.strong)
    return figure


def _not_touching(
    ticks: Sequence[float], across: Callable[[float], float], width: Callable[[float], float], gap: float
) -> list[float]:
    """Leave out the ticks whose numbers would touch that of the last tick kept."""
    kept: list[float] = []
    end = -math.inf
    for tick in ticks:
        half = width(tick) / 2
        if across(tick) - half >= end + gap:
            kept.append(tick)
            end = across(tick) + half
    return kept


def _dot(
    figure: Figure, dot: Dot, top: int, left: int, across: Callable[[float], float], row: int, size: int, u: int
) -> None:
    middle, baseline = top + row / 2, round(top + row / 2 - MIDDLE * size)
    write(figure, dot.name, left - 10 * u, baseline, size=size, align="right", bold=dot.strong)
    centre = across(dot.value)
    # A dotted line leads the eye from the name; it is no bar, for its length means nothing.
    stroke(figure, [(left, middle), (centre, middle)], 0.8 * u, LEADER, dash=2.5 * u)
    fill(figure, middle - u, across(dot.low), middle + u, across(dot.high), dot.colour)
    disc(figure, centre, middle, 6 * u, (255, 255, 255))
    disc(figure, centre, middle, 5 * u, dot.colour)
    behind = round(max(centre + 5 * u, across(dot.high)) + 8 * u)
    write(figure, dot.words, behind, baseline, size=size, bold=dot.strong)


def _line(figure: Figure, line: Line, across: Callable[[float], float], up: Callable[[float], float], u: int) -> None:
    points = [(across(x), up(y)) for x, y in zip(line.x, line.y, strict=True)]
    stroke(figure, points, (2.6 if line.strong else 1.4) * u, line.colour, dash=7 * u if line.dashed else None)
    for (x, y), low, high in zip(points, line.low, line.high, strict=True):
        fill(figure, up(high), x - u / 2, up(low), x + u / 2, line.colour)
        disc(figure, x, y, (4.2 if line.strong else 2.8) * u, (255, 255, 255))
        disc(figure, x, y, (3.4 if line.strong else 2.1) * u, line.colour)


def _height_of_heading(title: str, note: str, legend: Sequence[tuple[str, Colour]], u: int) -> int:
    height = 24 * u + line_height((SIZE + 6) * u, bold=True) + 14 * u
    return height + (20 * u if note else 0) + (24 * u if legend else 0)


def _heading(figure: Figure, title: str, note: str, legend: Sequence[tuple[str, Colour]], u: int, margin: int) -> None:
    top, size = 20 * u, SIZE * u
    write(figure, title, margin, top, size=size + 6 * u, bold=True)
    top += line_height(size + 6 * u, bold=True) + 2 * u
    if note:
        write(figure, _cut(note, size - u, figure.shape[1] - 2 * margin), margin, top, size=size - u, colour=FAINT)
        top += 20 * u
    x = margin
    for name, colour in legend:
        disc(figure, x + 5 * u, top + 10 * u, 5 * u, colour)
        write(figure, name, x + 15 * u, round(top + 10 * u - MIDDLE * size), size=size)
        x += 15 * u + width_of(name, size) + 22 * u


def _cut(text: str, size: int, width: float) -> str:
    """Shorten a text until it fits a width in pixels."""
    if width_of(text, size) <= width:
        return text
    while text and width_of(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _readable(colour: Colour) -> Colour:
    """Darken a colour until letters of it can be read on white."""
    light = sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), colour, strict=True))
    return colour if light < 120 else tuple(round(c * 120 / light) for c in colour)  # type: ignore[return-value]
