"""The kernel of elliptical Gaussians: see :mod:`glimpsecli.attention.elliptical`.

Images and jobs are as in :mod:`~glimpsecli.backends.cuda.kernels.forward`. A block makes TAPS neighbouring taps of one
glimpse. First it prepares them, a thread each. Then its teams take turns at them; the threads of a team share the
pixels of a tap, each of them takes rows DOWN pixels away from each other and in these columns ACROSS pixels away::

    . 0 1 0 1 .      a team of 2 x 2 threads
    2 3 2 3 2 3
    . 0 1 0 1 .

So neighbouring threads read neighbouring pixels, and all sums have one order, whatever the launch.
"""

from __future__ import annotations

import math

import numpy as np

from glimpsecli.backends.cpu.kernels import ellipse
from glimpsecli.backends.cpu.kernels.ellipse import Ellipse
from glimpsecli.backends.cuda.device import SIMULATED, cuda

# The shape of an array in a kernel has to be a global number. LONGEST bounds the products in one float32 sum.
SHAPES = (128, 4, 8, 8, 128), (8, 2, 2, 4, 3)  # those of a GPU, and of the simulator
THREADS, DOWN, ACROSS, TAPS, LONGEST = SHAPES[SIMULATED]
TEAM = DOWN * ACROSS
TEAMS = THREADS // TEAM
STRETCH = ACROSS * LONGEST  # pixels of a row that a team sums in float32
CHANNELS = 4  # that are summed at once
SUMS = CHANNELS + 1  # of a thread: the last one is that of the weights
ZERO, HALF = np.float32(0), np.float32(-0.5)
NUMBERS, LEAST, FADE = 10, 8, 9  # the numbers of a tap in shared memory, after those of its ellipse
LARGEST = np.float32(1 / 256)  # the weight of the nearest pixel: so no float32 sum of weighted pixels overflows

functions = ellipse.functions(cuda.jit(device=True))
linear_of, ellipse_of, fade_of, is_gone = (
    functions.linear_of, functions.ellipse_of, functions.fade_of, functions.is_gone,
)  # fmt: skip
nearest_of, row_square, rows_of, least_square_of, columns_of = (
    functions.nearest_of, functions.row_square, functions.rows_of, functions.least_square_of, functions.columns_of,
)  # fmt: skip


@cuda.jit(device=True)
def prepare(matrices, blur, cut, n, i, j, height, width, numbers):
    """Fill the numbers of a tap: its `Ellipse`, the least squared distance of a pixel, and the fade, 0 if gone."""
    one = ellipse_of(linear_of(matrices, n, float(i), float(j)), blur)
    numbers[0], numbers[1], numbers[2] = one.x, one.y, one.s_xx
    numbers[3], numbers[4], numbers[5] = one.s_yy, one.shear, one.along
    numbers[6], numbers[7] = one.per_along, one.per_s_yy
    numbers[LEAST], numbers[FADE] = 0.0, 0.0
    if not is_gone(one, height, width):
        numbers[LEAST] = least_square_of(one, height, width)
        numbers[FADE] = fade_of(one.x, one.s_xx, width, cut)[0] * fade_of(one.y, one.s_yy, height, cut)[0]


@cuda.jit(device=True)
def ellipse_in(numbers):
    """Give the `Ellipse` in the numbers of a tap."""
    x, y, s_xx, s_yy = numbers[0], numbers[1], numbers[2], numbers[3]
    return Ellipse(x, y, s_xx, s_yy, numbers[4], numbers[5], numbers[6], numbers[7])


@cuda.jit(device=True)
def rows_in(one, square, height, top, tall):
    """Give the first row within a squared distance and that after the last. Rounding must not lead out of the part."""
    first, last = rows_of(one, square, height)
    return max(int(first), top), min(int(last) + 1, top + tall)


@cuda.jit(device=True)
def row_in(one, least, square, r, width, left, wide):
    """Give the geometry of a row.

    Returns
    -------
    start, end : int
        The first column within a squared distance, and the one after the last.
    nearest : int
        The column that is nearest to the middle of the row.
    middle : float
    scale, before, more : float32
        Sigmas of a pixel, twice those from the middle to the nearest column, and the nearest's squared distance above
        the least.
    """
    start, last = columns_of(one, square, float(r), width)
    middle = one.x + one.shear * (r - one.y)
    nearest, scale = nearest_of(middle, width), math.sqrt(one.per_along)
    before, more = 2 * (nearest - middle) * scale, row_square(one, float(r), width) - least
    start, end = max(int(start), left), min(int(last) + 1, left + wide)
    return start, end, int(nearest), middle, np.float32(scale), np.float32(before), np.float32(more)


