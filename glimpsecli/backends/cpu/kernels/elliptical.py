"""The kernels of elliptical Gaussians: each tap sums its own pixels.

A *unit* of work is one row of one glimpse. Where the axes of the ellipse follow those of the image, as for turned
windows with equal strides on both axes, the weights are a product: the rows are added up first, as vectors of the
image's values, and then the columns. Elsewhere each row has weights of its own, around its own middle::

    . o o o o .      down[r]: the weight of a row
    . o o o o .                                             . . o o o
    . o o o o .      across[k]: that of a column          . o o o .      across[k] is made for each row
                                                          o o o . .

Indices are unsigned where it is hot: Numba checks signed ones for counting from the end.
"""

from __future__ import annotations

import math

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels import ellipse
from glimpsecli.backends.cpu.kernels.bilinear import is_projective
from glimpsecli.backends.cpu.kernels.ellipse import Ellipse
from glimpsecli.backends.cpu.kernels.filterbank import _kept_pixels
from glimpsecli.backends.cpu.kernels.records import Image
from glimpsecli.backends.cpu.kernels.vectors import LANES, clip, full, load, multiply_add, store, total
from glimpsecli.backends.footprint import BACK_CUT, CUT

LONGEST_SUM = 128  # products in one float32 sum before it joins the total
WIDE = 4 * LANES  # values of a row that are summed at a time
FOUR = 4  # channels that are summed at once
STRAIGHT = 1e-9  # of a sigma: the middles of all rows may lie so far from one column and count as straight above it
STEPS = np.arange(LANES, dtype=np.float32)
ENDS = np.repeat(np.array([1, 0], np.float32), LANES)  # from LANES - n on it has n ones
ZERO, EIGHTH, LOWEST = np.float32(0), np.float32(-0.5 / 8), np.float32(-BACK_CUT * BACK_CUT / 16)
# exp(x) from LOWEST to 0, fitted so that its eighth power has the least error relative to the peak.
E0, E1, E2, E3 = np.float32(1.0), np.float32(0.9999992), np.float32(0.49998358), np.float32(0.16656028)
E4, E5, E6, E7 = np.float32(0.04136724), np.float32(0.0079133017), np.float32(0.0010781978), np.float32(7.6445314e-05)

functions = ellipse.functions(helper())
_linear_of, _ellipse_of, _fade_of, _is_gone = (
    functions.linear_of, functions.ellipse_of, functions.fade_of, functions.is_gone,
)  # fmt: skip
_nearest_of, _row_square, _rows_of, _least_square_of, _columns_of = (
    functions.nearest_of, functions.row_square, functions.rows_of, functions.least_square_of, functions.columns_of,
)  # fmt: skip


@helper()
def _is_straight(one, cut):
    """Return whether the middles of all rows that a tap reads are one column."""
    return abs(one.shear) * (cut * math.sqrt(one.s_yy) + 1) <= STRAIGHT * math.sqrt(one.along)


@helper(forceinline=True, fastmath={"contract"})
def _fill(middle, nearest, per_pixel, square, start, count, weights):
    """Fill ``exp(-(z_k^2 - z_nearest^2 + square) / 2)``, with z in sigmas from the middle, for pixels of a row.

    Zeros to a whole vector follow. The whole exponent is between ``-BACK_CUT^2 / 2`` and 0: the weights are right to
    5e-7 of the largest. Gives their sum.
    """
    scale, before = np.float32(per_pixel), np.float32(2 * (nearest - middle) * per_pixel)
    first, more, all_weights = np.float32(start - nearest), np.float32(square), full(ZERO, LANES)
    for k in range(np.uintp(0), np.uintp(count), np.uintp(LANES)):
        away = (load(STEPS, np.uintp(0), LANES) + (first + np.float32(np.int32(k)))) * scale
        x = clip((away * (away + before) + more) * EIGHTH, LOWEST, ZERO)  # beyond the last pixel it is any
        y = multiply_add(x, full(E7, LANES), full(E6, LANES))
        y = multiply_add(x, y, full(E5, LANES))
        y = multiply_add(x, y, full(E4, LANES))
        y = multiply_add(x, y, full(E3, LANES))
        y = multiply_add(x, y, full(E2, LANES))
        y = multiply_add(x, y, full(E1, LANES))
        y = multiply_add(x, y, full(E0, LANES))
        y = y * y
        y = y * y
        y = y * y
        y = y * load(ENDS, np.uintp(LANES) - min(np.uintp(count) - k, np.uintp(LANES)), LANES)
        store(weights, k, y)
        all_weights = all_weights + y
    return total(all_weights)


