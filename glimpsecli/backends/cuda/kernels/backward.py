"""The kernels of the cuda backend's gradients, with respect to images and places, from those of the glimpses.

Images and jobs are as in :mod:`~glimpsecli.backends.cuda.kernels.forward`. Several windows add to one
image atomically, in no fixed order, so its gradient may differ by rounding from run to run; those of places do not.
"""

from __future__ import annotations

import numpy as np

from glimpsecli.backends.cuda.device import cuda
from glimpsecli.backends.cuda.kernels.forward import PIXELS, THREADS, matrix_point, resolve, split, times


@cuda.jit
def pull_columns(cotangents, kept, windows, weights, spans, pulled):
    """Pull the gradients of the glimpses back along x: ``P = G A_x``. A block makes a row of one window.

    Parameters
    ----------
    cotangents : (N, h, w, C) float32
        G.
    kept, windows, weights
        As for :func:`~glimpsecli.backends.cuda.kernels.forward.filterbanks`.
    spans : (N, 4) int32
        The part (top, bottom, left, right) of the whole image that each window reads.
    pulled : (N, h, X C) float32, out
        From the left of its span on.
    """
    h, w, channels = cotangents.shape[1], cotangents.shape[2], cotangents.shape[3]
    for job in range(cuda.blockIdx.x, cotangents.shape[0] * h, cuda.gridDim.x):
        n, r = job // h, job % h
        left, width, begin = spans[n, 2], spans[n, 3] - spans[n, 2], int(windows[n, 8])
        for item in range(cuda.threadIdx.x, width * channels, THREADS):
            x, c = left + item // channels, item % channels
            total = np.float32(0)
            for j in range(w):
                k = x - kept[n, h + j, 0]
                if 0 <= k < kept[n, h + j, 1]:
                    total += cotangents[n, r, j, c] * weights[begin + k * w + j]
            pulled[n, r, item] = total


@cuda.jit(device=True)
def add_up(shared, count):
    """Add up `count` sums of all threads, into those of the first thread."""
    cuda.syncthreads()
    for one in range(cuda.threadIdx.x, count, THREADS):
        total = 0.0
        for thread in range(THREADS):
            total += shared[one, thread]
        shared[one, 0] = total
    cuda.syncthreads()


@cuda.jit(device=True)
def gather_sums(shared, found, n, tap, sigma):
    """Add up the six sums of all threads; store the gradients of a tap, and its means, as in `found`."""
    add_up(shared, 6)
    if cuda.threadIdx.x == 0:
        found[n, tap, 0] = (shared[1, 0] - shared[0, 0] * shared[3, 0]) / sigma
        found[n, tap, 1] = (shared[2, 0] - shared[0, 0] * shared[4, 0]) / sigma
        found[n, tap, 2] = shared[0, 0]
        found[n, tap, 3] = shared[3, 0]
        found[n, tap, 4] = shared[3, 0] / shared[5, 0] if shared[5, 0] > 0 else 0.0
    cuda.syncthreads()


