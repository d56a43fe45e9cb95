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
