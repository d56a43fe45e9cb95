"""The gradients of elliptical Gaussians. See :mod:`glimpsecli.attention.elliptical` for their formulas.

Those with respect to matrices need the moments of a tap, see `ellipse`, each with and without the pixels' parts in the
loss, the *shades*.
"""

from __future__ import annotations

import math

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels.elliptical import (
    ZERO,
    _columns_of,
    _ellipse_of,
    _fade_of,
    _fill,
    _is_gone,
    _least_square_of,
    _linear_of,
    _nearest_of,
    _row_square,
    _rows_of,
    functions,
)
from glimpsecli.backends.cpu.kernels.records import Image
from glimpsecli.backends.cpu.kernels.vectors import LANES
from glimpsecli.backends.footprint import BACK_CUT

BAND = 64  # rows of an image that one unit of work adds to

_add_row_moments, _tap_vjp = functions.add_row_moments, functions.tap_vjp


@helper(forceinline=True)
def _fill_row(one, image, r, limit, least, weights):
    """Fill the weights of a row of a tap; give the first column, the number of columns and the middle."""
    start, end = _columns_of(one, limit, float(r), image.width)
    middle, count = one.x + one.shear * (r - one.y), int(end) - int(start) + 1
    if count > 0:
        square = _row_square(one, float(r), image.width) - least
        _fill(middle, _nearest_of(middle, image.width), math.sqrt(one.per_along), square, int(start), count, weights)
    return int(start), count, middle


@helper(forceinline=True)
def _shade_row(image, at, count, cotangents, to, shades):
    """Fill the parts of the pixels of a row in the loss: their products with the cotangent of the tap."""
    step = np.uintp(image.channels)
    for k in range(np.uintp(count)):
        shade = ZERO
        for c in range(step):
            shade += cotangents[np.uintp(to) + c] * np.float32(image.pixels[np.uintp(at) + k * step + c])
        shades[k] = shade


@helper(forceinline=True, fastmath={"contract", "reassoc", "nsz"})
def _row_moments(first, count, weights, shades):
    """Give the sums of w, w u and w u^2, and of these times the shades; u is `first` and more."""
    w_0, w_1, w_2, s_0, s_1, s_2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(np.uintp(count)):
        u, weight = first + float(np.int32(k)), float(weights[k])
        part = weight * float(shades[k])
        w_0 += weight
        w_1 += weight * u
        w_2 += weight * u * u
        s_0 += part
        s_1 += part * u
        s_2 += part * u * u
    return w_0, w_1, w_2, s_0, s_1, s_2


@helper(forceinline=True)
def _add_moments(one, image, cotangents, to, weights, shades, moments):
    """Add the moments of a tap, without and with the shades."""
    least = _least_square_of(one, image.height, image.width)
    limit = least + BACK_CUT * BACK_CUT
    first, last = _rows_of(one, limit, image.height)
    for r in range(int(first), int(last) + 1):
        start, count, middle = _fill_row(one, image, r, limit, least, weights)
        if count <= 0:
            continue
        _shade_row(image, image.first + r * image.pitch + start * image.channels, count, cotangents, to, shades)
        w_0, w_1, w_2, s_0, s_1, s_2 = _row_moments(start - middle, count, weights, shades)
        _add_row_moments(one, r, w_0, w_1, w_2, moments[0])
        _add_row_moments(one, r, s_0, s_1, s_2, moments[1])


def scratch(width):
    """Make the arrays in which one call of a kernel works: weights and shades of a row, and the moments of a tap."""
    return np.zeros(width + LANES, np.float32), np.zeros(width, np.float32), np.zeros((2, 6))


