"""The Gaussians on the taps of a window that turns: ellipses, from the window's Jacobian.

For a tap at c with the Jacobian J, the derivative of c with respect to the tap's column and row, in index coordinates::

    S = blur^2 U diag(max(l1, 1), max(l2, 1)) U^T,   with  J J^T = U diag(l1, l2) U^T

is the covariance: a round Gaussian on the plane of the glimpse, mapped onto the image. The square roots of l1 and l2
are the strides along the axes of the ellipse: one that is shorter than a pixel counts as one pixel, as for upright
windows. S is a continuous function of J. :mod:`~glimpsecli.attention.elliptical` reads the image with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.attention import spatial

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Floats


class Ellipses(NamedTuple):
    """The Gaussians of some taps, index coordinates, pixels.

    Attributes
    ----------
    x, y : (...) float64
        Centres.
    s_xx, s_xy, s_yy : (...) float64
        Covariances.
    determinant : (...) float64
        Of the covariance: that of the other three loses digits where an ellipse is thin.
    """

    x: Floats
    y: Floats
    s_xx: Floats
    s_xy: Floats
    s_yy: Floats
    determinant: Floats


SHARPEST = 1e-4
"""The least sigma, in strides: below it a tap reads its nearest pixel, and its square would be lost in rounding."""


def of_taps(matrix: ArrayLike, size: tuple[int, int], blur: float, rows: slice = slice(None)) -> Ellipses:
    """Give the Gaussians of the taps of an :class:`~glimpsecli.Affine` or a :class:`~glimpsecli.Projective`.

    Parameters
    ----------
    matrix : (2, 3) or (3, 3)
        From output index (x, y, 1) to source index (x, y), or to (x w, y w, w).
    size : (int, int)
        Height and width of the glimpse.
    blur : float
        Sigma in strides.
    rows : slice
        The rows of the glimpse that are wanted.

    Returns
    -------
    Ellipses
        One for each tap, row by row: (h w,).
    """
    points, jacobians, _ = linearised(matrix, size, rows)
    return Ellipses(points[:, 0], points[:, 1], *_covariances(jacobians, blur))


def of_taps_vjp(
    matrix: ArrayLike, size: tuple[int, int], blur: float, by_ellipses: Floats, rows: slice = slice(None)
) -> Floats:
    """Give the part of each tap in the gradient with respect to the matrix.

    With B the symmetric gradient with respect to S, P_1 and P_2 the projections onto the axes of the ellipse, and f the
    floor, the gradient with respect to ``J J^T`` is ``blur^2 sum_ij f[l_i, l_j] P_i B P_j``, where ``f[l_i, l_j]`` is
    the slope of f between two eigenvalues, and its derivative for one (Daleckii and Krein 1965). At a stride of one
    pixel the derivative is that of the longer strides.

    Parameters
    ----------
    matrix, size, blur, rows
        As for :func:`of_taps`.
    by_ellipses : (..., n, 5) float64
        With respect to x, y, s_xx, s_xy and s_yy.

    Returns
    -------
    (..., n, 2, 3) or (..., n, 3, 3) float64
    """
    transform = np.asarray(matrix, dtype=np.float64)
    points, jacobians, depths = linearised(transform, size, rows)
    moments = jacobians @ jacobians.swapaxes(-1, -2)
    larger, smaller = (part[:, None, None] for part in _eigenvalues(jacobians, moments))
    first = np.zeros_like(moments)
    np.divide(moments - smaller * np.eye(2), larger - smaller, out=first, where=larger > smaller)
    second, slope = np.eye(2) - first, _floored_slope(larger, smaller)
    x, y, xx, xy, yy = np.moveaxis(by_ellipses, -1, 0)
    given = np.stack([np.stack([xx, xy / 2], axis=-1), np.stack([xy / 2, yy], axis=-1)], axis=-2)
    mixed = first @ given @ second
    by_moments = (larger >= 1) * (first @ given @ first) + (smaller >= 1) * (second @ given @ second)
    by_moments = max(blur, SHARPEST) ** 2 * (by_moments + slope * (mixed + mixed.swapaxes(-1, -2)))
    by_jacobians = 2 * by_moments @ jacobians / depths[:, None, None]
    by_points = np.stack([x, y], axis=-1)
    found = np.zeros((*by_points.shape[:-1], 3, 3))
    if len(transform) == 3:
        by_points = by_points - by_jacobians @ transform[2, :2]
        found[..., 2, :2] = -np.sum(by_jacobians * points[:, :, None], axis=-2)
    by_points = by_points / depths[:, None]
    by_depths = -np.sum(by_points * points, axis=-1) - np.sum(by_jacobians * jacobians, axis=(-2, -1))
    column, row = np.meshgrid(np.arange(size[1]), np.arange(size[0])[rows])
    places = np.stack([column.ravel(), row.ravel(), np.ones(column.size)], axis=-1)
    found[..., :2, :2] = by_jacobians
    by_points = np.concatenate([by_points, by_depths[..., None]], axis=-1)
    found += np.asarray(by_points[..., None] * places[:, None, :], dtype=np.float64)
    return found[..., : len(transform), :]


def linearised(matrix: ArrayLike, size: tuple[int, int], rows: slice = slice(None)) -> tuple[Floats, Floats, Floats]:
    """Give the points (n, 2) of taps, their Jacobians J (n, 2, 2), and their w (n,), 1 for an affine matrix."""
    transform = np.asarray(matrix, dtype=np.float64)
    points = spatial.matrix_grid(transform, size, rows).reshape(-1, 2)
    if len(transform) == 2:
        return points, np.broadcast_to(transform[:, :2], (len(points), 2, 2)), np.ones(len(points))
    x, y = np.meshgrid(np.arange(size[1]), np.arange(size[0])[rows])
    depths = (transform[2, 0] * x + transform[2, 1] * y + transform[2, 2]).ravel()
    return points, (transform[:2, :2] - points[:, :, None] * transform[2, :2]) / depths[:, None, None], depths


def _covariances(jacobians: Floats, blur: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Give s_xx, s_xy, s_yy and the determinant of (n,) covariances."""
    moments = jacobians @ jacobians.swapaxes(-1, -2)
    larger, smaller = _eigenvalues(jacobians, moments)
    slope = _floored_slope(larger, smaller)
    base = np.maximum(smaller, 1) - slope * smaller
    square = max(blur, SHARPEST) ** 2
    return (
        square * (base + slope * moments[:, 0, 0]),
        square * slope * moments[:, 0, 1],
        square * (base + slope * moments[:, 1, 1]),
        square * square * np.maximum(larger, 1) * np.maximum(smaller, 1),
    )


def _eigenvalues(jacobians: Floats, moments: Floats) -> tuple[Floats, Floats]:
    """Give the eigenvalues of ``J J^T``, (n,) each."""
    xx, xy, yy = moments[:, 0, 0], moments[:, 0, 1], moments[:, 1, 1]
    larger = (xx + yy) / 2 + np.hypot((xx - yy) / 2, xy)
    # By way of the determinant of J the smaller one keeps its digits where the ellipse is thin.
    area = jacobians[:, 0, 0] * jacobians[:, 1, 1] - jacobians[:, 0, 1] * jacobians[:, 1, 0]
    smaller = np.divide(area, larger, out=np.zeros_like(larger), where=larger > 0) * area
    return larger, np.minimum(smaller, larger)


def _floored_slope(larger: Floats, smaller: Floats) -> Floats:
    """Give the slope of ``max(l, 1)`` between two eigenvalues."""
    apart = larger > smaller
    rise = np.maximum(larger, 1) - np.maximum(smaller, 1)
    slope: Floats = np.divide(rise, larger - smaller, out=(larger >= 1) * 1.0, where=apart)
    return slope
