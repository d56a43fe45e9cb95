"""The spatial transformer (Jaderberg et al. 2015, https://arxiv.org/abs/1506.02025): a grid generator and a sampler.

A grid holds, for each pixel of the glimpse, the point (x, y) of the image that it looks at, in index coordinates. With
``x0 = floor(x)`` and ``fx = x - x0`` (likewise y) the bilinear sampler gives::

    (1 - fy) ((1 - fx) I[y0, x0] + fx I[y0, x0 + 1]) + fy ((1 - fx) I[y0 + 1, x0] + fx I[y0 + 1, x0 + 1])
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.attention.borders import resolve
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.arrays import Floats


def affine_grid(theta: ArrayLike, size: tuple[int, int], image_size: tuple[int, int], align_corners: bool) -> Floats:
    """Generate the grid of an affine transformation in normalised coordinates, as the paper's equation 1.

    Parameters
    ----------
    theta : (2, 3)
        From normalised output (x, y, 1) to normalised source (x, y).
    size, image_size : (int, int)
        Height and width of the glimpse and of the image.
    align_corners : bool
        Whether -1 and 1 are the centres of the outermost pixels (True), or the edges of the image (False). A single tap
        sits at 0, the middle, in both.

    Returns
    -------
    (h, w, 2) float64
        (x, y) in index coordinates.
    """
    x, y = (_normalised_taps(taps, align_corners) for taps in (size[1], size[0]))
    source = _transform(np.asarray(theta, dtype=np.float64), *np.meshgrid(x, y))
    extent = np.array([image_size[1], image_size[0]], dtype=np.float64)
    return (source + 1) / 2 * (extent - 1) if align_corners else ((source + 1) * extent - 1) / 2


def matrix_grid(matrix: ArrayLike, size: tuple[int, int], rows: slice | NDArray[np.int64] = slice(None)) -> Floats:
    """Generate the grid of an :class:`~glimpsecli.Affine` or a :class:`~glimpsecli.Projective`.

    Parameters
    ----------
    matrix : (2, 3) or (3, 3)
        From output index (x, y, 1) to source index (x, y), or to (x w, y w, w), which is divided by w.
    size : (int, int)
        Height and width of the glimpse.
    rows : slice or (r,) int
        The rows of the glimpse that are wanted; each number is the same as in the whole grid.

    Returns
    -------
    (h, w, 2) or (r, w, 2) float64
        (x, y) in index coordinates.
    """
    x, y = np.meshgrid(np.arange(size[1], dtype=np.float64), np.arange(size[0], dtype=np.float64)[rows])
    points = _transform(np.asarray(matrix, dtype=np.float64), x, y)
    return points if points.shape[-1] == 2 else points[..., :2] / points[..., 2:]


def sample(image: ArrayLike, grid: ArrayLike, border: str = "zeros", order: int = 1, fill: ArrayLike = 0) -> Floats:
    """Sample an image at the points of a grid.

    Parameters
    ----------
    image : (H, W) or (H, W, C)
    grid : (..., 2)
        (x, y) in index coordinates.
    border : {"zeros", "constant", "edge", "reflect"}
        What stands outside the image: see :mod:`~glimpsecli.attention.borders`. With ``zeros`` and ``constant`` each
        missing neighbour counts for itself, so that the image's edge blends into the fill.
    order : {0, 1}
        0 reads the pixel that the point falls in, ``floor(x + 1/2)``; 1 is bilinear.
    fill : array_like, scalar or (C,)
        The colour of the ``constant`` border.

    Returns
    -------
    (...) or (..., C) float64
    """
    pixels = np.asarray(image)
    points = np.asarray(grid, dtype=np.float64)
    colour = np.broadcast_to(np.asarray(fill if border == "constant" else 0, dtype=np.float64), pixels.shape[2:])
    if order not in (0, 1):
        raise InvalidInputError(f"order {order!r} of interpolation", "0 is nearest, 1 is bilinear")
    total = np.zeros(points.shape[:-1] + pixels.shape[2:])
    for row, column, weight in neighbours(points, order):
        y, y_present = resolve(row, pixels.shape[0], border)
        x, x_present = resolve(column, pixels.shape[1], border)
        present = y_present & x_present
        if pixels.ndim == 3:
            weight, present = weight[..., None], present[..., None]
        value = np.where(present, pixels[y, x], colour)
        # A pixel without weight is not read: a NaN next to a whole-pixel window stays outside.
        with np.errstate(invalid="ignore"):  # infinity minus infinity is NaN
            total += np.multiply(weight, value, where=weight != 0, out=np.zeros_like(total))
    return total


@np.errstate(over="ignore", invalid="ignore")  # gradients of infinite pixels are infinities and NaN
def sample_vjp(
    image: ArrayLike,
    grid: ArrayLike,
    cotangent: ArrayLike,
    border: str = "zeros",
    order: int = 1,
    fill: ArrayLike = 0,
) -> tuple[Floats, Floats]:
    """Give the gradients of a loss with respect to image and grid, from that with respect to the samples.

    With respect to a coordinate the bilinear sampler's derivative is the difference of the two neighbours on that axis;
    on a pixel's centre, where it has a kink, the right-hand derivative. It is 0 where ``edge`` clips the coordinate,
    and everywhere for `order` 0.

    Parameters
    ----------
    image, grid, border, order, fill
        As for :func:`sample`.
    cotangent : (...) or (..., C)
        The gradient with respect to the samples, the result of :func:`sample`.

    Returns
    -------
    by_image : (H, W) or (H, W, C) float64
    by_grid : (..., 2) float64
        For x and y.
    """
    pixels, samples = np.asarray(image), np.shape(grid)[:-1] + np.shape(image)[2:]
    if np.shape(cotangent) != samples:
        raise InvalidInputError(
            f"a cotangent of shape {np.shape(cotangent)} for samples of shape {samples}",
            "give it the shape of the samples",
        )
    by_image = np.zeros(pixels.shape)
    add_samples(by_image, grid, cotangent, border, order)
    return by_image, grid_vjp(pixels, grid, cotangent, border, order, fill)


def add_samples(
    by_image: NDArray[Any], grid: ArrayLike, cotangent: ArrayLike, border: str = "zeros", order: int = 1
) -> None:
    """Add the gradient with respect to the image: each point's cotangent, shared among the pixels that it reads.

    Parameters
    ----------
    by_image : (H, W) or (H, W, C), contiguous
        Changed.
    grid, cotangent, border, order
        As for :func:`sample_vjp`.
    """
    points, (height, width) = np.asarray(grid, dtype=np.float64), by_image.shape[:2]
    loss = np.asarray(cotangent, dtype=np.float64).reshape(*points.shape[:-1], -1)
    onto = by_image.reshape(height * width, -1)
    for row, column, weight in neighbours(points, order):
        y, y_present = resolve(row, height, border)
        x, x_present = resolve(column, width, border)
        np.add.at(onto, y * width + x, loss * (weight * (y_present & x_present))[..., None])


def grid_vjp(
    image: ArrayLike,
    grid: ArrayLike,
    cotangent: ArrayLike,
    border: str = "zeros",
    order: int = 1,
    fill: ArrayLike = 0,
) -> Floats:
    """Give the gradient with respect to the grid alone, (..., 2) float64; see :func:`sample_vjp`."""
    points, loss = np.asarray(grid, dtype=np.float64), np.asarray(cotangent, dtype=np.float64)
    if order == 0:
        return np.zeros(points.shape)
    slopes = sample_slopes(image, points, border, order, fill)
    return np.stack([np.sum((slope * loss).reshape(*points.shape[:-1], -1), axis=-1) for slope in slopes], axis=-1)


def sample_slopes(
    image: ArrayLike, grid: ArrayLike, border: str = "zeros", order: int = 1, fill: ArrayLike = 0
) -> tuple[Floats, Floats]:
    """Give the derivatives of :func:`sample` with respect to the x and the y of each point.

    They are the differences of the two neighbours on that axis; :func:`sample_vjp` contracts them.

    Parameters
    ----------
    image, grid, border, order, fill
        As for :func:`sample`.

    Returns
    -------
    by_x, by_y : (...) or (..., C) float64
    """
    pixels, points = np.asarray(image), np.asarray(grid, dtype=np.float64)
    colour = np.broadcast_to(np.asarray(fill if border == "constant" else 0, dtype=np.float64), pixels.shape[2:])
    tail = (1,) * (pixels.ndim - 2)
    by_x, by_y = (np.zeros(points.shape[:-1] + pixels.shape[2:]) for _ in "xy")
    for column, x_weight, x_slope in _axis_slopes(points[..., 0], order):
        for row, y_weight, y_slope in _axis_slopes(points[..., 1], order):
            y, y_present = resolve(row, pixels.shape[0], border)
            x, x_present = resolve(column, pixels.shape[1], border)
            present = (y_present & x_present).reshape(*points.shape[:-1], *tail)
            value = np.where(present, pixels[y, x], colour)
            by_x += x_slope * y_weight.reshape(present.shape) * value
            by_y += x_weight.reshape(present.shape) * y_slope * value
    return by_x, by_y


@np.errstate(over="ignore", invalid="ignore")  # as in sample_vjp
def matrix_grid_vjp(matrix: ArrayLike, by_grid: ArrayLike, first_row: int = 0) -> Floats:
    """Give the gradient with respect to a (2, 3) or (3, 3) matrix, from that with respect to its (h, w, 2) grid.

    Where the grid has only some rows, from `first_row` on, it is their share.
    """
    transform, loss = np.asarray(matrix, dtype=np.float64), np.asarray(by_grid, dtype=np.float64)
    x, y = np.meshgrid(
        np.arange(loss.shape[1], dtype=np.float64), first_row + np.arange(loss.shape[0], dtype=np.float64)
    )
    taps = np.stack([x, y, np.ones_like(x)], axis=-1)
    if len(transform) == 3:
        points = _transform(transform, x, y)
        shares = loss / points[..., 2:]
        depth = -np.sum(shares * points[..., :2], axis=-1, keepdims=True) / points[..., 2:]
        loss = np.concatenate([shares, depth], axis=-1)
    by_matrix: Floats = np.einsum("ijk,ijl->kl", loss, taps)
    return by_matrix


def neighbours(grid: Floats, order: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Floats]]:
    """Give the pixels (row, column) that (..., 2) points read, with their weights: one for `order` 0, four for 1."""
    for column, x_weight in axis_neighbours(grid[..., 0], order):
        for row, y_weight in axis_neighbours(grid[..., 1], order):
            yield row, column, y_weight * x_weight


def _axis_slopes(coordinate: Floats, order: int) -> list[tuple[NDArray[np.int64], Floats, float]]:
    """Give the pixels of one axis that coordinates read, with their weights and the derivatives of these."""
    slopes = (0.0,) if order == 0 else (-1.0, 1.0)
    return [(*pair, slope) for pair, slope in zip(axis_neighbours(coordinate, order), slopes, strict=True)]


def axis_neighbours(coordinate: Floats, order: int) -> list[tuple[NDArray[np.int64], Floats]]:
    """Give the pixels of one axis that coordinates read, with their weights."""
    if order == 0:
        return [(np.floor(coordinate + 0.5).astype(np.int64), np.ones(coordinate.shape))]
    first = np.floor(coordinate)
    fraction = coordinate - first
    whole = first.astype(np.int64)
    return [(whole, 1 - fraction), (whole + 1, fraction)]


def _transform(matrix: Floats, x: Floats, y: Floats) -> Floats:
    """Apply a matrix to points, in an order of operations that every backend repeats, so that ties round alike."""
    return np.stack([(row[0] * x + row[1] * y) + row[2] for row in matrix], axis=-1)


def _normalised_taps(taps: int, align_corners: bool) -> Floats:
    if align_corners and taps > 1:
        return np.linspace(-1, 1, taps)
    return (2 * np.arange(taps) + 1) / taps - 1
