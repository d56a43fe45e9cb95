"""Pixels of polygons and of run lengths, for a part of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.annotations.text import shown
from glimpsecli.errors import FileProblemError

if TYPE_CHECKING:
    from array import array

    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats, Glimpses
    from glimpsecli.window import Size

    Integers = NDArray[np.int64]

LINES = 16
"""Lines of a row of pixels along which a polygon is cut."""
STEPS = 256
"""Steps of a pixel to which the ends of a cut are rounded, so that sums are exact."""
MOST_CROSSINGS = 2**24
"""The most crossings of lines and sides; more are no outline of an object."""


def fill_polygons(parts: Sequence[Sequence[Floats]], part: tuple[int, int, int, int]) -> Glimpses:
    """Give the share of each pixel that the union of some polygons covers.

    Each row of pixels is cut along `LINES` lines. A pixel's share is the mean length of the cuts inside it: exact
    across, and to a sixteenth of a pixel down.

    Parameters
    ----------
    parts : sequence of sequence of (N, 2) float64
        Corners (x, y) on the image plane of the rings of each part; a point that an even number of them encloses is not
        in the part.
    part : (int, int, int, int)
        Top, bottom, left and right of the pixels that are asked for.

    Returns
    -------
    (bottom - top, right - left) float32, 0 to 1
    """
    top, bottom, left, right = part
    covered = np.zeros((bottom - top, right - left), np.float32)
    corners = np.concatenate([ring for rings in parts for ring in rings])
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    left, top = (int(edge) for edge in np.clip(low, (left, top), (right, bottom)))
    right, bottom = (int(edge) for edge in np.clip(high, (left, top), (right, bottom)))
    if top == bottom or left == right:
        return covered
    height, width = bottom - top, right - left
    span = width * STEPS + 1
    keys = [
        (lines * len(parts) + number) * span + places
        for number, rings in enumerate(parts)
        for lines, places in (_crossings(ring - (left, top), height, width) for ring in rings)
    ]
    # each line crosses each part an even number of times: it enters and leaves by turns
    lines, places = np.divmod(np.sort(np.concatenate(keys)), len(parts) * span)
    places %= span
    signs = np.ones(len(lines), np.int64)
    signs[1::2] = -1
    if len(parts) > 1:
        lines, places, signs = _united(lines, places, signs, span)
    pixels, rest = np.divmod(places, STEPS)
    first = (lines // LINES) * (width + 2) + pixels
    # beyond an end all pixels count, and the pixel that holds it counts by its rest: sums along the rows add them up
    indices = np.concatenate([first, first + 1])
    weights = np.concatenate([signs * (STEPS - rest), signs * rest])
    sums = np.bincount(indices, weights, height * (width + 2)).reshape(height, width + 2)
    y, x = top - part[0], left - part[2]
    covered[y : y + height, x : x + width] = np.cumsum(sums, axis=1)[:, :width] / (LINES * STEPS)
    return covered


def _crossings(ring: Floats, height: int, width: int) -> tuple[Integers, Integers]:
    """Give the number of each line that a side of a ring crosses, and the step at which it does, cut at the part."""
    x, y = ring[:, 0] * STEPS, ring[:, 1] * LINES - 0.5
    dx, dy = np.roll(x, -1) - x, np.roll(y, -1) - y
    ends = np.clip(np.ceil([y, y + dy]), 0, height * LINES).astype(np.int64)
    first, counts = ends.min(axis=0), abs(ends[1] - ends[0])
    total = int(counts.sum())
    if total > MOST_CROSSINGS:
        raise FileProblemError(f"a polygon of {len(ring)} points that crosses lines {total} times")
    side = np.repeat(np.arange(len(ring)), counts)
    lines = first[side] + np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    places = x[side] + (lines - y[side]) * dx[side] / dy[side]
    return lines, np.rint(np.clip(places, 0, width * STEPS)).astype(np.int64)


def _united(lines: Integers, places: Integers, signs: Integers, span: int) -> tuple[Integers, Integers, Integers]:
    """Give the ends of the union of the cuts of each line, of the ends of all of them."""
    # Those that enter come first where two meet, so that there is no gap between them.
    order = np.sort((lines * span + places) * 2 + (signs < 0))
    ends, leaving = np.divmod(order, 2)
    signs = 1 - 2 * leaving
    depth = np.cumsum(signs)
    outer = depth == (leaving == 0)
    lines, places = np.divmod(ends[outer], span)
    return lines, places, signs[outer]


def read_runs(
    counts: str | array[int], size: Size, part: tuple[int, int, int, int], *, by_rows: bool = False
) -> NDArray[np.bool_]:
    """Give some pixels of a mask of run lengths.

    Parameters
    ----------
    counts : str or array of int
        Lengths of runs outside and inside by turns; or COCO's compressed text.
    size : (int, int)
        Height and width of the mask.
    part : (int, int, int, int)
        Top, bottom, left and right of the pixels that are asked for, inside the mask.
    by_rows : bool
        Whether runs go along rows, and not down columns.

    Raises
    ------
    FileProblemError
        The runs do not fill the mask.
    """
    lengths = decompressed(counts) if isinstance(counts, str) else np.array(counts, np.int64)
    height, width = size
    if len(lengths) and (lengths.min() < 0 or lengths.max() > height * width):
        raise FileProblemError(f"a mask of {width}x{height} with a run of {lengths.min()} or {lengths.max()} pixels")
    ends = np.cumsum(lengths)
    pixels = int(ends[-1]) if len(ends) else 0
    if pixels != height * width:
        raise FileProblemError(f"the runs of a mask have {pixels} pixels, and {width}x{height} are {width * height}")
    top, bottom, left, right = part
    long, first, last = (width, top, bottom) if by_rows else (height, left, right)
    # only the runs in the columns, or rows, that are asked for
    start, stop = first * long, last * long
    begin, end = np.searchsorted(ends, [start, stop], "right")
    bounds = np.clip(np.concatenate([[start], ends[begin : end + 1], [stop]]), start, stop)
    inside = (np.arange(begin, begin + len(bounds) - 1) % 2).astype(bool)
    mask = np.repeat(inside, np.diff(bounds)).reshape(last - first, long)
    return mask[:, left:right] if by_rows else mask.T[top:bottom]


def decompressed(text: str) -> Integers:
    """Give the run lengths of COCO's compressed text.

    A character less 48 holds five bits of a number, the lowest first, and in its sixth bit whether more follow; the
    highest of all bits is the sign. From the fourth number on it is the difference to the one two before.
    """
    codes = np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise FileProblemError(f"the counts of a mask are {shown(text)}", "they are not COCO's compressed text")
    last = np.flatnonzero(codes & 32 == 0)
    starts = np.concatenate([[0], last[:-1] + 1])
    digits = last - starts + 1
    if digits.max() > 10:  # 50 bits, and the sign
        raise FileProblemError(f"the counts of a mask are {shown(text)}", "a number is too long")
    place = np.arange(len(codes)) - np.repeat(starts, digits)
    numbers = np.add.reduceat((codes & 31) << 5 * place, starts)
    numbers -= np.where(codes[last] & 16, 1 << 5 * digits, 0)
    for half in (numbers[1::2], numbers[2::2]):
        np.cumsum(half, out=half)
    return numbers