@helper(forceinline=True)
def _add_rows(image, at, first, count, down, strip, to, lanes):
    """Fill ``strip[to:to + lanes]`` with the weighted sum of rows; `at` is the place of the values in row 0."""
    sums, pitch = full(ZERO, lanes), np.uintp(image.pitch)
    here = np.uintp(at + first * image.pitch)
    for begin in range(0, count, LONGEST_SUM):
        part = full(ZERO, lanes)
        for k in range(np.uintp(begin), np.uintp(min(begin + LONGEST_SUM, count))):
            part = multiply_add(down[k], load(image.pixels, here + k * pitch, lanes), part)
        sums = sums + part
    store(strip, np.uintp(to), sums)


@helper(forceinline=True)
def _add_wide_rows(image, at, first, count, down, strip, to):
    """Call `_add_rows` for WIDE values: a function of its own, so that the number is a literal."""
    _add_rows(image, at, first, count, down, strip, to, WIDE)


@helper(forceinline=True)
def _add_narrow_rows(image, at, first, count, down, strip, to):
    """Call `_add_rows` for LANES values."""
    _add_rows(image, at, first, count, down, strip, to, LANES)


@helper(forceinline=True)
def _add_pixels(values, at, count, weights, channels, sums):
    """Add ``sum_k weights[k] values[at + k channels + c]`` to ``sums[c]``; all loads must end in the array."""
    first = np.uintp(at)
    if channels == 1:
        one = full(ZERO, LANES)
        for k in range(np.uintp(0), np.uintp(count), np.uintp(LANES)):
            one = multiply_add(load(weights, k, LANES), load(values, first + k, LANES), one)
        sums[0] += total(one)
        return
    step = np.uintp(channels)
    for v in range(np.uintp(0), step, np.uintp(FOUR)):
        for begin in range(0, count, LONGEST_SUM):
            end = np.uintp(min(begin + LONGEST_SUM, count))
            s0 = s1 = s2 = s3 = full(ZERO, FOUR)
            whole = np.uintp(begin) + ((end - np.uintp(begin)) & np.uintp(-4))
            for k in range(np.uintp(begin), whole, np.uintp(4)):
                here = first + k * step + v
                s0 = multiply_add(weights[k], load(values, here, FOUR), s0)
                s1 = multiply_add(weights[k + np.uintp(1)], load(values, here + step, FOUR), s1)
                s2 = multiply_add(weights[k + np.uintp(2)], load(values, here + np.uintp(2) * step, FOUR), s2)
                s3 = multiply_add(weights[k + np.uintp(3)], load(values, here + np.uintp(3) * step, FOUR), s3)
            for k in range(whole, end):
                s0 = multiply_add(weights[k], load(values, first + k * step + v, FOUR), s0)
            store(sums, v, load(sums, v, FOUR) + ((s0 + s1) + (s2 + s3)))


@helper(forceinline=True)
def _straight_sums(image, one, s_x, s_y, down, across, strip, sums):
    """Fill the weighted sums of the pixels of a tap whose ellipse follows the axes; give the sum of the weights."""
    nearest, first, rows = _kept_pixels(one.y, s_y, image.height, CUT)
    down_total = _fill(one.y, nearest, 1 / s_y, 0.0, first, rows, down)
    nearest, start, columns = _kept_pixels(one.x, s_x, image.width, CUT)
    across_total = _fill(one.x, nearest, 1 / s_x, 0.0, start, columns, across)
    begin, end = start * image.channels, (start + columns) * image.channels
    row = image.width * image.channels
    while begin < end:
        wide = end - begin > 2 * LANES
        lanes = WIDE if wide else LANES
        here = max(0, min(begin, row - lanes))  # the last values end where the row ends
        if wide:
            _add_wide_rows(image, image.first + here, first, rows, down, strip, here)
        else:
            _add_narrow_rows(image, image.first + here, first, rows, down, strip, here)
        begin = here + lanes
    store(strip, np.uintp(begin), full(ZERO, LANES))  # they have no weight, but may be NaN
    _add_pixels(strip, start * image.channels, columns, across, image.channels, sums)
    return down_total * across_total


