"""The kernel of the gradients of upright Gaussian glimpses with respect to turns and shears, at none."""

from __future__ import annotations

import numpy as np

from glimpsecli.backends.cuda.device import cuda
from glimpsecli.backends.cuda.kernels.backward import add_up
from glimpsecli.backends.cuda.kernels.forward import THREADS, times


@cuda.jit
def turn_gradients(cotangents, windows, kept, weights, spans, mixed, sloped, found, by_turns):
    """Pull back to a turn or shear of the grid and its Gaussians, at none; a block takes a column of one window.

    Parameters
    ----------
    cotangents, windows, kept, weights, spans, mixed, sloped, found
        As for the kernels of :mod:`~glimpsecli.backends.cuda.kernels.backward`.
    by_turns : (N, w, 3) float64, out
        The part of each column in the gradients of :func:`glimpsecli.attention.gaussian.turn_vjp`.
    """
    shared = cuda.shared.array((5, THREADS), np.float64)
    h, w, channels = cotangents.shape[1], cotangents.shape[2], cotangents.shape[3]
    thread = cuda.threadIdx.x
    for job in range(cuda.blockIdx.x, cotangents.shape[0] * w, cuda.gridDim.x):
        n, j = job // w, job % w
        s_y, s_x = windows[n, 1], windows[n, 4]
        start, first_weight = kept[n, h + j, 0], int(windows[n, 8]) + j
        count = min(kept[n, h + j, 1], spans[n, 3] - start)
        before = np.float32((start - (windows[n, 3] + times(windows[n, 5], j))) / s_x)
        per_pixel = np.float32(1 / s_x)
        read, read_slope, slope, both_slopes, relative = 0.0, 0.0, 0.0, 0.0, 0.0
        for item in range(thread, h * count * channels, THREADS):
            r, value = item // (count * channels), item % (count * channels)
            k, c = value // channels, value % channels
            z = before + k * per_pixel
            at = (start - spans[n, 2]) * channels + value
            worth = cotangents[n, r, j, c] * weights[first_weight + k * w]
            seen, differed = worth * mixed[n, r, at], worth * sloped[n, r, at]
            read += r * seen
            read_slope += r * seen * z
            slope += differed - found[n, r, 3] * seen
            both_slopes += differed * z
            relative += found[n, r, 4] * seen
        shared[0, thread], shared[1, thread], shared[2, thread] = read, read_slope, slope
        shared[3, thread], shared[4, thread] = both_slopes, relative
        add_up(shared, 5)
        if thread == 0:
            by_turns[n, j, 0] = (shared[1, 0] - shared[0, 0] * found[n, h + j, 3]) / s_x
            by_turns[n, j, 1] = j * shared[2, 0] / s_y
            by_turns[n, j, 2] = (shared[3, 0] - shared[4, 0] * found[n, h + j, 4]) / (s_x * s_y)
        cuda.syncthreads()
