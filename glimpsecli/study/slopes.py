"""How each pixel of many glimpses changes with the centre and the size of its window.

:mod:`~glimpsecli.learning.jacobian` does so by each number of a sampler; three combinations of them are searched here,
hundreds of thousands of times, and of the image only what the Gaussians reach is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import spatial
from glimpsecli.attention.gaussian import EPSILON
from glimpsecli.backends.footprint import gaussian_support
from glimpsecli.window import stack_gaussians, stack_matrices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Image = NDArray[np.float32]


def bilinear_slopes(pixels: Image, windows: Floats, taps: int) -> tuple[Floats, Floats]:
    """Look bilinearly, the border being the edge.

    Parameters
    ----------
    pixels : (H, W) float32
    windows : (N, 5) float64
        On the image plane, square and upright.
    taps : int
        The glimpses are taps x taps.

    Returns
    -------
    glimpses : (N, taps * taps) float64
    slopes : (N, taps * taps, 3) float64
        By cx and cy, a pixel, and by the logarithm of the extent.
    """
    matrices = stack_matrices(windows, (taps, taps))
    grid = np.stack([spatial.matrix_grid(matrix, (taps, taps)) for matrix in matrices])
    seen = spatial.sample(pixels, grid, "edge").reshape(len(windows), -1)
    by_x, by_y = (slope.reshape(len(windows), -1) for slope in spatial.sample_slopes(pixels, grid, "edge"))
    from_centre = grid.reshape(len(windows), -1, 2) + 0.5 - windows[:, None, :2]
    grown = by_x * from_centre[..., 0] + by_y * from_centre[..., 1]
    return seen, np.stack([by_x, by_y, grown], axis=-1)


def gaussian_slopes(pixels: Image, windows: Floats, taps: int, sigma: float) -> tuple[Floats, Floats]:
    """Do the same for Gaussians whose sigma is so many strides, and grows with the window.

    Where the stride is below one pixel sigma stays, as in ``window``.
    """
    size = taps, taps
    rows = stack_gaussians(windows, size, sigma)
    boxes = gaussian_support(rows, size, pixels.shape)
    seen, slopes = np.empty((len(rows), *size)), np.empty((len(rows), *size, 3))
    for n, ((u_y, s_y, d_y, u_x, s_x, d_x, _), (top, bottom, left, right)) in enumerate(
        zip(rows.tolist(), boxes.tolist(), strict=True)
    ):
        down = _bank_slopes(u_y - top, s_y, d_y, taps, bottom - top)
        across = _bank_slopes(u_x - left, s_x, d_x, taps, right - left)
        read = down.reshape(3 * taps, -1) @ pixels[top:bottom, left:right].astype(np.float64)
        by_y = (read @ across[0].T).reshape(3, *size)
        by_x = (read[:taps] @ across[1:].reshape(2 * taps, -1).T).reshape(taps, 2, taps)
        seen[n] = by_y[0]
        slopes[n] = np.stack([by_x[:, 0], by_y[1], by_x[:, 1] + by_y[2]], axis=-1)
    return seen.reshape(len(rows), -1), slopes.reshape(len(rows), -1, 3)


def _bank_slopes(first: float, sigma: float, stride: float, taps: int, pixels: int) -> Floats:
    """Give (3, taps, pixels): a filterbank, and its derivatives by the centre and by the logarithm of the extent."""
    step = np.arange(taps)[:, None]
    z = (np.arange(pixels) - (first + step * stride)) / sigma
    bank = np.exp(-z * z / 2)
    bank /= bank.sum(axis=1, keepdims=True) + EPSILON
    by_centre = z / sigma
    growing = 1.0 if stride >= 1 else 0.0
    by_size = by_centre * ((step - (taps - 1) / 2) * stride) + growing * z * z
    slopes = [bank * (psi - np.sum(bank * psi, axis=1, keepdims=True)) for psi in (by_centre, by_size)]
    return np.stack([bank, *slopes])
