"""The Gaussian sampler's kernel, in vectors of `LANES` values.

A *unit* of work is `ROWS` rows of one glimpse, computed in two steps; each vector of the second holds the same place
of all these rows::

    columns that the window reads                  the same columns               w taps
    +----------------------------+   _add_rows   +------------------+   _dots   +------------------+
    | rgbrgbrgb...               | ------------> | strip            | --------> | lines            | ----> out
    | the rows that the taps of  |   A_y I,      | vector: one      |   A_x^T   | vector: one      |  transposed
    | y read, four at a time     |   transposed  | value, all rows  |           | value, all rows  |
    +----------------------------+               +------------------+           +------------------+

Each source row is loaded and converted once for all taps that read it, straight from the image's own dtype. Every
pixel is summed in one order, whatever the threads, in blocks that keep float32's rounding below 1e-6.

Indices are unsigned where it is hot: Numba checks signed ones for counting from the end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels.filterbank import WHOLE, Filterbank, _fill_both, _first_weight
from glimpsecli.backends.cpu.kernels.records import Image
from glimpsecli.backends.cpu.kernels.vectors import LANES, full, load, multiply_add, prefetch, store, total, transpose
from glimpsecli.backends.footprint import CUT

LONGEST_SUM = 256  # products in one float32 sum before it joins the total
WIDE = 4 * LANES  # values of a row that are summed at a time: for two rows of sums there are registers
ROWS = 16  # output rows of one unit of work


@helper()
def _two_rows(image, filterbank, one, two, at, tile, one_to, two_to):
    """Fill ``tile[r, x] = sum_k A_y[r, k] I[k, x]`` for rows `one` and `two`, which share the pixels that they load.

    `at` is the place of the first value in row 0 of the image, `one_to` and `two_to` those of the first sums.
    """
    pixels, weights, pitch = image.pixels, filterbank.weights, np.uintp(image.pitch)
    starts, counts = filterbank.starts, filterbank.counts
    begin = min(starts[one], starts[two])
    keep, at = max(starts[one] + counts[one], starts[two] + counts[two]) - begin, np.uintp(at + begin * image.pitch)
    one_sum = two_sum = full(np.float32(0), WIDE)
    for part in range(0, keep, LONGEST_SUM):
        one_part = two_part = full(np.float32(0), WIDE)
        for k in range(np.uintp(part), np.uintp(min(part + LONGEST_SUM, keep))):
            v = load(pixels, at + k * pitch, WIDE)
            one_part = multiply_add(weights[one, k], v, one_part)
            two_part = multiply_add(weights[two, k], v, two_part)
        one_sum, two_sum = one_sum + one_part, two_sum + two_part
    store(tile, np.uintp(one_to), one_sum)
    store(tile, np.uintp(two_to), two_sum)


@helper()
def _fill_strip(image, image_stride, filterbank, top, rows, left, columns, tile, strip):
    """Fill ``strip[x, r] = sum_k A_y[r, k] I[k, x]``, with zeros for the rows that are not there."""
    at, values, pitch = image.first + left * image.channels, columns * image.channels, image.pitch
    starts, counts, last = filterbank.starts, filterbank.counts, top + rows - 1
    begin, end = min(starts[top], starts[last]), max(starts[top] + counts[top], starts[last] + counts[last])
    share, onward = (end - begin + rows - 1) // rows, (end - begin) * pitch
    if top + ROWS == len(starts):  # the next rows are those of the next image
        onward = image_stride + (starts[0] - begin) * pitch
    for i in range(np.uintp(rows * WIDE), np.uintp(ROWS * WIDE)):
        tile[i] = np.float32(0)
    for column in range(0, values, WIDE):
        here = min(column, values - WIDE)  # the last tile ends where the columns end
        ahead = WIDE if column + WIDE < values else onward - here
        for r in range(0, rows, 2):
            for k in range(begin + r * share, min(begin + (r + 2) * share, end)):
                prefetch(image.pixels, np.uintp(at + here + ahead + k * pitch), WIDE)
            one, two, to = np.uintp(top + r), np.uintp(top + r + 1), r * WIDE
            if _first_weight(filterbank, one, two) == _first_weight(filterbank, two, one):
                _two_rows(image, filterbank, one, two, at + here, tile, to, to + WIDE)
            else:  # far from each other: each with itself
                _two_rows(image, filterbank, one, one, at + here, tile, to, to)
                _two_rows(image, filterbank, two, two, at + here, tile, to + WIDE, to + WIDE)
        for x in range(0, WIDE, LANES):
            for r in range(0, ROWS, LANES):
                source, place = np.uintp(r * WIDE + x), np.uintp((here + x) * ROWS + r)
                transpose(tile, source, np.uintp(WIDE), strip, place, np.uintp(ROWS), LANES)
    for i in range(np.uintp(values * ROWS), np.uintp((values + 3 * image.channels) * ROWS)):
        strip[i] = np.float32(0)


@helper()
def _dots(filterbank, strip, channels, gain, lines, check):
    """Fill ``lines[j, c, r] = gain * sum_k A_x[j, k] strip[k, c, r]``, and add its product with 0 to `check`."""
    starts, counts, weights, _ = filterbank
    step = np.uintp(channels * ROWS)
    for j in range(np.uintp(len(starts))):
        for c in range(np.uintp(channels)):
            at, dot = np.uintp(starts[j]) * step + c * np.uintp(ROWS), full(np.float32(0), ROWS)
            for part in range(0, counts[j], LONGEST_SUM):
                s0 = s1 = s2 = s3 = full(np.float32(0), ROWS)
                for k in range(np.uintp(part), np.uintp(min(part + LONGEST_SUM, counts[j])), np.uintp(4)):
                    here = at + k * step
                    s0 = multiply_add(weights[j, k], load(strip, here, ROWS), s0)
                    s1 = multiply_add(weights[j, k + np.uintp(1)], load(strip, here + step, ROWS), s1)
                    s2 = multiply_add(weights[j, k + np.uintp(2)], load(strip, here + np.uintp(2) * step, ROWS), s2)
                    s3 = multiply_add(weights[j, k + np.uintp(3)], load(strip, here + np.uintp(3) * step, ROWS), s3)
                dot = dot + ((s0 + s1) + (s2 + s3))
            dot = dot * np.float32(gain)
            store(lines, j * step + c * np.uintp(ROWS), dot)
            check = multiply_add(np.float32(0), dot, check)
    return check


@helper()
def _give(lines, rows, values, out, to):
    """Copy ``lines[x, r]`` to ``out[to + r * values + x]``, eight by eight: the last eight end where the rows end."""
    if min(rows, values) < 8:
        for r in range(np.uintp(rows)):
            for x in range(np.uintp(values)):
                out[np.uintp(to) + r * np.uintp(values) + x] = lines[x * np.uintp(ROWS) + r]
        return
    for first_r in range(0, rows, 8):
        for first_x in range(0, values, 8):
            r, x = min(first_r, rows - 8), min(first_x, values - 8)
            source, place = np.uintp(x * ROWS + r), np.uintp(to + r * values + x)
            transpose(lines, source, np.uintp(ROWS), out, place, np.uintp(values), 8)


def sizes(glimpse: Any, image: Any, params: Any, cut: float = CUT) -> tuple[int, ...]:
    """Give the arguments of :func:`scratch` for glimpses (h, w, channels) of images (height, width).

    Returns
    -------
    h, w, channels, rows, taps, columns, longest : int
        After the glimpse's: the most rows that two taps of y keep, pixels that one of x keeps, columns that a window
        reads, and the longer side of an image.
    """
    (h, w, channels), (height, width) = glimpse, image
    extremes = np.abs(params.T, order="C").max(axis=1, initial=0) if len(params) > 1 else np.abs(params[0])
    _, s_y, _, _, s_x, d_x, _ = extremes.tolist()
    rows, taps = int(min(4 * cut * s_y + 6, height)), int(min(2 * cut * s_x + 3, width))
    columns = int(min(d_x * w + 2 * cut * s_x + 4, width))
    return h, w, channels, rows, taps, columns, max(height, width)


def scratch(h, w, channels, rows, taps, columns, longest):
    """Make the arrays in which one call of a kernel works; Python makes them because it compiles nothing for that.

    Returns
    -------
    tile, strip, lines, row_starts, row_counts, row_weights, starts, counts, weights, relative : arrays
    """
    return (
        _vectors(WIDE),
        _vectors((columns + 4) * channels + WIDE),
        _vectors(w * channels),
        np.empty(-(-h // ROWS) * ROWS, np.int64),
        np.empty(-(-h // ROWS) * ROWS, np.int64),
        np.empty((h + 1, rows + WHOLE), np.float32),
        np.empty(w, np.int64),
        np.empty(w, np.int64),
        np.empty((w, taps + WHOLE), np.float32),
        np.empty(longest + WHOLE),
    )


def _vectors(count):
    """Make a flat float32 array of vectors; each begins where a line of the cache does, so none lies across two."""
    array = np.empty((count + 1) * ROWS, np.float32)
    first = -array.ctypes.data % (4 * ROWS) // 4
    return array[first : first + count * ROWS]


@jit()
def gaussian_kernel(
    pixels, first, pitch, image_stride, height, width, params, h, w, channels, out,
    tile, strip, lines, row_starts, row_counts, row_weights, starts, counts, weights, relative,
    first_unit, last_unit,
):  # fmt: skip
    """Compute units `first_unit` to `last_unit` of ``gain * A_y I A_x^T``: each is `ROWS` rows of one glimpse.

    `pixels` are the images and `out` the glimpses (h, w, channels), flat; `image_stride` is 0 where all windows look at
    one image. `tile` and the arrays after it are `scratch`.

    Returns
    -------
    finite : bool
        Whether all pixels are finite; the others need `mending_kernel`.
    """
    a_y = Filterbank(row_starts, row_counts, row_weights, relative)
    a_x = Filterbank(starts, counts, weights, relative)
    units = (h + ROWS - 1) // ROWS
    left, columns, known = np.int64(0), np.int64(0), np.int64(-1)
    check = full(np.float32(0), ROWS)  # becomes a NaN as soon as a value times 0 is one
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        image = Image(pixels, first + n * image_stride, pitch, height, width, channels)
        rows = min(ROWS, h - top)
        left, columns = _fill_both(params, n, known, image, image_stride, top, rows, CUT, WIDE, a_y, a_x, left, columns)
        known = n
        _fill_strip(image, image_stride, a_y, top, rows, left, columns, tile, strip)
        check = _dots(a_x, strip, channels, params[n, 6], lines, check)
        _give(lines, rows, w * channels, out, (n * h + top) * w * channels)
    return total(check) == 0


@jit()
def mending_kernel(
    pixels, first, pitch, image_stride, height, width, params, h, w, channels, out,
    tile, strip, lines, row_starts, row_counts, row_weights, starts, counts, weights, relative,
    first_unit, last_unit,
):  # fmt: skip
    """Compute the pixels that are not finite again, reading only the pixels that their taps keep.

    The vectors of `gaussian_kernel` read a little more, with the weight 0, and 0 times NaN is NaN. This is a kernel
    of its own so that only those who need it wait until it is compiled.
    """
    a_y = Filterbank(row_starts, row_counts, row_weights, relative)
    a_x = Filterbank(starts, counts, weights, relative)
    units = (h + ROWS - 1) // ROWS
    left, columns, known = np.int64(0), np.int64(0), np.int64(-1)
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        image = Image(pixels, first + n * image_stride, pitch, height, width, channels)
        rows = min(ROWS, h - top)
        left, columns = _fill_both(params, n, known, image, image_stride, top, rows, CUT, WIDE, a_y, a_x, left, columns)
        known = n
        for i in range(top, top + rows):
            for j in range(w):
                for c in range(channels):
                    to = ((n * h + i) * w + j) * channels + c
                    if math.isfinite(out[to]):
                        continue
                    total, lead = 0.0, row_starts[i] - _first_weight(a_y, np.uintp(i), np.uintp(i ^ 1))
                    for k in range(row_counts[i]):
                        part = 0.0
                        at = image.first + (row_starts[i] + k) * pitch + (left + starts[j]) * channels + c
                        for m in range(counts[j]):
                            part += weights[j, m] * float(pixels[at + m * channels])
                        total += row_weights[i, lead + k] * part
                    out[to] = params[n, 6] * total