@jit()
def matrices_kernel(
    pixels, first, pitch, stride, planes, height, width, matrices, blur, h, w, channels, cotangents, found,
    weights, shades, moments, first_unit, last_unit,
):  # fmt: skip
    """Compute the gradients with respect to matrices: ``found[unit]`` is the part of each unit, a row of a window.

    The arguments are those of `elliptical.elliptical_kernel`, but for the flat `cotangents`, and `scratch`.
    """
    for unit in range(first_unit, last_unit):
        n = unit // h
        i, rows = unit - n * h, matrices.shape[1]
        g, k = (matrices[n, 2, 0], matrices[n, 2, 1]) if rows == 3 else (0.0, 0.0)
        for part in range(3 * rows):
            found[unit, part // 3, part % 3] = 0.0
        for j in range(w):
            linear = _linear_of(matrices, n, float(i), float(j))
            one = _ellipse_of(linear, blur)
            if _is_gone(one, height, width):
                continue
            for part in range(12):
                moments[part // 6, part % 6] = 0.0
            for plane in range(n * planes, (n + 1) * planes):
                image = Image(pixels, first + plane * stride, pitch, height, width, channels)
                to = ((plane * h + i) * w + j) * channels
                _add_moments(one, image, cotangents, to, weights, shades, moments)
            for moment in range(6):  # the planes have their weights in common
                moments[0, moment] /= planes
            parts = _tap_vjp(linear, one, blur, g, k, float(j), float(i), height, width, BACK_CUT, moments)
            for part in range(3 * rows):
                found[unit, part // 3, part % 3] += parts[part]


@helper(forceinline=True)
def _add_row(image, at, count, weights, scale, cotangents, to):
    """Add the weights of a row, times the cotangent of the tap, to the gradients of its pixels."""
    step = np.uintp(image.channels)
    for k in range(np.uintp(count)):
        weight = weights[k] * scale
        for c in range(step):
            image.pixels[np.uintp(at) + k * step + c] += weight * cotangents[np.uintp(to) + c]


@jit()
def image_kernel(
    by_images, stride, planes, height, width, matrices, blur, h, w, channels, cotangents,
    weights, shades, moments, first_unit, last_unit,
):  # fmt: skip
    """Add the gradients of units, a band of the images of one window: no two threads add to one pixel.

    Where `stride` is 0 all windows look at one image and are added in turn.
    """
    bands = (height + BAND - 1) // BAND
    for unit in range(first_unit, last_unit):
        b = unit // bands
        low = (unit - b * bands) * BAND
        high = min(low + BAND, height)
        begin, end = (0, len(matrices)) if stride == 0 else (b, b + 1)
        for n in range(begin, end):
            for tap in range(h * w):
                one = _ellipse_of(_linear_of(matrices, n, float(tap // w), float(tap % w)), blur)
                if _is_gone(one, height, width):
                    continue
                # A tap far from the band is passed over by the nearest row alone, whose square is the least or more.
                nearest = _row_square(one, _nearest_of(one.y, height), width)
                first, last = _rows_of(one, nearest + BACK_CUT * BACK_CUT, height)
                if int(last) < low or int(first) >= high:
                    continue
                image = Image(by_images, n * planes * stride, width * channels, height, width, channels)
                least = _least_square_of(one, image.height, image.width)
                limit = least + BACK_CUT * BACK_CUT
                first, last = _rows_of(one, limit, height)
                if int(last) < low or int(first) >= high:
                    continue
                total = 0.0
                for r in range(int(first), int(last) + 1):
                    _, count, _ = _fill_row(one, image, r, limit, least, weights)
                    for k in range(count):
                        total += weights[k]
                fade = _fade_of(one.x, one.s_xx, width, BACK_CUT)[0] * _fade_of(one.y, one.s_yy, height, BACK_CUT)[0]
                for r in range(max(int(first), low), min(int(last) + 1, high)):
                    start, count, _ = _fill_row(one, image, r, limit, least, weights)
                    for plane in range(n * planes, (n + 1) * planes):
                        at = plane * stride + (r * width + start) * channels
                        to = (plane * h * w + tap) * channels
                        _add_row(image, at, count, weights, np.float32(fade / total), cotangents, to)