@helper(forceinline=True)
def _turned_sums(image, one, s_x, across, strip, sums):
    """Fill the weighted sums of the pixels of a tap, row by row; give the sum of the weights."""
    least = _least_square_of(one, image.height, image.width)
    first, last = _rows_of(one, least + CUT * CUT, image.height)
    all_weights, channels = 0.0, image.channels
    for r in range(int(first), int(last) + 1):
        begin, end = _columns_of(one, least + CUT * CUT, float(r), image.width)
        if end < begin:
            continue
        middle, count = one.x + one.shear * (r - one.y), int(end) - int(begin) + 1
        nearest = _nearest_of(middle, image.width)
        square = _row_square(one, float(r), image.width) - least
        all_weights += _fill(middle, nearest, 1 / s_x, square, int(begin), count, across)
        at = image.first + r * image.pitch + int(begin) * channels
        reach = count + LANES if channels == 1 else count * channels + FOUR
        if at + reach <= len(image.pixels):
            _add_pixels(image.pixels, at, count, across, channels, sums)
        else:
            for k in range(count * channels):
                strip[k] = np.float32(image.pixels[at + k])
            store(strip, np.uintp(count * channels), full(ZERO, LANES))  # they have no weight, but may be NaN
            _add_pixels(strip, 0, count, across, channels, sums)
    return all_weights


@helper()
def _careful_sum(image, one, c):
    """Give the weighted mean of one channel, in which only the pixels count that the ellipse holds."""
    least, value, all_weights = _least_square_of(one, image.height, image.width), 0.0, 0.0
    first, last = _rows_of(one, least + CUT * CUT, image.height)
    for r in range(int(first), int(last) + 1):
        start, stop = _columns_of(one, least + CUT * CUT, float(r), image.width)
        middle, square = one.x + one.shear * (r - one.y), (r - one.y) * (r - one.y) * one.per_s_yy - least
        for k in range(int(start), int(stop) + 1):
            weight = math.exp(-0.5 * ((k - middle) * (k - middle) * one.per_along + square))
            all_weights += weight
            value += weight * float(image.pixels[image.first + r * image.pitch + k * image.channels + c])
    return value / all_weights


def scratch(width, height, channels):
    """Make the arrays in which one call of `elliptical_kernel` works.

    Returns
    -------
    down, across, strip, sums : arrays, float32
        The weights of rows and of columns, sums of rows, and those of the channels.
    """
    return (
        np.zeros(height + LANES, np.float32),
        np.zeros(width + LANES, np.float32),
        np.zeros(width * channels + WIDE + LANES, np.float32),
        np.zeros(channels + FOUR, np.float32),
    )


@jit()
def elliptical_kernel(
    pixels, first, pitch, stride, planes, height, width, matrices, blur, h, w, channels, out,
    down, across, strip, sums, first_unit, last_unit,
):  # fmt: skip
    """Compute units `first_unit` to `last_unit`, each one row of the glimpses (h, w, channels) of one window.

    `first` is the position of pixel (0, 0) of the first image in `pixels`; images are `stride` elements away from each
    other, 0 for one image, and each window has `planes` of them in a row. See `Image` for `pitch`. `out` are the
    glimpses, flat; `down` and the arrays after it are `scratch`.
    """
    for unit in range(first_unit, last_unit):
        n = unit // h
        i = unit - n * h
        one = _ellipse_of(_linear_of(matrices, n, float(i), 0.0), blur)
        straight, s_x, s_y = _is_straight(one, CUT), math.sqrt(one.along), math.sqrt(one.s_yy)
        for j in range(w):
            linear = _linear_of(matrices, n, float(i), float(j))
            if is_projective(matrices):
                one = _ellipse_of(linear, blur)
                straight, s_x, s_y = _is_straight(one, CUT), math.sqrt(one.along), math.sqrt(one.s_yy)
            one = Ellipse(linear.x, linear.y, one.s_xx, one.s_yy, one.shear, one.along, one.per_along, one.per_s_yy)
            gone, fade = _is_gone(one, height, width), 0.0
            if not gone:
                fade = _fade_of(one.x, one.s_xx, width, CUT)[0] * _fade_of(one.y, one.s_yy, height, CUT)[0]
            for plane in range(n * planes, (n + 1) * planes):
                image = Image(pixels, first + plane * stride, pitch, height, width, channels)
                for c in range(channels + FOUR):
                    sums[c] = ZERO
                weights = 1.0
                if not gone:
                    if straight:
                        weights = _straight_sums(image, one, s_x, s_y, down, across, strip, sums)
                    else:
                        weights = _turned_sums(image, one, s_x, across, strip, sums)
                to = ((plane * h + i) * w + j) * channels
                for c in range(channels):
                    value = np.float32(sums[c] * (fade / weights))
                    if pixels.itemsize == 4 and not math.isfinite(value):
                        value = np.float32(fade * _careful_sum(image, one, c))
                    out[np.uintp(to + c)] = value
