"""The gradients of the kernels that interpolate: with respect to the points that are looked at, and to the image.

A value is ``(1 - fy) ((1 - fx) a + fx b) + fy ((1 - fx) c + fx d)``, so its derivative with respect to x is ``(1 - fy)
(b - a) + fy (d - c)``, and that with respect to y likewise; on a pixel's centre it is the derivative to the right. The
gradient of the image is the transpose: each point adds its weights, times its cotangent, to a, b, c and d.

Images, units and tiles are as in :mod:`~glimpsecli.backends.cpu.kernels.affine`. The gradients of an image are added up
in *bands*, `BAND` rows of it, by the taps whose y lies near::

    width                          h rows of w taps
    +-----------------+  low          . . . . .
    |   . . o o o     | above        . . o o o
    |     o o o o .   |             o o o o .        o: the taps that add to the band,
    |   o o . .       | below      o o . .              one run of each row
    +-----------------+  high     . . .
"""

from __future__ import annotations

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels import affine
from glimpsecli.backends.cpu.kernels.affine import (
    EDGE,
    REFLECT,
    ROWS,
    _gather,
    _inside,
    _locate,
    _resolve,
    _split,
)
from glimpsecli.backends.cpu.kernels.records import Image, Tile

BAND = 64  # rows of an image that one unit of work adds to


@helper()
def _point(matrices, grids, n, i, j):
    """Give the point of output pixel (j, i) of window n."""
    if len(grids) > 0:
        return grids[n, i, j, 0], grids[n, i, j, 1]
    x = (matrices[n, 0, 0] * float(j) + matrices[n, 0, 1] * i) + matrices[n, 0, 2]
    y = (matrices[n, 1, 0] * float(j) + matrices[n, 1, 1] * i) + matrices[n, 1, 2]
    return x, y


@helper()
def _value(image, row, column, border, colour, c):
    """Give one value of a neighbour, wherever it lies."""
    y, x = _resolve(row, image.height, border), _resolve(column, image.width, border)
    if y >= 0 and x >= 0:
        return np.float32(image.pixels[image.first + y * image.pitch + x * image.channels + c])
    return colour[c]


@helper()
def _near(coordinate, extent):
    """Bring a coordinate that is far outside nearer, where it reads the same, so that it becomes an index safely."""
    return min(max(coordinate, -2.0), extent + 1.0)


@helper(fastmath={"contract"})
def _slopes(tile, count, channels, cotangents, at, by_x, by_y):
    """Make the gradients with respect to the points of a tile whose neighbours lie in the image."""
    corners, step, size, first = tile.corners, np.uintp(channels), np.uintp(count), np.uintp(at)
    plane = step * size
    for j in range(size):
        by_x[j] = by_y[j] = np.float32(0)
    for v in range(step):
        for j in range(size):
            k = v * size + j
            a, b = np.float32(corners[k]), np.float32(corners[plane + k])
            c, d = np.float32(corners[plane + plane + k]), np.float32(corners[plane + plane + plane + k])
            g, upper, lower = cotangents[first + j * step + v], b - a, d - c
            by_x[j] += g * (upper + tile.y_fraction[j] * (lower - upper))
            by_y[j] += g * ((c - a) + tile.x_fraction[j] * (lower - upper))


@helper()
def _mend_slopes(image, tile, count, border, colour, cotangents, at, by_x, by_y):
    """Make the gradients of the pixels of a tile again that reach over the image's edge."""
    for j in range(count):
        if _inside(tile.x_pixel[j], tile.y_pixel[j], image.height, image.width):
            continue
        x, y = tile.xs[j], tile.ys[j]
        if border != REFLECT:  # the others are constant out there
            x, y = _near(x, image.width), _near(y, image.height)
        x_floor, fx = _split(x, 1)
        y_floor, fy = _split(y, 1)
        column, row = np.int64(x_floor), np.int64(y_floor)
        x_sum, y_sum = 0.0, 0.0
        for v in range(image.channels):
            g = cotangents[at + j * image.channels + v]
            a = _value(image, row, column, border, colour, v)
            b = _value(image, row, column + 1, border, colour, v)
            c = _value(image, row + 1, column, border, colour, v)
            d = _value(image, row + 1, column + 1, border, colour, v)
            x_sum += g * ((1 - fy) * (b - a) + fy * (d - c))
            y_sum += g * ((1 - fx) * (c - a) + fx * (d - b))
        by_x[j], by_y[j] = np.float32(x_sum), np.float32(y_sum)


