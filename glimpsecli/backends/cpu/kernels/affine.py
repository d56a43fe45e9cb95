"""The kernels that interpolate: an affine matrix says where each output pixel looks, or a grid of points does.

Both make the coordinates of one output row and share the rest. A pixel whose neighbours all lie in the image is mixed
at once; any other, and any that comes out as no number, takes the careful way, which knows borders and does not read
what has no weight. Images are flat; ``first`` is the position that pixel (0, 0) of the whole image has or, in a cut,
would have.

Indices are unsigned where it is hot: Numba checks signed ones for counting from the end.
"""

from __future__ import annotations

import math

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit

CONSTANT, EDGE, REFLECT = 0, 1, 2
BORDERS = {"zeros": CONSTANT, "constant": CONSTANT, "edge": EDGE, "reflect": REFLECT}
ROWS = 32  # output rows of one unit of work
TOGETHER = 512  # pixels that are computed at a time, at least a row: what is known of them stays in the cache


def resolve(index, extent, border):
    """Give the pixel that stands in for an index on one axis, or -1 where the fill colour does."""
    if 0 <= index < extent:
        return index
    if border == CONSTANT:
        return -1
    if border == EDGE:
        return 0 if index < 0 else extent - 1
    phase = index % (2 * extent)
    return min(phase, 2 * extent - 1 - phase)


def split(coordinate, order):
    """Give the first pixel that a coordinate reads and the weight of the second: none for `order` 0, nearest."""
    if order == 0:
        return math.floor(coordinate + 0.5), 0.0
    floor = math.floor(coordinate)
    return floor, coordinate - floor


def mix(upper_left, upper_right, lower_left, lower_right, fx, fy):
    """Give ``(1 - fy) ((1 - fx) a + fx b) + fy ((1 - fx) c + fx d)``."""
    upper = upper_left + fx * (upper_right - upper_left)
    lower = lower_left + fx * (lower_right - lower_left)
    return upper + fy * (lower - upper)


_resolve = helper()(resolve)
_split = helper()(split)
_mix = helper(fastmath={"contract"})(mix)


@helper()
def _careful_pixel(pixels, first, pitch, height, width, channels, x, y, order, border, fill, n, out, to):
    """Sample one point of image n into ``out[to:]`` whatever lies there; a neighbour is read if it has a weight."""
    x0, fx = _split(x, order)
    y0, fy = _split(y, order)
    for c in range(channels):
        total = 0.0
        for k in range(4):
            right, down = k & 1, k >> 1
            weight = (fx if right else 1 - fx) * (fy if down else 1 - fy)
            if weight == 0:
                continue
            row, column = _resolve(int(y0) + down, height, border), _resolve(int(x0) + right, width, border)
            if row >= 0 and column >= 0:
                total += weight * pixels[first + row * pitch + column * channels + c]
            else:
                total += weight * fill[n, c]
        out[to + c] = total


@helper()
def _locate(coordinates, count, extent, order, pixel, fraction):
    """Split coordinates; what lies outside the image stays outside."""
    limit = float(extent)
    for j in range(np.uintp(count)):
        floor, rest = _split(coordinates[j], order)
        pixel[j] = np.int32(min(max(floor, -1.0), limit))
        fraction[j] = np.float32(rest)


@helper()
def _inside(x, y, height, width):
    """Tell whether a pixel and those to the right and below are in the image; -1 is the largest unsigned number."""
    return np.uint32(x) < np.uint32(width - 1) and np.uint32(y) < np.uint32(height - 1)


@helper()
def _gather(pixels, first, pitch, height, width, channels, count, x_pixel, y_pixel, flat):
    """Collect the neighbours of some pixels, a plane for each corner and channel; tell whether all were inside."""
    all_inside = True
    step, channels, size = channels, np.uintp(channels), np.uintp(count)
    plane = channels * size
    for j in range(size):
        x, y = x_pixel[j], y_pixel[j]
        if not _inside(x, y, height, width):
            all_inside = False
            continue
        a = np.uintp(first + np.int64(y) * pitch + np.int64(x) * step)
        b, c = a + channels, a + np.uintp(pitch)
        d = c + channels
        if channels == np.uintp(1):
            flat[j] = pixels[a]
            flat[plane + j] = pixels[b]
            flat[plane + plane + j] = pixels[c]
            flat[plane + plane + plane + j] = pixels[d]
        elif channels == np.uintp(3):  # the compiler writes this loop out
            for v in range(np.uintp(3)):
                to = j + v * size
                flat[to] = pixels[a + v]
                flat[plane + to] = pixels[b + v]
                flat[plane + plane + to] = pixels[c + v]
                flat[plane + plane + plane + to] = pixels[d + v]
        else:
            for v in range(channels):
                to = j + v * size
                flat[to] = pixels[a + v]
                flat[plane + to] = pixels[b + v]
                flat[plane + plane + to] = pixels[c + v]
                flat[plane + plane + plane + to] = pixels[d + v]
    return all_inside


