"""The attention mask of a glimpse: how much each pixel of the image counts in it.

It is the adjoint of the sampler applied to ones, ``B^T 1`` (for each pixel the sum of its weights over all taps),
divided by the peak that the same taps have on an unbounded image, and cut at 1: a window over the border piles the
weight of the missing pixels on those of the border, which must not darken the rest. Where the taps follow the axes it
is the outer product of two profiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import ellipses, elliptical, gaussian, spatial
from glimpsecli.attention.borders import resolve
from glimpsecli.attention.soft import separable_mask
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.arrays import Floats

    Pixels = NDArray[np.int64]

REACH = 8.5
"""Sigmas beyond which a Gaussian is 0 to double precision."""

_MOST_WEIGHTS = 2**28  # the most weights of the Gaussians of one axis
_BLOCK = 2**18  # taps at a time
_WIDE = 2.0  # sigma in pixels from which a sum over pixels is an integral
_CENTRAL = 256  # taps around which the peak of wide Gaussians is sought
_LARGEST_PLANE = 2**25  # pixels of the unbounded image that are counted in an array rather than in a sorted list


def gaussian_mask(params: Iterable[float], size: tuple[int, int], image_size: tuple[int, int]) -> Floats:
    """Give the mask of a Gaussian glimpse.

    Parameters
    ----------
    params : GaussianParams, or (u_y, s_y, d_y, u_x, s_x, d_x, gain)
        Index coordinates, pixels; the gain does not matter.
    size, image_size : (int, int)
        Height and width of the glimpse and of the image.

    Returns
    -------
    (H, W) float64, 0 to 1
        For a single tap the article's ``a_y a_x^T``, but for a factor that puts its peak at 1.
    """
    return np.minimum(separable_mask(*gaussian_profiles(params, size, image_size)), 1)


def gaussian_profiles(
    params: Iterable[float], size: tuple[int, int], image_size: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Give the (H,) and the (W,) profile whose outer product, cut at 1, is :func:`gaussian_mask`."""
    u_y, s_y, d_y, u_x, s_x, d_x, _ = params
    return (
        _gaussian_profile(u_y, s_y, d_y, size[0], image_size[0]),
        _gaussian_profile(u_x, s_x, d_x, size[1], image_size[1]),
    )


def elliptical_mask(matrix: ArrayLike, size: tuple[int, int], image_size: tuple[int, int], blur: float) -> Floats:
    """Give the mask of a glimpse of elliptical Gaussians.

    Parameters
    ----------
    matrix, size, blur
        As for :func:`~glimpsecli.attention.ellipses.of_taps`.
    image_size : (int, int)
        Height and width of the image.

    Returns
    -------
    (H, W) float64, 0 to 1
    """
    top, bottom, left, right = elliptical_bounds(matrix, size, blur)
    moved = np.array(matrix, dtype=np.float64)
    moved[:2] -= np.outer([left, top], moved[2] if len(moved) == 3 else [0, 0, 1])
    peak = elliptical.write(np.ones(size), moved, (bottom - top, right - left), blur).max()
    total = elliptical.write(np.ones(size), matrix, image_size, blur)
    return np.minimum(_relative(total, float(peak)), 1)


