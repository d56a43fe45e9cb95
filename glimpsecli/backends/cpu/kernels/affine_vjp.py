"""The gradients of the kernels that interpolate: by the points that are looked at, and by the image.

A value is ``(1 - fy) ((1 - fx) a + fx b) + fy ((1 - fx) c + fx d)``, so its derivative by x is ``(1 - fy) (b - a) + fy
(d - c)``, and by y likewise; on a pixel's centre that is the derivative to the right. Images are laid out as for
:mod:`~glimpsecli.backends.cpu.kernels.affine`.
"""

from __future__ import annotations

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels import affine as cpu_affine
from glimpsecli.backends.cpu.kernels.affine import EDGE, REFLECT, ROWS, _gather, _inside, _locate, _resolve, _split

BAND = 64  # rows of an image that one unit of work adds to


@helper()
def _value(pixels, first, pitch, height, width, channels, row, column, border, fill, n, c):
    """Give one value of a neighbour, wherever it lies."""
    y, x = _resolve(row, height, border), _resolve(column, width, border)
    if y >= 0 and x >= 0:
        return np.float32(pixels[first + y * pitch + x * channels + c])
    return fill[n, c]


@helper()
def _near(coordinate, extent):
    """Bring a coordinate that is far outside nearer, where it reads the same, so that it becomes an index safely."""
    return min(max(coordinate, -2.0), extent + 1.0)


@helper()
def _careful_slopes(pixels, first, pitch, height, width, channels, x, y, border, fill, n, cotangents, at):
    """Give the gradients by one point (x, y) of image n, summed over the channels, wherever it lies."""
    if border != REFLECT:  # the others are constant out there
        x, y = _near(x, width), _near(y, height)
    x_floor, fx = _split(x, 1)
    y_floor, fy = _split(y, 1)
    column, row = int(x_floor), int(y_floor)
    by_x, by_y = 0.0, 0.0
    for c in range(channels):
        a = _value(pixels, first, pitch, height, width, channels, row, column, border, fill, n, c)
        b = _value(pixels, first, pitch, height, width, channels, row, column + 1, border, fill, n, c)
        e = _value(pixels, first, pitch, height, width, channels, row + 1, column, border, fill, n, c)
        d = _value(pixels, first, pitch, height, width, channels, row + 1, column + 1, border, fill, n, c)
        by_x += cotangents[at + c] * ((1 - fy) * (b - a) + fy * (d - e))
        by_y += cotangents[at + c] * ((1 - fx) * (e - a) + fx * (d - b))
    return np.float32(by_x), np.float32(by_y)


@helper(fastmath={"contract"})
def _slopes(corners, channels, count, x_fraction, y_fraction, cotangents, at, by_x, by_y):
    """Give the gradients by some points from the planes of their neighbours, summed over the channels."""
    step, size, first = np.uintp(channels), np.uintp(count), np.uintp(at)
    plane = step * size
    for j in range(size):
        by_x[j] = by_y[j] = np.float32(0)
    for c in range(step):
        for j in range(size):
            k = c * size + j
            a, b = np.float32(corners[k]), np.float32(corners[plane + k])
            e, d = np.float32(corners[plane + plane + k]), np.float32(corners[plane + plane + plane + k])
            g, upper, lower = cotangents[first + j * step + c], b - a, d - e
            by_x[j] += g * (upper + y_fraction[j] * (lower - upper))
            by_y[j] += g * ((e - a) + x_fraction[j] * (lower - upper))


@helper()
def _point(matrices, grids, n, i, j):
    """Give the point at which output pixel (j, i) of window n looks."""
    if len(grids) > 0:
        return grids[n, i, j, 0], grids[n, i, j, 1]
    x = (matrices[n, 0, 0] * float(j) + matrices[n, 0, 1] * i) + matrices[n, 0, 2]
    y = (matrices[n, 1, 0] * float(j) + matrices[n, 1, 1] * i) + matrices[n, 1, 2]
    return x, y


def scratch(glimpse, dtype):
    """Make the arrays in which one call of `places_kernel` works, as :func:`cpu_affine.scratch` does for the way there.

    Returns
    -------
    by_x, by_y, xs, ys, x_pixel, y_pixel, x_fraction, y_fraction, corners : arrays
    """
    there = cpu_affine.scratch(glimpse, dtype)
    return np.empty(len(there[0]), np.float32), np.empty(len(there[0]), np.float32), *there


