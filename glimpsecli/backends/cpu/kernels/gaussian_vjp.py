"""The Gaussian sampler's gradients: the kernels that pull them back, built of the same parts as those of the glimpses.

With G the gradient with respect to the glimpse, four of its rows at a time are first pulled back along x, ``P = G
A_x``. That is all the image needs: ``dL/dI = A_y^T P``. For the parameters ``dL/dA_y = P I^T`` and ``dL/dA_x = G^T A_y
I`` are made where the filterbanks have weights, and each row r of them then counts ::

    dL/dA[r] . dA[r]/dp = sum_k dL/dA A (psi_p - sum_k A psi_p)

with ``z = (k - c[r]) / s``, ``psi_u = z / s``, ``psi_s = z^2 / s`` and ``psi_d = r psi_u``. These terms cancel, so
their sums are float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels.filterbank import (
    WHOLE,
    Axis,
    Filterbank,
    _fill,
    _fill_columns,
    _kept_pixels,
    _relative_weight,
    _row_scale,
    _weight,
)
from glimpsecli.backends.cpu.kernels.gaussian import LONGEST_SUM, ROWS
from glimpsecli.backends.cpu.kernels.records import Image
from glimpsecli.backends.footprint import BACK_CUT

BAND = 64  # rows of an image that one unit of work adds to
BLOCK = 1536  # values of one row that are summed at a time: two sums and four rows of them stay in the first cache


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


@helper(fastmath={"contract"})
def _pull_back_columns(filterbank, cotangents, at, channels, rows, columns, planes, lines):
    """Fill ``lines[r] = G[r] A_x``, interleaved, for four rows of cotangents from `at` on; only `rows` are there."""
    starts, counts, weights, _ = filterbank
    w, step = len(starts), np.uintp(channels)
    row, zero = w * channels, np.float32(0)
    for every in range(np.uintp(len(planes))):
        for here in range(np.uintp(columns + WHOLE)):
            planes[every, here] = zero
    for c in range(channels):
        line = np.uintp(4 * c)
        for j in range(w):
            value, start = at + j * channels + c, np.uintp(starts[j])
            g0 = cotangents[value]
            g1 = cotangents[value + row] if rows > 1 else zero
            g2 = cotangents[value + 2 * row] if rows > 2 else zero
            g3 = cotangents[value + 3 * row] if rows > 3 else zero
            for k in range(np.uintp((counts[j] + WHOLE - 1) & -WHOLE)):
                x, weight = start + k, weights[j, k]
                planes[line, x] += g0 * weight
                planes[line + np.uintp(1), x] += g1 * weight
                planes[line + np.uintp(2), x] += g2 * weight
                planes[line + np.uintp(3), x] += g3 * weight
    for r in range(np.uintp(4)):
        for channel in range(step):
            for here in range(np.uintp(columns)):
                lines[r, here * step + channel] = planes[np.uintp(4) * channel + r, here]


@helper(fastmath={"contract", "reassoc", "nsz"})
def _row_dots(image, filterbank, row, last_row, strip, lines, by_rows):
    """Add to ``by_rows[r, k] = sum_x P[r, x] I[k, x]`` for two rows of a glimpse and all pixels k that either keeps."""
    pixels, pitch = image.pixels, image.pitch
    starts, counts = filterbank.starts, filterbank.counts
    other, values = min(row + 1, last_row), strip.columns * image.channels
    line, first = np.uintp(row % 4), image.first + strip.left * image.channels
    one, two = starts[row], starts[other]
    one_end, two_end = one + counts[row], two + counts[other]
    begin, end, runs = min(one, two), max(one_end, two_end), 1
    if max(one, two) >= min(one_end, two_end):  # far apart: each its own pixels
        runs, begin, end = 2, one, one_end
    for _ in range(runs):
        for part in range(0, values, BLOCK):
            offset = np.uintp(part)
            for k in range(begin, end, 4):
                at0, last = np.uintp(first + part + k * pitch), end - 1 - k
                at1 = at0 + np.uintp(min(1, last) * pitch)
                at2 = at0 + np.uintp(min(2, last) * pitch)
                at3 = at0 + np.uintp(min(3, last) * pitch)
                p0, p1, p2, p3 = 0.0, 0.0, 0.0, 0.0
                q0, q1, q2, q3 = 0.0, 0.0, 0.0, 0.0
                for x in range(np.uintp(min(BLOCK, values - part))):
                    v0, v1 = float(pixels[at0 + x]), float(pixels[at1 + x])
                    v2, v3 = float(pixels[at2 + x]), float(pixels[at3 + x])
                    p, q = float(lines[line, offset + x]), float(lines[line + np.uintp(1), offset + x])
                    p0 += p * v0
                    p1 += p * v1
                    p2 += p * v2
                    p3 += p * v3
                    q0 += q * v0
                    q1 += q * v1
                    q2 += q * v2
                    q3 += q * v3
                for i in range(min(4, end - k)):
                    p = p0 if i == 0 else p1 if i == 1 else p2 if i == 2 else p3
                    q = q0 if i == 0 else q1 if i == 1 else q2 if i == 2 else q3
                    if one <= k + i < one_end:
                        by_rows[row, k + i - one] += p
                    if other > row and two <= k + i < two_end:
                        by_rows[other, k + i - two] += q
        begin, end = two, two_end


@helper(fastmath={"contract"})
def _column_dots(filterbank, cotangents, at, channels, rows, planes, by_columns):
    """Add to ``by_columns[j, k] = sum_r G[r, j] (A_y I)[r, k]``, all channels, for `rows` rows, four at most."""
    starts, counts = filterbank.starts, filterbank.counts
    w, row, zero = len(starts), len(starts) * channels, np.float32(0)
    for c in range(channels):
        line = np.uintp(4 * c)
        for j in range(w):
            value, start = at + j * channels + c, np.uintp(starts[j])
            g0 = cotangents[value]
            g1 = cotangents[value + row] if rows > 1 else zero
            g2 = cotangents[value + 2 * row] if rows > 2 else zero
            g3 = cotangents[value + 3 * row] if rows > 3 else zero
            for k in range(np.uintp(counts[j])):
                x = start + k
                by_columns[j, k] += (
                    g0 * planes[line, x]
                    + g1 * planes[line + np.uintp(1), x]
                    + g2 * planes[line + np.uintp(2), x]
                    + g3 * planes[line + np.uintp(3), x]
                )


@helper(fastmath={"contract", "reassoc", "nsz"})
def _contract(axis, first_tap, taps, by_filterbank, relative):
    """Give the gradients with respect to the first centre, sigma, stride and gain (of 1), from those of the weights.

    The weights are made again, in float64, in `relative`: where ``dL/dA`` is large and even, the sums over a row cancel
    but for what float32 rounds.
    """
    first, sigma, stride, pixels = axis
    by_first, by_sigma, by_stride, by_gain = 0.0, 0.0, 0.0, 0.0
    for r in range(taps):
        centre = first + (first_tap + r) * stride
        nearest, start, count = _kept_pixels(centre, sigma, pixels, BACK_CUT)
        total, mean_1, mean_2 = 0.0, 0.0, 0.0
        before = float(start) - centre
        for k in range(np.uintp(count)):
            weight, z = _relative_weight(float(start) + float(k), nearest, centre, sigma), (before + float(k)) / sigma
            relative[k] = weight
            total += weight
            mean_1 += weight * z
            mean_2 += weight * z * z
        scale = _row_scale(nearest, centre, sigma, total)
        mean_1, mean_2 = scale * mean_1, scale * mean_2
        sum_0, sum_1, sum_2 = 0.0, 0.0, 0.0
        for k in range(np.uintp(count)):
            z, worth = (before + float(k)) / sigma, relative[k] * float(by_filterbank[r, k])
            sum_0 += worth
            sum_1 += worth * (z - mean_1)
            sum_2 += worth * (z * z - mean_2)
        by_centre = scale * sum_1 / sigma
        by_first += by_centre
        by_stride += (first_tap + r) * by_centre
        by_sigma += scale * sum_2 / sigma
        by_gain += scale * sum_0
    return by_first, by_sigma, by_stride, by_gain


def scratch(glimpse, image, params):
    """Make the arrays in which one call of a kernel works, for glimpses (h, w, channels) and images (height, width).

    Returns
    -------
    pulled, lines, by_rows, by_columns, sums, pair, planes, row_starts, ... : arrays
    """
    (_, w, channels), (height, width) = glimpse, image
    rows, taps = (2 * BACK_CUT * params[:, k].max(initial=0) + 3 for k in (1, 4))
    columns = (np.abs(params[:, 5]) * w + 2 * BACK_CUT * params[:, 4]).max(initial=0) + 4
    planes = np.empty((4 * channels, int(min(columns, width)) + WHOLE), np.float32)
    row_weights = np.empty((ROWS, int(min(rows, height)) + WHOLE), np.float32)
    weights = np.empty((w, int(min(taps, width)) + WHOLE), np.float32)
    return (
        np.empty_like(planes),
        np.empty((4, planes.shape[1] * channels), np.float32),
        np.empty(row_weights.shape),
        np.empty(weights.shape),
        np.empty(2 * (max(BLOCK, channels) + channels), np.float32),
        np.empty(2 * (height + 3), np.float32),
        planes,
        np.empty(ROWS, np.int64),
        np.empty(ROWS, np.int64),
        row_weights,
        np.empty(w, np.int64),
        np.empty(w, np.int64),
        weights,
        np.empty(max(height, width) + WHOLE),
    )


@jit()
def params_kernel(
    pixels, height, width, image_stride, params, h, w, channels, cotangents, found,
    pulled, lines, by_rows, by_columns,
    sums, pair, planes, row_starts, row_counts, row_weights, starts, counts, weights, relative, first_unit, last_unit,
):  # fmt: skip
    """Compute the part of ``dL/dparams`` that each unit, `ROWS` rows of one glimpse, has: ``found[unit]``, float64.

    `pixels` are the images and `cotangents` the gradients of the glimpses (h, w, channels), flat; `image_stride` is 0
    where all windows look at one image. `pulled` and the arrays after it are `scratch`.
    """
    a_y = Filterbank(row_starts, row_counts, row_weights, relative)
    a_x = Filterbank(starts, counts, weights, relative)
    units = (h + ROWS - 1) // ROWS
    left, columns, known = np.int64(0), np.int64(0), np.int64(-1)
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        image = Image(pixels, n * image_stride, width * channels, height, width, channels)
        y = Axis(params[n, 0], params[n, 1], params[n, 2], height)
        x = Axis(params[n, 3], params[n, 4], params[n, 5], width)
        if n != known:
            known = n
            left, columns = _fill_columns(x, BACK_CUT, np.int64(1), a_x)
        rows = min(ROWS, h - top)
        _fill(Axis(y.first + top * y.stride, y.sigma, y.stride, height), np.int64(0), rows, BACK_CUT, np.int64(1), a_y)
        for r in range(rows, ROWS):  # rows beyond the glimpse read nothing
            row_starts[r], row_counts[r] = row_starts[rows - 1], 0
        strip = Strip(left, columns, planes, pair, sums)
        for r in range(rows):
            for k in range(np.uintp(row_counts[r])):
                by_rows[r, k] = 0.0
        for j in range(w):
            for k in range(np.uintp(counts[j])):
                by_columns[j, k] = 0.0
        for i in range(0, rows, 4):
            seen, at = min(4, rows - i), (n * h + top + i) * w * channels
            _pull_back_columns(a_x, cotangents, at, channels, seen, columns, pulled, lines)
            for line in range(np.uintp(4 * channels)):
                for here in range(np.uintp(columns + WHOLE)):
                    planes[line, here] = np.float32(0)
            for row in range(i, i + seen, 2):
                _two_rows(image, a_y, row, rows, strip)
                _row_dots(image, a_y, row, i + seen - 1, strip, lines, by_rows)
            _column_dots(a_x, cotangents, at, channels, seen, planes, by_columns)
        gain = params[n, 6]
        u, s, d, whole = _contract(y, top, rows, by_rows, relative)
        found[unit, 0], found[unit, 1], found[unit, 2], found[unit, 6] = gain * u, gain * s, gain * d, whole
        u, s, d, whole = _contract(x, np.int64(0), w, by_columns, relative)
        found[unit, 3], found[unit, 4], found[unit, 5] = gain * u, gain * s, gain * d


@helper(fastmath={"contract"})
def _add_rows(filterbank, row, rows, low, high, gain, lines, columns, image, left):
    """Add ``sum_r A_y[r, k] P[r]`` to rows k, `low` to `high`, of an image, for `rows` rows r, four at most."""
    starts, counts = filterbank.starts, filterbank.counts
    begin, end = high, low
    for r in range(row, row + rows):
        begin, end = min(begin, starts[r]), max(end, starts[r] + counts[r])
    pixels, zero, gain = image.pixels, np.float32(0), np.float32(gain)
    for k in range(max(begin, low), min(end, high)):
        a = gain * _weight(filterbank, row, k)
        b = gain * _weight(filterbank, row + 1, k) if rows > 1 else zero
        c = gain * _weight(filterbank, row + 2, k) if rows > 2 else zero
        d = gain * _weight(filterbank, row + 3, k) if rows > 3 else zero
        to = np.uintp(image.first + left * image.channels + k * image.pitch)
        for x in range(np.uintp(columns * image.channels)):
            pixels[to + x] += a * lines[0, x] + b * lines[1, x] + c * lines[2, x] + d * lines[3, x]


@jit()
def image_kernel(
    height, width, image_stride, params, boxes, h, w, channels, cotangents, by_images,
    pulled, lines, by_rows, by_columns,
    sums, pair, planes, row_starts, row_counts, row_weights, starts, counts, weights, relative, first_unit, last_unit,
):  # fmt: skip
    """Add ``A_y^T G A_x`` to units of images: `BAND` rows of one each, so that no two threads add to one pixel.

    `boxes` are the parts (top, bottom, left, right) that windows read. Where `image_stride` is 0 all of them look
    at one image and are added in turn.
    """
    a_y = Filterbank(row_starts, row_counts, row_weights, relative)
    a_x = Filterbank(starts, counts, weights, relative)
    bands = (height + BAND - 1) // BAND
    for unit in range(first_unit, last_unit):
        b = unit // bands
        low = (unit - b * bands) * BAND
        high = min(low + BAND, height)
        begin, end = b, b + 1
        if image_stride == 0:
            begin, end = np.int64(0), np.int64(len(params))
        for n in range(begin, end):
            if boxes[n, 0] >= high or boxes[n, 1] <= low:
                continue
            image = Image(by_images, n * image_stride, width * channels, height, width, channels)
            y = Axis(params[n, 0], params[n, 1], params[n, 2], height)
            x = Axis(params[n, 3], params[n, 4], params[n, 5], width)
            left, columns = _fill_columns(x, BACK_CUT, np.int64(1), a_x)
            for top in range(0, h, ROWS):
                rows = min(ROWS, h - top)
                _fill(
                    Axis(y.first + top * y.stride, y.sigma, y.stride, height),
                    np.int64(0),
                    rows,
                    BACK_CUT,
                    np.int64(1),
                    a_y,
                )
                for i in range(0, rows, 4):
                    seen = min(4, rows - i)
                    touched = False
                    for r in range(i, i + seen):
                        touched = touched or (row_starts[r] < high and row_starts[r] + row_counts[r] > low)
                    if not touched:
                        continue
                    at = (n * h + top + i) * w * channels
                    _pull_back_columns(a_x, cotangents, at, channels, seen, columns, pulled, lines)
                    _add_rows(a_y, i, seen, low, high, params[n, 6], lines, columns, image, left)
