"""Derivative images, float64: how each pixel of a glimpse changes with the parameters of its sampler.

For the Gaussian sampler ``dG/dp = (dA_y/dp) I A_x^T`` for the parameters of y, and likewise for those of x. Where its
Gaussians are ellipses, the derivatives with respect to a centre and a covariance S are moments of the pixels about the
centre. With the mean E and the covariance cov under the weights of a tap::

    dg/dc = S^-1 cov(I, d)        dg/dS = S^-1 cov(I, d d^T) S^-1 / 2        with  d = k - c,  g = E I

For the bilinear sampler it is the difference of a point's neighbours, times the point's derivative with respect to the
matrix. `attention` has the derivatives of filterbanks, ellipses and samples, and contracts them for a single loss.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import ellipses, elliptical, gaussian, spatial
from glimpsecli.backends.footprint import ellipse_boxes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glimpsecli.arrays import Floats
    from glimpsecli.attention.ellipses import Ellipses
    from glimpsecli.window import Size


NEGLIGIBLE = 1e-10
"""Weights below this are left out: each Gaussian reads few pixels of a large image. So are correlations of x and y."""

_READ = 2**17  # pixels that ellipses read at once: they stay in the cache
_ALIKE = 8  # greatest ratio of the pixels that all taps read to those of one at which each reads them all
_CUT = math.sqrt(-2 * math.log(NEGLIGIBLE))  # in sigmas


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


def elliptical_jacobian(image: Floats, matrix: Floats, size: Size, blur: float) -> tuple[Floats, Floats]:
    """Read a glimpse through Gaussians that are ellipses, and differentiate it.

    Parameters
    ----------
    image : (H, W, C) float64
    matrix : (2, 3) float64
        From output index to source index.
    size : (int, int)
    blur : float
        Sigma in strides.

    Returns
    -------
    glimpse : (h, w, C) float64
    by_matrix : (6, h, w, C) float64
        Row by row.
    """
    image_size, shape = (image.shape[0], image.shape[1]), (*size, image.shape[2])
    taps = ellipses.of_taps(matrix, size, blur)
    left, precision, moments = elliptical.fades(taps, image_size), _precision(taps), _moments(image, taps)
    means = moments[:-1, :, 0, 0]
    covariances = moments[:-1] - means[..., None, None] * moments[-1]
    by_ellipses = np.empty((shape[2], len(left), 5))
    by_ellipses[..., :2] = covariances[..., [0, 1], [1, 0]] @ precision
    by_covariances = precision @ covariances[..., [[0, 1], [1, 2]], [[2, 1], [1, 0]]] @ precision
    # s_xy stands for both its places in the matrix.
    by_ellipses[..., 2:] = by_covariances[..., [0, 0, 1], [0, 1, 1]] * [0.5, 1.0, 0.5]
    by_ellipses *= left[:, None]
    by_ellipses += means[..., None] * elliptical.fade_slopes(taps, image_size)
    x, y = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    places: Floats = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=-1)
    by_matrix = by_ellipses[..., :2, None] * places[:, None]
    # All taps share the pullback of the covariance: that of the first tap, where the pullback of the centre adds 0.
    shared = ellipses.of_taps_vjp(matrix, (1, 1), blur, np.eye(5)[2:, None])[:, 0, :, :2]
    by_matrix[..., :2] += np.einsum("cni,ijk->cnjk", by_ellipses[..., 2:], shared)
    return (left * means).T.reshape(shape), by_matrix.reshape(shape[2], -1, 6).T.reshape(6, *shape)


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


def _moments(image: Floats, taps: Ellipses) -> Floats:
    """Give the means ``E[I dy^i dx^j]`` under the weights of (n,) taps of one covariance, by i and j from 0 to 2.

    Returns
    -------
    (C + 1, n, 3, 3) float64
        For each channel, and last for an image of ones.
    """
    top, bottom, left, right = ellipse_boxes(taps, (image.shape[0], image.shape[1]), _CUT).T
    tall, wide = int((bottom - top).max()), int((right - left).max())
    top, left = np.minimum(top, image.shape[0] - tall), np.minimum(left, image.shape[1] - wide)
    y, x = int(top.min()), int(left.min())
    planes = np.moveaxis(image[y : int(top.max()) + tall, x : int(left.max()) + wide], -1, 0).copy()
    (xx, xy), (_, yy) = _precision(taps).tolist()
    separable = abs(xy) <= NEGLIGIBLE * math.sqrt(xx * yy)  # a round one, or an upright one
    alike = separable and _ALIKE * tall * wide >= planes[0].size
    if alike:
        top[:], left[:], (tall, wide) = y, x, planes.shape[1:]
    boxes = np.lib.stride_tricks.sliding_window_view(planes, (tall, wide), axis=(1, 2))
    step, moments = (
        max(1, _READ // (tall + wide if alike else tall * wide)),
        np.empty((len(planes) + 1, len(top), 3, 3)),
    )
    for first in range(0, len(top), step):
        some = slice(first, first + step)
        dy = top[some, None] + np.arange(tall) - taps.y[some, None]
        dx = left[some, None] + np.arange(wide) - taps.x[some, None]
        down, across = (np.stack([np.ones_like(d), d, d * d], axis=1) for d in (dy, dx))
        if separable:
            down *= _relative(yy * dy * dy, axis=1)[:, None]
            across *= _relative(xx * dx * dx, axis=1)[:, None]
            moments[-1, some] = down.sum(axis=2)[:, :, None] * across.sum(axis=2)[:, None]
        if alike:  # one product of matrices for all taps
            read = (down.reshape(-1, tall) @ planes).reshape(len(planes), -1, 3, wide)
        else:
            seen = boxes[:, top[some] - y, left[some] - x]
            if not separable:
                d_y, d_x = dy[:, :, None], dx[:, None, :]
                weights = _relative((yy * d_y + 2 * xy * d_x) * d_y + xx * d_x * d_x, axis=(1, 2))
                moments[-1, some] = down @ weights @ across.swapaxes(1, 2)
                seen *= weights
            read = down @ seen
        moments[:-1, some] = read @ across.swapaxes(1, 2)
    moments /= moments[-1, :, 0, 0][:, None, None]
    return moments


def _precision(taps: Ellipses) -> Floats:
    """Give ``S^-1``, (2, 2), of taps that share it: those of an affine matrix."""
    xx, xy, yy, determinant = (float(numbers[0]) for numbers in taps[2:])
    return np.array([[yy, -xy], [-xy, xx]]) / determinant


def _relative(squares: Floats, axis: int | tuple[int, int]) -> Floats:
    """Give weights from squared distances in sigmas, relative to the greatest."""
    weights: Floats = np.exp(-0.5 * (squares - squares.min(axis=axis, keepdims=True)))
    return weights
