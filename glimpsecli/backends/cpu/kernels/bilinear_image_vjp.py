"""The gradients of the kernels that interpolate, with respect to the image.

They are the transpose of the glimpse: each point adds its weights, times its cotangent, to its neighbours a, b, c and
d. The gradients of an image are added up in *bands*, `BAND` rows of it, by the taps whose y lies near::

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
from glimpsecli.backends.cpu.kernels.bilinear import ONE, ZERO, _find, _first, _lesser, _locate
from glimpsecli.backends.cpu.kernels.bilinear_vjp import _near, _point, _resolve, _split
from glimpsecli.backends.cpu.kernels.neighbours import CONSTANT, EDGE, REFLECT
from glimpsecli.backends.cpu.kernels.records import Image, Run, Tile

BAND = 64  # rows of an image that one unit of work adds to


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


@helper(fastmath={"contract"})
def _add_run(image, run, matrices, n, tile, order, border, low, high, cotangents, at):
    """Add the weights of the points of a run, times their cotangents, to their neighbours in rows `low` to `high`."""
    pixels, channels, pitch, first = image.pixels, np.uintp(image.channels), np.uintp(image.pitch), np.uintp(at)
    for j in range(np.uintp(tile.columns)):
        y, fx, fy = run.pixels[1, j], run.fractions[0, j], run.fractions[1, j]
        loss = first + j * channels
        if order and fx > ZERO and fy > ZERO and low <= y < high - 1:
            a = _first(image, run, j)
            for v in range(channels):
                g, here = cotangents[loss + v], a + v
                pixels[here] += (ONE - fx) * (ONE - fy) * g
                pixels[here + channels] += fx * (ONE - fy) * g
                pixels[here + pitch] += (ONE - fx) * fy * g
                pixels[here + pitch + channels] += fx * fy * g
        else:  # on a pixel, beyond the image, or across the edge of the band
            point = _point(matrices, n, tile.top, np.int64(tile.left + j))
            _add_point(image, point[0], point[1], order, border, low, high, cotangents, np.int64(loss))


@helper()
def _taps_before(matrices, n, i, w, sign, bound):
    """Count the taps of a row, along which ``sign * y`` does not fall, where that is below a bound."""
    begin, end = np.int64(0), np.int64(w)
    while begin < end:
        middle = (begin + end) // 2
        if sign * _point(matrices, n, i, middle)[1] < bound:
            begin = middle + 1
        else:
            end = middle
    return begin


@jit()
def image_kernel(
    by_images, stride, planes, height, width, matrices, order, border, windows, h, w, channels, cotangents,
    points, located, fractions, coverage, pairs, values, first_unit, last_unit,
):  # fmt: skip
    """Add the gradients of units, a band of the images of one window: no two threads add to one pixel.

    Where `stride` is 0 all windows look at one image and are added in turn.
    """
    run, bands = Run(points, located, fractions, coverage, pairs, values), (height + BAND - 1) // BAND
    for unit in range(first_unit, last_unit):
        b = unit // bands
        low = (unit - b * bands) * BAND
        high = _lesser(low + BAND, height)
        begin, end = b, b + 1
        if stride == 0:
            begin, end = np.int64(0), np.int64(windows)
        for n in range(begin, end):
            for i in range(h):
                # Along a row y runs one way: all its w are positive.
                start, stop = _point(matrices, n, i, np.int64(0))[1], _point(matrices, n, i, w - 1)[1]
                lowest, highest, sign = (start, stop, 1.0) if start <= stop else (stop, start, -1.0)
                # The y that can add to the band, and whether a row has some of them.
                above, below = low - 1.0, high + 0.0
                if border == EDGE:
                    above, below = -np.inf if low == 0 else above, np.inf if high == height else below
                elif border == REFLECT and (lowest < 0 or highest > height - 1):
                    above, below = -np.inf, np.inf
                if highest < above or lowest > below:
                    continue
                # A turned row adds where it crosses the band, with a pixel to spare.
                first, last = (above, below + 1) if sign > 0 else (-below, 1 - above)
                first_tap = _taps_before(matrices, n, i, w, sign, first)
                last_tap = _taps_before(matrices, n, i, w, sign, last)
                for left in range(first_tap, last_tap, len(points)):
                    tile = Tile(i, i + 1, left, _lesser(len(points), last_tap - left))
                    for axis in range(2):
                        _find(matrices, axis, n, tile, points)
                        _locate(run, axis, np.uintp(tile.columns), height if axis else width, 0.0, np.int64(CONSTANT))
                    for plane in range(n * planes, (n + 1) * planes):
                        image = Image(by_images, plane * stride, width * channels, height, width, channels)
                        at = ((plane * h + i) * w + left) * channels
                        _add_run(image, run, matrices, n, tile, order, border, low, high, cotangents, at)