@jit()
def places_kernel(
    pixels, first, pitch, stride, height, width, matrices, grids, border, fill, h, w, channels, cotangents,
    by_grids, found, by_x, by_y, xs, ys, x_pixel, y_pixel, x_fraction, y_fraction, corners, first_unit, last_unit,
):  # fmt: skip
    """Compute the gradients by the places of units of glimpses, `ROWS` rows of one each.

    Where there are grids, (N, h, w, 2), they go to `by_grids`; where there are matrices, the part of each unit goes to
    ``found[unit]``, (2, 3). `pixels` and `cotangents` are flat; `by_x` and what follows are `scratch`.
    """
    units, rows = (h + ROWS - 1) // ROWS, len(xs) // w
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        bottom, image = min(top + ROWS, h), first + n * stride
        for k in range(6 * (len(grids) == 0)):
            found[unit, k // 3, k % 3] = 0.0
        for begin in range(top, bottom, rows):
            count = np.int64(0)  # a plain 0 has its own type: the helpers would be compiled twice
            for i in range(begin, min(begin + rows, bottom)):
                for j in range(np.uintp(w)):
                    xs[count + j], ys[count + j] = _point(matrices, grids, n, i, j)
                count += w
            at = (n * h + begin) * w * channels
            _locate(xs, count, width, 1, x_pixel, x_fraction)
            _locate(ys, count, height, 1, y_pixel, y_fraction)
            all_inside = _gather(pixels, image, pitch, height, width, channels, count, x_pixel, y_pixel, corners)
            _slopes(corners, channels, count, x_fraction, y_fraction, cotangents, at, by_x, by_y)
            if not all_inside:
                for j in range(count):
                    if not _inside(x_pixel[j], y_pixel[j], height, width):
                        by_x[j], by_y[j] = _careful_slopes(
                            pixels, image, pitch, height, width, channels, xs[j], ys[j], border, fill, n, cotangents,
                            at + j * channels,
                        )  # fmt: skip
            for start in range(0, count, w):
                i = begin + start // w
                if len(grids) > 0:
                    for j in range(w):
                        by_grids[n, i, j, 0], by_grids[n, i, j, 1] = by_x[start + j], by_y[start + j]
                    continue
                x_sum, y_sum, x_moment, y_moment = 0.0, 0.0, 0.0, 0.0
                for j in range(w):
                    x_sum += by_x[start + j]
                    y_sum += by_y[start + j]
                    x_moment += by_x[start + j] * float(j)
                    y_moment += by_y[start + j] * float(j)
                found[unit, 0, 0] += x_moment
                found[unit, 0, 1] += x_sum * i
                found[unit, 0, 2] += x_sum
                found[unit, 1, 0] += y_moment
                found[unit, 1, 1] += y_sum * i
                found[unit, 1, 2] += y_sum


@helper()
def _add_point(by_images, first, height, width, channels, x, y, order, border, low, high, cotangents, at):
    """Add what one point weighs to its neighbours, as far as they lie in rows `low` to `high`."""
    if border != REFLECT:
        x, y = _near(x, width), _near(y, height)
    x_floor, fx = _split(x, order)
    y_floor, fy = _split(y, order)
    for k in range(4):
        right, down = k & 1, k >> 1
        weight = (fx if right else 1 - fx) * (fy if down else 1 - fy)
        if weight == 0:
            continue
        row, column = _resolve(int(y_floor) + down, height, border), _resolve(int(x_floor) + right, width, border)
        if low <= row < high and column >= 0:
            to = first + (row * width + column) * channels
            for c in range(channels):
                by_images[to + c] += np.float32(weight) * cotangents[at + c]


@helper()
def _taps_before(matrices, grids, n, i, w, sign, bound):
    """Count the taps of a row, along which ``sign * y`` does not fall, where that is below a bound."""
    begin, end = np.int64(0), np.int64(w)
    while begin < end:
        middle = (begin + end) // 2
        if sign * _point(matrices, grids, n, i, middle)[1] < bound:
            begin = middle + 1
        else:
            end = middle
    return begin


@jit()
def image_kernel(
    by_images, stride, height, width, matrices, grids, order, border, windows, h, w, channels, cotangents,
    first_unit, last_unit,
):  # fmt: skip
    """Add the gradients by units of images: `BAND` rows of one each, so that no two threads add to one pixel.

    Where `stride` is 0 all windows look at one image and are added in turn.
    """
    bands = (height + BAND - 1) // BAND
    for unit in range(first_unit, last_unit):
        b = unit // bands
        low = (unit - b * bands) * BAND
        high = min(low + BAND, height)
        begin, end = b, b + 1
        if stride == 0:
            begin, end = np.int64(0), np.int64(windows)
        for n in range(begin, end):
            for i in range(h):
                lowest, highest, sign = np.inf, -np.inf, 1.0
                if len(grids) > 0:
                    for j in range(w):
                        lowest, highest = min(lowest, grids[n, i, j, 1]), max(highest, grids[n, i, j, 1])
                else:  # along a row y runs one way
                    _, start = _point(matrices, grids, n, i, 0)
                    _, stop = _point(matrices, grids, n, i, w - 1)
                    lowest, highest = min(start, stop), max(start, stop)
                    sign = 1.0 if start <= stop else -1.0
                # The y that can add to the band, and whether a row has some of them.
                above, below = low - 1.0, high + 0.0
                if border == EDGE:
                    above, below = -np.inf if low == 0 else above, np.inf if high == height else below
                elif border == REFLECT and (lowest < 0 or highest > height - 1):
                    above, below = -np.inf, np.inf
                if highest < above or lowest > below:
                    continue
                begin_tap, end_tap = np.int64(0), np.int64(w)
                if len(grids) == 0:  # a turned row is looked at where it crosses the band, with a pixel to spare
                    first, last = (above, below + 1) if sign > 0 else (-below, 1 - above)
                    begin_tap = _taps_before(matrices, grids, n, i, w, sign, first)
                    end_tap = _taps_before(matrices, grids, n, i, w, sign, last)
                for j in range(begin_tap, end_tap):
                    x, y = _point(matrices, grids, n, i, j)
                    _add_point(
                        by_images, n * stride, height, width, channels, x, y, order, border, low, high, cotangents,
                        ((n * h + i) * w + j) * channels,
                    )  # fmt: skip