@cuda.jit
def row_gradients(images, top, left, channels, windows, kept, weights, spans, pulled, mixed, turning, sloped, found):
    """Contract ``dL/dA_y = P I^T`` with the derivatives of its rows, a block for each, and make ``A_y I``.

    With ``z = (k - c[r]) / s`` a row needs the sums over k, x of ``P I A z^m`` for m = 0, 1, 2, and those of ``A z^m``:
    ``dL/dc = (S_1 - S_0 m_1) / s`` and ``dL/ds = (S_2 - S_0 m_2) / s``.

    Parameters
    ----------
    images, top, left, channels, windows, kept, weights, spans, pulled
        As before; `channels` are those of a pixel.
    mixed : (N, h, X C) float32, out
        ``A_y I``.
    turning : bool
        Whether `sloped` is wanted.
    sloped : (N, h, X C) float32, out
        The same with ``A z``.
    found : (N, h + w, 5) float64, out
        The gradients of the centre of each tap and of its sigma, its part of the gradient of the gain, m_1, and m_1
        over the sum of A.
    """
    shared = cuda.shared.array((6, THREADS), np.float64)
    h, thread = pulled.shape[1], cuda.threadIdx.x
    for job in range(cuda.blockIdx.x, pulled.shape[0] * h, cuda.gridDim.x):
        n, r = job // h, job % h
        b = n if images.shape[0] > 1 else 0
        begin, values = (spans[n, 2] - left) * channels, (spans[n, 3] - spans[n, 2]) * channels
        sigma = windows[n, 1]
        start, first_weight = kept[n, r, 0], int(windows[n, 7]) + r
        count = min(kept[n, r, 1], top + images.shape[1] - start)
        before = np.float32((start - (windows[n, 0] + times(windows[n, 2], r))) / sigma)
        per_pixel = np.float32(1 / sigma)
        sum_0, sum_1, sum_2, mean_0, mean_1, mean_2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for item in range(thread, values, THREADS):
            mix_0, mix_1, mix_2 = np.float32(0), np.float32(0), np.float32(0)
            for k in range(count):
                z = before + k * per_pixel
                part = weights[first_weight + k * h] * np.float32(images[b, start - top + k, begin + item])
                mix_0 += part
                mix_1 += part * z
                mix_2 += part * z * z
            mixed[n, r, item] = mix_0
            if turning:
                sloped[n, r, item] = mix_1
            sum_0 += pulled[n, r, item] * mix_0
            sum_1 += pulled[n, r, item] * mix_1
            sum_2 += pulled[n, r, item] * mix_2
        for k in range(thread, count, THREADS):
            z = before + k * per_pixel
            mean_0 += weights[first_weight + k * h]
            mean_1 += weights[first_weight + k * h] * z
            mean_2 += weights[first_weight + k * h] * z * z
        shared[0, thread], shared[1, thread], shared[2, thread] = sum_0, sum_1, sum_2
        shared[3, thread], shared[4, thread], shared[5, thread] = mean_1, mean_2, mean_0
        gather_sums(shared, found, n, r, sigma)


@cuda.jit
def column_gradients(cotangents, windows, kept, weights, spans, mixed, found):
    """Contract ``dL/dA_x = G^T A_y I`` with the derivatives of its rows, a block for each, as for the rows of A_y."""
    shared = cuda.shared.array((6, THREADS), np.float64)
    h, w, channels = cotangents.shape[1], cotangents.shape[2], cotangents.shape[3]
    thread = cuda.threadIdx.x
    for job in range(cuda.blockIdx.x, cotangents.shape[0] * w, cuda.gridDim.x):
        n, j = job // w, job % w
        sigma = windows[n, 4]
        start, first_weight = kept[n, h + j, 0], int(windows[n, 8]) + j
        count = min(kept[n, h + j, 1], spans[n, 3] - start)
        before = np.float32((start - (windows[n, 3] + times(windows[n, 5], j))) / sigma)
        per_pixel = np.float32(1 / sigma)
        sum_0, sum_1, sum_2, mean_0, mean_1, mean_2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for item in range(thread, h * count * channels, THREADS):
            r, value = item // (count * channels), item % (count * channels)
            k, c = value // channels, value % channels
            z = before + k * per_pixel
            worth = cotangents[n, r, j, c] * mixed[n, r, (start - spans[n, 2]) * channels + value]
            worth *= weights[first_weight + k * w]
            sum_0 += worth
            sum_1 += worth * z
            sum_2 += worth * z * z
        for k in range(thread, count, THREADS):
            z = before + k * per_pixel
            mean_0 += weights[first_weight + k * w]
            mean_1 += weights[first_weight + k * w] * z
            mean_2 += weights[first_weight + k * w] * z * z
        shared[0, thread], shared[1, thread], shared[2, thread] = sum_0, sum_1, sum_2
        shared[3, thread], shared[4, thread], shared[5, thread] = mean_1, mean_2, mean_0
        gather_sums(shared, found, n, h + j, sigma)


@cuda.jit
def spread_rows(windows, kept, weights, spans, tallest, pulled, top, left, channels, by_images):
    """Add ``gain A_y^T P`` to the images, a block for each row that a window reads: `tallest` at most."""
    h = pulled.shape[1]
    for job in range(cuda.blockIdx.x, pulled.shape[0] * tallest, cuda.gridDim.x):
        n = job // tallest
        y, first_weight = spans[n, 0] + job % tallest, int(windows[n, 7])
        if y >= spans[n, 1]:
            continue
        b = n if by_images.shape[0] > 1 else 0
        begin, values = (spans[n, 2] - left) * channels, (spans[n, 3] - spans[n, 2]) * channels
        for item in range(cuda.threadIdx.x, values, THREADS):
            total = np.float32(0)
            for r in range(h):
                k = y - kept[n, r, 0]
                if 0 <= k < kept[n, r, 1]:
                    total += weights[first_weight + k * h + r] * pulled[n, r, item]
            cuda.atomic.add(by_images, (b, y - top, begin + item), np.float32(windows[n, 6] * total))


