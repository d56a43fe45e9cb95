"""Antialiased rectangles, discs and lines on a figure, in place. Positions are on the image plane."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, repeat
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Array, Colour, Figure

    Point = tuple[float, float]


def fill(picture: Figure, top: float, left: float, bottom: float, right: float, colour: Colour) -> None:
    """Fill a rectangle; a pixel that it covers in part is mixed."""
    rows, columns = _pixels(top, bottom, picture.shape[0]), _pixels(left, right, picture.shape[1])
    y, x = np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)
    down = np.clip(np.minimum(y + 1, bottom) - np.maximum(y, top), 0, 1)
    across = np.clip(np.minimum(x + 1, right) - np.maximum(x, left), 0, 1)
    _blend(picture, rows, columns, down[:, None] * across, colour)


def disc(picture: Figure, x: float, y: float, radius: float, colour: Colour) -> None:
    """Fill a circle about (x, y)."""
    stroke(picture, [(x, y), (x, y)], 2 * radius, colour)


def stroke(
    picture: Array,
    points: Sequence[Point],
    weight: float,
    colour: tuple[float, ...],
    *,
    dash: float | None = None,
    opacities: Sequence[float] | None = None,
) -> None:
    """Draw a line with round ends through (x, y) points.

    Parameters
    ----------
    picture : (H, W, C) uint8 or uint16
    points : sequence of (float, float)
    weight : float
        Pixels.
    colour : tuple of float
        A number for each channel, in the scale of the picture.
    dash : float, optional
        Length of dashes and of the gaps between, in pixels.
    opacities : sequence of float, optional
        0 to 1 for each piece between two points, for a line without dashes; where pieces meet, the higher one counts.
    """
    if len(points) < 2:
        return
    reach = weight / 2 + 1
    xs, ys = zip(*points, strict=True)
    rows = _pixels(min(ys) - reach, max(ys) + reach, picture.shape[0])
    columns = _pixels(min(xs) - reach, max(xs) + reach, picture.shape[1])
    cover = np.zeros((rows.stop - rows.start, columns.stop - columns.start))
    segments = list(pairwise(points))
    pieces = segments if dash is None else _dashes(segments, dash)
    for ((x0, y0), (x1, y1)), opacity in zip(pieces, opacities or repeat(1.0), strict=False):
        # Only the pixels about this piece, or long lines would cost their square.
        part_rows = _pixels(min(y0, y1) - reach - rows.start, max(y0, y1) + reach - rows.start, cover.shape[0])
        part_columns = _pixels(min(x0, x1) - reach - columns.start, max(x0, x1) + reach - columns.start, cover.shape[1])
        y = np.arange(part_rows.start, part_rows.stop)[:, None] + rows.start + 0.5
        x = np.arange(part_columns.start, part_columns.stop) + columns.start + 0.5
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / (length or 1.0), 0, 1)
        distance = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
        part = cover[part_rows, part_columns]
        np.maximum(part, opacity * np.clip(weight / 2 + 0.5 - distance, 0, min(1, weight)), out=part)
    _blend(picture, rows, columns, cover, colour)


def _dashes(segments: Sequence[tuple[Point, Point]], dash: float) -> Iterator[tuple[Point, Point]]:
    """Cut segments into dashes that go on around their corners."""
    done = 0.0  # length of the segments before
    for (x0, y0), (x1, y1) in segments:
        length = math.hypot(x1 - x0, y1 - y0)
        for k in range(math.floor(done / (2 * dash)), math.ceil((done + length) / (2 * dash)) + 1):
            begin, end = max(2 * dash * k - done, 0), min(2 * dash * k + dash - done, length)
            if begin < end:
                ends = [(x0 + (x1 - x0) * at / length, y0 + (y1 - y0) * at / length) for at in (begin, end)]
                yield ends[0], ends[1]
        done += length


def _pixels(low: float, high: float, extent: int) -> slice:
    start = min(max(math.floor(low), 0), extent)
    return slice(start, min(max(math.ceil(high), start), extent))


def _blend(picture: Array, rows: slice, columns: slice, cover: NDArray[np.float64], colour: tuple[float, ...]) -> None:
    region = picture[rows, columns]
    region[...] = np.rint(region + cover[..., None] * (np.asarray(colour, np.float64) - region))
