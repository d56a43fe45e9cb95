"""Derivative images, float64: how each pixel of a glimpse changes with the parameters of its sampler.

For the Gaussian sampler ``dG/dp = (dA_y/dp) I A_x^T`` for the parameters of y, and likewise for those of x. For
the bilinear one it is the difference of a point's neighbours, times the point's derivative with respect to the matrix.
`attention` has the derivatives of filterbanks and samples, and contracts them for a single loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import gaussian, spatial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glimpsecli.arrays import Floats
    from glimpsecli.window import Size


NEGLIGIBLE = 1e-10
"""Weights below this are left out: each Gaussian reads few pixels of a large image."""


def gaussian_jacobian(image: Floats, params: Iterable[float], size: Size) -> tuple[Floats, Floats]:
    """Read a Gaussian glimpse, and differentiate it.

    Parameters
    ----------
    image : (H, W, C) float64
    params : (u_y, s_y, d_y, u_x, s_x, d_x, gain)
        Index coordinates, pixels.
    size : (int, int)

    Returns
    -------
    glimpse : (h, w, C) float64
    by_params : (7, h, w, C) float64
    """
    u_y, s_y, d_y, u_x, s_x, d_x, gain = params
    rows = gaussian.filterbank(u_y, s_y, d_y, size[0], image.shape[0])
    columns = gaussian.filterbank(u_x, s_x, d_x, size[1], image.shape[1])
    vertical = np.concatenate([rows[None], gaussian.filterbank_slopes(u_y, s_y, d_y, rows)])
    horizontal = np.concatenate([columns[None], gaussian.filterbank_slopes(u_x, s_x, d_x, columns)])
    read = _apply(vertical, image).swapaxes(1, 2)  # (4, W, h, C): the axis that is contracted next comes first
    unscaled, *by_x = _apply(horizontal, read[0]).swapaxes(1, 2)
    by_y = [_apply(horizontal[:1], one)[0].swapaxes(0, 1) for one in read[1:]]
    return gain * unscaled, np.stack([*(gain * slope for slope in (*by_y, *by_x)), unscaled])


def bilinear_jacobian(image: Floats, matrix: Floats, size: Size) -> tuple[Floats, Floats]:
    """Sample a glimpse bilinearly, the border being the edge, and differentiate it.

    Parameters
    ----------
    image : (H, W, C) float64
    matrix : (2, 3) float64
        From output index to source index.
    size : (int, int)

    Returns
    -------
    glimpse : (h, w, C) float64
    by_matrix : (6, h, w, C) float64
        Row by row.
    """
    grid = spatial.matrix_grid(matrix, size)
    x, y = (np.arange(n, dtype=np.float64) for n in (size[1], size[0]))
    steps = (x[None, :, None], y[:, None, None], 1.0)
    slopes = spatial.sample_slopes(image, grid, "edge")
    return spatial.sample(image, grid, "edge"), np.stack([slope * step for slope in slopes for step in steps])


def _apply(filterbanks: Floats, values: Floats) -> Floats:
    """Multiply (pixels, ...) values by (n, taps, pixels) filterbanks: one of weights, and n - 1 of their slopes."""
    flat = np.ascontiguousarray(values).reshape(values.shape[0], -1)
    total = np.empty((*filterbanks.shape[:2], flat.shape[1]))
    for tap, weights in enumerate(filterbanks[0]):
        used = np.flatnonzero(weights > NEGLIGIBLE)
        part = slice(used[0], used[-1] + 1) if len(used) else slice(0, 0)
        total[:, tap] = filterbanks[:, tap, part] @ flat[part]
    return total.reshape(*filterbanks.shape[:2], *values.shape[1:])
