"""The kernels that interpolate: a matrix, affine or projective, gives the point of each output pixel.

A *unit* of work is `ROWS` rows of one glimpse. It is computed in *tiles*, some whole rows or a part of one row, and
each step is one loop over all pixels of a tile::

    _locate    x -> x0, its fraction and coverage; y likewise      a---b  y0
    _mix       a, b, c, d -> values                                | * |
    _mend      the few values that are not finite                  c---d  y0 + 1
    _cover     coverage * values + (1 - coverage) * fill          x0  x0 + 1

x0 is a pixel of the image, also where x lies outside: there the border gives the point of the image that has the same
value, or the *coverage*, the image's share of the value. So no loop asks for the border.

The loop of `_locate` must become vectors by itself, those of `_mix` have explicit ones. Indices are unsigned where it
is hot: Numba checks signed ones for counting from the end. Helpers are inlined by force where a call, which passes all
arrays of a run, would take as long as a row of a small glimpse.
"""

from __future__ import annotations

import math

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels.neighbours import CONSTANT, REFLECT, mix
from glimpsecli.backends.cpu.kernels.records import Image, Run, Tile
from glimpsecli.backends.cpu.kernels.vectors import load, part, prefetch, store

ROWS = 32  # output rows of one unit of work
TILE, VALUES = 2**10, 2**12  # upper bounds on the pixels and values of a tile, so that its arrays stay in the cache
LARGE = 2**16  # output pixels; the image of a glimpse from this size on is assumed not to be in the cache
TURNED = 2**9  # columns of a tile of a large turned glimpse: each of its pixels may lie in lines of its own
LANES = 4  # channels that are mixed at once
ZERO, ONE = np.float32(0), np.float32(1)
# Unsigned numbers for positions: beside one of Python's own they would become float64.
_0, _1, _2, _3 = np.uintp(0), np.uintp(1), np.uintp(2), np.uintp(3)

_mix_one = helper(fastmath={"contract"})(mix)


@helper()
def _lesser(a, b):
    """Give the lesser of two numbers, in a tenth of the time that `min` takes to compile."""
    return a if a < b else b


@helper()
def is_projective(matrices):
    """Return whether the matrices are (N, 3, 3), and not (N, 2, 3)."""
    return matrices.shape[1] == 3


@helper(forceinline=True)
def _find(matrices, axis, n, tile, points):
    """Fill `points` with x, for axis 0, or y of the points of a tile."""
    left, columns = np.uintp(tile.left), np.uintp(tile.columns)
    at = _0
    for i in range(tile.top, tile.bottom):
        across, down, shift = matrices[n, axis, 0], matrices[n, axis, 1] * i, matrices[n, axis, 2]
        for j in range(columns):
            points[at + j] = (across * np.int64(left + j) + down) + shift
        if is_projective(matrices):
            across, down, shift = matrices[n, 2, 0], matrices[n, 2, 1] * i, matrices[n, 2, 2]
            for j in range(columns):
                points[at + j] /= (across * np.int64(left + j) + down) + shift
        at += columns


@helper()
def _fold(points, count, extent):
    """Reflect coordinates beyond the image's edges back into it."""
    period = 2.0 * extent
    for j in range(count):
        phase = (points[j] + 0.5) - period * np.floor((points[j] + 0.5) / period)
        points[j] = (phase if phase < extent else period - phase) - 0.5


@helper(forceinline=True)
def _locate(run, axis, count, extent, lowest, border):
    """Locate the points of `count` pixels on one axis: 0 for x, 1 for y.

    `lowest` is the first row or column of the image that is in memory, and stands for x0 where it has no share.

    Returns
    -------
    farthest : int
        The largest x0 or y0.
    within, covered : bool
        Whether all lie between two pixels of the image, and whether all have full coverage.
    """
    end, farthest, all_within, all_covered = extent - 1.0, np.int32(0), True, True
    low, high = (-np.inf, np.inf) if border == CONSTANT else (0.0, end)
    for j in range(count):
        x = run.points[j]
        x = x if x > low else low
        x = x if x < high else high
        floor = np.floor(x)
        x0 = floor if floor > 0 else 0.0
        x0 = x0 if x0 < end else end
        away = np.float32(x - x0)
        within = (x >= x0) & (x0 < end)
        share = ONE - np.abs(away)
        share = ONE if within else share if share > ZERO else ZERO
        pixel = np.int32(x0 if share > ZERO else lowest)
        run.pixels[axis, j] = pixel
        run.fractions[axis, j] = away if within else ZERO
        run.coverage[axis, j] = share
        farthest = pixel if pixel > farthest else farthest
        all_within &= within
        all_covered &= share == ONE
    return farthest, all_within, all_covered


