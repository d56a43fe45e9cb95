"""The gradients of the kernels that interpolate, with respect to the matrices.

A value is ``(1 - fy) ((1 - fx) a + fx b) + fy ((1 - fx) c + fx d)``, so its derivative with respect to x is ``(1 - fy)
(b - a) + fy (d - c)``, and that with respect to y likewise; on a pixel's centre it is the derivative to the right.

Units and tiles are as in :mod:`~glimpsecli.backends.cpu.kernels.bilinear`. A tile's slopes are made in two steps: the
neighbours of all its points are collected, and then the products are vectors.
"""

from __future__ import annotations

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels.bilinear import (
    ONE,
    ROWS,
    ZERO,
    _1,
    _2,
    _3,
    _find,
    _first,
    _lesser,
    _locate,
    _prefetch_tile,
    is_projective,
)
from glimpsecli.backends.cpu.kernels.bilinear import scratch as run_scratch
from glimpsecli.backends.cpu.kernels.neighbours import CONSTANT, REFLECT, resolve, split
from glimpsecli.backends.cpu.kernels.records import Image, Run, Tile
from glimpsecli.backends.cpu.kernels.vectors import load, store

_4 = np.uintp(4)

_resolve = helper()(resolve)
_split = helper()(split)


@helper()
def _point(matrices, n, i, j):
    """Give the point of output pixel (j, i) of window n, and its w."""
    x = (matrices[n, 0, 0] * float(j) + matrices[n, 0, 1] * i) + matrices[n, 0, 2]
    y = (matrices[n, 1, 0] * float(j) + matrices[n, 1, 1] * i) + matrices[n, 1, 2]
    if not is_projective(matrices):
        return x, y, 1.0
    depth = (matrices[n, 2, 0] * float(j) + matrices[n, 2, 1] * i) + matrices[n, 2, 2]
    return x / depth, y / depth, depth


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
def _mark_inside(run, matrices, n, tile, height, width, above, before):
    """Make the coverage of y 1 where all four neighbours lie in the image and 0 elsewhere, and return whether any do.

    The others get the first pixel that is in memory.
    """
    any_inside = False
    for j in range((tile.bottom - tile.top) * tile.columns):
        x, y, _ = _point(matrices, n, tile.top + j // tile.columns, tile.left + j % tile.columns)
        inside = 0 <= x < width - 1 and 0 <= y < height - 1
        any_inside = any_inside or inside
        run.coverage[1, j] = np.float32(inside)
        run.pixels[0, j], run.pixels[1, j] = np.int32(x if inside else before), np.int32(y if inside else above)
    return any_inside


@helper(fastmath={"contract"})
def _slopes(image, run, count, cotangents, at, corners, by_x, by_y):
    """Add the gradients with respect to the points whose neighbours lie in the image: their coverage of y is 1."""
    pixels, losses, channels, pitch = image.pixels, run.values, np.uintp(image.channels), np.uintp(image.pitch)
    first = np.uintp(at)
    for v in range(channels):
        for j in range(count):
            a, to = _first(image, run, j) + v, _4 * j
            c = a + pitch
            if image.channels == 1:
                store(corners, to, load(pixels, a, 2))
                store(corners, to + _2, load(pixels, c, 2))
            else:
                corners[to], corners[to + _1] = pixels[a], pixels[a + channels]
                corners[to + _2], corners[to + _3] = pixels[c], pixels[c + channels]
        for j in range(count):
            losses[j] = cotangents[first + j * channels + v]
        for j in range(count):  # a vector at a time: both sums are stored whatever they are
            to, inside, g = _4 * j, run.coverage[1, j] == ONE, losses[j]
            a, b, c, d = corners[to], corners[to + _1], corners[to + _2], corners[to + _3]
            upper, lower = b - a, d - c
            x_part = g * (upper + run.fractions[1, j] * (lower - upper))
            y_part = g * ((c - a) + run.fractions[0, j] * (lower - upper))
            by_x[j] = by_x[j] + (x_part if inside else ZERO)
            by_y[j] = by_y[j] + (y_part if inside else ZERO)


@helper()
def _outer_slopes(image, run, matrices, n, tile, border, colour, cotangents, at, by_x, by_y):
    """Add the gradients with respect to the other points, which reach over the image's edge."""
    for j in range((tile.bottom - tile.top) * tile.columns):
        if run.coverage[1, j] > 0:
            continue
        x, y, _ = _point(matrices, n, tile.top + j // tile.columns, tile.left + j % tile.columns)
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


@helper()
def _divide(matrices, n, tile, by_x, by_y, by_w):
    """Turn the gradients with respect to a tile's points (x, y) into those with respect to (x w, y w, w)."""
    for j in range((tile.bottom - tile.top) * tile.columns):
        x, y, depth = _point(matrices, n, tile.top + j // tile.columns, tile.left + j % tile.columns)
        by_x[j], by_y[j] = by_x[j] / depth, by_y[j] / depth
        by_w[j] = -(by_x[j] * x + by_y[j] * y)


@helper(fastmath={"contract", "reassoc", "nsz"})
def _add_moments(found, tile, slopes):
    """Add the gradients with respect to one coordinate of a tile's points to those of its row of the matrix."""
    start = np.uintp(0)
    for i in range(tile.top, tile.bottom):
        total, moment = 0.0, 0.0
        for j in range(np.uintp(tile.columns)):
            slope = float(slopes[start + j])
            total += slope
            moment += slope * float(np.int64(tile.left + j))
        found[0] += moment
        found[1] += total * i
        found[2] += total
        start += np.uintp(tile.columns)


def scratch(channels):
    """Make the arrays in which one call of `places_kernel` works: corners, slopes and those of `bilinear.scratch`."""
    run = run_scratch(channels)
    size = len(run.points)
    return np.empty(4 * size, np.float32), np.empty((3, size), np.float32), *run


@jit()
def places_kernel(
    pixels, above, before, pitch, stride, planes, height, width, matrices, border, fill, h, w, channels,
    cotangents, found, corners, slopes, points, located, fractions, coverage, pairs, values,
    first_unit, last_unit,
):  # fmt: skip
    """Compute the gradients with respect to matrices; the part of each unit of a glimpse goes to ``found[unit]``.

    `cotangents` are flat, and `corners` and those after it are `scratch`; the others are those of
    `bilinear.interpolating_kernel`.
    """
    run, units = Run(points, located, fractions, coverage, pairs, values), (h + ROWS - 1) // ROWS
    first = -above * pitch - before * channels
    columns = _lesser(w, len(points))
    rows, by_x, by_y = len(points) // columns, slopes[0], slopes[1]
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        bottom = _lesser(top + ROWS, h)
        upright = not is_projective(matrices) and matrices[n, 0, 1] == 0
        x_within, y_within, all_inside = False, False, False
        for k in range(3 * matrices.shape[1]):
            found[unit, k // 3, k % 3] = 0.0
        for left in range(0, w, columns):
            for i in range(top, bottom, rows):
                tile = Tile(i, _lesser(i + rows, bottom), left, _lesser(columns, w - left))
                count = np.uintp((tile.bottom - tile.top) * tile.columns)
                for axis in range(i > top and upright and all_inside, 2):
                    _find(matrices, axis, n, tile, points)
                    extent, lowest = (height, float(above)) if axis else (width, float(before))
                    _, within, _ = _locate(run, axis, count, extent, lowest, np.int64(CONSTANT))
                    x_within, y_within = (x_within, within) if axis else (within, y_within)
                all_inside = x_within and y_within
                any_inside = all_inside or _mark_inside(run, matrices, n, tile, height, width, above, before)
                for j in range(count):
                    by_x[j] = by_y[j] = ZERO
                for plane in range(n * planes, (n + 1) * planes):
                    image = Image(pixels, first + plane * stride, pitch, height, width, channels)
                    at = ((plane * h + i) * w + left) * channels
                    if stride != 0:
                        _prefetch_tile(image, run, count)
                    if any_inside:
                        _slopes(image, run, count, cotangents, at, corners, by_x, by_y)
                    if not all_inside:
                        _outer_slopes(image, run, matrices, n, tile, border, fill[plane], cotangents, at, by_x, by_y)
                if is_projective(matrices):
                    _divide(matrices, n, tile, by_x, by_y, slopes[2])
                for row in range(matrices.shape[1]):
                    _add_moments(found[unit, row], tile, slopes[row])
