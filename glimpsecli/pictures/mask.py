"""The article's figure of soft attention: a mask, and the two vectors it is the product of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.scale import as_rgb, fitted, magnify, resized
from glimpsecli.pictures.text import FAINT, INK, line_height, width_of, write

if TYPE_CHECKING:
    from glimpsecli.arrays import Figure, Reals

_USUAL, _LARGEST = 420, 900
_FILL = (59, 110, 165)
_FRAME = (150, 150, 150)


def mask_figure(mask: Reals, a_x: Reals, a_y: Reals) -> Figure:
    """Draw a mask with a_x above it and a_y at its right.

    Column k of the mask lies below column k of the upper chart, and row k beside row k of the right one. A small mask
    is magnified to squares of a whole number of pixels; one longer than 900 is reduced, and the charts with it.

    Parameters
    ----------
    mask : (H, W) float, in 0..1
    a_x : (W,) float, in 0..1
    a_y : (H,) float, in 0..1

    Returns
    -------
    (H', W', 3) uint8
    """
    if mask.ndim != 2 or mask.size == 0 or (a_y.shape, a_x.shape) != ((mask.shape[0],), (mask.shape[1],)):
        raise InvalidInputError(
            f"a mask {mask.shape} with a_x {a_x.shape} and a_y {a_y.shape}", "use (H, W), (W,), (H,)"
        )
    middle, upper, right = (np.nan_to_num(np.clip(a, 0, 1)).astype(np.float32) for a in (mask, a_x, a_y))
    factor = _USUAL // max(mask.shape)
    if factor > 1:
        middle, upper, right = magnify(middle, factor), upper.repeat(factor), right.repeat(factor)
    elif max(mask.shape) > _LARGEST:
        middle = fitted(middle, _LARGEST, _LARGEST)
        upper, right = (resized(a[None], 1, n)[0] for a, n in ((upper, middle.shape[1]), (right, middle.shape[0])))
    height, width = middle.shape
    longer = max(height, width)
    deep = max(56, round(longer / 5))
    size, small = max(18, round(longer / 18)), max(12, round(longer / 32))
    gap, margin = max(10, longer // 36), max(16, longer // 24)
    peak_x, peak_y = _peak(upper), _peak(right)
    numbers = max(width_of(text, small) for text in ("0", _short(peak_x))) + small // 2
    label = _symbol_width("x", size)
    left = margin + label + gap + numbers
    top = margin + max(deep, line_height(size))
    foot = line_height(small) + small // 4
    across = max(deep, _symbol_width("y", size))
    figure = np.full((top + gap + height + foot + margin, left + width + gap + across + margin, 3), 255, np.uint8)

    y, x = top + gap, left
    figure[y - 1 : y + height + 1, x - 1 : x + width + 1] = _FRAME
    figure[y : y + height, x : x + width] = as_rgb(middle)
    figure[top - deep : top, x : x + width] = _area(upper / peak_x, deep)
    figure[top, x : x + width] = INK
    side = x + width + gap
    figure[y : y + height, side : side + deep] = _area(right / peak_y, deep).transpose(1, 0, 2)[:, ::-1]
    figure[y : y + height, side - 1] = INK

    rise = round((0.984 - 0.33) * small)  # from the top of a line to the middle of its digits
    for text, row in (("0", top), (_short(peak_x), top - deep)):
        write(figure, text, x - small // 2, row - rise, size=small, colour=FAINT, align="right")
    for text, column in (("0", side), (_short(peak_y), side + deep)):
        write(figure, text, column, y + height + small // 4, size=small, colour=FAINT, align="centre")
    column = margin + label // 2
    _symbol(figure, "x", column, top - deep // 2, size)
    _symbol(figure, "", column, y + height // 2, size)
    _symbol(figure, "y", side + deep // 2, top - line_height(size) // 2, size)
    return figure


def _area(values: Reals, deep: int) -> Figure:
    """Draw a filled chart, one column for each value in 0..1, its tops antialiased."""
    cover = np.clip(values * deep - np.arange(deep - 1, -1, -1)[:, None], 0, 1)[..., None]
    return np.asarray(np.rint(255 + cover * (np.asarray(_FILL) - 255)), np.uint8)


def _peak(values: Reals) -> float:
    """Give the value at the top of a chart: 1, or the largest where that would leave the chart nearly empty."""
    largest = float(values.max())
    return largest if 0 < largest < 0.5 else 1.0


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _symbol_width(index: str, size: int) -> int:
    return width_of("a", size) + (width_of(index, _index_size(size)) + size // 16 if index else 0)


def _symbol(figure: Figure, index: str, x: int, y: int, size: int) -> None:
    """Write a, with an index, about the point `x`, `y`."""
    left, top = x - _symbol_width(index, size) // 2, y - round((0.984 - 0.24) * size)
    write(figure, "a", left, top, size=size)
    if index:
        below = top + round(0.984 * (size - _index_size(size)) + 0.2 * size)
        write(figure, index, left + width_of("a", size) + size // 16, below, size=_index_size(size))


def _index_size(size: int) -> int:
    return round(0.68 * size)
