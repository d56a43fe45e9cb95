"""The gradients of upright Gaussian glimpses with respect to turns and shears, at none.

In ``c_x = u_x + d_x j + b i`` and ``c_y = u_y + d_y i + c j`` of tap (j, i), b and c are 0, and so is the covariance
s_xy of its ellipse. With E = A psi_u, and D its derivative ``A (psi_u - sum_k A psi_u)``, as in
:func:`glimpsecli.attention.gaussian.turn_vjp`, the gradients are sums of the products of G with::

    b: i A_y I D_x^T        c: j D_y I A_x^T        s_xy: E_y I E_x^T less its mean
"""

from __future__ import annotations

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels import gaussian as cpu_gaussian
from glimpsecli.backends.cpu.kernels.filterbank import Axis, Filterbank, _fill_both, _first_weight
from glimpsecli.backends.cpu.kernels.gaussian import ROWS, WIDE, _fill_strip
from glimpsecli.backends.cpu.kernels.gaussian_vjp import _take
from glimpsecli.backends.cpu.kernels.records import Image
from glimpsecli.backends.cpu.kernels.vectors import full, load, multiply_add, total
from glimpsecli.backends.footprint import BACK_CUT


@helper()
def _slopes(axis, tap, start, count, weights, lead, slopes):
    """Fill ``slopes[k] = A psi_u`` of a row of a filterbank; give the sums of A and of these."""
    centre, sums, means = axis.first + tap * axis.stride, 0.0, 0.0
    for k in range(np.uintp(count)):
        weight = float(weights[lead + k])
        slope = weight * (float(start) + float(np.int32(k)) - centre) / (axis.sigma * axis.sigma)
        slopes[k] = np.float32(slope)
        sums += weight
        means += slope
    return sums, means


@helper()
def _differentiate_rows(axis, top, rows, filterbank, slopes, means, relative_means):
    """Turn rows A of a filterbank into D; fill the sums of E, and these over the sums of A."""
    starts, counts, weights = filterbank.starts, filterbank.counts, filterbank.weights
    for r in range(np.uintp(ROWS)):
        means[r] = relative_means[r] = np.float32(0)
    for r in range(np.uintp(top), np.uintp(top + rows)):
        lead = np.uintp(starts[r] - _first_weight(filterbank, r, r ^ np.uintp(1)))
        sums, mean = _slopes(axis, float(np.int64(r)), starts[r], counts[r], weights[r], lead, slopes)
        means[r - np.uintp(top)] = np.float32(mean)
        relative_means[r - np.uintp(top)] = np.float32(mean / sums if sums > 0 else 0.0)
        for k in range(np.uintp(counts[r])):
            weights[r, lead + k] = np.float32(slopes[k] - mean * weights[r, lead + k])


@helper()
def _add_column(
    axis, j, left, filterbank, losses, channels, strip, slope_strip, slopes, steps, means, relative_means, found
):
    """Add the part of the taps of column j."""
    starts, counts, weights = filterbank.starts, filterbank.counts, filterbank.weights
    step = np.uintp(channels * ROWS)
    sums, mean = _slopes(axis, float(np.int64(j)), left + starts[j], counts[j], weights[j], np.uintp(0), slopes)
    read = slope = read_slope = both_slopes = full(np.float32(0), ROWS)
    for k in range(np.uintp(counts[j])):
        at, seen, differed = (np.uintp(starts[j]) + k) * step, full(np.float32(0), ROWS), full(np.float32(0), ROWS)
        for c in range(np.uintp(0), step, np.uintp(ROWS)):
            loss = load(losses, j * step + c, ROWS)
            seen = multiply_add(loss, load(strip, at + c, ROWS), seen)
            differed = multiply_add(loss, load(slope_strip, at + c, ROWS), differed)
        read, slope = multiply_add(weights[j, k], seen, read), multiply_add(slopes[k], seen, slope)
        read_slope = multiply_add(weights[j, k], differed, read_slope)
        both_slopes = multiply_add(slopes[k], differed, both_slopes)
    found[0] += total((slope - np.float32(mean) * read) * load(steps, np.uintp(0), ROWS))
    found[1] += total(read_slope) * np.int64(j)
    relative = np.float32(mean / sums if sums > 0 else 0.0)
    found[2] += total(both_slopes + slope * load(means, np.uintp(0), ROWS))
    found[2] -= total(read * load(relative_means, np.uintp(0), ROWS)) * relative


def scratch(glimpse, image, params):
    """Make the arrays in which one call of `turn_kernel` works, as those of the glimpses.

    Returns
    -------
    slope_strip, slopes, steps, means, relative_means, tile, strip, losses, row_starts, ... : arrays
    """
    shared = cpu_gaussian.scratch(*cpu_gaussian.sizes(glimpse, image, params, BACK_CUT))
    lanes = (np.zeros(ROWS, np.float32) for _ in range(3))
    return np.empty_like(shared[1]), np.empty(max(image) + WIDE, np.float32), *lanes, *shared


@jit()
def turn_kernel(
    pixels, first, pitch, image_stride, height, width, params, h, w, channels, cotangents, found,
    slope_strip, slopes, steps, means, relative_means,
    tile, strip, losses, row_starts, row_counts, row_weights, starts, counts, weights, relative, first_unit, last_unit,
):  # fmt: skip
    """Compute the part of each unit, `ROWS` rows of one glimpse: ``found[unit]``, for b, c and s_xy, float64.

    The arguments are those of `gaussian_vjp.params_kernel`.
    """
    a_y = Filterbank(row_starts, row_counts, row_weights, relative)
    a_x = Filterbank(starts, counts, weights, relative)
    units = (h + ROWS - 1) // ROWS
    left, columns = np.int64(0), np.int64(0)
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        image = Image(pixels, first + n * image_stride, pitch, height, width, channels)
        rows = min(ROWS, h - top)
        # Made anew for each unit: the rows become slopes below.
        left, columns = _fill_both(
            params, n, np.int64(-1), image, image_stride, top, rows, BACK_CUT, WIDE, a_y, a_x, left, columns
        )
        _take(cotangents, (n * h + top) * w * channels, w * channels, rows, losses)
        _fill_strip(image, image_stride, a_y, top, rows, left, columns, tile, strip)
        y, x = (
            Axis(params[n, 0], params[n, 1], params[n, 2], height),
            Axis(params[n, 3], params[n, 4], params[n, 5], width),
        )
        _differentiate_rows(y, top, rows, a_y, slopes, means, relative_means)
        _fill_strip(image, image_stride, a_y, top, rows, left, columns, tile, slope_strip)
        for r in range(ROWS):
            steps[r] = np.float32(top + r)
        for k in range(3):
            found[unit, k] = 0.0
        for j in range(np.uintp(w)):
            _add_column(
                x, j, left, a_x, losses, channels, strip, slope_strip, slopes, steps, means, relative_means, found[unit]
            )
        for k in range(3):
            found[unit, k] *= params[n, 6]
