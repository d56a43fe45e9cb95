"""The kernels of the cuda backend: they read like the formulas of ``attention``.

Images arrive as (B, H, W * C), contiguous, in their own dtype, cut to what the windows read: their first pixel is the
pixel (`top`, `left`) of images of `height` and `width`. B is 1 or N. A *job* is what one block computes at a time.
The result does not depend on the number of jobs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from glimpsecli.backends.cpu.kernels import filterbank, neighbours
from glimpsecli.backends.cuda.device import SIMULATED, cuda


class Launch(NamedTuple):
    """The shapes of blocks, and of their arrays in shared memory and registers."""

    threads: int = 128
    tap_lanes: int = 16  # threads that share one row of a filterbank
    rows: int = 8  # rows of a glimpse that one block makes: each source row is loaded once for all of them
    taps: int = 64  # columns of a glimpse that one block makes
    columns: int = 2  # values of one source row that one thread adds up: each weight is loaded once for all of them
    ahead: int = 4  # source rows that a thread loads before it uses the first: the loads wait together
    depth: int = 64  # products in one float32 sum before it joins the total, and rows of weights held at a time
    share: int = 4  # rows of a glimpse for which a thread loads each weight of a column once
    pixels: int = 1024  # pixels of a glimpse that one block interpolates


# The simulator starts a thread for each thread.
SMALL = Launch(threads=4, tap_lanes=2, rows=4, taps=8, columns=6, ahead=3, depth=12, share=2, pixels=64)
LAUNCH = SMALL if SIMULATED else Launch()

# The shape of an array in a kernel has to be a global number.
THREADS, TAP_LANES, ROWS, TAPS, COLUMNS, AHEAD, DEPTH, SHARE, PIXELS = LAUNCH
FILTERBANK_ROWS = THREADS // TAP_LANES  # rows of filterbanks that one block makes
WIDTH = THREADS * COLUMNS  # values of a source row that one block holds


# The mathematics of one element is the cpu backend's, compiled for the device.
kept_pixels, relative_weight, row_scale, resolve, split, mix = (
    cuda.jit(device=True)(function)
    for function in (
        filterbank.kept_pixels,
        filterbank.relative_weight,
        filterbank.row_scale,
        neighbours.resolve,
        neighbours.split,
        neighbours.mix,
    )
)


@cuda.jit(device=True)
def times(factor, index):
    """Multiply and round, as the other backends do, so that ties round alike and the cut holds every nearest pixel.

    The compiler would fuse a plain product with the sum that takes it, and round once.
    """
    return cuda.fma(factor, float(index), 0.0)


@cuda.jit
def filterbanks(windows, h, height, width, cut, kept, weights):
    """Make both filterbanks of all windows: ``A[r, k] = a[r, k] / (sum_k a[r, k] + 1e-8)``.

    A block makes some rows, several threads each. They are made in float64 and stored as float32.

    Parameters
    ----------
    windows : (N, 9) float64
        ``(u_y, s_y, d_y, u_x, s_x, d_x, gain)``, index coordinates, and where the weights of y and of x begin.
    h, height, width : int
        Rows of a glimpse, and pixels of the image on the two axes.
    cut : float
        Where the tails are cut, in sigmas.
    kept : (N, h + w, 2) int32, out
        First pixel that each row keeps, and how many; the rows of y and then those of x.
    weights : (...) float32, out
        Weight k of row r of `taps` at ``begin + k taps + r``: neighbouring threads take neighbouring rows.
    """
    sums = cuda.shared.array((TAP_LANES, FILTERBANK_ROWS), np.float64)
    row, lane = cuda.threadIdx.x % FILTERBANK_ROWS, cuda.threadIdx.x // FILTERBANK_ROWS
    taps_of_both = kept.shape[1]
    total_rows = kept.shape[0] * taps_of_both
    for job in range(cuda.blockIdx.x, (total_rows + FILTERBANK_ROWS - 1) // FILTERBANK_ROWS, cuda.gridDim.x):
        index = min(job * FILTERBANK_ROWS + row, total_rows - 1)  # beyond the last row, that row again
        n, r = index // taps_of_both, index % taps_of_both
        axis, taps, pixels = 0, h, height
        if r >= h:
            axis, taps, pixels, r = 1, taps_of_both - h, width, r - h
        sigma = windows[n, 3 * axis + 1]
        centre = windows[n, 3 * axis] + times(windows[n, 3 * axis + 2], r)
        nearest, start, count = kept_pixels(centre, sigma, pixels, cut)
        total = 0.0
        for k in range(lane, count, TAP_LANES):
            total += relative_weight(start + k, nearest, centre, sigma)
        sums[lane, row] = total
        cuda.syncthreads()
        total = 0.0
        for other in range(TAP_LANES):
            total += sums[other, row]
        scale = row_scale(nearest, centre, sigma, total)
        begin = int(windows[n, 7 + axis]) + r
        for k in range(lane, count, TAP_LANES):
            weights[begin + k * taps] = relative_weight(start + k, nearest, centre, sigma) * scale
        if lane == 0:
            kept[n, axis * h + r, 0] = start
            kept[n, axis * h + r, 1] = count
        cuda.syncthreads()  # the sums are free for the next job


@cuda.jit(device=True)
def reach(kept, n, first, last):
    """Give the first pixel, and the one after the last, that a run of taps reads."""
    start = min(kept[n, first, 0], kept[n, last, 0])
    return start, max(kept[n, first, 0] + kept[n, first, 1], kept[n, last, 0] + kept[n, last, 1])


@cuda.jit
def gaussian(images, top, left, windows, kept, weights, out):
    """Compute ``gain * A_y I A_x^T``, rows first.

    A block makes some rows and columns of one glimpse. It walks over the part of the image that these see in strips of
    WIDTH values. For each strip it first mixes source rows, ``A_y I``, each thread some columns for all its rows of the
    glimpse at once, so that each pixel is loaded once; the mixed rows stay in shared memory. Then it mixes their
    columns into the glimpse. No float32 sum is longer than DEPTH rows or WIDTH columns before it joins its total.

    Parameters
    ----------
    images : (B, H, W * C)
    top, left : int
    windows, kept, weights
        As for :func:`filterbanks`.
    out : (N, h, w, C) float32
    """
    mixed = cuda.shared.array((ROWS, WIDTH), np.float32)
    row_weights = cuda.shared.array((DEPTH, ROWS), np.float32)
    values = cuda.local.array((AHEAD, COLUMNS), np.float32)
    parts = cuda.local.array((ROWS, COLUMNS), np.float32)
    totals = cuda.local.array((ROWS, COLUMNS), np.float32)
    sums = cuda.local.array(SHARE, np.float32)
    h, w, channels = out.shape[1], out.shape[2], out.shape[3]
    strips, tiles = (h + ROWS - 1) // ROWS, (w + TAPS - 1) // TAPS
    thread = cuda.threadIdx.x
    for job in range(cuda.blockIdx.x, out.shape[0] * strips * tiles, cuda.gridDim.x):
        n = job // (strips * tiles)
        first_row, first_column = job // tiles % strips * ROWS, job % tiles * TAPS
        rows, taps = min(ROWS, h - first_row), min(TAPS, w - first_column)
        b = n if images.shape[0] > 1 else 0
        y_begin, x_begin = int(windows[n, 7]), int(windows[n, 8])
        # The first and the last tap reach furthest. Rounding must not lead out of the cut.
        above, below = reach(kept, n, first_row, first_row + rows - 1)
        above, below = max(above, top), min(below, top + images.shape[1])
        begin, end = reach(kept, n, h + first_column, h + first_column + taps - 1)
        begin, end = max(begin, left) * channels, min(end * channels, left * channels + images.shape[2])
        for low in range(begin, end, WIDTH):
            high = min(low + WIDTH, end)
            for r in range(ROWS):
                for q in range(COLUMNS):
                    totals[r, q] = 0
            first = low + thread * COLUMNS  # of the values that this thread adds up
            for y in range(above, below, DEPTH):
                depth = min(DEPTH, (below - y + AHEAD - 1) // AHEAD * AHEAD)
                cuda.syncthreads()  # all threads have done with the shared memory
                for item in range(thread, depth * ROWS, THREADS):
                    r = item % ROWS
                    weight = np.float32(0)
                    if r < rows:
                        k = y + item // ROWS - kept[n, first_row + r, 0]
                        if 0 <= k < kept[n, first_row + r, 1]:
                            weight = weights[y_begin + k * h + first_row + r]
                    row_weights[item // ROWS, r] = weight
                cuda.syncthreads()
                if first >= high:
                    continue
                for r in range(ROWS):
                    for q in range(COLUMNS):
                        parts[r, q] = 0
                for step in range(0, depth, AHEAD):
                    zero = np.float32(0)
                    for a in range(AHEAD):
                        for q in range(COLUMNS):
                            # Beyond the last row or column the last one is read again, for nothing.
                            row = np.uintp(min(y + step + a, below - 1) - top)
                            column = np.uintp(min(first + q, high - 1) - left * channels)
                            values[a, q] = np.float32(images[b, row, column])
                            zero += 0 * values[a, q]
                    if zero == 0:
                        for r in range(ROWS):
                            for a in range(AHEAD):
                                for q in range(COLUMNS):
                                    parts[r, q] += row_weights[step + a, r] * values[a, q]
                    else:  # a NaN or an infinity: pixels without a weight are not read
                        for r in range(ROWS):
                            for a in range(AHEAD):
                                for q in range(COLUMNS):
                                    if row_weights[step + a, r] != 0:
                                        parts[r, q] += row_weights[step + a, r] * values[a, q]
                for r in range(ROWS):
                    for q in range(COLUMNS):
                        totals[r, q] += parts[r, q]
            for r in range(ROWS):
                for q in range(COLUMNS):
                    mixed[r, thread * COLUMNS + q] = totals[r, q]
            cuda.syncthreads()
            for item in range(thread, taps * channels * (ROWS // SHARE), THREADS):
                c, j = item % channels, first_column + item // channels % taps
                shared_rows = item // (channels * taps) * SHARE
                start, count = kept[n, h + j, 0], kept[n, h + j, 1]
                # Pixels k of this tap with low <= k channels + c < high.
                k_low = max(start, (low - c + channels - 1) // channels)
                k_high = min(start + count, (high - c + channels - 1) // channels)
                if k_low < k_high:
                    for r in range(SHARE):
                        sums[r] = 0
                    for k in range(k_low, k_high):
                        weight = weights[x_begin + (k - start) * w + j]
                        for r in range(SHARE):
                            sums[r] += weight * mixed[shared_rows + r, k * channels + c - low]
                    for r in range(SHARE):
                        i = first_row + shared_rows + r
                        if i < h:
                            value = np.float32(windows[n, 6] * sums[r])
                            if low == begin or start * channels + c >= low:
                                out[n, i, j, c] = value
                            else:
                                out[n, i, j, c] += value


@cuda.jit(device=True)
def careful(images, top, left, height, width, b, corner, border, fill, c, channels):
    """Mix the neighbours of one value, wherever they lie; one without a weight is not read: its NaN stays outside."""
    x0, y0, fx, fy = corner
    total = 0.0
    for neighbour in range(4):
        right, down = neighbour & 1, neighbour >> 1
        weight = (fx if right else 1 - fx) * (fy if down else 1 - fy)
        if weight != 0:
            row, column = resolve(y0 + down, height, border), resolve(x0 + right, width, border)
            if row >= 0 and column >= 0:
                total += weight * np.float64(images[b, row - top, (column - left) * channels + c])
            else:
                total += weight * np.float64(fill)
    return np.float32(total)


@cuda.jit(device=True)
def look(images, top, left, height, width, n, x, y, order, border, fill, out, i, j):
    """Interpolate output pixel (j, i) at the point (x, y), index coordinates of the whole image."""
    x_floor, x_fraction = split(x, order)
    y_floor, y_fraction = split(y, order)
    x0, y0, fx, fy = int(x_floor), int(y_floor), np.float32(x_fraction), np.float32(y_fraction)
    b = n if images.shape[0] > 1 else 0
    channels = out.shape[3]
    row, column = y0 - top, (x0 - left) * channels
    inside = 0 <= x0 < width - 1 and 0 <= y0 < height - 1
    for c in range(channels):
        value = np.float32(np.nan)
        if inside:
            value = mix(
                np.float32(images[b, row, column + c]),
                np.float32(images[b, row, column + channels + c]),
                np.float32(images[b, row + 1, column + c]),
                np.float32(images[b, row + 1, column + channels + c]),
                fx,
                fy,
            )
        if not math.isfinite(value):  # at the border, or beside a NaN
            corner = x0, y0, x_fraction, y_fraction
            value = careful(images, top, left, height, width, b, corner, border, fill[n, c], c, channels)
        out[n, i, j, c] = value


@cuda.jit(device=True)
def matrix_point(matrices, n, i, j):
    """Give the point (x, y) of output pixel (j, i) of window n, and its w, 1 for an affine matrix."""
    x = times(matrices[n, 0, 0], j) + times(matrices[n, 0, 1], i) + matrices[n, 0, 2]
    y = times(matrices[n, 1, 0], j) + times(matrices[n, 1, 1], i) + matrices[n, 1, 2]
    if matrices.shape[1] == 2:
        return x, y, 1.0
    depth = times(matrices[n, 2, 0], j) + times(matrices[n, 2, 1], i) + matrices[n, 2, 2]
    return x / depth, y / depth, depth


@cuda.jit
def bilinear(images, top, left, height, width, matrices, order, border, fill, out):
    """Interpolate: output pixel (j, i) looks at ``matrix (j, i, 1)``; matrices are (N, 2 or 3, 3) float64."""
    h, w = out.shape[1], out.shape[2]
    parts = (h * w + PIXELS - 1) // PIXELS
    for job in range(cuda.blockIdx.x, out.shape[0] * parts, cuda.gridDim.x):
        n, low = job // parts, job % parts * PIXELS
        for pixel in range(low + cuda.threadIdx.x, min(low + PIXELS, h * w), THREADS):
            i, j = pixel // w, pixel % w
            x, y, _ = matrix_point(matrices, n, i, j)
            look(images, top, left, height, width, n, x, y, order, border, fill, out, i, j)
