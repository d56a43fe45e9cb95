"""The filterbanks of the Gaussian sampler: ``A[r, k] = a[r, k] / (sum_k a[r, k] + EPSILON)``, the tails cut.

Row r keeps ``counts[r]`` pixels from ``starts[r]`` on; its weights are float32 and end in zeros::

    pixels    0 1 2 3 4 5 6 7 8 ...             weights[0]  x x x x 0 0 0 0     counts[0] = 4
    tap 0       x x x x           starts[0] = 1     ...
    tap 1           x x x x       starts[1] = 3     (to a multiple of WHOLE)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from glimpsecli.backends.cpu.jit import helper

EPSILON = 1e-8  # attention.gaussian.EPSILON, again: a cached kernel notices changes in ``backends`` only
WHOLE = 8  # weights of a row come in multiples of this, the last ones 0: their loops need no remainder


class Axis(NamedTuple):
    """The Gaussians of one axis: tap r lies at ``first + r * stride``, in index coordinates.

    Attributes
    ----------
    first, sigma, stride : float
        In pixels.
    pixels : int
        The extent of the image.
    """

    first: float
    sigma: float
    stride: float
    pixels: int


class Filterbank(NamedTuple):
    """The rows of a filterbank, with room for the longest.

    Attributes
    ----------
    starts, counts : (taps,) int64
        The first pixel and the number of pixels that each tap keeps; along x the first counts from the leftmost pixel
        that any tap keeps.
    weights : (taps, longest + WHOLE) float32
        The weights of these pixels.
    relative : (height or width of the image, the larger,) float64
        The weights of one row while it is made.
    """

    starts: Any
    counts: Any
    weights: Any
    relative: Any


def kept_pixels(centre, sigma, pixels, cut):
    """Give the pixels that one tap reads: ``z_k^2 <= min_k z_k^2 + cut^2`` with ``z = (k - centre) / sigma``.

    Returns
    -------
    nearest, start, count : float, int, int
    """
    nearest = min(max(math.floor(centre + 0.5), 0.0), pixels - 1.0)
    reach = math.sqrt((nearest - centre) ** 2 + (cut * sigma) ** 2)
    start = min(max(math.ceil(centre - reach), 0.0), nearest)
    stop = max(min(math.floor(centre + reach), pixels - 1.0), nearest)
    return nearest, int(start), int(stop) - int(start) + 1


def relative_weight(k, nearest, centre, sigma):
    """Give ``a[k] / a[nearest] = exp(-(z_k^2 - z_nearest^2) / 2)`` for a pixel k that is kept, to 1e-9 of the peak.

    The exponent is between -cut^2 / 2 and 0, so ``(1 + x + x^2 / 2 + ...)^32`` at a 32nd of it will do, and needs
    neither tables nor branches.
    """
    away, before = (k - nearest) / sigma, (nearest - centre) / sigma
    x = away * (away + 2 * before) * (-0.5 / 32)
    y = 1 + x * (1 + x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x * (1 / 720))))))
    y *= y
    y *= y
    y *= y
    y *= y
    return y * y


def row_scale(nearest, centre, sigma, total):
    """Give the factor of relative weights, whose sum is `total`, that makes them ``A = a / (sum a + EPSILON)``."""
    z = (nearest - centre) / sigma
    peak = math.exp(-0.5 * z * z)
    return peak / (peak * total + EPSILON)


_kept_pixels = helper()(kept_pixels)
_relative_weight = helper(fastmath={"contract", "arcp"})(relative_weight)
_row_scale = helper()(row_scale)


@helper()
def _first_weight(filterbank, row, other):
    """Give the pixel of the first weight of `row`, which is that of `other` if they share pixels."""
    one, two = filterbank.starts[row], filterbank.starts[other]
    one_end, two_end = one + filterbank.counts[row], two + filterbank.counts[other]
    return min(one, two) if max(one, two) < min(one_end, two_end) else one


@helper(fastmath={"reassoc", "contract", "nsz", "arcp"})
def _fill(axis, first_tap, taps, cut, together, filterbank):
    """Make the rows of taps `first_tap` to `first_tap` + `taps`, tails cut.

    With 2 of them `together`, which share pixels, both have weights for all that either keeps. The first tap is then
    even, and an odd last one is made twice.
    """
    starts, counts, weights, relative = filterbank
    first, sigma, stride, pixels = axis
    last, end = first_tap + taps - 1, first_tap + ((taps + together - 1) & -together)
    for r in range(np.uintp(first_tap), np.uintp(end)):
        _, starts[r], counts[r] = _kept_pixels(first + min(np.int64(r), last) * stride, sigma, pixels, cut)
    for r in range(np.uintp(first_tap), np.uintp(end)):
        centre, other = first + min(np.int64(r), last) * stride, r ^ np.uintp(together - 1)
        nearest = min(max(np.floor(centre + 0.5), 0.0), pixels - 1.0)  # as kept_pixels has it, by way of no integer
        start, count, begin = starts[r], np.uintp(counts[r]), _first_weight(filterbank, r, other)
        lead, whole = np.uintp(start - begin), (count + np.uintp(WHOLE - 1)) & np.uintp(-WHOLE)
        total = 0.0
        for k in range(whole):
            weight = _relative_weight(float(start) + float(np.int32(k)), nearest, centre, sigma)
            weight = weight if np.int32(k) < np.int32(count) else 0.0
            relative[k] = weight
            total += weight
        if abs(nearest - centre) < 5 * sigma:
            peak = _relative_weight(nearest, centre, centre, sigma)
            scale = peak / (peak * total + EPSILON)
        else:
            scale = _row_scale(nearest, centre, sigma, total)
        for k in range(lead):
            weights[r, k] = np.float32(0)
        for k in range(whole):
            weights[r, lead + k] = np.float32(relative[k] * scale)
        if begin == _first_weight(filterbank, other, r):
            for k in range(lead + whole, np.uintp(starts[other] + counts[other] - begin)):
                weights[r, k] = np.float32(0)


@helper()
def _fill_both(params, n, known, image, image_stride, top, rows, cut, values, a_y, a_x, left, columns):
    """Make the filterbanks of window n for `rows` rows from `top` on, unless they are there from window `known`.

    Returns
    -------
    left, columns : int
        A column of the image, not after the first that a tap reads, and the number of columns that are read from there
        on: `values` values or more, in memory even where the image has fewer. The starts of x count from `left`.
    """
    same = known == n or known * image_stride >= values
    for p in range(6):
        same = same and params[n, p] == params[known, p]
    if not same:
        starts, counts, last = a_x.starts, a_x.counts, len(a_x.starts) - 1
        x = Axis(params[n, 3], params[n, 4], params[n, 5], image.width)
        _fill(x, np.int64(0), last + 1, cut, np.int64(1), a_x)
        left = min(starts[0], starts[last])
        columns = max(starts[0] + counts[0], starts[last] + counts[last]) - left
        columns = max(columns, (values + image.channels - 1) // image.channels)
        left = min(left, image.width - columns)
        if n * image_stride < values:  # there is no memory before the image
            left = max(left, 0)
        for j in range(last + 1):
            starts[j] -= left
        for r in range(len(a_y.counts)):
            a_y.counts[r] = 0
    if a_y.counts[top] == 0:
        _fill(Axis(params[n, 0], params[n, 1], params[n, 2], image.height), top, rows, cut, np.int64(2), a_y)
    return left, columns


@helper()
def _weight(filterbank, row, k):
    """Give ``A[row, k]`` of rows in twos, 0 where the tap does not reach."""
    there = 0 <= k - filterbank.starts[row] < filterbank.counts[row]
    return (
        filterbank.weights[row, k - _first_weight(filterbank, np.uintp(row), np.uintp(row ^ 1))]
        if there
        else np.float32(0)
    )
