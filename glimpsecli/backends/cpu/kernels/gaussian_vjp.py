"""The Gaussian sampler's gradients: the kernels that pull them back, built of the same parts as those of the glimpses.

With G the gradient with respect to the glimpse, the rows of a unit are first pulled back along x together, ``P = G
A_x``. That is all the image needs: ``dL/dI = A_y^T P``. For the parameters ``dL/dA_y = P I^T`` and ``dL/dA_x = G^T A_y
I`` are made where the filterbanks have weights, and each row r of them then counts ::

    dL/dA[r] . dA[r]/dp = sum_k dL/dA A (psi_p - sum_k A psi_p)

with ``z = (k - c[r]) / s``, ``psi_u = z / s``, ``psi_s = z^2 / s`` and ``psi_d = r psi_u``. These terms cancel, so
their sums are float64.
"""

from __future__ import annotations

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels import gaussian as cpu_gaussian
from glimpsecli.backends.cpu.kernels.filterbank import (
    WHOLE,
    Axis,
    Filterbank,
    _fill_both,
    _kept_pixels,
    _relative_weight,
    _row_scale,
    _weight,
)
from glimpsecli.backends.cpu.kernels.gaussian import ROWS, WIDE, _fill_strip
from glimpsecli.backends.cpu.kernels.records import Image
from glimpsecli.backends.cpu.kernels.vectors import full, load, multiply_add, store, total, transpose
from glimpsecli.backends.footprint import BACK_CUT

BAND = 64  # rows of an image that one unit of work adds to
BLOCK = 1536  # values of one row that are summed at a time: they and four rows of an image stay in the first cache


@helper()
def _take(cotangents, at, values, rows, losses):
    """Fill ``losses[x, r] = G[r, x]`` from `at` on, with zeros for the rows that are not there."""
    whole = values & -8 if rows == ROWS else 0
    for x in range(0, whole, 8):
        for r in range(0, ROWS, 8):
            source, to = np.uintp(at + r * values + x), np.uintp(x * ROWS + r)
            transpose(cotangents, source, np.uintp(values), losses, to, np.uintp(ROWS), 8)
    for x in range(whole, values):
        for r in range(ROWS):
            losses[x * ROWS + r] = cotangents[at + r * values + x] if r < rows else np.float32(0)


@helper()
def _pull_back_columns(filterbank, losses, channels, columns, pulled, lines):
    """Fill ``lines[r] = G[r] A_x``, interleaved."""
    starts, counts, weights, _ = filterbank
    pitch = np.uintp(lines.shape[1])
    for x in range(np.uintp((columns * channels + 7) * ROWS)):
        pulled[x] = np.float32(0)
    for j in range(np.uintp(len(starts))):
        for c in range(np.uintp(channels)):
            loss = load(losses, (j * np.uintp(channels) + c) * np.uintp(ROWS), ROWS)
            for k in range(np.uintp(counts[j])):
                to = ((np.uintp(starts[j]) + k) * np.uintp(channels) + c) * np.uintp(ROWS)
                store(pulled, to, multiply_add(weights[j, k], loss, load(pulled, to, ROWS)))
    for x in range(0, columns * channels, 8):
        for r in range(0, ROWS, 8):
            source, to = np.uintp(x * ROWS + r), np.uintp(x) + np.uintp(r) * pitch
            transpose(pulled, source, np.uintp(ROWS), lines, to, pitch, 8)


@helper(fastmath={"contract", "reassoc", "nsz"})
def _row_dots(image, filterbank, top, row, last_row, left, begin, end, lines, by_rows):
    """Add to ``by_rows[r, k] = sum_x P[r, x] I[k, x]`` for two rows of a glimpse and all pixels k that either keeps.

    The columns are those from `begin` to `end`, which a tap keeps, after `left`.
    """
    pixels, pitch = image.pixels, image.pitch
    starts, counts = filterbank.starts, filterbank.counts
    other, values, skip = min(row + 1, last_row), (end - begin) * image.channels, begin * image.channels
    line, first = np.uintp(row - top), image.first + left * image.channels + skip
    one, two = starts[row], starts[other]
    one_end, two_end = one + counts[row], two + counts[other]
    low, high, runs = min(one, two), max(one_end, two_end), 1
    if max(one, two) >= min(one_end, two_end):  # far from each other: each its own pixels
        runs, low, high = 2, one, one_end
    for _ in range(runs):
        for part in range(0, values, BLOCK):
            offset = np.uintp(skip + part)
            for k in range(low, high, 4):
                at0, last = np.uintp(first + part + k * pitch), high - 1 - k
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
                for i in range(min(4, high - k)):
                    p = p0 if i == 0 else p1 if i == 1 else p2 if i == 2 else p3
                    q = q0 if i == 0 else q1 if i == 1 else q2 if i == 2 else q3
                    if one <= k + i < one_end:
                        by_rows[row - top, k + i - one] += p
                    if other > row and two <= k + i < two_end:
                        by_rows[other - top, k + i - two] += q
        low, high = two, two_end


