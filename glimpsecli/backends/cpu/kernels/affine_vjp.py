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
from glimpsecli.backends.cpu.kernels.affine import ROWS, _find, _locate
from glimpsecli.backends.cpu.kernels.affine import scratch as run_scratch
from glimpsecli.backends.cpu.kernels.neighbours import CONSTANT, EDGE, REFLECT, resolve, split
from glimpsecli.backends.cpu.kernels.records import Image, Run, Tile

BAND = 64  # rows of an image that one unit of work adds to

_resolve = helper()(resolve)
_split = helper()(split)


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


@helper()
def _mark_inside(run, matrices, grids, n, tile, height, width):
    """Make the coverage of y 1 where all four neighbours lie in the image, and 0 elsewhere."""
    for j in range((tile.bottom - tile.top) * tile.columns):
        x, y = _point(matrices, grids, n, tile.top + j // tile.columns, tile.left + j % tile.columns)
        run.coverage[1, j] = np.float32(0 <= x < width - 1 and 0 <= y < height - 1)


@helper(fastmath={"contract"})
def _slopes(image, run, count, all_inside, cotangents, at, by_x, by_y):
    """Add the gradients with respect to the points whose neighbours lie in the image."""
    pixels, channels, pitch = image.pixels, np.uintp(image.channels), np.uintp(image.pitch)
    for v in range(channels):
        for j in range(np.uintp(count)):
            if all_inside or run.coverage[1, j] > 0:
                row = image.first + np.int64(run.pixels[1, j]) * image.pitch
                k = np.uintp(row + np.int64(run.pixels[0, j]) * image.channels) + v
                a, b = np.float32(pixels[k]), np.float32(pixels[k + channels])
                c, d = np.float32(pixels[k + pitch]), np.float32(pixels[k + pitch + channels])
                g, upper, lower = cotangents[np.uintp(at) + j * channels + v], b - a, d - c
                by_x[j] += g * (upper + run.fractions[1, j] * (lower - upper))
                by_y[j] += g * ((c - a) + run.fractions[0, j] * (lower - upper))


@helper()
def _outer_slopes(image, run, matrices, grids, n, tile, border, colour, cotangents, at, by_x, by_y):
    """Add the gradients with respect to the other points, which reach over the image's edge."""
    for j in range((tile.bottom - tile.top) * tile.columns):
        if run.coverage[1, j] > 0:
            continue
        x, y = _point(matrices, grids, n, tile.top + j // tile.columns, tile.left + j % tile.columns)
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
        by_x[j] += np.float32(x_sum)
        by_y[j] += np.float32(y_sum)


@helper(fastmath={"contract", "reassoc", "nsz"})
def _add_moments(found, tile, by_x, by_y):
    """Add the gradients with respect to a tile's points to those with respect to the matrix."""
    start = np.uintp(0)
    for i in range(tile.top, tile.bottom):
        x_sum, y_sum, x_moment, y_moment = 0.0, 0.0, 0.0, 0.0
        for j in range(np.uintp(tile.columns)):
            x, y, column = float(by_x[start + j]), float(by_y[start + j]), float(np.int64(tile.left + j))
            x_sum += x
            y_sum += y
            x_moment += x * column
            y_moment += y * column
        found[0, 0] += x_moment
        found[0, 1] += x_sum * i
        found[0, 2] += x_sum
        found[1, 0] += y_moment
        found[1, 1] += y_sum * i
        found[1, 2] += y_sum
        start += np.uintp(tile.columns)


def scratch(w, channels):
    """Make the arrays in which one call of `places_kernel` works: by_x, by_y and the run of `affine.scratch`."""
    run = run_scratch(w, channels)
    return np.empty(len(run.points), np.float32), np.empty(len(run.points), np.float32), *run


@jit()
def places_kernel(
    pixels, first, pitch, stride, planes, height, width, matrices, grids, border, fill, h, w, channels, cotangents,
    by_grids, found, by_x, by_y, points, located, fractions, coverage, pairs, values, first_unit, last_unit,
):  # fmt: skip
    """Compute the gradients with respect to the points, or to the matrices, of units of glimpses.

    Where there are grids, (N, h, w, 2), they go to `by_grids`; where there are matrices, the part of each unit goes to
    ``found[unit]``, (2, 3). `cotangents` are flat, and `by_x` and those after it are `scratch`; the others are those
    of `affine.interpolating_kernel`.
    """
    run, units = Run(points, located, fractions, coverage, pairs, values), (h + ROWS - 1) // ROWS
    columns = min(w, len(points))
    rows = len(points) // columns
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        bottom = min(top + ROWS, h)
        upright = len(grids) == 0 and matrices[n, 0, 1] == 0
        x_within = False
        for k in range(6 * (len(grids) == 0)):
            found[unit, k // 3, k % 3] = 0.0
        for left in range(0, w, columns):
            for i in range(top, bottom, rows):
                tile = Tile(i, min(i + rows, bottom), left, min(columns, w - left))
                count = (tile.bottom - tile.top) * tile.columns
                if i == top or not upright:
                    _find(matrices, grids, 0, n, tile, points)
                    _, x_within, _ = _locate(run, 0, count, width, 1, CONSTANT)
                _find(matrices, grids, 1, n, tile, points)
                _, y_within, _ = _locate(run, 1, count, height, 1, CONSTANT)
                all_inside = x_within and y_within
                if not all_inside:
                    _mark_inside(run, matrices, grids, n, tile, height, width)
                for j in range(np.uintp(count)):
                    by_x[j] = by_y[j] = np.float32(0)
                for plane in range(n * planes, (n + 1) * planes):
                    image = Image(pixels, first + plane * stride, pitch, height, width, channels)
                    at = ((plane * h + i) * w + left) * channels
                    _slopes(image, run, count, all_inside, cotangents, at, by_x, by_y)
                    if not all_inside:
                        _outer_slopes(
                            image, run, matrices, grids, n, tile, border, fill[plane], cotangents, at, by_x, by_y
                        )
                if len(grids) == 0:
                    _add_moments(found[unit], tile, by_x, by_y)
                    continue
                for j in range(count):
                    row, column = i + j // tile.columns, left + j % tile.columns
                    by_grids[n, row, column, 0], by_grids[n, row, column, 1] = by_x[j], by_y[j]


@helper()
def _add_point(image, x, y, order, border, low, high, cotangents, at):
    """Add the weights of one point, times its cotangent, to its neighbours in rows `low` to `high`."""
    pixels, channels = image.pixels, np.uintp(image.channels)
    if border != REFLECT:
        x, y = _near(x, image.width), _near(y, image.height)
    x_floor, fx = _split(x, order)
    y_floor, fy = _split(y, order)
    left, above = np.int64(x_floor), np.int64(y_floor)
    if 0 <= left < image.width - 1 and low <= above < high - 1 and fx > 0 and fy > 0:  # nearly all points
        a = np.uintp(image.first + above * image.pitch + left * image.channels)
        b, c = a + channels, a + np.uintp(image.pitch)
        a_weight, b_weight = np.float32((1 - fx) * (1 - fy)), np.float32(fx * (1 - fy))
        c_weight, d_weight = np.float32((1 - fx) * fy), np.float32(fx * fy)
        for v in range(channels):
            g = cotangents[np.uintp(at) + v]
            pixels[a + v] += a_weight * g
            pixels[b + v] += b_weight * g
            pixels[c + v] += c_weight * g
            pixels[c + channels + v] += d_weight * g
        return
    for k in range(4):
        right, down = k & 1, k >> 1
        weight = (fx if right else 1 - fx) * (fy if down else 1 - fy)
        if weight == 0:
            continue
        row = _resolve(above + down, image.height, border)
        column = _resolve(left + right, image.width, border)
        if low <= row < high and column >= 0:
            to = np.uintp(image.first + row * image.pitch + column * image.channels)
            for v in range(channels):
                pixels[to + v] += np.float32(weight) * cotangents[np.uintp(at) + v]


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
    by_images, stride, planes, height, width, matrices, grids, order, border, windows, h, w, channels, cotangents,
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
        for plane in range(begin, end):
            n = plane // planes
            image = Image(by_images, plane * stride, width * channels, height, width, channels)
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
                    at = ((plane * h + i) * w + j) * channels
                    _add_point(image, x, y, order, border, low, high, cotangents, at)
