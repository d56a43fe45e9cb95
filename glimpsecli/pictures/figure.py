"""Panels with words: side by side, or in a grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.scale import as_rgb, fitted, magnify
from glimpsecli.pictures.text import FAINT, INK, line_height, wrap, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpsecli.arrays import Array, Figure
    from glimpsecli.pictures.text import Font

SMALLEST = 11  # pixels: the smallest text that can be read
WIDEST = 3.0
"""A panel is at most this many times as wide as the row is high."""


def panel_row(
    panels: Sequence[Array],
    titles: Sequence[str],
    subtitles: Sequence[str] | None = None,
    *,
    height: int,
    font: Font = None,
) -> Figure:
    """Put panels side by side, at one height, each with a title above it.

    Parameters
    ----------
    panels : sequence of (H, W) or (H, W, C) arrays
        Anything `as_rgb` takes. A panel that divides the height becomes squares, others are resampled; a panorama is
        made lower than the row, so that it does not grow without bound.
    titles : sequence of str
        One for each panel; a long one wraps, and all shrink together before they need three lines.
    subtitles : sequence of str, optional
        Small grey words below each panel.
    height : int
        Of the panels, in pixels.
    font : path, optional
        For the words.

    Returns
    -------
    (H, W, 3) uint8
    """
    _check_count(panels, titles, "titles")
    _check_count(panels, subtitles, "subtitles")
    images = [_at_height(as_rgb(panel), height) for panel in panels]
    size = _between(SMALLEST + 2, height / 17, 60)
    widths = [max(image.shape[1], 6 * size) for image in images]
    title = _Words(titles, widths, size, bold=True, font=font)
    below = _Words(subtitles, widths, _between(SMALLEST, 0.8 * size, 60), colour=FAINT, font=font)
    margin = max(14, round(height / 18))
    gap = max(4, size // 3)

    top = margin + title.height + gap
    bottom = top + height + (gap // 2 + below.height if subtitles else 0)
    figure = np.full((bottom + margin, sum(widths) + margin * (len(widths) + 1), 3), 255, np.uint8)
    left = margin
    for i, (image, width) in enumerate(zip(images, widths, strict=True)):
        middle = left + width // 2
        first = top + (height - image.shape[0]) // 2  # below the others only where a panorama is lower
        _paste(figure, image, first, left + (width - image.shape[1]) // 2)
        title.put(figure, i, middle, first - gap, above=True)
        below.put(figure, i, middle, first + image.shape[0] + gap // 2)
        left += width + margin
    return figure


def montage(
    panels: Sequence[Array],
    labels: Sequence[str] | None = None,
    columns: int | None = None,
    captions: Sequence[str] | None = None,
    font: Font = None,
) -> Figure:
    """Put panels of one size in a grid, row by row.

    Parameters
    ----------
    panels : sequence of (H, W) or (H, W, C) arrays
        Anything `as_rgb` takes, all of one height and width. They are drawn pixel for pixel.
    labels : sequence of str, optional
        Small grey words below each panel.
    columns : int, optional
        Without it, as many as bring the figure nearest to 3:2 with few empty places.
    captions : sequence of str, optional
        A word for each panel, large, above its left corner: a word of a sentence, say, and the place it attends to.
    font : path, optional
        For the captions and labels.

    Returns
    -------
    (H, W, 3) uint8
    """
    _check_count(panels, labels, "labels")
    _check_count(panels, captions, "captions")
    images = [as_rgb(panel) for panel in panels]
    height, width = images[0].shape[:2]
    for image in images:
        if image.shape != images[0].shape:
            raise InvalidInputError(
                f"panels of {width}x{height} and {image.shape[1]}x{image.shape[0]}", "a grid needs one size"
            )
    if columns is not None and columns < 1:
        raise InvalidInputError(f"{columns} columns", "give 1 or more")
    side = math.sqrt(height * width)
    caption_size, label_size = _between(SMALLEST + 3, side / 9, 72), _between(SMALLEST, side / 16, 40)
    cell = max(width, 5 * (caption_size if captions else label_size))
    widths = [cell] * len(images)
    caption = _Words(captions, widths, caption_size, font=font)
    label = _Words(labels, widths, label_size, colour=FAINT, font=font)
    gap = max(2, caption_size // 5) if captions or labels else 0
    margin = max(10, round(side / 14))
    pitch_y, pitch_x = caption.height + height + label.height + 2 * gap + margin, cell + margin
    columns = min(columns or _columns(len(images), pitch_x / pitch_y), len(images))
    rows = -(-len(images) // columns)

    figure = np.full((margin + rows * pitch_y, margin + columns * pitch_x, 3), 255, np.uint8)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        left, top = margin + column * pitch_x, margin + row * pitch_y + caption.height + gap
        _paste(figure, image, top, left)
        caption.put(figure, i, left, top - gap, align="left", above=True)
        label.put(figure, i, left, top + height + gap, align="left")
    return figure


def _columns(count: int, aspect: float) -> int:
    def misfit(columns: int) -> float:
        rows = -(-count // columns)
        return abs(math.log(columns * aspect / rows / 1.5)) + 1.5 * (rows * columns - count) / (rows * columns)

    return min(range(1, count + 1), key=misfit)


class _Words:
    """One text for each column, all of one size, in as many lines as each needs."""

    def __init__(
        self,
        texts: Sequence[str] | None,
        widths: Sequence[int],
        size: int,
        *,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        font: Font = None,
    ) -> None:
        self.colour, self.bold, self.font = colour, bold, font
        # First try one line at a size a little smaller, then two lines, then whatever the smallest size needs.
        tries = [(1, s) for s in range(size, round(0.8 * size), -1)] + [(2, s) for s in range(size, SMALLEST - 1, -1)]
        for lines, self.size in [(n, s) for n, s in tries if s >= SMALLEST] + [(0, SMALLEST)]:
            self.lines = [self._wrapped(text, width) for text, width in zip(texts or (), widths, strict=False)]
            if lines == 0 or all(len(wrapped) <= lines for wrapped in self.lines):
                break
        self.line = line_height(self.size, font=font, bold=bold)
        self.height = self.line * max(map(len, self.lines), default=0)

    def _wrapped(self, text: str, width: int) -> list[str]:
        """Wrap a text into lines that are about equally long."""
        best = lines = wrap(text, self.size, width, font=self.font, bold=self.bold)
        while len(lines) == len(best) > 1 and width > self.size:
            best, width = lines, width - self.size
            lines = wrap(text, self.size, width, font=self.font, bold=self.bold)
        return best

    def put(self, figure: Figure, i: int, x: int, y: int, *, align: str = "centre", above: bool = False) -> None:
        """Write the text of column `i` at `x`; `y` is its top, or its bottom where `above`."""
        if not self.lines:
            return
        top = y - self.line * len(self.lines[i]) if above else y
        for k, text in enumerate(self.lines[i]):
            style = {"size": self.size, "colour": self.colour, "bold": self.bold, "font": self.font}
            write(figure, text, x, top + k * self.line, align=align, **style)  # type: ignore[arg-type]


def _at_height(image: Figure, height: int) -> Figure:
    factor, rest = divmod(height, image.shape[0])
    if rest == 0 and image.shape[1] * factor <= WIDEST * height:
        return magnify(image, factor)
    return fitted(image, height, round(WIDEST * height))


def _paste(figure: Figure, image: Figure, top: int, left: int) -> None:
    figure[top : top + image.shape[0], left : left + image.shape[1]] = image


def _check_count(panels: Sequence[Array], texts: Sequence[str] | None, name: str) -> None:
    if not panels:
        raise InvalidInputError("a figure without panels", "give one or more")
    if texts is not None and len(texts) != len(panels):
        raise InvalidInputError(f"{len(texts)} {name} for {len(panels)} panels", "give one for each")


def _between(low: float, value: float, high: float) -> int:
    return round(min(max(value, low), high))
