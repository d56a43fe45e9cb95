"""The kernels that interpolate: an affine matrix says where each output pixel looks, or a grid of points does.

A *unit* of work is `ROWS` rows of one glimpse. It is computed in *tiles*, whole rows of about `TOGETHER` pixels, and
each step is one loop over all pixels of a tile. Three channels of uint8 have steps of their own, with words::

    ROWS  +------------------+
          | 0  1  2  ...     |  tile              xs, ys                         the point of each pixel
          | w  w+1   ...     |          _locate   x_pixel, x_fraction, ...       its upper left neighbour a
          +------------------+          _gather   corners: all a, all b, ...       a---b
          |                  |  tile    _mix_all  out                              | * |
          +------------------+          _mend     the few of out that need it      c---d

A pixel whose neighbours all lie in the image is mixed at once; any other, and any that comes out as no number, is
mended: that way knows borders and does not read what has no weight.

Indices are unsigned where it is hot: Numba checks signed ones for counting from the end.
"""

from __future__ import annotations

import math

import numpy as np

from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels.records import Image, Tile
from glimpsecli.backends.cpu.kernels.words import LOWEST_FIRST, byte, load_word

CONSTANT, EDGE, REFLECT = 0, 1, 2
BORDERS = {"zeros": CONSTANT, "constant": CONSTANT, "edge": EDGE, "reflect": REFLECT}
ROWS = 32  # output rows of one unit of work
TOGETHER = 512  # pixels of a tile, which is at least a row: what is known of them stays in the cache


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
def _gather(image, tile, count):
    """Collect the neighbours of the first `count` pixels of a tile; tell whether all lie in the image."""
    pixels, flat, all_inside = image.pixels, tile.corners, True
    channels, size = np.uintp(image.channels), np.uintp(count)
    plane = channels * size
    for j in range(size):
        x, y = tile.x_pixel[j], tile.y_pixel[j]
        if not _inside(x, y, image.height, image.width):
            all_inside = False
            continue
        a = np.uintp(image.first + np.int64(y) * image.pitch + np.int64(x) * image.channels)
        b, c = a + channels, a + np.uintp(image.pitch)
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
def _mix_all(corners, x_fraction, y_fraction, count, channels, out, to):
    """Mix the neighbours of `count` pixels into `out` from `to` on; tell whether all results are finite."""
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


@helper()
def _gather_words(image, tile, count):
    """Do as :func:`_gather` for three channels of uint8: all channels of a corner in one number.

    Two neighbours in a row are six bytes, which one word holds.
    """
    pixels, words, all_inside = image.pixels, tile.corners, True
    size = np.uintp(count)
    for j in range(size):
        x, y = tile.x_pixel[j], tile.y_pixel[j]
        if not _inside(x, y, image.height, image.width):
            all_inside = False
            continue
        a = np.uintp(image.first + np.int64(y) * image.pitch + np.int64(x) * 3)
        upper, c = load_word(pixels, a), a + np.uintp(image.pitch)
        # At the end a word would reach two bytes past it.
        last = c + np.uintp(8) > np.uintp(len(pixels))
        lower = load_word(pixels, c - np.uintp(2)) >> np.uint64(16) if last else load_word(pixels, c)
        words[j], words[size + j] = np.int32(upper), np.int32(upper >> np.uint64(24))
        words[size + size + j], words[size + size + size + j] = np.int32(lower), np.int32(lower >> np.uint64(24))
    return all_inside


@helper(fastmath={"contract"})
def _mix_words(words, x_fraction, y_fraction, count, out, to):
    """Mix what :func:`_gather_words` collected into `out` from `to` on."""
    size, to = np.uintp(count), np.uintp(to)
    for j in range(size):
        a, b, c, d = words[j], words[size + j], words[size + size + j], words[size + size + size + j]
        for v in range(np.uintp(3)):  # the compiler writes this loop out
            value = _mix(byte(a, v), byte(b, v), byte(c, v), byte(d, v), x_fraction[j], y_fraction[j])
            out[to + np.uintp(3) * j + v] = value


@helper()
def _mend(image, tile, count, order, border, colour, out, to):
    """Compute the pixels of a tile again that reach over the image's edge or are not finite.

    Any neighbour is resolved, and read only if it has a weight.
    """
    for j in range(count):
        value = to + j * image.channels
        good = _inside(tile.x_pixel[j], tile.y_pixel[j], image.height, image.width)
        for v in range(image.channels):
            good = good and math.isfinite(out[value + v])
        if good:
            continue
        x0, fx = _split(tile.xs[j], order)
        y0, fy = _split(tile.ys[j], order)
        for v in range(image.channels):
            total = 0.0
            for k in range(4):
                right, down = k & 1, k >> 1
                weight = (fx if right else 1 - fx) * (fy if down else 1 - fy)
                if weight == 0:
                    continue
                row = _resolve(np.int64(y0) + down, image.height, border)
                column = _resolve(np.int64(x0) + right, image.width, border)
                if row >= 0 and column >= 0:
                    total += weight * image.pixels[image.first + row * image.pitch + column * image.channels + v]
                else:
                    total += weight * colour[v]
            out[value + v] = total


def scratch(w, channels, dtype):
    """Make the tile in which one call of the kernel works, for rows of w pixels of images of a dtype.

    Python makes it because it compiles nothing for that.
    """
    size = rows_together(w) * w
    return Tile(
        np.empty(size),
        np.empty(size),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
        np.zeros(4 * channels * size, np.int32 if dtype == np.uint8 else dtype),
    )


def rows_together(w: int) -> int:
    """Give the output rows of a tile."""
    return max(1, min(ROWS, TOGETHER // w))


@jit()
def interpolating_kernel(
    pixels, first, pitch, stride, height, width, matrices, grids, order, border, fill, h, w, channels, out,
    xs, ys, x_pixel, y_pixel, x_fraction, y_fraction, corners, first_unit, last_unit,
):  # fmt: skip
    """Compute units `first_unit` to `last_unit` of glimpses (h, w, channels).

    Output pixel (j, i) looks at the point ``grids[n, i, j]``, (x, y), or, where `grids` is empty, at ``matrices[n]
    (j, i, 1)``. Images are `stride` apart in `pixels`, 0 for one image; see `Image` for the others, and `Tile` for `xs`
    and those after it. `fill` is (N, C), and `out` are the glimpses, flat.
    """
    tile = Tile(xs, ys, x_pixel, y_pixel, x_fraction, y_fraction, corners)
    units, rows = (h + ROWS - 1) // ROWS, len(xs) // w
    for unit in range(first_unit, last_unit):
        n = unit // units
        top = (unit - n * units) * ROWS
        bottom = min(top + ROWS, h)
        image = Image(pixels, first + n * stride, pitch, height, width, channels)
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
            to = (n * h + begin) * w * channels
            if LOWEST_FIRST and channels == 3 and pixels.itemsize == 1:
                good = _gather_words(image, tile, count)
                _mix_words(corners, x_fraction, y_fraction, count, out, to)
            else:
                good = _gather(image, tile, count)
                good &= _mix_all(corners, x_fraction, y_fraction, count, channels, out, to)
            if not good:
                _mend(image, tile, count, order, border, fill[n], out, to)