def scratch(w, channels, dtype):
    """Make the arrays in which one call of `places_kernel` works: by_x, by_y and the tile of `affine.scratch`."""
    tile = affine.scratch(w, channels, dtype)
    return np.empty(len(tile.xs), np.float32), np.empty(len(tile.xs), np.float32), *tile


@jit()
def places_kernel(
    pixels, first, pitch, stride, height, width, matrices, grids, border, fill, h, w, channels, cotangents,
    by_grids, found, by_x, by_y, xs, ys, x_pixel, y_pixel, x_fraction, y_fraction, corners, first_unit, last_unit,
):  # fmt: skip
    """Compute the gradients with respect to the points, or to the matrices, of units of glimpses.

    Where there are grids, (N, h, w, 2), they go to `by_grids`; where there are matrices, the part of each unit goes to
    ``found[unit]``, (2, 3). `cotangents` are flat, and `by_x` and those after it are `scratch`; the others are those
    of `affine.interpolating_kernel`.
    """
    tile = Tile(xs, ys, x_pixel, y_pixel, x_fraction, y_fraction, corners)
    units, rows = (h + ROWS - 1) // ROWS, len(xs) // w
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        bottom = min(top + ROWS, h)
        image = Image(pixels, first + n * stride, pitch, height, width, channels)
        for k in range(6 * (len(grids) == 0)):
            found[unit, k // 3, k % 3] = 0.0
        for begin in range(top, bottom, rows):
            at = (n * h + begin) * w * channels
            count = np.int64(0)  # a plain 0 has its own type: the helpers would be compiled twice
            for i in range(begin, min(begin + rows, bottom)):
                for j in range(np.uintp(w)):
                    xs[count + j], ys[count + j] = _point(matrices, grids, n, i, j)
                count += w
            _locate(xs, count, width, 1, x_pixel, x_fraction)
            _locate(ys, count, height, 1, y_pixel, y_fraction)
            all_inside = _gather(image, tile, count)
            _slopes(tile, count, channels, cotangents, at, by_x, by_y)
            if not all_inside:
                _mend_slopes(image, tile, count, border, fill[n], cotangents, at, by_x, by_y)
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
def _add_point(image, x, y, order, border, low, high, cotangents, at):
    """Add the weights of one point, times its cotangent, to its neighbours in rows `low` to `high`."""
    if border != REFLECT:
        x, y = _near(x, image.width), _near(y, image.height)
    x_floor, fx = _split(x, order)
    y_floor, fy = _split(y, order)
    for k in range(4):
        right, down = k & 1, k >> 1
        weight = (fx if right else 1 - fx) * (fy if down else 1 - fy)
        if weight == 0:
            continue
        row = _resolve(np.int64(y_floor) + down, image.height, border)
        column = _resolve(np.int64(x_floor) + right, image.width, border)
        if low <= row < high and column >= 0:
            to = image.first + row * image.pitch + column * image.channels
            for c in range(image.channels):
                image.pixels[to + c] += np.float32(weight) * cotangents[at + c]


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
    """Add the gradients of units of images: a band of one each, so that no two threads add to one pixel.

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
            image = Image(by_images, n * stride, width * channels, height, width, channels)
            for i in range(h):
                lowest, highest, sign = np.inf, -np.inf, 1.0
                if len(grids) > 0:
                    for j in range(w):
                        lowest, highest = min(lowest, grids[n, i, j, 1]), max(highest, grids[n, i, j, 1])
                else:  # along a row y runs one way
                    _, start = _point(matrices, grids, n, i, np.int64(0))
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
                first_tap, last_tap = np.int64(0), np.int64(w)
                if len(grids) == 0:  # a turned row adds where it crosses the band, with a pixel to spare
                    first, last = (above, below + 1) if sign > 0 else (-below, 1 - above)
                    first_tap = _taps_before(matrices, grids, n, i, w, sign, first)
                    last_tap = _taps_before(matrices, grids, n, i, w, sign, last)
                for j in range(first_tap, last_tap):
                    x, y = _point(matrices, grids, n, i, j)
                    at = ((n * h + i) * w + j) * channels
                    _add_point(image, x, y, order, border, low, high, cotangents, at)
