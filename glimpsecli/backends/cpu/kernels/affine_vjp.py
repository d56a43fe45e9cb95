"""The gradients of the kernels that interpolate, with respect to the points or the matrices.

A value is ``(1 - fy) ((1 - fx) a + fx b) + fy ((1 - fx) c + fx d)``, so its derivative with respect to x is ``(1 - fy)
(b - a) + fy (d - c)``, and that with respect to y likewise; on a pixel's centre it is the derivative to the right.

Units and tiles are as in :mod:`~glimpsecli.backends.cpu.kernels.affine`. A tile's slopes are made in two steps: the
neighbours of all its points are collected, and then the products are vectors.
"""

from __future__ import annotations

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels.affine import ROWS, _find, _locate
from glimpsecli.backends.cpu.kernels.affine import scratch as run_scratch
from glimpsecli.backends.cpu.kernels.neighbours import CONSTANT, REFLECT, resolve, split
from glimpsecli.backends.cpu.kernels.records import Image, Run, Tile
from glimpsecli.backends.cpu.kernels.vectors import load, store

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
    """Make the coverage of y 1 where all four neighbours lie in the image, and 0 elsewhere, and let all be loaded."""
    for j in range((tile.bottom - tile.top) * tile.columns):
        x, y = _point(matrices, grids, n, tile.top + j // tile.columns, tile.left + j % tile.columns)
        run.coverage[1, j] = np.float32(0 <= x < width - 1 and 0 <= y < height - 1)
        run.pixels[0, j] = min(run.pixels[0, j], np.int32(width - 2))
        run.pixels[1, j] = min(run.pixels[1, j], np.int32(height - 2))


@helper(fastmath={"contract"})
def _slopes(image, run, count, cotangents, at, corners, by_x, by_y):
    """Add the gradients with respect to the points whose neighbours lie in the image: their coverage of y is 1."""
    pixels, losses, channels, pitch = image.pixels, run.values, np.uintp(image.channels), np.uintp(image.pitch)
    if min(image.width, image.height) < 2:
        return
    for v in range(channels):
        for j in range(np.uintp(count)):
            row = image.first + np.int64(run.pixels[1, j]) * image.pitch
            a, to = np.uintp(row + np.int64(run.pixels[0, j]) * image.channels) + v, np.uintp(4) * j
            c = a + pitch
            if channels == np.uintp(1):
                store(corners, to, load(pixels, a, 2))
                store(corners, to + np.uintp(2), load(pixels, c, 2))
            else:
                corners[to], corners[to + np.uintp(1)] = pixels[a], pixels[a + channels]
                corners[to + np.uintp(2)], corners[to + np.uintp(3)] = pixels[c], pixels[c + channels]
        for j in range(np.uintp(count)):
            losses[j] = cotangents[np.uintp(at) + j * channels + v]
        for j in range(np.uintp(count)):  # a vector at a time: both sums are stored whatever they are
            to, inside, g = np.uintp(4) * j, run.coverage[1, j] == 1, losses[j]
            a, b = corners[to], corners[to + np.uintp(1)]
            c, d = corners[to + np.uintp(2)], corners[to + np.uintp(3)]
            upper, lower = b - a, d - c
            x_part = g * (upper + run.fractions[1, j] * (lower - upper))
            y_part = g * ((c - a) + run.fractions[0, j] * (lower - upper))
            by_x[j] = by_x[j] + (x_part if inside else np.float32(0))
            by_y[j] = by_y[j] + (y_part if inside else np.float32(0))


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
    """Make the arrays in which one call of `places_kernel` works: corners, by_x, by_y and those of `affine.scratch`."""
    run = run_scratch(w, channels)
    size = len(run.points)
    return np.empty(4 * size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32), *run


@jit()
def places_kernel(
    pixels, first, pitch, stride, planes, height, width, matrices, grids, border, fill, h, w, channels, cotangents,
    by_grids, found, corners, by_x, by_y, points, located, fractions, coverage, pairs, values, first_unit, last_unit,
):  # fmt: skip
    """Compute the gradients with respect to the points, or to the matrices, of units of glimpses.

    Where there are grids, (N, h, w, 2), they go to `by_grids`; where there are matrices, the part of each unit goes to
    ``found[unit]``, (2, 3). `cotangents` are flat, and `corners` and those after it are `scratch`; the others are those
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
                    _slopes(image, run, count, cotangents, at, corners, by_x, by_y)
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
