"""The samplers on the processor, compiled by Numba. See the package for the functions and the shapes.

A job is cut into *tiles*: some rows of one glimpse. Each pixel is computed by the same operations in the same order
whatever the tiles and the threads, so the result does not depend on them. Images arrive as (B, H, W * C), contiguous,
in their own dtype, and only the pixels that a glimpse reads are converted.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from glimpsecli.backends.jit import jit
from glimpsecli.backends.support import affine_support, gaussian_support, union
from glimpsecli.backends.threads import run

# A cached kernel notices a changed constant only in its own file, so two that others know as well stand here again.
EPSILON = 1e-8  # attention.gaussian.EPSILON
CUT = 5.5  # backends.support.CUT
LONGEST_SUM = 256  # products in one float32 sum before it joins the total: keeps the rounding below 1e-6
CONSTANT, EDGE, REFLECT = 0, 1, 2
BORDERS = {"zeros": CONSTANT, "constant": CONSTANT, "edge": EDGE, "reflect": REFLECT}


def gaussian(images: np.ndarray, params: np.ndarray, out: np.ndarray, threads: int | None = None) -> None:
    """Fill `out` with Gaussian glimpses: ``gain * A_y I A_x^T``, the tails of the Gaussians cut."""
    size, image_size = out.shape[1:3], images.shape[1:3]
    boxes = gaussian_support(params, size, image_size)
    rows, (top, left) = _contiguous_rows(images, boxes)
    columns = boxes[:, 3] - boxes[:, 2]
    rows_read = np.maximum(boxes[:, 1] - boxes[:, 0], 2 * CUT * params[:, 1] * size[0])
    work = out.shape[3] * float(np.sum(columns * rows_read))
    arguments = _read_only(rows, params - np.array([top, 0, 0, left, 0, 0, 0]))
    run(_gaussian_serial, _gaussian_parallel, (*arguments, out), windows=len(out), work=work, threads=threads)


def affine(
    images: np.ndarray,
    matrices: np.ndarray,
    out: np.ndarray,
    order: int,
    border: str,
    fill: np.ndarray,
    threads: int | None = None,
) -> None:
    """Fill `out` with bilinear (order 1) or nearest (order 0) glimpses."""
    image_size = images.shape[1:3]
    rows, origin = _contiguous_rows(images, affine_support(matrices, out.shape[1:3], image_size, border))
    colours = fill if border == "constant" else np.zeros_like(fill)
    arguments = _read_only(rows, matrices, colours, np.array(image_size), np.array(origin))
    call = (*arguments, order, BORDERS[border], out)
    run(_affine_serial, _affine_parallel, call, windows=len(out), work=10.0 * out.size, threads=threads)


def grid(
    images: np.ndarray,
    grids: np.ndarray,
    out: np.ndarray,
    order: int,
    border: str,
    fill: np.ndarray,
    threads: int | None = None,
) -> None:
    """Fill `out` with what stands at the points of grids."""
    rows = np.ascontiguousarray(images).reshape(len(images), images.shape[1], -1)
    colours = fill if border == "constant" else np.zeros_like(fill)
    call = (*_read_only(rows, grids, colours, np.array(images.shape[1:3])), order, BORDERS[border], out)
    run(_grid_serial, _grid_parallel, call, windows=len(out), work=10.0 * out.size, threads=threads)


# ---- Gaussian ------------------------------------------------------------------------------------------------------


@jit()
def _filterbank(first, sigma, stride, start_tap, stop_tap, pixels):
    """Make the rows `start_tap` to `stop_tap` of a filterbank, tails cut.

    ``A[r, k] = a[r, k] / (sum_k a[r, k] + 1e-8)`` with ``a[r, k] = exp(-z^2 / 2)`` and
    ``z = (k - first - r stride) / sigma``, for the pixels k with ``z_k^2 <= min_k z_k^2 + CUT^2``. Made in float64,
    stored as float32.

    Returns
    -------
    starts, counts : (taps,) int64
        The pixels that each row keeps.
    weights : (taps, max(counts)) float32
    """
    taps = stop_tap - start_tap
    starts, counts = np.empty(taps, np.int64), np.empty(taps, np.int64)
    for r in range(taps):
        centre = first + (start_tap + r) * stride
        nearest = min(max(np.floor(centre + 0.5), 0.0), pixels - 1.0)
        reach = math.hypot(nearest - centre, CUT * sigma)
        start = min(max(np.ceil(centre - reach), 0.0), nearest)
        stop = max(min(np.floor(centre + reach), pixels - 1.0), nearest)
        starts[r], counts[r] = int(start), int(stop) - int(start) + 1
    weights = np.empty((taps, counts.max()), np.float32)
    for r in range(taps):
        centre = first + (start_tap + r) * stride
        total = 0.0
        for k in range(counts[r]):
            z = (starts[r] + k - centre) / sigma
            total += math.exp(-0.5 * z * z)
        for k in range(counts[r]):
            z = (starts[r] + k - centre) / sigma
            weights[r, k] = math.exp(-0.5 * z * z) / (total + EPSILON)
    return starts, counts, weights


@jit()
def _weighted_rows(image, top, weights, count, left, out):
    """Add up rows: ``out[i] = sum_k weights[k] image[top + k, left + i]``; runs along contiguous memory."""
    width = len(out)
    part = np.empty(width, np.float32)
    out[:] = 0
    for begin in range(0, count, LONGEST_SUM):
        part[:] = 0
        for k in range(begin, min(begin + LONGEST_SUM, count)):
            weight = weights[k]
            row = image[top + k, left : left + width]
            for i in range(width):
                part[i] += weight * np.float32(row[i])
        for i in range(width):
            out[i] += part[i]


@jit(fastmath={"reassoc", "nsz", "contract"})
def _dot(a, b):
    """Give ``sum_k a[k] b[k]`` in any order, so that it runs in vectors."""
    total = np.float32(0)
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


@jit()
def _gaussian_tile(images, params, out, tile, tiles_per_window):
    """Compute one tile of ``gain * A_y I A_x^T``: for each output row ``A_y I`` first, then times ``A_x^T``."""
    n, part = tile // tiles_per_window, tile % tiles_per_window
    h, w, channels = out.shape[1], out.shape[2], out.shape[3]
    first_row, last_row = h * part // tiles_per_window, h * (part + 1) // tiles_per_window
    if first_row == last_row:
        return
    image = images[n if len(images) > 1 else 0]
    u_y, s_y, d_y, u_x, s_x, d_x, gain = params[n]
    tops, heights, row_weights = _filterbank(u_y, s_y, d_y, first_row, last_row, image.shape[0])
    lefts, widths, column_weights = _filterbank(u_x, s_x, d_x, 0, w, image.shape[1] // channels)
    left = lefts.min()
    width = (lefts + widths).max() - left
    mixed = np.empty(width * channels, np.float32)  # one row of A_y I, channels interleaved
    planes = np.empty((channels, width), np.float32)  # the same, a row for each channel
    for i in range(last_row - first_row):
        _weighted_rows(image, tops[i], row_weights[i], heights[i], left * channels, mixed)
        for c in range(channels):
            for x in range(width):
                planes[c, x] = mixed[x * channels + c]
        for j in range(w):
            for c in range(channels):
                total = np.float32(0)
                for begin in range(0, widths[j], LONGEST_SUM):
                    end = min(begin + LONGEST_SUM, widths[j])
                    start = lefts[j] - left
                    total += _dot(column_weights[j, begin:end], planes[c, start + begin : start + end])
                out[n, first_row + i, j, c] = gain * total


@jit()
def _gaussian_serial(images, params, out, tiles_per_window):
    for tile in range(len(params) * tiles_per_window):
        _gaussian_tile(images, params, out, tile, tiles_per_window)


@jit(parallel=True)
def _gaussian_parallel(images, params, out, tiles_per_window):
    for tile in numba.prange(len(params) * tiles_per_window):
        _gaussian_tile(images, params, out, tile, tiles_per_window)


# ---- affine --------------------------------------------------------------------------------------------------------


@jit()
def _resolve(index, extent, border):
    """Give the pixel that stands in for an index on one axis, or -1 where the fill colour does."""
    if 0 <= index < extent:
        return index
    if border == CONSTANT:
        return -1
    if border == EDGE:
        return 0 if index < 0 else extent - 1
    phase = index % (2 * extent)
    return min(phase, 2 * extent - 1 - phase)


@jit()
def _neighbours(coordinate, extent, order, border):
    """Give the two pixels of one axis that a coordinate reads and their float32 weights.

    What the weights lack from 1 belongs to the fill colour. If one neighbour counts and the other does not, it is the
    first, and the second has the weight 0: what has no weight need not be read, and a NaN there stays outside.
    """
    if order == 0:
        pixel = _resolve(int(np.floor(coordinate + 0.5)), extent, border)
        return max(pixel, 0), 0, np.float32(pixel >= 0), np.float32(0)
    floor = np.floor(coordinate)
    fraction = coordinate - floor
    first, second = _resolve(int(floor), extent, border), _resolve(int(floor) + 1, extent, border)
    first_weight = np.float32(1 - fraction) if first >= 0 else np.float32(0)
    second_weight = np.float32(fraction) if second >= 0 else np.float32(0)
    if first < 0:
        return max(second, 0), 0, second_weight, np.float32(0)
    return first, max(second, 0), first_weight, second_weight


@jit()
def _mix(image, x0, x1, y0, y1, wx0, wx1, wy0, wy1, fill, out):
    """Mix four neighbours into one output pixel; columns are pixels, not values."""
    channels = len(out)
    cover = (wx0 + wx1) * (wy0 + wy1)
    if cover == 0:
        out[:] = fill
        return
    for c in range(channels):
        value = wx0 * np.float32(image[y0, x0 * channels + c])
        if wx1 != 0:
            value += wx1 * np.float32(image[y0, x1 * channels + c])
        value *= wy0
        if wy1 != 0:
            lower = wx0 * np.float32(image[y1, x0 * channels + c])
            if wx1 != 0:
                lower += wx1 * np.float32(image[y1, x1 * channels + c])
            value += wy1 * lower
        out[c] = value + fill[c] * (np.float32(1) - cover)


@jit()
def _affine_tile(images, matrices, fill, extent, origin, order, border, out, tile, tiles_per_window):
    """Compute one tile: output pixel (j, i) looks at ``matrix (j, i, 1)``, index coordinates of the whole image.

    `images` may be a cut: its first pixel is the `origin` of an image of `extent`, both (y, x).
    """
    n, part = tile // tiles_per_window, tile % tiles_per_window
    h, w = out.shape[1], out.shape[2]
    first_row, last_row = h * part // tiles_per_window, h * (part + 1) // tiles_per_window
    image = images[n if len(images) > 1 else 0]
    (a, b, u_x), (c, d, u_y) = matrices[n]
    top, left = origin
    if b == 0 and c == 0:
        pixels, weights = np.empty((w, 2), np.int64), np.empty((w, 2), np.float32)
        for j in range(w):
            x0, x1, weights[j, 0], weights[j, 1] = _neighbours(a * j + u_x, extent[1], order, border)
            pixels[j, 0], pixels[j, 1] = max(x0 - left, 0), max(x1 - left, 0)
        for i in range(first_row, last_row):
            y0, y1, wy0, wy1 = _neighbours(d * i + u_y, extent[0], order, border)
            y0, y1 = max(y0 - top, 0), max(y1 - top, 0)
            for j in range(w):
                x0, x1, wx0, wx1 = pixels[j, 0], pixels[j, 1], weights[j, 0], weights[j, 1]
                _mix(image, x0, x1, y0, y1, wx0, wx1, wy0, wy1, fill[n], out[n, i, j])
        return
    for i in range(first_row, last_row):
        for j in range(w):
            x0, x1, wx0, wx1 = _neighbours((a * j + b * i) + u_x, extent[1], order, border)
            y0, y1, wy0, wy1 = _neighbours((c * j + d * i) + u_y, extent[0], order, border)
            x0, x1, y0, y1 = max(x0 - left, 0), max(x1 - left, 0), max(y0 - top, 0), max(y1 - top, 0)
            _mix(image, x0, x1, y0, y1, wx0, wx1, wy0, wy1, fill[n], out[n, i, j])


@jit()
def _affine_serial(images, matrices, fill, extent, origin, order, border, out, tiles_per_window):
    for tile in range(len(matrices) * tiles_per_window):
        _affine_tile(images, matrices, fill, extent, origin, order, border, out, tile, tiles_per_window)


@jit(parallel=True)
def _affine_parallel(images, matrices, fill, extent, origin, order, border, out, tiles_per_window):
    for tile in numba.prange(len(matrices) * tiles_per_window):
        _affine_tile(images, matrices, fill, extent, origin, order, border, out, tile, tiles_per_window)


@jit()
def _grid_tile(images, grids, fill, extent, order, border, out, tile, tiles_per_window):
    """Compute one tile at given points (x, y), index coordinates."""
    n, part = tile // tiles_per_window, tile % tiles_per_window
    h, w = out.shape[1], out.shape[2]
    image = images[n if len(images) > 1 else 0]
    for i in range(h * part // tiles_per_window, h * (part + 1) // tiles_per_window):
        for j in range(w):
            x0, x1, wx0, wx1 = _neighbours(grids[n, i, j, 0], extent[1], order, border)
            y0, y1, wy0, wy1 = _neighbours(grids[n, i, j, 1], extent[0], order, border)
            _mix(image, x0, x1, y0, y1, wx0, wx1, wy0, wy1, fill[n], out[n, i, j])


@jit()
def _grid_serial(images, grids, fill, extent, order, border, out, tiles_per_window):
    for tile in range(len(grids) * tiles_per_window):
        _grid_tile(images, grids, fill, extent, order, border, out, tile, tiles_per_window)


@jit(parallel=True)
def _grid_parallel(images, grids, fill, extent, order, border, out, tiles_per_window):
    for tile in numba.prange(len(grids) * tiles_per_window):
        _grid_tile(images, grids, fill, extent, order, border, out, tile, tiles_per_window)


# ---- calls ---------------------------------------------------------------------------------------------------------


def _contiguous_rows(images: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Give images as (B, H, W * C), contiguous, and the (y, x) of their first pixel.

    Where that needs a copy, only what the windows read is copied.
    """
    origin = (0, 0)
    if not images.flags.c_contiguous:
        top, bottom, left, right = union(boxes)
        images, origin = np.ascontiguousarray(images[:, top:bottom, left:right]), (top, left)
    return images.reshape(len(images), images.shape[1], -1), origin


def _read_only(*arrays: np.ndarray) -> list[np.ndarray]:
    """Give read-only views: Numba compiles again for each mixture of read-only and writable arrays."""
    views = [array.view() for array in arrays]
    for view in views:
        view.flags.writeable = False
    return views