def elliptical_bounds(matrix: ArrayLike, size: tuple[int, int], blur: float) -> tuple[int, int, int, int]:
    """Give the part (top, bottom, left, right) of an unbounded image that elliptical Gaussians read.

    Parameters
    ----------
    matrix, size, blur
        As for :func:`~glimpsecli.attention.ellipses.of_taps`.
    """
    low, high, deep = np.full(2, np.inf), np.full(2, -np.inf), max(1, _BLOCK // size[1])
    for start in range(0, size[0], deep):
        taps = ellipses.of_taps(matrix, size, blur, slice(start, start + deep))
        centres, reach = np.stack([taps.y, taps.x]), REACH * np.sqrt([taps.s_yy, taps.s_xx])
        low = np.minimum(low, (centres - reach).min(axis=1))
        high = np.maximum(high, (centres + reach).max(axis=1))
    (top, left), (bottom, right) = np.floor(low).astype(int).tolist(), np.ceil(high).astype(int).tolist()
    return top, bottom + 1, left, right + 1


def wide_peak(matrix: Floats, size: tuple[int, int], blur: float) -> float | None:
    """Give the peak of wide elliptical Gaussians of an affine matrix on an unbounded image; None where they are narrow.

    From a sigma of 2 pixels on the sum of a Gaussian over the pixels is its integral, ``2 pi sqrt(det S)``, to double
    precision. The peak is sought at the pixels around the `_CENTRAL` taps nearest to the middle of the glimpse, and
    around the points half-way between them: with more taps it may lie at another, and be higher by 1e-4.
    """
    if len(matrix) == 3:
        return None
    taps = ellipses.of_taps(matrix, size, blur)
    s_xx, s_xy, s_yy, determinant = (float(numbers[0]) for numbers in taps[2:])
    if determinant < _WIDE**2 * max(s_xx + s_yy - _WIDE**2, _WIDE**2):  # the smaller variance is below
        return None
    rows, columns = np.indices(size).reshape(2, -1)
    away = np.hypot(rows - (size[0] - 1) / 2, columns - (size[1] - 1) / 2)
    central = np.argsort(away, kind="stable")[:_CENTRAL]
    linear = np.asarray(matrix)[:, :2]
    halves = np.array([[0, 0], [0.5, 0], [0, 0.5], [0.5, 0.5]]) @ linear.T
    points = np.rint(np.stack([taps.x[central], taps.y[central]], axis=1)[:, None] + halves)
    x, y = (points.reshape(-1, 1, 2) + np.indices((3, 3)).reshape(2, -1).T - 1).reshape(-1, 2).T
    # In taps sigma is the blur, and more where the strides are below a pixel.
    shortest = float(np.linalg.svd(linear, compute_uv=False)[-1])
    near = away <= away[central].max() + REACH * blur / min(1, shortest) if shortest > 0 else away >= 0
    total = np.zeros(x.shape)
    for column, row in zip(taps.x[near], taps.y[near], strict=True):
        d_x, d_y = x - column, y - row
        total += np.exp(-0.5 * (s_yy * d_x * d_x - 2 * s_xy * d_x * d_y + s_xx * d_y * d_y) / determinant)
    return float(total.max() / (2 * np.pi * np.sqrt(determinant)))


def affine_mask(
    matrix: ArrayLike, size: tuple[int, int], image_size: tuple[int, int], border: str = "zeros", order: int = 1
) -> Floats:
    """Give the mask of a bilinear (`order` 1) or a hard (0) glimpse.

    Parameters
    ----------
    matrix : (2, 3) or (3, 3)
        From output index (x, y, 1) to source index (x, y), or to (x w, y w, w).
    size, image_size : (int, int)
        Height and width of the glimpse and of the image.
    border : {"zeros", "constant", "edge", "reflect"}
        With ``edge`` and ``reflect`` a tap beyond the image counts for the pixel that stands in for it.
    order : {0, 1}

    Returns
    -------
    (H, W) float64, 0 to 1
        For a crop 0 and 1.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    (a, b, u_x), (c, d, u_y) = matrix[:2].tolist()
    if b == 0 and c == 0 and len(matrix) == 2:
        a_y = _tap_profile(d * np.arange(size[0]) + u_y, image_size[0], border, order)
        a_x = _tap_profile(a * np.arange(size[1]) + u_x, image_size[1], border, order)
        return np.minimum(separable_mask(a_y, a_x), 1)
    height, width = image_size
    mask, inside = np.zeros(height * width), True
    for row, column, weight in _blocks(matrix, size, order):
        y, y_present = resolve(row, height, border)
        x, x_present = resolve(column, width, border)
        np.add.at(mask, (y * width + x).ravel(), (weight * (y_present & x_present)).ravel())
        inside = inside and bool(np.all((y == row) & (x == column)))
    peak = mask.max() if inside else _peak(matrix, size, order)
    return np.minimum(_relative(mask, peak), 1).reshape(height, width)


def _blocks(matrix: Floats, size: tuple[int, int], order: int) -> Iterator[tuple[Pixels, Pixels, Floats]]:
    """Give row, column and weight of the pixels that taps read, some rows of taps at a time."""
    deep = max(1, _BLOCK // size[1])
    for start in range(0, size[0], deep):
        part = matrix.copy()
        part[:, 2] += matrix[:, 1] * start
        yield from spatial.neighbours(spatial.matrix_grid(part, (min(deep, size[0] - start), size[1])), order)


def _gaussian_profile(first: float, sigma: float, stride: float, taps: int, pixels: int) -> Floats:
    """Give the sum of the rows of a filterbank, relative to its peak on an unbounded axis."""
    total = np.zeros(pixels)
    for centre in first + stride * np.arange(taps):
        weights = gaussian.vector(centre, sigma, pixels)
        total += weights / (weights.sum() + gaussian.EPSILON)
    return _relative(total, _gaussian_peak(first, sigma, stride, taps))


def _gaussian_peak(first: float, sigma: float, stride: float, taps: int) -> float:
    """Give the largest sum of weights that the taps put on a pixel of an unbounded axis."""
    reach = int(np.ceil(REACH * sigma)) + 1
    span = abs(stride) * (taps - 1) + 2 * reach + 2
    if max(span, 2.0 * reach * taps) > _MOST_WEIGHTS:
        raise InvalidInputError(
            f"Gaussians of sigma {sigma:g} over {span:.3g} pixels are too wide for a mask", "look at a smaller window"
        )
    lowest = int(np.floor(min(first, first + stride * (taps - 1)))) - reach
    total = np.zeros(int(span) + 2)
    offsets = np.arange(2 * reach + 1)
    for centre in first + stride * np.arange(taps):
        start = int(np.floor(centre)) - reach
        weights = gaussian.vector(centre - start, sigma, len(offsets))
        total[start - lowest + offsets] += weights / (weights.sum() + gaussian.EPSILON)
    return float(total.max())


def _tap_profile(coordinates: Floats, pixels: int, border: str, order: int) -> Floats:
    """Give the profile of one axis for taps at these index coordinates."""
    profile = np.zeros(pixels)
    read = spatial.axis_neighbours(coordinates, order)
    for index, weight in read:
        pixel, present = resolve(index, pixels, border)
        profile += np.bincount(pixel, weight * present, pixels)
    unbounded, weights = zip(*read, strict=True)
    _, where = np.unique(np.concatenate(unbounded), return_inverse=True)
    return _relative(profile, float(np.bincount(where, np.concatenate(weights)).max()))


def _peak(matrix: Floats, size: tuple[int, int], order: int) -> float:
    """Give the largest sum of weights that taps put on a pixel of an unbounded plane."""
    ends = np.array([[0, 0, 1], [size[1] - 1, 0, 1], [0, size[0] - 1, 1], [size[1] - 1, size[0] - 1, 1]])
    points = ends @ matrix.T
    points = points[:, :2] / (points[:, 2:] if len(matrix) == 3 else 1)
    low = np.floor(points.min(axis=0)).astype(np.int64) - 1  # a pixel to spare for rounding
    columns, rows = np.floor(points.max(axis=0)).astype(np.int64) - low + 4
    parts = (
        (((row - low[1]) * columns + (column - low[0])).ravel(), weight.ravel())
        for row, column, weight in _blocks(matrix, size, order)
    )
    if rows * columns <= _LARGEST_PLANE:
        total = np.zeros(rows * columns)
        for index, weight in parts:
            np.add.at(total, index, weight)
        return float(total.max())
    indices, weights = zip(*parts, strict=True)
    _, where = np.unique(np.concatenate(indices), return_inverse=True)
    return float(np.bincount(where.ravel(), np.concatenate(weights)).max())


def _relative(total: Floats, peak: float) -> Floats:
    """Divide by the peak; taps without any weight see nothing."""
    return total / peak if peak > 0 else np.zeros_like(total)
