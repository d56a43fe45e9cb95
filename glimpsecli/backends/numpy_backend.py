"""The definitions of ``attention``, applied to no more of the image than they read. Needs no start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import gaussian as definition
from glimpsecli.attention import hard, spatial
from glimpsecli.backends.support import gaussian_kept, gaussian_support, whole_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Images = NDArray[np.generic]


def gaussian(images: Images, params: Floats, out: NDArray[np.float32], threads: int | None = None) -> None:
    """Fill `out` with Gaussian glimpses; see the package for the shapes. `threads` is NumPy's own affair here."""
    size = (out.shape[1], out.shape[2])
    boxes = gaussian_support(params, size, (images.shape[1], images.shape[2]))
    for n, (row, box) in enumerate(zip(params, boxes, strict=True)):
        top, bottom, left, right = box
        cut = images[n if len(images) > 1 else 0, top:bottom, left:right]
        shifted = row - [top, 0, 0, left, 0, 0, 0]
        finite = np.isfinite(cut) if cut.dtype.kind == "f" else None
        if finite is None or finite.all():
            out[n] = definition.glimpse(cut, shifted, size)
        else:
            # In a product of matrices one NaN would spoil every tap: let it spoil those that read it.
            out[n] = definition.glimpse(np.where(finite, cut, 0), shifted, size)
            u_y, s_y, d_y, u_x, s_x, d_x, _ = shifted
            rows = gaussian_kept(u_y, s_y, d_y, size[0], cut.shape[0])
            columns = gaussian_kept(u_x, s_x, d_x, size[1], cut.shape[1])
            out[n][np.einsum("iy,yxc,jx->ijc", rows, ~finite, columns, optimize=True)] = np.nan


def affine(
    images: Images,
    matrices: Floats,
    out: NDArray[np.float32],
    order: int,
    border: str,
    fill: NDArray[np.float32],
    threads: int | None = None,
) -> None:
    """Fill `out` with bilinear or nearest glimpses; see the package for the shapes."""
    size = (out.shape[1], out.shape[2])
    for n, matrix in enumerate(matrices):
        image = images[n if len(images) > 1 else 0]
        if border != "constant" and whole_pixels(matrix):  # a fill might not fit the image's dtype
            left, top = matrix[:, 2].astype(int)
            out[n] = hard.crop(image, top, left, size, border)
        else:
            out[n] = spatial.sample(image, spatial.matrix_grid(matrix, size), border, order, fill[n])


def grid(
    images: Images,
    grids: Floats,
    out: NDArray[np.float32],
    order: int,
    border: str,
    fill: NDArray[np.float32],
    threads: int | None = None,
) -> None:
    """Fill `out` with what stands at the points of grids; see the package for the shapes."""
    for n, points in enumerate(grids):
        out[n] = spatial.sample(images[n if len(images) > 1 else 0], points, border, order, fill[n])


def gaussian_vjp(
    images: Images,
    params: Floats,
    cotangents: NDArray[np.float32],
    by_images: NDArray[np.float32] | None,
    by_params: Floats | None,
    threads: int | None = None,
) -> None:
    """Pull gradients back through Gaussian glimpses; see the package for the shapes."""
    size = (cotangents.shape[1], cotangents.shape[2])
    boxes = gaussian_support(params, size, (images.shape[1], images.shape[2]))
    for n, (row, (top, bottom, left, right)) in enumerate(zip(params, boxes, strict=True)):
        b = n if len(images) > 1 else 0
        cut, shifted = images[b, top:bottom, left:right], row - [top, 0, 0, left, 0, 0, 0]
        by_cut, by_row = definition.glimpse_vjp(cut, shifted, size, cotangents[n])
        if by_images is not None:
            by_images[b, top:bottom, left:right] += by_cut
        if by_params is not None:
            by_params[n] = by_row


def affine_vjp(
    images: Images,
    matrices: Floats,
    cotangents: NDArray[np.float32],
    by_images: NDArray[np.float32] | None,
    by_matrices: Floats | None,
    order: int,
    border: str,
    fill: NDArray[np.float32],
    threads: int | None = None,
) -> None:
    """Pull gradients back through bilinear or nearest glimpses; see the package for the shapes."""
    size = (cotangents.shape[1], cotangents.shape[2])
    for n, matrix in enumerate(matrices):
        points = spatial.matrix_grid(matrix, size)
        by_points = _points_vjp(images, n, points, cotangents, by_images, order, border, fill)
        if by_matrices is not None:
            by_matrices[n] = spatial.matrix_grid_vjp(matrix, by_points)


def grid_vjp(
    images: Images,
    grids: Floats,
    cotangents: NDArray[np.float32],
    by_images: NDArray[np.float32] | None,
    by_grids: Floats | None,
    order: int,
    border: str,
    fill: NDArray[np.float32],
    threads: int | None = None,
) -> None:
    """Pull gradients back to what stands at the points of grids; see the package for the shapes."""
    for n, points in enumerate(grids):
        by_points = _points_vjp(images, n, points, cotangents, by_images, order, border, fill)
        if by_grids is not None:
            by_grids[n] = by_points


def _points_vjp(
    images: Images,
    n: int,
    points: Floats,
    cotangents: NDArray[np.float32],
    by_images: NDArray[np.float32] | None,
    order: int,
    border: str,
    fill: NDArray[np.float32],
) -> Floats:
    """Give the gradient by the points of window n, and add that by its image."""
    b = n if len(images) > 1 else 0
    by_image = None if by_images is None else by_images[b]
    return spatial.sample_vjp(images[b], points, cotangents[n], border, order, fill[n], by_image)[1]
