"""The chain rule through the conversions, for gradients with respect to places.

Each function is the transpose of the derivative of the conversion that it is named after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from glimpsecli.window import conversions
from glimpsecli.window.conversions import cos_sin, middle
from glimpsecli.window.places import GaussianParams, Window
from glimpsecli.window.projective import Projective
from glimpsecli.window.stacks import places_of

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats
    from glimpsecli.window.checks import Size
    from glimpsecli.window.stacks import PlaceRows, Where


class WindowGradient(NamedTuple):
    """Derivatives with respect to the numbers of a :class:`~glimpsecli.Window`: per pixel, of the angle per degree."""

    cx: float
    cy: float
    width: float
    height: float
    angle: float


class GaussianGradient(NamedTuple):
    """Derivatives with respect to the numbers of :class:`~glimpsecli.GaussianParams`."""

    u_y: float
    s_y: float
    d_y: float
    u_x: float
    s_x: float
    d_x: float
    gain: float


class MatrixGradient(NamedTuple):
    """Derivatives with respect to the matrix of an :class:`~glimpsecli.Affine` or :class:`~glimpsecli.Projective`."""

    matrix: Floats


Gradient: TypeAlias = "WindowGradient | GaussianGradient | MatrixGradient"


def windows_to_matrices_vjp(windows: Floats, size: Size, by_matrices: Floats) -> Floats:
    """Give the gradients with respect to (N, 5) windows from those with respect to their (N, 2, 3) matrices.

    Rows are (cx, cy, width, height, angle), the angle in degrees.
    """
    h, w = size
    _, _, width, height, angle = windows.T
    cos, sin = cos_sin(angle)
    by_centre = by_matrices[:, :, 2]
    # The shift is the centre minus the linear part times the middle tap.
    linear = by_matrices[:, :, :2] - by_centre[:, :, None] * middle(size)
    (a, b), (c, d) = linear[:, 0].T, linear[:, 1].T
    by_width = (a * cos + c * sin) / w
    by_height = (d * cos - b * sin) / h
    by_radians = (c * cos - a * sin) * width / w - (b * cos + d * sin) * height / h
    return np.stack([by_centre[:, 0], by_centre[:, 1], by_width, by_height, np.deg2rad(by_radians)], axis=1)


def matrices_to_gaussians_vjp(matrices: Floats, blur: float, by_gaussians: Floats) -> Floats:
    """Give the gradients with respect to upright (N, 2, 3) matrices from those with respect to their Gaussians.

    Sigma is ``blur * max(|stride|, 1)``: constant below a stride of one pixel. At one pixel its derivative is that of
    the longer strides. `by_gaussians` is (N, 7), or (N, 10) with b, c and s_xy: a matrix that turns or shears is that
    of :mod:`glimpsecli.attention.elliptical`.
    """
    u_y, s_y, d_y, u_x, s_x, d_x = by_gaussians.T[:6]
    strides = matrices[:, [0, 1], [0, 1]]
    grows = np.where(np.abs(strides) >= 1, blur * np.sign(strides), 0)
    found = np.zeros(matrices.shape)
    found[:, 0, 0], found[:, 0, 2] = d_x + grows[:, 0] * s_x, u_x
    found[:, 1, 1], found[:, 1, 2] = d_y + grows[:, 1] * s_y, u_y
    if by_gaussians.shape[1] > 7:
        # J J^T turns by d_x c + d_y b, and its floored eigenvalues, the squares of the strides, turn with it.
        b, c, s_xy = by_gaussians.T[7:]
        squares = strides**2
        apart, rise = squares[:, 0] - squares[:, 1], np.diff(np.maximum(squares, 1), axis=1)[:, 0]
        slope = np.divide(-rise, apart, out=(squares[:, 0] >= 1) * 1.0, where=apart != 0)
        found[:, 0, 1] = b + blur**2 * slope * strides[:, 1] * s_xy
        found[:, 1, 0] = c + blur**2 * slope * strides[:, 0] * s_xy
    return found


def gaussians_to_matrices_vjp(by_matrices: Floats) -> Floats:
    """Give the gradients with respect to (N, 7) Gaussians from those with respect to their (N, 2, 3) matrices."""
    found = np.zeros((len(by_matrices), 7))
    found[:, 0], found[:, 2] = by_matrices[:, 1, 2], by_matrices[:, 1, 1]
    found[:, 3], found[:, 5] = by_matrices[:, 0, 2], by_matrices[:, 0, 0]
    return found


@np.errstate(over="ignore", invalid="ignore")  # infinities may add up to a NaN
def stack_vjp(
    where: Where | PlaceRows, size: Size, blur: float, by_places: Floats
) -> Gradient | list[Gradient] | Floats:
    """Give the gradient with respect to `where`, of its kind, from that with respect to the stack made of it.

    Parameters
    ----------
    where, size, blur
        As for :func:`~glimpsecli.window.stack_gaussians` and :func:`~glimpsecli.window.stack_matrices`.
    by_places : (N, 7), (N, 2, 3) or (N, 3, 3) float64

    Returns
    -------
    gradient, list of gradients, or ndarray
        One for one place, a list for a sequence, an array in the shape of `where` for numbers. From (N, 7), which
        have no number that turns, that with respect to an angle is 0.
    """
    kind, rows, single, given = places_of(where)
    if by_places.ndim == 2:
        found = by_places
        if kind is not GaussianParams:
            matrices = conversions.windows_to_matrices(rows, size) if kind is Window else rows[:, :2]
            found = matrices_to_gaussians_vjp(matrices, blur, by_places)
    else:
        found = gaussians_to_matrices_vjp(by_places) if kind is GaussianParams else by_places
    if kind is Window:
        found = windows_to_matrices_vjp(rows, size, found)
        if by_places.ndim == 2:
            found[:, 4] = 0
    if kind is Projective and found.shape[1] == 2:
        found = np.concatenate([found, np.zeros((len(found), 1, 3))], axis=1)
    if given is not None:
        if kind is Projective:  # a factor of the whole matrix moves no tap, so the derivatives are divided by it
            found = found / given.reshape(-1, 3, 3)[:, 2:, 2:]
        elif kind is Window and given.shape[-1] == 4:
            found = found[:, :4]
        return found.reshape(given.shape)
    if kind is Window:
        gradients: list[Gradient] = [WindowGradient(*row) for row in found.tolist()]
    elif kind is GaussianParams:
        gradients = [GaussianGradient(*row) for row in found.tolist()]
    else:
        gradients = [MatrixGradient(matrix) for matrix in found]
    return gradients[0] if single else gradients
