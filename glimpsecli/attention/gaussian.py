"""Gaussian attention: a grid of Gaussians laid over the image, one for each pixel of the glimpse.

From DRAW (Gregor et al. 2015, https://arxiv.org/abs/1502.04623, equations 19 to 27) in the parameters of "Attention in
Neural Networks and How to Use It" (Kosiorek 2017). For one axis with R taps over C pixels, all in index coordinates::

    c[r]    = u + r d                                 centre of tap r
    a[r, k] = exp(-((k - c[r]) / s)^2 / 2)
    A[r, k] = a[r, k] / (sum_k a[r, k] + 1e-8)        the filterbank

    glimpse = gain * A_y I A_x^T                      for each channel
    write   = A_y^T w A_x / gain                      the adjoint, not the inverse

The 1e-8 decides what a Gaussian outside the image sees: up to about 5 s away it repeats the edge, at 6.07 s it is half
black, and by 7 s black.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Floats


EPSILON = 1e-8
"""Added to the sum of each row, as the article does."""

_LEAST = np.finfo(np.float64).tiny  # added to sums that may be 0


def vector(centre: float | Floats, sigma: float | Floats, pixels: int) -> Floats:
    """Give one unnormalised Gaussian over the pixels of an axis, 1 at its centre: the article's attention vector.

    Parameters
    ----------
    centre, sigma : float, or (taps, 1) float64 for a row each
        Index coordinates, pixels.
    pixels : int
        Extent of the axis.

    Returns
    -------
    (pixels,) or (taps, pixels) float64
    """
    with np.errstate(over="ignore", under="ignore"):  # far away is infinitely many sigmas, and the weight 0
        z = (np.arange(pixels) - centre) / sigma
        return np.exp(-0.5 * z * z)


def filterbank(first: float, sigma: float, stride: float, taps: int, pixels: int) -> Floats:
    """Give the Gaussian filterbank of one axis: the article's ``gaussian_mask``, transposed to a row for each tap.

    Parameters
    ----------
    first : float
        Centre of the first Gaussian, index coordinates.
    sigma, stride : float
        Standard deviation and distance between neighbours, pixels. The stride may be 0 or negative.
    taps, pixels : int
        Number of Gaussians, and extent of the image on this axis.

    Returns
    -------
    (taps, pixels) float64
        Rows sum to 1 where the Gaussian lies in the image, and to less far outside.
    """
    weights = vector(first + stride * np.arange(taps, dtype=np.float64)[:, None], sigma, pixels)
    weights /= weights.sum(axis=1, keepdims=True) + EPSILON
    return weights


def glimpse(image: ArrayLike, params: Iterable[float], size: tuple[int, int]) -> Floats:
    """Read a glimpse: ``gain * A_y I A_x^T`` for each channel.

    Parameters
    ----------
    image : (H, W) or (H, W, C)
    params : GaussianParams, or (u_y, s_y, d_y, u_x, s_x, d_x, gain)
        Index coordinates, pixels.
    size : (int, int)
        Height and width of the glimpse.

    Returns
    -------
    (h, w) or (h, w, C) float64
    """
    pixels = np.asarray(image, dtype=np.float64)
    u_y, s_y, d_y, u_x, s_x, d_x, gain = params
    rows = filterbank(u_y, s_y, d_y, size[0], pixels.shape[0])
    columns = filterbank(u_x, s_x, d_x, size[1], pixels.shape[1])
    return _both_axes(rows, pixels, columns) * gain


def write(patch: ArrayLike, params: Iterable[float], image_size: tuple[int, int]) -> Floats:
    """Write a patch onto an empty canvas: ``A_y^T w A_x / gain`` for each channel, the adjoint of the read.

    Parameters
    ----------
    patch : (h, w) or (h, w, C)
        What to write: a glimpse.
    params : GaussianParams, or (u_y, s_y, d_y, u_x, s_x, d_x, gain)
        Index coordinates, pixels.
    image_size : (int, int)
        Height and width of the canvas.

    Returns
    -------
    (H, W) or (H, W, C) float64
    """
    ((_, written),) = write_rows(patch, params, image_size, image_size[0])
    return written


def write_rows(
    patch: ArrayLike, params: Iterable[float], image_size: tuple[int, int], deep: int
) -> Iterator[tuple[slice, Floats]]:
    """Generate the result of :func:`write`, `deep` rows at a time: the rows, and (deep, W) or (deep, W, C) float64."""
    values = np.asarray(patch, dtype=np.float64)
    u_y, s_y, d_y, u_x, s_x, d_x, gain = params
    if gain == 0:
        raise InvalidInputError("writing divides by the gain, which is 0", "give another gain")
    rows = filterbank(u_y, s_y, d_y, values.shape[0], image_size[0])
    columns = filterbank(u_x, s_x, d_x, values.shape[1], image_size[1])
    for start in range(0, image_size[0], deep):
        part = slice(start, min(start + deep, image_size[0]))
        yield part, _both_axes(rows[:, part].T, values, columns.T) / gain


@np.errstate(over="ignore", invalid="ignore")  # gradients of infinite pixels are infinities and NaN
def glimpse_vjp(
    image: ArrayLike, params: Iterable[float], size: tuple[int, int], cotangent: ArrayLike
) -> tuple[Floats, Floats]:
    """Give the gradients of a loss with respect to image and parameters, from that with respect to the glimpse.

    With ``z = (k - c[r]) / s`` and ``psi_u = z / s``, ``psi_s = z^2 / s``, ``psi_d = r z / s`` ::

        dL/dA_y = gain G A_x I^T       dL/dA_x = gain G^T A_y I       dL/dI = gain A_y^T G A_x
        dA/dp = A (psi_p - sum_k A psi_p)                             which holds exactly with the 1e-8

    Parameters
    ----------
    image : (H, W) or (H, W, C)
    params : GaussianParams, or (u_y, s_y, d_y, u_x, s_x, d_x, gain)
        Index coordinates, pixels.
    size : (int, int)
        Height and width of the glimpse.
    cotangent : (h, w) or (h, w, C)
        The gradient with respect to the glimpse, ``G``.

    Returns
    -------
    by_image : (H, W) or (H, W, C) float64
    by_params : (7,) float64
        In the order of the parameters.
    """
    pixels, weights = np.asarray(image, dtype=np.float64), np.asarray(cotangent, dtype=np.float64)
    if weights.shape != tuple(size) + pixels.shape[2:]:
        raise InvalidInputError(
            f"a cotangent of shape {weights.shape} for a glimpse of shape {tuple(size) + pixels.shape[2:]}",
            "give it the shape of the glimpse",
        )
    row = tuple(params)
    return image_vjp(row, weights, (pixels.shape[0], pixels.shape[1])), params_vjp(pixels, row, weights)


def image_vjp(params: Iterable[float], cotangent: ArrayLike, image_size: tuple[int, int]) -> Floats:
    """Give the gradient with respect to the image alone, (H, W) or (H, W, C) float64; see :func:`glimpse_vjp`."""
    *grid, gain = params
    return gain * write(cotangent, (*grid, 1), image_size)


def params_vjp(image: ArrayLike, params: Iterable[float], cotangent: ArrayLike) -> Floats:
    """Give the gradient with respect to the parameters alone, (7,) float64; see :func:`glimpse_vjp`."""
    pixels, weights = np.asarray(image, dtype=np.float64), np.asarray(cotangent, dtype=np.float64)
    u_y, s_y, d_y, u_x, s_x, d_x, gain = params
    size = weights.shape[:2]
    rows = filterbank(u_y, s_y, d_y, size[0], pixels.shape[0])
    columns = filterbank(u_x, s_x, d_x, size[1], pixels.shape[1])
    flat, loss = pixels.reshape(*pixels.shape[:2], -1), weights.reshape(*size, -1)
    mixed_rows = np.einsum("yxc,jx->yjc", flat, columns, optimize=True)
    by_rows = np.einsum("ijc,yjc->iy", loss, mixed_rows, optimize=True)
    by_columns = np.einsum("ijc,iy,yxc->jx", loss, rows, flat, optimize=True)
    vertical = _filterbank_vjp(rows, gain * by_rows, u_y, s_y, d_y)
    horizontal = _filterbank_vjp(columns, gain * by_columns, u_x, s_x, d_x)
    return np.array([*vertical, *horizontal, float(np.sum(rows * by_rows))])


def turn_vjp(image: ArrayLike, params: Iterable[float], cotangent: ArrayLike) -> Floats:
    """Give the gradients with respect to a turn or shear of the grid and its Gaussians, at none.

    A tap in row i and column j then lies at ``(c_x + b i, c_y + c j)``, and the covariance of its Gaussian is s_xy: it
    is an ellipse of :mod:`~glimpsecli.attention.elliptical`.

    Parameters
    ----------
    image, params, cotangent
        As for :func:`glimpse_vjp`.

    Returns
    -------
    (3,) float64
        With respect to b, c and s_xy.
    """
    pixels, losses = np.asarray(image, dtype=np.float64), np.asarray(cotangent, dtype=np.float64)
    u_y, s_y, d_y, u_x, s_x, d_x, gain = params
    size = losses.shape[:2]
    flat, losses = pixels.reshape(*pixels.shape[:2], -1), losses.reshape(*size, -1)
    rows = filterbank(u_y, s_y, d_y, size[0], pixels.shape[0])
    columns = filterbank(u_x, s_x, d_x, size[1], pixels.shape[1])
    row_slopes, column_slopes = (
        weights * (np.arange(weights.shape[1]) - first - stride * np.arange(taps)[:, None]) / sigma**2
        for weights, first, sigma, stride, taps in ((rows, u_y, s_y, d_y, size[0]), (columns, u_x, s_x, d_x, size[1]))
    )

    def summed(left: Floats, right: Floats) -> Floats:
        return np.asarray(np.einsum("ijc,iy,yxc,jx->ij", losses, left, flat, right, optimize=True))

    read = summed(rows, columns)
    y_mean, x_mean = row_slopes.sum(axis=1, keepdims=True), column_slopes.sum(axis=1)
    by_x = summed(rows, column_slopes) - x_mean * read
    by_y = summed(row_slopes, columns) - y_mean * read
    y_share, x_share = y_mean / (rows.sum(axis=1, keepdims=True) + _LEAST), x_mean / (columns.sum(axis=1) + _LEAST)
    by_both = summed(row_slopes, column_slopes) - y_share * x_share * read
    by_b, by_c = np.arange(size[0]) @ by_x.sum(axis=1), np.arange(size[1]) @ by_y.sum(axis=0)
    return gain * np.array([by_b, by_c, by_both.sum()])


def _filterbank_vjp(weights: Floats, by_weights: Floats, first: float, sigma: float, stride: float) -> list[float]:
    """Give the gradients with respect to first centre, sigma and stride, from that with respect to the filterbank."""
    return [float(np.sum(by_weights * slope)) for slope in filterbank_slopes(first, sigma, stride, weights)]


def filterbank_slopes(first: float, sigma: float, stride: float, weights: Floats) -> Floats:
    """Give the derivatives of a filterbank: ``A (psi_p - sum_k A psi_p)``, see :func:`glimpse_vjp`.

    Parameters
    ----------
    first, sigma, stride : float
        As for :func:`filterbank`.
    weights : (taps, pixels) float64
        Its result.

    Returns
    -------
    (3, taps, pixels) float64
        With respect to the first centre, sigma and the stride.
    """
    taps, pixels = weights.shape
    r = np.arange(taps)[:, None]
    z = (np.arange(pixels) - (first + r * stride)) / sigma
    # A weight of 0 stays 0, even where psi is infinite.
    psi = np.where(weights > 0, [z / sigma, z * z / sigma, r * z / sigma], 0)
    slopes: Floats = weights * (psi - np.sum(weights * psi, axis=2, keepdims=True))
    return slopes


def _both_axes(left: Floats, values: Floats, right: Floats) -> Floats:
    """Give ``left @ values @ right.T`` for each channel."""
    with np.errstate(invalid="ignore"):  # infinity times a weight of 0 is NaN
        vertical = np.tensordot(left, values, axes=(1, 0))
        both = np.tensordot(vertical, right, axes=(1, 1))  # the new axis comes last
    return np.moveaxis(both, -1, 1)
