"""Gaussian attention that turns: through a window that is rotated, sheared or projective each tap is an ellipse.

A round Gaussian on the plane of the glimpse, mapped by the window's Jacobian, is an elliptical Gaussian on the image
(Greene and Heckbert 1986, "Creating Raster Omnimax Images from Multiple Perspective Views Using the Elliptical Weighted
Average Filter"; Heckbert 1989, "Fundamentals of Texture Mapping and Image Warping"). For a tap at c with the covariance
S (:mod:`~glimpsecli.attention.ellipses`), in index coordinates::

    w_k   = exp(-(k - c)^T S^-1 (k - c) / 2)
    g     = f_x f_y (sum_k w_k I_k) / (sum_k w_k)        the glimpse, for each channel

The sums run over the pixels of the image. f is the fade outside the image, for x and for y: 1 where c lies between the
first and the last pixel of the axis, else ``s / (s + 1e-8)`` with the sum ``s = sum_k exp(-(k - c)^2 / (2 S_xx))`` over
the axis, and S_yy for y. So a window that turns to 0 degrees becomes the one of :mod:`~glimpsecli.attention.gaussian`,
outside the image too, but for the 1e-8 that acts there on taps inside the image, and blackens them where sigma is below
0.1 pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import ellipses, gaussian

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.attention.ellipses import Ellipses


GONE = 11.0
"""Sigmas outside the image beyond which a tap is 0, whatever the image: its fade would be less than 1e-13."""


def weights(
    taps: Ellipses,
    image_size: tuple[int, int],
    rows: NDArray[np.int64] | None = None,
    columns: NDArray[np.int64] | None = None,
    cut: float = np.inf,
) -> Floats:
    """Give the weights with which taps read pixels: ``f_x f_y w_k / sum_k w_k``.

    Parameters
    ----------
    taps : Ellipses, (n,)
    image_size : (int, int)
        Height and width of the image.
    rows, columns : (n, K) and (n, L) int64, optional
        The pixels that are tried for each tap, all by default. The nearest one, by the distance of the ellipse, must be
        among them. Outside the image the weight is 0.
    cut : float
        Pixels whose squared distance is more than ``cut^2`` above that of the nearest have the weight 0.

    Returns
    -------
    (n, K, L) float64
    """
    rows, columns = _all_pixels(image_size, rows, columns)
    found = _shares(taps, image_size, rows, columns, cut)
    found *= fades(taps, image_size)[:, None, None]
    return found


def fades(taps: Ellipses, image_size: tuple[int, int]) -> Floats:
    """Give the sum of the weights of each tap, ``f_x f_y``, (n,): 1 inside the image, less outside."""
    return _fades(taps.x, taps.s_xx, image_size[1])[0] * _fades(taps.y, taps.s_yy, image_size[0])[0]


def fade_slopes(taps: Ellipses, image_size: tuple[int, int]) -> Floats:
    """Give the derivatives (n, 5) of :func:`fades` with respect to x, y, s_xx, s_xy and s_yy."""
    f_x, f_x_centre, f_x_variance = _fades(taps.x, taps.s_xx, image_size[1])
    f_y, f_y_centre, f_y_variance = _fades(taps.y, taps.s_yy, image_size[0])
    slopes = [f_y * f_x_centre, f_x * f_y_centre, f_y * f_x_variance, np.zeros_like(f_x), f_x * f_y_variance]
    return np.stack(slopes, axis=-1)


def glimpse(image: ArrayLike, matrix: ArrayLike, size: tuple[int, int], blur: float) -> Floats:
    """Read a glimpse.

    Parameters
    ----------
    image : (H, W) or (H, W, C)
    matrix, size, blur
        As for :func:`~glimpsecli.attention.ellipses.of_taps`.

    Returns
    -------
    (h, w) or (h, w, C) float64
    """
    pixels = np.asarray(image, dtype=np.float64)
    found = np.empty((size[0], size[1], *pixels.shape[2:]))
    for row in range(size[0]):
        taps = ellipses.of_taps(matrix, size, blur, slice(row, row + 1))
        found[row] = np.tensordot(weights(taps, pixels.shape[:2]), pixels, axes=2)
    return found


def write(patch: ArrayLike, matrix: ArrayLike, image_size: tuple[int, int], blur: float) -> Floats:
    """Write a patch onto an empty canvas, by the adjoint of the read.

    Parameters
    ----------
    patch : (h, w) or (h, w, C)
        A glimpse.
    matrix, blur
        As for :func:`~glimpsecli.attention.ellipses.of_taps`.
    image_size : (int, int)
        Height and width of the canvas.

    Returns
    -------
    (H, W) or (H, W, C) float64
    """
    values = np.asarray(patch, dtype=np.float64)
    canvas = np.zeros((*image_size, *values.shape[2:]))
    for row, one in enumerate(values):
        taps = ellipses.of_taps(matrix, (values.shape[0], values.shape[1]), blur, slice(row, row + 1))
        canvas += np.tensordot(weights(taps, image_size), one, axes=(0, 0))
    return canvas


def glimpse_vjp(
    image: ArrayLike, matrix: ArrayLike, size: tuple[int, int], blur: float, cotangent: ArrayLike
) -> tuple[Floats, Floats]:
    """Give the gradients of a loss with respect to image and matrix, from that with respect to the glimpse.

    Parameters
    ----------
    image : (H, W) or (H, W, C)
    matrix, size, blur
        As for :func:`~glimpsecli.attention.ellipses.of_taps`.
    cotangent : (h, w) or (h, w, C)
        The gradient with respect to the glimpse.

    Returns
    -------
    by_image : (H, W) or (H, W, C) float64
    by_matrix : (2, 3) or (3, 3) float64
    """
    pixels, losses = np.asarray(image, dtype=np.float64), np.asarray(cotangent, dtype=np.float64)
    image_size = (pixels.shape[0], pixels.shape[1])
    flat, by_matrix = pixels.reshape(*image_size, -1), np.zeros(np.shape(matrix))
    for row, loss in enumerate(losses.reshape(*size, -1)):
        part = slice(row, row + 1)
        by_weights = np.tensordot(loss, flat, axes=(1, 2))
        by_ellipses = weights_vjp(ellipses.of_taps(matrix, size, blur, part), image_size, by_weights)
        by_matrix += ellipses.of_taps_vjp(matrix, size, blur, by_ellipses, part).sum(axis=0)
    return write(losses, matrix, image_size, blur), by_matrix


def weights_vjp(
    taps: Ellipses,
    image_size: tuple[int, int],
    by_weights: Floats,
    rows: NDArray[np.int64] | None = None,
    columns: NDArray[np.int64] | None = None,
    cut: float = np.inf,
) -> Floats:
    """Give the gradients with respect to x, y, s_xx, s_xy and s_yy from that with respect to the weights.

    With ``v = S^-1 (k - c)`` and psi = v_x, v_y, v_x^2 / 2, v_x v_y, v_y^2 / 2 for the five, and ``p = w / sum w`` ::

        dp/dq = p (psi_q - sum_k p psi_q)

    s_xy stands for both its places in the matrix.

    Parameters
    ----------
    by_weights : (..., n, K, L) float64
    taps, image_size, rows, columns, cut
        As for :func:`weights`.

    Returns
    -------
    (..., n, 5) float64
    """
    rows, columns = _all_pixels(image_size, rows, columns)
    shares = _shares(taps, image_size, rows, columns, cut)
    dx, dy = (columns - taps.x[:, None])[:, None, :], (rows - taps.y[:, None])[:, :, None]
    xx, xy, yy = _precisions(taps)
    v_x, v_y = xx * dx + xy * dy, xy * dx + yy * dy
    faded = fades(taps, image_size)
    by_weights = np.where(shares > 0, by_weights, 0)  # a NaN counts where it is read
    mean, found = np.sum(shares * by_weights, axis=(-2, -1)), []
    for psi in (v_x, v_y, v_x * v_x / 2, v_x * v_y, v_y * v_y / 2):
        slope = shares * np.where(shares > 0, psi, 0)
        found.append(faded * (np.sum(slope * by_weights, axis=(-2, -1)) - np.sum(slope, axis=(-2, -1)) * mean))
    gradient: Floats = np.stack(found, axis=-1) + mean[..., None] * fade_slopes(taps, image_size)
    return gradient


def _all_pixels(
    image_size: tuple[int, int], rows: NDArray[np.int64] | None, columns: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the pixels that taps try: all where none are given."""
    return (
        np.arange(image_size[0])[None] if rows is None else rows,
        np.arange(image_size[1])[None] if columns is None else columns,
    )