@helper(fastmath={"contract", "reassoc"})
def _mix_all(corners, channels, count, x_fraction, y_fraction, out, to):
    """Mix the neighbours of some pixels into `out` from `to` on; tell whether all results are finite."""
    check = np.float32(0)  # becomes a NaN as soon as a value times 0 is one
    channels, size, to = np.uintp(channels), np.uintp(count), np.uintp(to)
    plane = channels * size
    if channels == np.uintp(3):
        for j in range(size):
            for v in range(np.uintp(3)):  # the compiler writes this loop out
                a = v * size + j
                b, c, d = plane + a, plane + plane + a, plane + plane + plane + a
                value = _mix(
                    np.float32(corners[a]), np.float32(corners[b]), np.float32(corners[c]), np.float32(corners[d]),
                    x_fraction[j], y_fraction[j],
                )  # fmt: skip
                out[to + np.uintp(3) * j + v] = value
                check += value * np.float32(0)
    else:
        for v in range(channels):
            for j in range(size):
                a = v * size + j
                b, c, d = plane + a, plane + plane + a, plane + plane + plane + a
                value = _mix(
                    np.float32(corners[a]), np.float32(corners[b]), np.float32(corners[c]), np.float32(corners[d]),
                    x_fraction[j], y_fraction[j],
                )  # fmt: skip
                out[to + j * channels + v] = value
                check += value * np.float32(0)
    return check == 0


def scratch(glimpse, dtype):
    """Make the arrays in which one call of the kernel works, for glimpses (h, w, channels) and images of a dtype.

    Python makes them because it compiles nothing for that.

    Returns
    -------
    xs, ys, x_pixel, y_pixel, x_fraction, y_fraction, corners : arrays
    """
    _, w, channels = glimpse
    size = _rows_together(w) * w
    return (
        np.empty(size),
        np.empty(size),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
        np.zeros(4 * channels * size, dtype),
    )


def _rows_together(w):
    """Give the output rows that are computed at a time."""
    return max(1, min(ROWS, TOGETHER // w))


@jit()
def interpolating_kernel(
    pixels, first, pitch, stride, height, width, matrices, grids, order, border, fill, h, w, channels, out,
    xs, ys, x_pixel, y_pixel, x_fraction, y_fraction, corners, first_unit, last_unit,
):  # fmt: skip
    """Compute units of glimpses (h, w, channels), `ROWS` rows of one each.

    Output pixel (j, i) looks at the point ``grids[n, i, j]``, (x, y), or, where `grids` is empty, at ``matrices[n]
    (j, i, 1)``. `pixels` are the images, flat, `stride` apart (0 for one image), their rows `pitch` apart; `out` are
    the glimpses, flat. `xs` and what follows are `scratch`.
    """
    units, rows = (h + ROWS - 1) // ROWS, len(xs) // w
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        bottom, at = min(top + ROWS, h), first + n * stride
        for begin in range(top, bottom, rows):
            count = np.int64(0)  # a plain 0 has its own type: the helpers would be compiled twice
            for i in range(begin, min(begin + rows, bottom)):
                start = np.uintp(count)
                if len(grids) > 0:
                    for j in range(np.uintp(w)):
                        xs[start + j] = grids[n, i, j, 0]
                        ys[start + j] = grids[n, i, j, 1]
                else:
                    a, b, u_x = matrices[n, 0, 0], matrices[n, 0, 1], matrices[n, 0, 2]
                    c, d, u_y = matrices[n, 1, 0], matrices[n, 1, 1], matrices[n, 1, 2]
                    for j in range(np.uintp(w)):
                        xs[start + j] = (a * float(j) + b * i) + u_x
                        ys[start + j] = (c * float(j) + d * i) + u_y
                count += w
            _locate(xs, count, width, order, x_pixel, x_fraction)
            _locate(ys, count, height, order, y_pixel, y_fraction)
            all_inside = _gather(pixels, at, pitch, height, width, channels, count, x_pixel, y_pixel, corners)
            to = (n * h + begin) * w * channels
            all_finite = _mix_all(corners, channels, count, x_fraction, y_fraction, out, to)
            if all_inside and all_finite:
                continue
            for j in range(count):
                good = _inside(x_pixel[j], y_pixel[j], height, width)
                value = to + j * channels
                for v in range(channels):
                    good = good and math.isfinite(out[value + v])
                if not good:
                    _careful_pixel(
                        pixels, at, pitch, height, width, channels, xs[j], ys[j], order, border, fill, n, out, value
                    )