@cuda.jit(device=True)
def neighbour(images, top, left, height, width, b, row, column, border, fill, c, channels):
    """Give one value of a neighbour, wherever it lies."""
    y, x = resolve(row, height, border), resolve(column, width, border)
    if y >= 0 and x >= 0:
        return np.float32(images[b, y - top, (x - left) * channels + c])
    return np.float32(fill)


@cuda.jit(device=True)
def look_back(images, top, left, height, width, n, x, y, order, border, fill, cotangents, i, j, wanted, by_images):
    """Add the gradients of the neighbours of the point (x, y) of output pixel (j, i), and give those of the point.

    `wanted` says whether gradients of images, and of places, are wanted.
    """
    x_floor, fx = split(x, order)
    y_floor, fy = split(y, order)
    column, row = int(x_floor), int(y_floor)
    channels = cotangents.shape[3]
    by_x, by_y = 0.0, 0.0
    if wanted[1]:
        b = n if images.shape[0] > 1 else 0
        for c in range(channels):
            e = neighbour(images, top, left, height, width, b, row, column, border, fill[n, c], c, channels)
            f = neighbour(images, top, left, height, width, b, row, column + 1, border, fill[n, c], c, channels)
            g = neighbour(images, top, left, height, width, b, row + 1, column, border, fill[n, c], c, channels)
            d = neighbour(images, top, left, height, width, b, row + 1, column + 1, border, fill[n, c], c, channels)
            by_x += cotangents[n, i, j, c] * ((1 - fy) * (f - e) + fy * (d - g))
            by_y += cotangents[n, i, j, c] * ((1 - fx) * (g - e) + fx * (d - f))
    if wanted[0]:
        b = n if by_images.shape[0] > 1 else 0
        for corner in range(4):
            right, down = corner & 1, corner >> 1
            weight = (fx if right else 1 - fx) * (fy if down else 1 - fy)
            at_row, at_column = resolve(row + down, height, border), resolve(column + right, width, border)
            if weight != 0 and at_row >= 0 and at_column >= 0:
                for c in range(channels):
                    to = (b, at_row - top, (at_column - left) * channels + c)
                    cuda.atomic.add(by_images, to, np.float32(weight * cotangents[n, i, j, c]))
    return by_x, by_y


@cuda.jit
def bilinear_gradients(
    images, top, left, height, width, matrices, order, border, fill, cotangents, wanted, by_images, found
):
    """Pull back through interpolated glimpses; a job is PIXELS of one of them, its part of the gradient ``found[job]``.

    Parameters
    ----------
    images, top, left, height, width, matrices, order, border, fill
        As for :func:`~glimpsecli.backends.cuda.kernels.forward.bilinear`.
    cotangents : (N, h, w, C) float32
    wanted : (bool, bool)
        Whether gradients of images, and of places, are wanted.
    by_images : (B, H, W * C) float32
        Added to.
    found : (jobs, 9) float64, out
        For the elements of a 3x3 matrix, row by row.
    """
    shared, totals = cuda.shared.array((9, THREADS), np.float64), cuda.local.array((3, 3), np.float64)
    h, w, thread = cotangents.shape[1], cotangents.shape[2], cuda.threadIdx.x
    parts = (h * w + PIXELS - 1) // PIXELS
    for job in range(cuda.blockIdx.x, cotangents.shape[0] * parts, cuda.gridDim.x):
        n, low = job // parts, job % parts * PIXELS
        for one in range(9):
            totals[one // 3, one % 3] = 0.0
        for pixel in range(low + thread, min(low + PIXELS, h * w), THREADS):
            i, j = pixel // w, pixel % w
            x, y, depth = matrix_point(matrices, n, i, j)
            by_x, by_y = look_back(
                images, top, left, height, width, n, x, y, order, border, fill, cotangents, i, j, wanted, by_images
            )
            by_x, by_y = by_x / depth, by_y / depth
            for row in range(3):
                slope = by_x if row == 0 else by_y if row == 1 else -(by_x * x + by_y * y)
                totals[row, 0] += slope * j
                totals[row, 1] += slope * i
                totals[row, 2] += slope
        for one in range(9):
            shared[one, thread] = totals[one // 3, one % 3]
        cuda.syncthreads()
        for one in range(thread, 9, THREADS):
            total = 0.0
            for other in range(THREADS):
                total += shared[one, other]
            found[job, one] = total
        cuda.syncthreads()  # the sums are free for the next job