@helper()
def _first(image, run, j):
    """Give the position of the upper left neighbour of a pixel."""
    return np.uintp(image.first + run.pixels[1, j] * image.pitch + run.pixels[0, j] * image.channels)


@helper()
def _spread(run, tile):
    """Give the y that is located for each row to all pixels of the row, from the last to the first."""
    columns = np.uintp(tile.columns)
    for i in range(tile.bottom - tile.top - 1, -1, -1):
        pixel, fraction, share = run.pixels[1, i], run.fractions[1, i], run.coverage[1, i]
        at = np.uintp(i) * columns
        for j in range(columns):
            run.pixels[1, at + j], run.fractions[1, at + j], run.coverage[1, at + j] = pixel, fraction, share


@helper()
def _prefetch_tile(image, run, count):
    """Prefetch the pixels that a tile reads: its loops alone keep few loads in flight.

    Every second pixel is enough: most neighbours share a line of the cache.
    """
    pitch = np.uintp(image.pitch)
    for j in range(_0, count, _2):
        a = _first(image, run, j)
        prefetch(image.pixels, a, 1)
        prefetch(image.pixels, a + pitch, 1)


@helper(fastmath={"contract"})
def _mix(image, run, begin, end):
    """Mix the neighbours of pixels `begin` to `end` into `values`, with up to LANES values beyond the last."""
    pixels, values, fractions = image.pixels, run.values, run.fractions
    channels, pitch = np.uintp(image.channels), np.uintp(image.pitch)
    if image.channels == 1:  # first down: a with c, b with d; then across
        for j in range(begin, end):
            a = _first(image, run, j)
            upper = load(pixels, a, 2)
            store(run.pairs, _2 * j, upper + fractions[1, j] * (load(pixels, a + pitch, 2) - upper))
        for j in range(begin, end):
            left, right = run.pairs[_2 * j], run.pairs[_2 * j + channels]
            values[j] = left + fractions[0, j] * (right - left)
    elif image.channels == 3:  # one vector holds a and b, another c and d
        for j in range(begin, end):
            a = _first(image, run, j)
            upper = load(pixels, a, 8)
            both = upper + fractions[1, j] * (load(pixels, a + pitch, 8) - upper)
            left = part(both, 0, 4)
            store(values, _3 * j, left + fractions[0, j] * (part(both, 3, 4) - left))
    else:
        last = (image.channels - 1) // LANES * LANES
        for start in range(last, -1, -LANES):  # from the last, whose vectors reach over the pixel, to the first
            v = np.uintp(start)
            for j in range(begin, end):
                a = _first(image, run, j) + v
                left, right, c = load(pixels, a, 4), load(pixels, a + channels, 4), a + pitch
                left = left + fractions[1, j] * (load(pixels, c, 4) - left)
                right = right + fractions[1, j] * (load(pixels, c + channels, 4) - right)
                store(values, j * channels + v, left + fractions[0, j] * (right - left))


@helper(forceinline=True)
def _locate_tile(run, matrices, axis, n, tile, extent, lowest, order, border, upright):
    """Locate a tile on one axis, as :func:`_locate`; the y of an upright row is located once."""
    piece = tile
    if upright and axis == 1:
        piece = Tile(tile.top, tile.bottom, tile.left, 1)
    count = np.uintp((piece.bottom - piece.top) * piece.columns)
    _find(matrices, axis, n, piece, run.points)
    if order == 0:
        for j in range(count):
            run.points[j] = np.floor(run.points[j] + 0.5)
    if border == REFLECT:
        _fold(run.points, count, extent)
    farthest, _, covered = _locate(run, axis, count, extent, lowest, border)
    if upright and axis == 1:
        _spread(run, tile)
    return farthest, covered


@helper()
def _loadable(image, x0, y0):
    """Return whether the vectors that begin at a pixel end in the array: they are longer than the four neighbours."""
    reach = image.pitch + 2 * (image.channels + LANES)
    return image.first + y0 * image.pitch + x0 * image.channels + reach <= len(image.pixels)


@helper(fastmath={"contract", "reassoc"})
def _all_finite(values, count):
    """Return whether the first `count` values are finite."""
    check = ZERO  # becomes a NaN as soon as a value times 0 is one
    for k in range(count):
        check += values[k] * ZERO
    return check == ZERO


