"""Pasting: a glimpse goes back onto an image, where its window says.

A layer has a colour for each pixel of the image, weighted by an opacity from 0 to 1, which is its last channel. With
the glimpse ``w``, weighted by its own opacity, and that opacity ``o``::

    Gaussian    m (A_y^T w A_x) / (A_y^T 1 A_x) / gain,   opacity  m (A_y^T o A_x) / (A_y^T 1 A_x)
    elliptical  likewise, with the write of :mod:`~glimpsecli.attention.elliptical` in place of A_y^T w A_x
    spatial     w and o at the point of the glimpse that the pixel shows, inside the window

``m`` is the attention mask (:mod:`~glimpsecli.attention.masks`). The Gaussian layer is DRAW's write divided by
the write of ones: at each pixel of the image, the mean of the glimpse's pixels that reach it. The write alone, the
transpose of the read, is brighter where more of them do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import elliptical, gaussian, masks, spatial
from glimpsecli.attention.soft import separable_mask
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.arrays import Floats


THINNEST = 1e-6
"""The least thickness of a window, in pixels: rounding decides where a thinner one lies."""


def gaussian_layer(glimpse: ArrayLike, params: Iterable[float], image_size: tuple[int, int]) -> Floats:
    """Give the layer of a glimpse that Gaussian attention puts back.

    Parameters
    ----------
    glimpse : (h, w, C + 1)
        Colours times opacity, and the opacity, 0 to 1.
    params : GaussianParams, or (u_y, s_y, d_y, u_x, s_x, d_x, gain)
        Index coordinates, pixels. Colours are divided by the gain, so that a glimpse comes back in the image's colours.
    image_size : (int, int)
        Height and width of the image.

    Returns
    -------
    (H, W, C + 1) float64
    """
    ((_, layer),) = gaussian_layer_rows(glimpse, params, image_size, image_size[0])
    return layer


def gaussian_layer_rows(
    glimpse: ArrayLike, params: Iterable[float], image_size: tuple[int, int], deep: int
) -> Iterator[tuple[slice, Floats]]:
    """Generate the result of :func:`gaussian_layer`, `deep` rows at a time: the rows, and (deep, W, C + 1) float64."""
    u_y, s_y, d_y, u_x, s_x, d_x, gain = params
    unit, divisor = (u_y, s_y, d_y, u_x, s_x, d_x, 1), checked_gain(gain)
    size = (np.shape(glimpse)[0], np.shape(glimpse)[1])
    rows, columns = (
        gaussian.filterbank(u, s, d, taps, pixels).sum(axis=0)
        for u, s, d, taps, pixels in zip((u_y, u_x), (s_y, s_x), (d_y, d_x), size, image_size, strict=True)
    )
    a_y, a_x = masks.gaussian_profiles(unit, size, image_size)
    for part, written in gaussian.write_rows(glimpse, unit, image_size, deep):
        layer = mean_layer(written, separable_mask(rows[part], columns), separable_mask(a_y[part], a_x))
        layer[..., :-1] /= divisor
        yield part, layer


def elliptical_layer(glimpse: ArrayLike, matrix: ArrayLike, image_size: tuple[int, int], blur: float) -> Floats:
    """Give the layer of a glimpse that elliptical Gaussians put back.

    Parameters
    ----------
    glimpse : (h, w, C + 1)
        Colours times opacity, and the opacity, 0 to 1.
    matrix, blur
        As for :func:`~glimpsecli.attention.ellipses.of_taps`.
    image_size : (int, int)
        Height and width of the image.

    Returns
    -------
    (H, W, C + 1) float64
    """
    size = (np.shape(glimpse)[0], np.shape(glimpse)[1])
    written, ones = (elliptical.write(one, matrix, image_size, blur) for one in (glimpse, np.ones(size)))
    return mean_layer(written, ones, masks.elliptical_mask(matrix, size, image_size, blur))


def mean_layer(written: ArrayLike, ones: ArrayLike, mask: ArrayLike) -> Floats:
    """Give the mean of the pixels of a glimpse that reach each pixel of the image, as opaque as the mask.

    Parameters
    ----------
    written : (H, W, C + 1)
        The write of the glimpse: colours times opacity, and the opacity.
    ones : (H, W)
        The write of ones.
    mask : (H, W)
        The attention mask; it is cut at 1.

    Returns
    -------
    (H, W, C + 1) float64
    """
    values, reach = np.asarray(written, dtype=np.float64), np.asarray(ones, dtype=np.float64)[..., None]
    layer = np.divide(values, reach, out=np.zeros_like(values), where=reach > 0)
    layer *= np.minimum(mask, 1)[..., None]
    return layer


def spatial_layer(glimpse: ArrayLike, matrix: ArrayLike, image_size: tuple[int, int], order: int = 1) -> Floats:
    """Give the layer of a glimpse that the spatial transformer puts back: the inverse of its grid.

    Parameters
    ----------
    glimpse : (h, w, C + 1)
        Colours times opacity, and the opacity, 0 to 1.
    matrix : (2, 3) or (3, 3)
        From glimpse index (x, y, 1) to image index (x, y), or to (x w, y w, w).
    image_size : (int, int)
        Height and width of the image.
    order : {0, 1}
        0 shows the cell of the glimpse that a pixel's centre falls in, 1 is bilinear; the outermost cells have the
        colour of their centre from there to the window's edge.

    Returns
    -------
    (H, W, C + 1) float64
        0 where a pixel's centre lies outside the window.
    """
    values = np.asarray(glimpse, dtype=np.float64)
    points, inside = inverse_grid(matrix, (values.shape[0], values.shape[1]), image_size)
    return spatial.sample(values, points, "edge", order) * inside[..., None]


def inverse_grid(
    matrix: ArrayLike, size: tuple[int, int], image_size: tuple[int, int], top: int = 0, left: int = 0
) -> tuple[Floats, NDArray[np.bool_]]:
    """Find the point of the glimpse that each pixel of the image shows.

    Parameters
    ----------
    matrix : (2, 3) or (3, 3)
        From glimpse index (x, y, 1) to image index (x, y), or to (x w, y w, w) with a positive w in all cells.
    size, image_size : (int, int)
        Height and width of the glimpse, and of the image or a part of it.
    top, left : int
        The pixel of the image that the part begins with.

    Returns
    -------
    points : (H, W, 2) float64
        (x, y) in index coordinates of the glimpse; 0 where there is none.
    inside : (H, W) bool
        Whether the pixel's centre lies in a cell of the glimpse, left and top edge included.

    Raises
    ------
    InvalidInputError
        The window has no area: see :func:`check_area`.
    """
    check_area(matrix, size)
    x, y = np.meshgrid(left + np.arange(image_size[1], dtype=np.float64), top + np.arange(image_size[0]))
    across, down, depth = ((row[0] * x + row[1] * y) + row[2] for row in inverse_matrix(matrix))
    # All cells lie on this side of a projective window's horizon: pixels on it or beyond it are in none.
    points = np.full((*image_size, 2), -1.0)
    np.divide(np.stack([across, down], axis=-1), depth[..., None], out=points, where=depth[..., None] != 0)
    cells = np.floor(points + 0.5)
    inside = np.all((cells >= 0) & (cells < [size[1], size[0]]), axis=-1)
    points[~inside] = 0
    return points, inside


def inverse_matrix(matrix: ArrayLike) -> Floats:
    """Give the (3, 3) matrix, up to a factor, from image index (x, y, 1) to glimpse index (x w, y w, w).

    `matrix`, (2, 3) or (3, 3), leads from glimpse index to image index and has an area: see :func:`check_area`.
    """
    forward = np.asarray(matrix, dtype=np.float64)
    forward = np.vstack([forward, [0, 0, 1]]) if len(forward) == 2 else forward
    x_column, y_column, shift = forward.T
    return np.stack([np.cross(y_column, shift), np.cross(shift, x_column), np.cross(x_column, y_column)])


def check_area(matrix: ArrayLike, size: tuple[int, int]) -> None:
    """Refuse a window without area: a point, a line, or one thinner than :data:`THINNEST`.

    Parameters
    ----------
    matrix : (2, 3) or (3, 3)
        From glimpse index (x, y, 1) to image index (x, y), or to (x w, y w, w).
    size : (int, int)
        Height and width of the glimpse.
    """
    forward = np.asarray(matrix, dtype=np.float64)
    right, bottom = size[1] - 0.5, size[0] - 0.5
    ends = np.array([(-0.5, -0.5, 1), (right, -0.5, 1), (right, bottom, 1), (-0.5, bottom, 1)]) @ forward.T
    ends = ends[:, :2] / (ends[:, 2:] if len(forward) == 3 else 1)
    (x, y), (u, v) = (ends[2:] - ends[:2]).tolist()  # the diagonals, whose cross product is twice the area
    if not abs(x * v - y * u) > 2 * THINNEST * max(math.hypot(x, y), math.hypot(u, v)):
        raise InvalidInputError(
            f"the window of the matrix {np.asarray(matrix).tolist()} has no area",
            "give it an extent on both axes, which do not point the same way",
        )


def over(image: ArrayLike, layer: ArrayLike, *, alpha: bool = False, scale: float = 1.0) -> Floats:
    """Lay a layer over an image (Porter and Duff 1984, "Compositing Digital Images").

    Parameters
    ----------
    image : (H, W, C), or (H, W, C + 1) with `alpha`
        The image below.
    layer : (H, W, C + 1)
        Colours times opacity, and the opacity, 0 to 1.
    alpha : bool
        Whether the image's last channel is straight alpha.
    scale : float
        Value of an opaque alpha.

    Returns
    -------
    float64, shape of the image
        The layer where it is opaque, and the image where the layer is clear.
    """
    below, colours = np.asarray(image, dtype=np.float64), np.asarray(layer, dtype=np.float64)
    rest = 1 - colours[..., -1:]
    if not alpha:
        return _product(rest, below) + colours[..., :-1]
    share = rest * below[..., -1:] / scale
    opacity = colours[..., -1:] + share
    mixed = _product(share, below[..., :-1]) + colours[..., :-1]
    out = below.copy()
    np.divide(mixed, opacity, out=out[..., :-1], where=opacity > 0)
    out[..., -1:] = opacity * scale
    return out


def checked_gain(gain: float) -> float:
    """Refuse a gain of 0."""
    if gain == 0:
        raise InvalidInputError("pasting divides by the window's gain, which is 0", "give another gain")
    return gain


def _product(share: Floats, values: Floats) -> Floats:
    """Multiply; a share of 0 gives 0, of infinities and NaN, too."""
    return np.multiply(share, values, out=np.zeros(values.shape), where=share != 0)