def _precisions(taps: Ellipses) -> tuple[Floats, Floats, Floats]:
    """Give the numbers xx, xy and yy of ``S^-1``, (n, 1, 1) each."""
    xx, xy, yy = (part / taps.determinant for part in (taps.s_yy, -taps.s_xy, taps.s_xx))
    return xx[:, None, None], xy[:, None, None], yy[:, None, None]


def _shares(
    taps: Ellipses, image_size: tuple[int, int], rows: NDArray[np.int64], columns: NDArray[np.int64], cut: float
) -> Floats:
    """Give ``w_k / sum_k w_k``, (n, K, L); see :func:`weights`."""
    dx, dy = (columns - taps.x[:, None])[:, None, :], (rows - taps.y[:, None])[:, :, None]
    xx, xy, yy = _precisions(taps)
    squares = xx * dx * dx + 2 * xy * dx * dy + yy * dy * dy
    y_there, x_there = (rows >= 0) & (rows < image_size[0]), (columns >= 0) & (columns < image_size[1])
    squares = np.where(y_there[:, :, None] & x_there[:, None, :], squares, np.inf)
    squares -= squares.min(axis=(1, 2), keepdims=True)
    found: Floats = np.where(squares <= cut * cut, np.exp(-0.5 * squares), 0)
    found /= found.sum(axis=(1, 2), keepdims=True)
    return found


def _fades(centres: Floats, variances: Floats, pixels: int) -> tuple[Floats, Floats, Floats]:
    """Give the fade of an axis, see the top of this file, and its derivatives with respect to centres and variances."""
    left, by_centres, by_variances = np.ones(centres.shape), np.zeros(centres.shape), np.zeros(centres.shape)
    away = np.maximum(-centres, centres - (pixels - 1))
    gone = away > GONE * np.sqrt(variances)
    left[gone], outside = 0, (away > 0) & ~gone
    if np.any(outside):
        centre, variance = centres[outside, None], variances[outside, None]
        weights = gaussian.vector(centre, np.sqrt(variance), pixels)
        z = np.where(weights > 0, (np.arange(pixels) - centre) / variance, 0)
        total = weights.sum(axis=1)
        slope = gaussian.EPSILON / (total + gaussian.EPSILON) ** 2
        left[outside] = total / (total + gaussian.EPSILON)
        by_centres[outside] = slope * np.sum(weights * z, axis=1)
        by_variances[outside] = slope * np.sum(weights * z * z, axis=1) / 2
    return left, by_centres, by_variances