@helper()
def _mend(image, run, count, all_loadable):
    """Compute the values that are not finite or were not loaded, reading only pixels that have a weight."""
    pixels, channels = image.pixels, np.uintp(image.channels)
    for j in range(count):
        fx, fy, a = run.fractions[0, j], run.fractions[1, j], _first(image, run, j)
        right, down = np.uintp(image.channels * (fx > ZERO)), np.uintp(image.pitch * (fy > ZERO))
        seen = run.coverage[0, j] * run.coverage[1, j] > ZERO
        mixed = all_loadable or _loadable(image, run.pixels[0, j], run.pixels[1, j])
        for v in range(channels):
            to, here = j * channels + v, a + v
            if mixed and math.isfinite(run.values[to]):
                continue
            value = ZERO
            if seen:
                upper_left, upper_right = np.float32(pixels[here]), np.float32(pixels[here + right])
                lower_left, lower_right = np.float32(pixels[here + down]), np.float32(pixels[here + down + right])
                value = _mix_one(upper_left, upper_right, lower_left, lower_right, fx, fy)
                if not math.isfinite(value):  # infinite pixels: no difference of them is taken
                    on_left = (ONE - fy) * upper_left + (fy * lower_left if fy > ZERO else ZERO)
                    on_right = (ONE - fy) * upper_right + (fy * lower_right if fy > ZERO else ZERO)
                    value = (ONE - fx) * on_left + (fx * on_right if fx > ZERO else ZERO)
            run.values[to] = value


@helper(fastmath={"contract"})
def _cover(run, count, channels, colour):
    """Blend the fill colour into each value, by the share that the image does not cover."""
    step = np.uintp(channels)
    for j in range(count):
        covered = run.coverage[0, j] * run.coverage[1, j]
        if covered == ONE:
            continue
        for v in range(step):
            to = j * step + v
            run.values[to] = covered * run.values[to] + (ONE - covered) * colour[v]


def scratch(channels: int) -> Run:
    """Allocate the work arrays of one kernel call, in Python, where that costs no compilation."""
    size = max(1, min(TILE, VALUES // channels))
    return Run(
        np.empty(size),
        np.empty((2, size), np.int32),
        np.empty((2, size), np.float32),
        np.empty((2, size), np.float32),
        np.empty(2 * size if channels == 1 else 0, np.float32),
        np.zeros(size * channels + LANES, np.float32),
    )


@jit()
def interpolating_kernel(
    pixels, above, before, pitch, stride, planes, height, width, matrices, order, border, fill, h, w, channels,
    out, points, located, fractions, coverage, pairs, values, first_unit, last_unit,
):  # fmt: skip
    """Compute units `first_unit` to `last_unit` of glimpses (h, w, channels).

    Output pixel (j, i) is at the point ``matrices[n] (j, i, 1)``, (x, y) or (x w, y w, w). Images are `stride` elements
    away from each other in `pixels`, 0 for one image, and each window has `planes` of them in a row. Of each, `above`
    rows and `before` columns are not in `pixels`. See `Image` for the others, and `Run` for `points` and those after
    it. `fill` is (N planes, C), and `out` are the glimpses, flat.
    """
    run, units = Run(points, located, fractions, coverage, pairs, values), (h + ROWS - 1) // ROWS
    first = -above * pitch - before * channels
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        bottom = _lesser(top + ROWS, h)
        upright = not is_projective(matrices) and matrices[n, 0, 1] == 0 and matrices[n, 1, 0] == 0
        cold = stride != 0 or h * w >= LARGE
        columns = _lesser(w, TURNED if h * w >= LARGE and not upright else TILE)
        columns = _lesser(columns, len(points))
        rows = len(points) // columns if columns == w else 1
        x0, y0, x_covered, y_covered = np.int32(0), np.int32(0), False, False
        for left in range(0, w, columns):
            for i in range(top, bottom, rows):
                tile = Tile(i, _lesser(i + rows, bottom), left, _lesser(columns, w - left))
                count = np.uintp((tile.bottom - tile.top) * tile.columns)
                for axis in range(i > top and upright, 2):  # the x of upright rows are the same
                    extent, lowest = (height, float(above)) if axis else (width, float(before))
                    farthest, covered = _locate_tile(
                        run, matrices, axis, n, tile, extent, lowest, order, border, upright
                    )
                    x0, y0 = (x0, farthest) if axis else (farthest, y0)
                    x_covered, y_covered = (x_covered, covered) if axis else (covered, y_covered)
                size = count * np.uintp(channels)
                for plane in range(n * planes, (n + 1) * planes):
                    image = Image(pixels, first + plane * stride, pitch, height, width, channels)
                    if cold:
                        _prefetch_tile(image, run, count)
                    loadable = _loadable(image, x0, y0)
                    begin = _0
                    while begin < count:  # at once, or in stretches that can be loaded
                        end = count
                        if not loadable:
                            end = begin
                            while end < count and _loadable(image, located[0, end], located[1, end]):
                                end += _1
                        _mix(image, run, begin, end)
                        begin = end + _1
                    if not loadable or (pixels.itemsize == 4 and not _all_finite(values, size)):
                        _mend(image, run, count, loadable)
                    if not (x_covered and y_covered):
                        _cover(run, count, channels, fill[plane])
                    to = np.uintp(((plane * h + i) * w + left) * channels)
                    for k in range(size):
                        out[to + k] = values[k]