@helper()
def _column_dots(filterbank, losses, channels, strip, by_columns):
    """Fill ``by_columns[j, k] = sum_r G[r, j] (A_y I)[r, k]``, all channels."""
    starts, counts = filterbank.starts, filterbank.counts
    step = np.uintp(channels * ROWS)
    for j in range(np.uintp(len(starts))):
        for k in range(np.uintp(counts[j])):
            at, products = (np.uintp(starts[j]) + k) * step, full(np.float32(0), ROWS)
            for c in range(np.uintp(0), step, np.uintp(ROWS)):
                products = multiply_add(load(losses, j * step + c, ROWS), load(strip, at + c, ROWS), products)
            by_columns[j, k] = total(products)


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
        before, whole = float(start) - centre, np.uintp((count + WHOLE - 1) & -WHOLE)
        for k in range(whole):
            weight, z = _relative_weight(float(start) + float(k), nearest, centre, sigma), (before + float(k)) / sigma
            weight = weight if k < np.uintp(count) else 0.0
            relative[k] = weight
            total += weight
            mean_1 += weight * z
            mean_2 += weight * z * z
        scale = _row_scale(nearest, centre, sigma, total)
        mean_1, mean_2 = scale * mean_1, scale * mean_2
        sum_0, sum_1, sum_2 = 0.0, 0.0, 0.0
        for k in range(whole):
            z, worth = (before + float(k)) / sigma, relative[k] * by_filterbank[r, k]
            worth = worth if k < np.uintp(count) else 0.0
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
    """Make the arrays in which one call of a kernel works, as those of the glimpses.

    Returns
    -------
    losses, pulled, lines, by_rows, by_columns, tile, strip, row_starts, ... : arrays
    """
    tile, strip, losses, *filterbanks = cpu_gaussian.scratch(*cpu_gaussian.sizes(glimpse, image, params, BACK_CUT))
    row_weights, weights = filterbanks[2], filterbanks[5]
    lines = np.empty((ROWS, len(strip) // ROWS + 8), np.float32)
    by_rows, by_columns = np.empty((ROWS, row_weights.shape[1])), np.empty(weights.shape)
    return losses, np.empty(lines.size, np.float32), lines, by_rows, by_columns, tile, strip, *filterbanks


@jit()
def params_kernel(
    pixels, first, pitch, image_stride, height, width, params, h, w, channels, cotangents, found,
    losses, pulled, lines, by_rows, by_columns,
    tile, strip, row_starts, row_counts, row_weights, starts, counts, weights, relative, first_unit, last_unit,
):  # fmt: skip
    """Compute the part of ``dL/dparams`` that each unit, `ROWS` rows of one glimpse, has: ``found[unit]``, float64.

    `pixels` are the images and `cotangents` the gradients of the glimpses (h, w, channels), flat; `image_stride` is 0
    where all windows look at one image. `losses` and the arrays after it are `scratch`.
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
        left, columns = _fill_both(
            params, n, known, image, image_stride, top, rows, BACK_CUT, WIDE, a_y, a_x, left, columns
        )
        known = n
        for r in range(rows):
            for k in range(np.uintp(row_counts[top + r])):
                by_rows[r, k] = 0.0
        _take(cotangents, (n * h + top) * w * channels, w * channels, rows, losses)
        _fill_strip(image, image_stride, a_y, top, rows, left, columns, tile, strip)
        _column_dots(a_x, losses, channels, strip, by_columns)
        _pull_back_columns(a_x, losses, channels, columns, pulled, lines)
        begin, end = min(starts[0], starts[w - 1]), max(starts[0] + counts[0], starts[w - 1] + counts[w - 1])
        for row in range(top, top + rows, 2):
            _row_dots(image, a_y, top, row, top + rows - 1, left, begin, end, lines, by_rows)
        gain = params[n, 6]
        y = Axis(params[n, 0], params[n, 1], params[n, 2], height)
        u, s, d, whole = _contract(y, top, rows, by_rows, relative)
        found[unit, 0], found[unit, 1], found[unit, 2], found[unit, 6] = gain * u, gain * s, gain * d, whole
        x = Axis(params[n, 3], params[n, 4], params[n, 5], width)
        u, s, d, whole = _contract(x, np.int64(0), w, by_columns, relative)
        found[unit, 3], found[unit, 4], found[unit, 5] = gain * u, gain * s, gain * d


@helper(fastmath={"contract"})
def _add_rows(filterbank, top, row, rows, low, high, gain, lines, left, begin, end, image):
    """Add ``sum_r A_y[r, k] P[r]`` to rows k, `low` to `high`, of an image, for `rows` rows r, four at most."""
    first, last = high, low
    for r in range(row, row + rows):
        first = min(first, filterbank.starts[r])
        last = max(last, filterbank.starts[r] + filterbank.counts[r])
    pixels, zero, gain, line, channels = image.pixels, np.float32(0), np.float32(gain), row - top, image.channels
    skip = np.uintp(begin * channels)
    for k in range(max(first, low), min(last, high)):
        a = gain * _weight(filterbank, row, k)
        b = gain * _weight(filterbank, row + 1, k) if rows > 1 else zero
        c = gain * _weight(filterbank, row + 2, k) if rows > 2 else zero
        d = gain * _weight(filterbank, row + 3, k) if rows > 3 else zero
        to = np.uintp(image.first + left * channels + k * image.pitch) + skip
        for x in range(np.uintp((end - begin) * channels)):
            here = skip + x
            pixels[to + x] += (
                a * lines[line, here]
                + b * lines[line + 1, here]
                + c * lines[line + 2, here]
                + d * lines[line + 3, here]
            )


@jit()
def image_kernel(
    height, width, image_stride, params, boxes, h, w, channels, cotangents, by_images,
    losses, pulled, lines, by_rows, by_columns,
    tile, strip, row_starts, row_counts, row_weights, starts, counts, weights, relative, first_unit, last_unit,
):  # fmt: skip
    """Add ``A_y^T G A_x`` to units of images: `BAND` rows of one each, so that no two threads add to one pixel.

    `boxes` are the parts (top, bottom, left, right) that windows read. Where `image_stride` is 0 all of them look
    at one image and are added in turn.
    """
    a_y = Filterbank(row_starts, row_counts, row_weights, relative)
    a_x = Filterbank(starts, counts, weights, relative)
    bands = (height + BAND - 1) // BAND
    left, columns, known = np.int64(0), np.int64(0), np.int64(-1)
    for unit in range(first_unit, last_unit):
        b = unit // bands
        low = (unit - b * bands) * BAND
        high = min(low + BAND, height)
        shared = image_stride == 0
        for n in range(0 if shared else b, len(params) if shared else b + 1):
            if boxes[n, 0] >= high or boxes[n, 1] <= low:
                continue
            image = Image(by_images, n * image_stride, width * channels, height, width, channels)
            for top in range(0, h, ROWS):
                rows = min(ROWS, h - top)
                left, columns = _fill_both(
                    params, n, known, image, image_stride, top, rows, BACK_CUT, WIDE, a_y, a_x, left, columns
                )
                known = np.int64(n)
                begin, end = min(starts[0], starts[w - 1]), max(starts[0] + counts[0], starts[w - 1] + counts[w - 1])
                last = top + rows - 1
                if min(row_starts[top], row_starts[last]) >= high:
                    continue
                if max(row_starts[top] + row_counts[top], row_starts[last] + row_counts[last]) <= low:
                    continue
                _take(cotangents, (n * h + top) * w * channels, w * channels, rows, losses)
                _pull_back_columns(a_x, losses, channels, columns, pulled, lines)
                for r in range(top, top + rows, 4):
                    some = min(4, top + rows - r)
                    _add_rows(a_y, top, r, some, low, high, params[n, 6], lines, left, begin, end, image)
