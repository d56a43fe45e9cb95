"""Pages of contact sheets: rows of small images, each with a name, a bar for its share, and words beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.pictures.strokes import fill
from glimpsecli.pictures.text import FAINT, INK, cut, line_height, width_of, wrap, write

if TYPE_CHECKING:
    from glimpsecli.arrays import Figure
    from glimpsecli.pictures.text import Font

GROUND = (246, 246, 246)
"""Colour behind images that do not fill their cells."""
LOST = (222, 222, 222)
"""Colour of a cell whose image could not be read."""
_TRACK = (232, 232, 232)
_BAR = 4
_NARROWEST, _WIDEST = 7, 15
"""Width of the column of names, in ems of the names."""


class Strip(NamedTuple):
    """A row of a sheet.

    Attributes
    ----------
    name : str
    notes : sequence of str
        Words below it.
    share : float
        Length of its bar, 0 to 1.
    colour : (int, int, int)
        Of the bar.
    cells : sequence of Figure or str
        Images that fit the cells, or the reason why there is none.
    """

    name: str
    notes: Sequence[str]
    share: float
    colour: tuple[int, int, int]
    cells: Sequence[Figure | str]


def sheet_page(
    title: str, subtitle: str, strips: Sequence[Strip], *, side: int, columns: int, font: Font = None
) -> Figure:
    """Draw a page.

    Parameters
    ----------
    title, subtitle : str
    strips : sequence of Strip
    side : int
        Height and width of the cells, in pixels.
    columns : int
        Number of cells for which there is space.
    font : path, optional

    Returns
    -------
    (H, W, 3) uint8
    """
    size = min(max(14, side // 6), 30)
    small, margin, gap = max(12, round(0.8 * size)), round(1.8 * size), max(3, side // 20)
    column = _column(strips, size, small, font)
    blocks = [_Block(strip, size, small, column, font) for strip in strips]
    heights = [max(side, block.height) for block in blocks]
    first = margin + line_height(round(1.6 * size), font=font, bold=True) + line_height(small, font=font) + margin
    left = margin + column + size
    needed = max(width_of(title, round(1.6 * size), font=font, bold=True), width_of(subtitle, small, font=font))
    width = max(left + columns * (side + gap) - gap, min(margin + needed, 2 * left + side)) + margin
    figure = np.full((first + sum(heights) + 2 * gap * (len(strips) - 1) + margin, width, 3), 255, np.uint8)
    inner = width - 2 * margin
    large = round(1.6 * size)
    write(figure, cut(title, large, inner, font=font, bold=True), margin, margin, size=large, bold=True, font=font)
    below = margin + line_height(large, font=font, bold=True)
    write(figure, cut(subtitle, small, inner, font=font), margin, below, size=small, colour=FAINT, font=font)
    top = first
    for strip, block, height in zip(strips, blocks, heights, strict=True):
        block.put(figure, margin, top)
        for number, cell in enumerate(strip.cells):
            _put(figure, cell, top, left + number * (side + gap), side, font)
        top += height + 2 * gap
    return figure


class _Block:
    """The words of a row and its bar."""

    def __init__(self, strip: Strip, size: int, small: int, width: int, font: Font) -> None:
        self._strip, self._size, self._small, self._width, self._font = strip, size, small, width, font
        lines = wrap(strip.name, size, width, font=font, bold=True)
        if len(lines) > 2:
            lines = [lines[0], cut(" ".join(lines[1:]), size, width, font=font, bold=True)]
        self._names = lines
        self._notes = [line for note in strip.notes for line in wrap(note, small, width, font=font)]
        self._line = line_height(size, font=font, bold=True)
        self._small_line = line_height(small, font=font)
        self.height = self._line * len(lines) + 3 * _BAR + self._small_line * len(self._notes)

    def put(self, figure: Figure, left: int, top: int) -> None:
        """Draw it."""
        for name in self._names:
            write(figure, name, left, top, size=self._size, colour=INK, bold=True, font=self._font)
            top += self._line
        top += _BAR
        fill(figure, top, left, top + _BAR, left + self._width, _TRACK)
        fill(figure, top, left, top + _BAR, left + max(2, self._strip.share * self._width), self._strip.colour)
        top += 2 * _BAR
        for note in self._notes:
            write(figure, note, left, top, size=self._small, colour=FAINT, font=self._font)
            top += self._small_line


def _column(strips: Sequence[Strip], size: int, small: int, font: Font) -> int:
    """Give the width of the column of names."""
    wanted = [width_of(strip.name, size, font=font, bold=True) for strip in strips]
    wanted += [width_of(note, small, font=font) for strip in strips for note in strip.notes]
    return min(max([_NARROWEST * size, *wanted]), _WIDEST * size)


def _put(figure: Figure, cell: Figure | str, top: int, left: int, side: int, font: Font) -> None:
    part = figure[top : top + side, left : left + side]
    if isinstance(cell, str):
        part[...] = LOST
        size = max(10, side // 8)
        lines = wrap(cell, size, side - 4, font=font)
        line = line_height(size, font=font)
        start = (side - line * len(lines)) // 2
        for number, words in enumerate(lines):
            write(part, words, side // 2, start + number * line, size=size, colour=FAINT, align="centre", font=font)
        return
    part[...] = GROUND
    height, width = cell.shape[:2]
    part[(side - height) // 2 :, (side - width) // 2 :][:height, :width] = cell
