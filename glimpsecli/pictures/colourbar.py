"""A colour bar: the values that the colours of an overlay stand for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.overlay import tint
from glimpsecli.pictures.scale import as_rgb
from glimpsecli.pictures.text import INK, line_height, width_of, write

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Figure

_LINE = 1.3  # ems that a line of numbers needs
_SHORTEST = 64  # pixels of a bar
_CHECKER = (122, 146)  # greys that stand for the photo


def ticks(lo: float, hi: float, height: int, size: int) -> list[tuple[float, str]]:
    """Choose the numbers at a bar.

    The ends always have numbers; between them, where there is room, stand up to four multiples of 1, 2 or 5 times a
    power of ten.

    Parameters
    ----------
    lo, hi : float
        The values at the bottom and the top.
    height : int
        Of the bar, in pixels.
    size : int
        The size of the text, in pixels.

    Returns
    -------
    list of (position, text)
        From `lo` to `hi`. The position is in pixels from the top of the bar. Texts have four digits at most, or as many
        more as make the values differ; a very small or large number is written as 1.5e−4.
    """
    if math.isfinite(lo) and math.isfinite(hi) and not math.isfinite(hi - lo):
        raise InvalidInputError(f"a colour bar from {lo:g} to {hi:g} spans more than numbers can", "choose a range")
    if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
        raise InvalidInputError(f"a colour bar from {lo} to {hi}", "the first must be below the second, both finite")
    inside: list[float] = []
    for step in _nice_steps(hi - lo):
        gap = _LINE * size * (hi - lo) / height
        candidates = [k * step for k in range(math.floor(lo / step) + 1, math.ceil(hi / step))]
        inside = [value for value in candidates if lo + gap <= value <= hi - gap]
        if len(inside) <= 4 and step >= 1.5 * gap:
            break
    values = [lo, *inside, hi]
    largest = max(abs(lo), abs(hi))
    for digits in range(4, 18):
        texts = [_number(value, digits, largest) for value in values]
        if len(set(texts)) == len(texts):
            break
    return [(height * ((hi - value) / (hi - lo)), text) for value, text in zip(values, texts, strict=True)]


def _nice_steps(span: float) -> list[float]:
    """Give steps of 1, 2 and 5 times powers of ten, from about a tenth of a span to more than it."""
    power = math.floor(math.log10(span)) - 1
    # Read from text, a step is the float nearest to 0.0005.
    return [float(f"{m}e{power + p}") for p in range(3) for m in (1, 2, 5)]


def _number(value: float, digits: int, largest: float) -> str:
    """Write a number as people do; `largest` decides whether a whole bar is in powers of ten."""
    if value == 0:
        return "0"
    if largest < 1e-3 or largest >= 1e5 or abs(value) < 1e-4 * largest:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}e{int(exponent)}"
    else:
        places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        text = f"{value:.{places}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def colourbar(height: int, lo: float, hi: float, table: Array, *, opacity: float = 0.7) -> Figure:
    """Draw a bar with its numbers.

    The bar is what `tint` makes of a grey checker, so it shows each colour as the overlay does, and the checker shows
    how much of the photo remains.

    Parameters
    ----------
    height : int
        Of the bar, in pixels, raised to 64 where less. Outer numbers may make the figure taller.
    lo, hi : float
        The values of the map's 0 and 1.
    table : (n, 3) float
        The colours, as for `tint`.
    opacity : float
        As for `tint`.

    Returns
    -------
    (H, W, 3) uint8
        On white, the bar at the left and in the middle of the height.
    """
    height = max(height, _SHORTEST)
    size = max(12, round(height / 26))
    width, dash = max(14, round(height / 22)), max(3, size // 3)
    line = max(1, round(height / 900))
    marks = ticks(lo, hi, height, size)
    above = -(-line_height(size) // 2)
    gap = dash + max(3, size // 3)
    total = width + gap + max(width_of(text, size) for _, text in marks)
    figure = np.full((height + 2 * above, total, 3), 255, np.uint8)

    y, x = np.mgrid[:height, :width] // max(2, width // 3)
    checker = np.asarray(_CHECKER, np.uint8)[(y + x) % 2]
    ramp = np.repeat(1 - (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height, width, axis=1)
    bar = figure[above : above + height, :width]
    bar[...] = tint(checker[..., None], ramp, table, opacity=opacity)
    bar[:line] = bar[-line:] = bar[:, :line] = bar[:, -line:] = INK
    # The middle of a digit, 0.33 em above the base line, must be level with the tick.
    rise = round(0.984 * size - 0.33 * size)
    for position, text in marks:
        middle = above + position
        row = min(max(round(middle - line / 2), above), above + height - line)
        figure[row : row + line, width : width + dash] = INK
        write(figure, text, width + gap, round(middle) - rise, size=size)
    return figure


def beside(picture: Array, bar: Figure) -> Figure:
    """Put a bar to the right of a picture, on white with a margin.

    Parameters
    ----------
    picture : (H, W) or (H, W, C) array
        Anything `as_rgb` takes.
    bar : (h, w, 3) uint8
        From `colourbar` with the picture's height.

    Returns
    -------
    (H', W', 3) uint8
        The picture's pixels are unchanged.
    """
    image = as_rgb(picture)
    height = max(image.shape[0], bar.shape[0])
    margin = max(12, round(image.shape[0] / 30))
    around = margin - min(margin, (bar.shape[0] - image.shape[0]) // 2) if bar.shape[0] > image.shape[0] else margin
    figure = np.full((height + 2 * around, 3 * margin + image.shape[1] + bar.shape[1], 3), 255, np.uint8)
    left = margin
    for part in (image, bar):
        top = (figure.shape[0] - part.shape[0]) // 2
        figure[top : top + part.shape[0], left : left + part.shape[1]] = part
        left += part.shape[1] + margin
    return figure