@cuda.jit(device=True)
def weight_of(away, scale, before, more):
    """Give the weight of the pixel `away` columns to the right of its row's nearest one, LARGEST at most."""
    z = away * scale
    return LARGEST * np.float32(math.exp(HALF * (z * (z + before) + more)))


@cuda.jit(device=True)
def add_pixels(image, top, left, height, width, channels, channel, one, least, cut, lane, parts, sums):
    """Add the weighted sums of a thread's pixels, for up to CHANNELS channels, and that of the weights, to `sums`."""
    square, wide = least + cut * cut, image.shape[1] // channels
    above, below = rows_in(one, square, height, top, image.shape[0])
    for r in range(above + lane // ACROSS, below, DOWN):
        pixels = image[r - top]
        start, end, nearest, _, scale, before, more = row_in(one, least, square, r, width, left, wide)
        for stretch in range(start + lane % ACROSS, end, STRETCH):
            for c in range(SUMS):
                parts[c] = ZERO
            for k in range(stretch, min(stretch + STRETCH, end), ACROSS):
                weight = weight_of(np.float32(np.int32(k - nearest)), scale, before, more)
                at = np.uintp((k - left) * channels + channel)
                for c in range(CHANNELS):
                    if channel + c < channels:
                        parts[c] += weight * np.float32(pixels[at + np.uintp(c)])
                parts[CHANNELS] += weight
            for c in range(SUMS):
                sums[c] += parts[c]


@cuda.jit
def elliptical(images, top, left, height, width, matrices, blur, cut, out):
    """Compute elliptical Gaussians: ``f_x f_y (sum_k w_k I_k) / (sum_k w_k)``.

    Parameters
    ----------
    images : (B, H, W * C)
    top, left, height, width : int
    matrices : (N, 2 or 3, 3) float64
    blur, cut : float
        Sigma in strides, and the end of the tails, in sigmas.
    out : (N, h, w, C) float32
    """
    numbers = cuda.shared.array((TAPS, NUMBERS), np.float64)
    shared = cuda.shared.array((SUMS, THREADS), np.float64)
    sums = cuda.local.array(SUMS, np.float64)
    parts = cuda.local.array(SUMS, np.float32)
    h, w, channels = out.shape[1], out.shape[2], out.shape[3]
    thread = cuda.threadIdx.x
    team, lane = thread // TEAM, thread % TEAM
    jobs = (h * w + TAPS - 1) // TAPS
    for job in range(cuda.blockIdx.x, out.shape[0] * jobs, cuda.gridDim.x):
        n, low = job // jobs, job % jobs * TAPS
        image = images[n if images.shape[0] > 1 else 0]
        if thread < TAPS:
            tap = min(low + thread, h * w - 1)  # beyond the last tap, that one again
            prepare(matrices, blur, cut, n, tap // w, tap % w, height, width, numbers[thread])
        cuda.syncthreads()
        for t in range(team, TAPS, TEAMS):
            tap, one = min(low + t, h * w - 1), ellipse_in(numbers[t])
            for channel in range(0, channels, CHANNELS):
                for c in range(SUMS):
                    sums[c] = 0.0
                if numbers[t, FADE] > 0:
                    least = numbers[t, LEAST]
                    add_pixels(image, top, left, height, width, channels, channel, one, least, cut, lane, parts, sums)
                for c in range(SUMS):
                    shared[c, thread] = sums[c]
                cuda.syncthreads()
                for c in range(lane, min(CHANNELS, channels - channel), TEAM):
                    value, weights = 0.0, 0.0
                    for other in range(team * TEAM, (team + 1) * TEAM):
                        value += shared[c, other]
                        weights += shared[CHANNELS, other]
                    value = numbers[t, FADE] * value / weights if weights > 0 else 0.0
                    out[n, tap // w, tap % w, channel + c] = np.float32(value)
                cuda.syncthreads()  # the sums are free for the next tap
