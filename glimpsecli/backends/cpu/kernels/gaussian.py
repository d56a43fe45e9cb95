"""The Gaussian sampler's kernel: plain loops, arranged so that the compiler turns the inner ones into vectors.

A *unit* of work is `ROWS` rows of one glimpse, computed four at a time in two steps::

    columns that the window reads                 the same columns                  w taps
    +---------------------------+    _two_rows   +-------------+ c = 0   _dots   +-----------+
    | rgbrgbrgb...              |  ----------->  | r = 0 ... 3 |       ------->  | r = 0 ... 3 |
    | the rows that two taps of |   A_y I: sums  +-------------+ c = 1    A_x^T  +-----------+
    | y read, four at a time    |                | r = 0 ... 3 |                  out
    +---------------------------+                +-------------+ planes

Two rows are made at once because neighbouring Gaussians overlap: each source row is loaded and converted once for both,
along contiguous memory and straight from the image's own dtype. The channels are then separated, so that each output
pixel is a dot product. Every pixel is summed in one order, whatever the threads, in blocks that keep float32's rounding
below 1e-6.

Indices are unsigned where it is hot: Numba checks signed ones for counting from the end.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels.filterbank import WHOLE, Axis, Filterbank, _fill, _fill_columns, _weight
from glimpsecli.backends.cpu.kernels.records import Image
from glimpsecli.backends.footprint import CUT

LONGEST_SUM = 256  # products in one float32 sum before it joins the total
BLOCK = 1536  # values of one row that are summed at a time: two sums and four rows of them stay in the first cache
ROWS = 16  # output rows of one unit of work, a multiple of 4


class Strip(NamedTuple):
    """Four rows of ``A_y I`` over the columns that a window reads, and the arrays in which two of them are summed.

    Attributes
    ----------
    left, columns : int
        The first column, and their number.
    planes : (4 * channels, columns + WHOLE) float32
        The rows: row r of channel c is ``planes[4 c + r]``.
    pair : (2 * (height + 3),) float32
        The weights of two taps of y, half of it for each.
    sums : (2 * (max(BLOCK, channels) + channels),) float32
        The sums of both for a part of the columns, half of it for each, the channels interleaved.
    """

    left: Any
    columns: Any
    planes: Any
    pair: Any
    sums: Any


@helper(fastmath={"contract", "reassoc", "nsz"})
def _two_rows(image, filterbank, row, rows, strip):
    """Add the output rows `row` and `row` + 1, of `rows`, of ``A_y I`` to the planes.

    Four source rows at a time; where a tap has fewer, the last one stands in, with the weight 0. The passes share one
    function: a function for each takes a fifth longer to compile.
    """
    pixels, pitch, channels = image.pixels, image.pitch, image.channels
    starts, counts, planes, pair, sums = filterbank.starts, filterbank.counts, strip.planes, strip.pair, strip.sums
    one, two = starts[row], starts[row + 1]
    one_end, two_end = one + counts[row], two + counts[row + 1]
    begin, end = min(one, two), max(one_end, two_end)
    runs, step = 1, BLOCK // channels + 1
    if max(one, two) >= min(one_end, two_end):  # far apart: each its own rows
        runs, begin, end = 2, one, one_end
    other, more = np.uintp(len(sums) // 2), np.uintp(len(pair) // 2)
    for _ in range(runs):
        for k in range(np.uintp(end - begin + 3)):
            inside = k < np.uintp(end - begin)
            pair[k] = _weight(filterbank, row, begin + np.int64(k)) if inside else np.float32(0)
            pair[more + k] = _weight(filterbank, row + 1, begin + np.int64(k)) if inside else np.float32(0)
        for column in range(0, strip.columns, step):
            width = min(step, strip.columns - column)
            first, values = image.first + (strip.left + column) * channels, np.uintp(width * channels)
            for part in range(begin, end, LONGEST_SUM):
                for x in range(values):
                    sums[x] = np.float32(0)
                    sums[other + x] = np.float32(0)
                for k in range(part, min(part + LONGEST_SUM, end), 4):
                    a = np.uintp(k - begin)
                    b = more + a
                    a0, a1, a2, a3 = pair[a], pair[a + np.uintp(1)], pair[a + np.uintp(2)], pair[a + np.uintp(3)]
                    b0, b1, b2, b3 = pair[b], pair[b + np.uintp(1)], pair[b + np.uintp(2)], pair[b + np.uintp(3)]
                    at0, last = np.uintp(first + k * pitch), end - 1 - k
                    at1 = at0 + np.uintp(min(1, last) * pitch)
                    at2 = at0 + np.uintp(min(2, last) * pitch)
                    at3 = at0 + np.uintp(min(3, last) * pitch)
                    for x in range(values):
                        v0, v1 = np.float32(pixels[at0 + x]), np.float32(pixels[at1 + x])
                        v2, v3 = np.float32(pixels[at2 + x]), np.float32(pixels[at3 + x])
                        sums[x] = sums[x] + a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3
                        sums[other + x] = sums[other + x] + b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3
                for t in range(np.uintp(min(2, rows - row))):
                    at, to, line = t * other, np.uintp(column), np.uintp(row % 4) + t
                    if channels == 3:
                        for x in range(np.uintp(width)):
                            here = at + np.uintp(3) * x
                            planes[line, to + x] += sums[here]
                            planes[line + np.uintp(4), to + x] += sums[here + np.uintp(1)]
                            planes[line + np.uintp(8), to + x] += sums[here + np.uintp(2)]
                    else:
                        for c in range(np.uintp(channels)):
                            for x in range(np.uintp(width)):
                                planes[line + np.uintp(4) * c, to + x] += sums[at + c + x * np.uintp(channels)]
        begin, end = two, two_end


@helper(fastmath={"contract", "reassoc", "nsz"})
def _dots(filterbank, strip, channels, gain, out, to, rows):
    """Finish up to four output rows: ``out[r, j, c] = gain * sum_k A_x[j, k] planes[4 c + r, k]``, in any order."""
    starts, counts, weights, _ = filterbank
    planes = strip.planes
    scale, step = np.float32(gain), np.uintp(channels)
    # Rows that the glimpse has not are written, too, and the last that it has over them.
    to0, pitch = np.uintp(to), np.uintp(len(starts) * channels)
    to1, to2, to3 = to0 + np.uintp(min(1, rows - 1)) * pitch, to0 + np.uintp(min(2, rows - 1)) * pitch, to0
    to3 += np.uintp(rows - 1) * pitch
    for c in range(step):
        line = np.uintp(4) * c
        for j in range(np.uintp(len(starts))):
            start, count = np.uintp(starts[j]), np.uintp((counts[j] + WHOLE - 1) & -WHOLE)
            t0, t1, t2, t3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            part = np.uintp(0)
            while part < count:
                p0, p1, p2, p3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
                for k in range(part, min(count, part + np.uintp(LONGEST_SUM))):
                    weight, at = weights[j, k], start + k
                    p0 += weight * planes[line, at]
                    p1 += weight * planes[line + np.uintp(1), at]
                    p2 += weight * planes[line + np.uintp(2), at]
                    p3 += weight * planes[line + np.uintp(3), at]
                t0, t1, t2, t3 = t0 + p0, t1 + p1, t2 + p2, t3 + p3
                part += np.uintp(LONGEST_SUM)
            value = j * step + c
            out[to3 + value] = scale * t3
            out[to2 + value] = scale * t2
            out[to1 + value] = scale * t1
            out[to0 + value] = scale * t0


def scratch(glimpse, image, params, cut=CUT):
    """Make the arrays in which one call of a kernel works, for glimpses (h, w, channels) and images (height, width).

    Python makes them because it compiles nothing for that.

    Returns
    -------
    sums, pair, planes, row_starts, row_counts, row_weights, starts, counts, weights, relative : arrays
    """
    (_, w, channels), (height, width) = glimpse, image
    rows, taps = (2 * cut * params[:, k].max(initial=0) + 3 for k in (1, 4))
    columns = (np.abs(params[:, 5]) * w + 2 * cut * params[:, 4]).max(initial=0) + 4
    return (
        np.empty(2 * (max(BLOCK, channels) + channels), np.float32),
        np.empty(2 * (height + 3), np.float32),
        np.empty((4 * channels, int(min(columns, width)) + WHOLE), np.float32),
        np.empty(ROWS, np.int64),
        np.empty(ROWS, np.int64),
        np.empty((ROWS, int(min(rows, height)) + WHOLE), np.float32),
        np.empty(w, np.int64),
        np.empty(w, np.int64),
        np.empty((w, int(min(taps, width)) + WHOLE), np.float32),
        np.empty(max(height, width)),
    )


@jit(fastmath={"contract", "reassoc", "nsz"})
def gaussian_kernel(
    pixels, height, width, image_stride, params, h, w, channels, out,
    sums, pair, planes, row_starts, row_counts, row_weights, starts, counts, weights, relative, first_unit, last_unit,
):  # fmt: skip
    """Compute units `first_unit` to `last_unit` of ``gain * A_y I A_x^T``: each is `ROWS` rows of one glimpse.

    `pixels` are the images and `out` the glimpses (h, w, channels), flat; `image_stride` is 0 where all windows look at
    one image. `sums` and the arrays after it are `scratch`.

    Returns
    -------
    finite : bool
        Whether all pixels are finite; the others need `mending_kernel`.
    """
    a_y = Filterbank(row_starts, row_counts, row_weights, relative)
    a_x = Filterbank(starts, counts, weights, relative)
    units = (h + ROWS - 1) // ROWS
    left, columns, known = np.int64(0), np.int64(0), np.int64(-1)
    check = np.float32(0)  # becomes a NaN as soon as a value times 0 is one
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        image = Image(pixels, n * image_stride, width * channels, height, width, channels)
        y = Axis(params[n, 0], params[n, 1], params[n, 2], height)
        x = Axis(params[n, 3], params[n, 4], params[n, 5], width)
        if n != known:
            known = n
            left, columns = _fill_columns(x, CUT, a_x)
        rows = min(ROWS, h - top)
        _fill(y, top, rows, CUT, a_y)
        for r in range(rows, ROWS):  # rows beyond the glimpse read nothing
            row_starts[r], row_counts[r] = row_starts[rows - 1], 0
        strip = Strip(left, columns, planes, pair, sums)
        for i in range(0, rows, 4):
            seen, to = min(4, rows - i), (n * h + top + i) * w * channels
            for line in range(np.uintp(4 * channels)):
                for here in range(np.uintp(columns + WHOLE)):
                    planes[line, here] = np.float32(0)
            for row in range(i, i + seen, 2):
                _two_rows(image, a_y, row, rows, strip)
            _dots(a_x, strip, channels, params[n, 6], out, to, seen)
            for k in range(np.uintp(seen * w * channels)):
                check += out[np.uintp(to) + k] * np.float32(0)
    return check == 0


@jit()
def mending_kernel(
    pixels, height, width, image_stride, params, h, w, channels, out,
    sums, pair, planes, row_starts, row_counts, row_weights, starts, counts, weights, relative, first_unit, last_unit,
):  # fmt: skip
    """Compute the pixels that are not finite again, reading only the pixels that their taps keep.

    The vectors of `gaussian_kernel` read a little more, with the weight 0, and 0 times NaN is NaN. This is a kernel
    of its own so that only those who need it wait until it is compiled.
    """
    a_y = Filterbank(row_starts, row_counts, row_weights, relative)
    a_x = Filterbank(starts, counts, weights, relative)
    units = (h + ROWS - 1) // ROWS
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        y = Axis(params[n, 0], params[n, 1], params[n, 2], height)
        x = Axis(params[n, 3], params[n, 4], params[n, 5], width)
        left, _ = _fill_columns(x, CUT, a_x)
        rows = min(ROWS, h - top)
        _fill(y, top, rows, CUT, a_y)
        for i in range(rows):
            for j in range(w):
                for c in range(channels):
                    to = (((n * h) + top + i) * w + j) * channels + c
                    if math.isfinite(out[to]):
                        continue
                    total = 0.0
                    for k in range(row_counts[i]):
                        part = 0.0
                        for m in range(counts[j]):
                            at = n * image_stride + ((row_starts[i] + k) * width + left + starts[j] + m) * channels + c
                            part += weights[j, m] * float(pixels[at])
                        total += row_weights[i, k] * part
                    out[to] = params[n, 6] * total
