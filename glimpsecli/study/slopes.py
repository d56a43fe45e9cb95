"""The derivatives of many glimpses with respect to the centre, the size and the angle of their windows.

They are the samplers' own derivatives, combined. A study needs hundreds of thousands, so only the pixels that the
Gaussians reach are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import gaussian, spatial
from glimpsecli.backends.footprint import gaussian_support
from glimpsecli.learning.jacobian import elliptical_jacobian
from glimpsecli.window import stack_gaussians, stack_matrices
from glimpsecli.window.pullbacks import windows_to_matrices_vjp

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats, Image


def bilinear_slopes(pixels: Image, windows: Floats, taps: int) -> tuple[Floats, Floats]:
    """Read bilinear glimpses, the border being the edge, and differentiate them.

    Parameters
    ----------
    pixels : (H, W) float32
    windows : (N, 5) float64
        On the image plane, square.
    taps : int
        The glimpses are taps x taps.

    Returns
    -------
    glimpses : (N, taps * taps) float64
    slopes : (N, taps * taps, 4) float64
        With respect to cx and cy, per pixel, to the logarithm of the extent, and to the angle, per radian.
    """
    grid = np.stack([spatial.matrix_grid(matrix, (taps, taps)) for matrix in stack_matrices(windows, (taps, taps))])
    by_x, by_y = spatial.sample_slopes(pixels, grid, "edge")
    x, y = np.moveaxis(grid - grid.mean(axis=(1, 2), keepdims=True), -1, 0)
    slopes = np.stack([by_x, by_y, by_x * x + by_y * y, by_y * x - by_x * y], axis=-1)
    return spatial.sample(pixels, grid, "edge").reshape(len(grid), -1), slopes.reshape(len(grid), -1, 4)


def gaussian_slopes(pixels: Image, windows: Floats, taps: int, sigma: float) -> tuple[Floats, Floats]:
    """Read Gaussian glimpses and differentiate them, as :func:`bilinear_slopes` does; `sigma` is in strides.

    It grows with the window, but where the stride is below one pixel it stays, as in ``window``. Of upright windows the
    derivative with respect to the angle is left 0.
    """
    if windows[:, 4].any():
        return _elliptical_slopes(pixels, windows, taps, sigma)
    size = taps, taps
    rows = stack_gaussians(windows, size, sigma)
    boxes = gaussian_support(rows, size, pixels.shape)
    seen, slopes = np.empty((len(rows), *size)), np.zeros((len(rows), *size, 4))
    for n, ((u_y, s_y, d_y, u_x, s_x, d_x, _), (top, bottom, left, right)) in enumerate(
        zip(rows.tolist(), boxes.tolist(), strict=True)
    ):
        down = _filterbanks(u_y - top, s_y, d_y, taps, bottom - top)
        across = _filterbanks(u_x - left, s_x, d_x, taps, right - left)
        read = down.reshape(3 * taps, -1) @ pixels[top:bottom, left:right].astype(np.float64)
        by_y = (read @ across[0].T).reshape(3, *size)
        by_x = (read[:taps] @ across[1:].reshape(2 * taps, -1).T).reshape(taps, 2, taps)
        seen[n] = by_y[0]
        slopes[n, ..., :3] = np.stack([by_x[:, 0], by_y[1], by_x[:, 1] + by_y[2]], axis=-1)
    return seen.reshape(len(rows), -1), slopes.reshape(len(rows), -1, 4)


def _elliptical_slopes(pixels: Image, windows: Floats, taps: int, sigma: float) -> tuple[Floats, Floats]:
    """Read glimpses of turned windows, and differentiate them."""
    size, image = (taps, taps), pixels[:, :, None].astype(np.float64)
    seen, slopes = np.empty((len(windows), taps * taps)), np.empty((len(windows), taps * taps, 4))
    for n, matrix in enumerate(stack_matrices(windows, size)):
        glimpse, by_matrix = elliptical_jacobian(image, matrix, size, sigma)
        # The pullback of each unit vector is a row of the derivative.
        by_window = windows_to_matrices_vjp(windows[n : n + 1].repeat(6, axis=0), size, np.eye(6).reshape(6, 2, 3))
        by_extent = (by_window[:, 2] + by_window[:, 3]) * windows[n, 2]
        by_place = np.column_stack([by_window[:, :2], by_extent, np.rad2deg(by_window[:, 4])])
        seen[n], slopes[n] = glimpse.ravel(), by_matrix.reshape(6, -1).T @ by_place
    return seen, slopes


def _filterbanks(first: float, sigma: float, stride: float, taps: int, pixels: int) -> Floats:
    """Give (3, taps, pixels): a filterbank, and its derivatives with respect to the centre and to the log extent."""
    weights = gaussian.filterbank(first, sigma, stride, taps, pixels)
    by_first, by_sigma, by_stride = gaussian.filterbank_slopes(first, sigma, stride, weights)
    by_extent = stride * (by_stride - (taps - 1) / 2 * by_first)
    return np.stack([weights, by_first, by_extent + (sigma * by_sigma if stride >= 1 else 0)])
