"""The kernels of the gradients of elliptical Gaussians. Blocks, teams and jobs are those of the glimpses.

Several taps add to one pixel atomically, in no fixed order, so the gradients with respect to images may differ by
rounding from run to run; those with respect to matrices do not.
"""

from __future__ import annotations

import numpy as np

from glimpsecli.backends.cuda.device import cuda
from glimpsecli.backends.cuda.kernels.elliptical import (
    ACROSS,
    DOWN,
    FADE,
    LEAST,
    NUMBERS,
    STRETCH,
    TAPS,
    TEAM,
    TEAMS,
    THREADS,
    ZERO,
    ellipse_in,
    ellipse_of,
    functions,
    linear_of,
    prepare,
    row_in,
    rows_in,
    weight_of,
)

MOMENTS = 12  # of a tap: six of the weights, and six of their products with the pixels' parts in the loss

add_row_moments, tap_vjp = functions.add_row_moments, functions.tap_vjp


@cuda.jit(device=True)
def add_moments(image, top, left, height, width, channels, losses, one, least, cut, lane, parts, moments):
    """Add the moments of a thread's pixels to `moments`, (2, 6); `losses` are the cotangents of the tap, or none."""
    square, wide = least + cut * cut, image.shape[1] // channels
    above, below = rows_in(one, square, height, top, image.shape[0])
    for r in range(above + lane // ACROSS, below, DOWN):
        pixels = image[r - top]
        start, end, nearest, middle, scale, before, more = row_in(one, least, square, r, width, left, wide)
        to_nearest = nearest - middle
        for stretch in range(start + lane % ACROSS, end, STRETCH):
            for part in range(6):
                parts[part] = ZERO
            for k in range(stretch, min(stretch + STRETCH, end), ACROSS):
                away, shade = np.float32(np.int32(k - nearest)), ZERO
                weight = weight_of(away, scale, before, more)
                at = np.uintp((k - left) * channels)
                for c in range(losses.shape[0]):
                    shade += losses[c] * np.float32(pixels[at + np.uintp(c)])
                for kind in range(0, 6, 3):
                    parts[kind] += weight
                    parts[kind + 1] += weight * away
                    parts[kind + 2] += weight * away * away
                    weight *= shade
            for kind in range(2):  # from distances from the nearest column to those from the middle
                sum_0, sum_1, sum_2 = float(parts[3 * kind]), float(parts[3 * kind + 1]), float(parts[3 * kind + 2])
                sum_2 += to_nearest * (2 * sum_1 + to_nearest * sum_0)
                sum_1 += to_nearest * sum_0
                add_row_moments(one, float(r), sum_0, sum_1, sum_2, moments[kind])


@cuda.jit(device=True)
def spread(by_image, top, left, height, width, losses, one, least, cut, lane, factor):
    """Add the gradients with respect to a thread's pixels: their weights times `factor` times the cotangents."""
    channels = losses.shape[0]
    square, wide = least + cut * cut, by_image.shape[1] // channels
    above, below = rows_in(one, square, height, top, by_image.shape[0])
    for r in range(above + lane // ACROSS, below, DOWN):
        start, end, nearest, _, scale, before, more = row_in(one, least, square, r, width, left, wide)
        for k in range(start + lane % ACROSS, end, ACROSS):
            weight = factor * weight_of(np.float32(np.int32(k - nearest)), scale, before, more)
            for c in range(channels):
                cuda.atomic.add(by_image, (r - top, (k - left) * channels + c), weight * losses[c])


@cuda.jit(device=True)
def pull_back(matrices, blur, cut, n, i, j, height, width, moments, shares):
    """Fill the (9,) shares of a tap in the gradient with respect to its matrix."""
    linear, g, k = linear_of(matrices, n, float(i), float(j)), 0.0, 0.0
    if matrices.shape[1] == 3:
        g, k = matrices[n, 2, 0], matrices[n, 2, 1]
    one = ellipse_of(linear, blur)
    elements = tap_vjp(linear, one, blur, g, k, float(j), float(i), height, width, cut, moments)
    for element in range(9):
        shares[element] = elements[element]


@cuda.jit
def elliptical_gradients(images, top, left, height, width, matrices, blur, cut, cotangents, wanted, by_images, found):
    """Pull back through elliptical Gaussians; each job gives its part of the gradient with respect to its matrix.

    Parameters
    ----------
    images, top, left, height, width, matrices, blur, cut
        As for :func:`elliptical`.
    cotangents : (N, h, w, C) float32
    wanted : (bool, bool)
        Whether gradients of images, and of places, are wanted.
    by_images : (B, H, W * C) float32
        Added to.
    found : (N, 9, jobs of a glimpse) float64, out
        For the elements of a 3x3 matrix, row by row.
    """
    numbers = cuda.shared.array((TAPS, NUMBERS), np.float64)
    shared = cuda.shared.array((MOMENTS, THREADS), np.float64)
    of_taps = cuda.shared.array((TAPS, 2, 6), np.float64)
    shares = cuda.shared.array((9, TAPS), np.float64)
    moments = cuda.local.array((2, 6), np.float64)
    parts = cuda.local.array(6, np.float32)
    h, w, channels = cotangents.shape[1], cotangents.shape[2], cotangents.shape[3]
    thread = cuda.threadIdx.x
    team, lane = thread // TEAM, thread % TEAM
    jobs = found.shape[2]
    for job in range(cuda.blockIdx.x, cotangents.shape[0] * jobs, cuda.gridDim.x):
        n, low = job // jobs, job % jobs * TAPS
        image = images[n if images.shape[0] > 1 else 0]
        by_image = by_images[n if by_images.shape[0] > 1 else 0]
        if thread < TAPS:
            tap = low + thread
            numbers[thread, FADE] = 0.0
            if tap < h * w:
                prepare(matrices, blur, cut, n, tap // w, tap % w, height, width, numbers[thread])
        cuda.syncthreads()
        for t in range(team, TAPS, TEAMS):
            tap, one, least, fade = min(low + t, h * w - 1), ellipse_in(numbers[t]), numbers[t, LEAST], numbers[t, FADE]
            losses = cotangents[n, tap // w, tap % w]
            for part in range(MOMENTS):
                moments[part // 6, part % 6] = 0.0
            if fade > 0:
                some = losses[: channels if wanted[1] else 0]
                add_moments(image, top, left, height, width, channels, some, one, least, cut, lane, parts, moments)
            for part in range(MOMENTS):
                shared[part, thread] = moments[part // 6, part % 6]
            cuda.syncthreads()
            for part in range(lane, MOMENTS, TEAM):
                total = 0.0
                for other in range(team * TEAM, (team + 1) * TEAM):
                    total += shared[part, other]
                of_taps[t, part // 6, part % 6] = total
            cuda.syncthreads()
            if fade > 0 and wanted[0]:
                factor = np.float32(fade / of_taps[t, 0, 0])
                spread(by_image, top, left, height, width, losses, one, least, cut, lane, factor)
        if wanted[1]:
            if thread < TAPS:
                tap, share = low + thread, shares[:, thread]
                for element in range(9):
                    share[element] = 0.0
                if numbers[thread, FADE] > 0:
                    pull_back(matrices, blur, cut, n, tap // w, tap % w, height, width, of_taps[thread], share)
            cuda.syncthreads()
            for element in range(thread, 9, THREADS):
                total = 0.0
                for t in range(TAPS):
                    total += shares[element, t]
                found[n, element, job % jobs] = total
        cuda.syncthreads()  # the shared memory is free for the next job


@cuda.jit
def add_parts(found, by_matrices):
    """Sum (N, 9, jobs) parts of gradients into (N, 9): a block makes one sum at a time."""
    shared = cuda.shared.array(THREADS, np.float64)
    thread = cuda.threadIdx.x
    for job in range(cuda.blockIdx.x, found.shape[0] * 9, cuda.gridDim.x):
        total = 0.0
        for part in range(thread, found.shape[2], THREADS):
            total += found[job // 9, job % 9, part]
        shared[thread] = total
        cuda.syncthreads()
        if thread == 0:
            for other in range(1, THREADS):
                total += shared[other]
            by_matrices[job // 9, job % 9] = total
        cuda.syncthreads()
