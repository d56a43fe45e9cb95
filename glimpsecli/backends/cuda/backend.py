"""The samplers on the GPU, compiled by Numba. See ``protocol`` for functions and shapes.

`images` and `out` may also be Numba's device arrays, contiguous. Arrays on the device stay there; where `out` is,
the call returns before the kernels, on the default stream, are done.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.backends.cpu.kernels.neighbours import BORDERS
from glimpsecli.backends.cuda.device import SIMULATED, blocks, cuda, describe, device_number, require
from glimpsecli.backends.cuda.filterbanks import filterbanks_by_groups
from glimpsecli.backends.cuda.kernels import forward as kernels
from glimpsecli.backends.cuda.memory import (
    as_device_array,
    download,
    empty,
    is_device_array,
    rows_on_device,
    upload,
)
from glimpsecli.backends.cuda.vjp import affine_vjp, gaussian_vjp, grid_vjp
from glimpsecli.backends.footprint import CUT, affine_support, for_each, gaussian_support, grid_support

if TYPE_CHECKING:
    from glimpsecli.backends.protocol import ImageShape, Interpolation, Read, Size

__all__ = [
    "affine_vjp",
    "as_device_array",
    "describe",
    "device_number",
    "empty",
    "gaussian_vjp",
    "grid",
    "grid_vjp",
    "is_device_array",
    "prepare_affine",
    "prepare_gaussian",
    "require",
    "upload",
]

MOST_WEIGHTS = 1000 if SIMULATED else 1 << 26
"""Weights of filterbanks that are held at a time, 256 MB; windows that need more are computed group by group."""


def prepare_gaussian(params: np.ndarray, size: Size, image_shape: ImageShape, threads: int | None) -> Read:
    """Bind Gaussian glimpses: ``gain * A_y I A_x^T``, the tails of the Gaussians cut."""
    return functools.partial(_gaussian, params)


def _gaussian(params: np.ndarray, images: Any, out: Any) -> None:
    h, w = out.shape[1:3]
    height, width = images.shape[1:3]
    rows, top, left = rows_on_device(images, lambda: gaussian_support(params, (h, w), (height, width)))
    target = out if is_device_array(out) else empty(out.shape)
    for some, windows, kept, weights in filterbanks_by_groups(params, (h, w), (height, width), CUT, MOST_WEIGHTS):
        n = some.stop - some.start
        launch = kernels.gaussian[blocks(n * -(-h // kernels.ROWS) * -(-w // kernels.TAPS)), kernels.THREADS]
        launch(rows if len(rows) == 1 else rows[some], top, left, windows, kept, weights, target[some])
    if target is not out:
        download(target, out)


def prepare_affine(
    matrices: np.ndarray,
    size: Size,
    image_shape: ImageShape,
    interpolation: Interpolation,
    threads: int | None,
) -> Read:
    """Bind interpolated glimpses."""
    return functools.partial(_affine, for_each(matrices, image_shape[0]), interpolation)


def _affine(matrices: np.ndarray, interpolation: Interpolation, images: Any, out: Any) -> None:

    def boxes() -> np.ndarray:
        return affine_support(matrices, out.shape[1:3], images.shape[1:3], interpolation.border)

    _interpolate(kernels.affine, images, matrices, boxes, out, interpolation)


def grid(
    images: Any,
    grids: np.ndarray,
    out: Any,
    interpolation: Interpolation,
    threads: int | None = None,
) -> None:
    """Fill `out` with samples at given points."""

    def boxes() -> np.ndarray:
        return grid_support(grids, images.shape[1:3], interpolation.border)

    _interpolate(kernels.grid, images, grids, boxes, out, interpolation)


def _interpolate(
    kernel: Any,
    images: Any,
    places: np.ndarray,
    boxes: Callable[[], np.ndarray],
    out: Any,
    interpolation: Interpolation,
) -> None:
    order, border, fill = interpolation
    n, h, w, _ = out.shape
    height, width = images.shape[1:3]
    rows, top, left = rows_on_device(images, boxes)
    target = out if is_device_array(out) else empty(out.shape)
    colours = cuda.to_device(fill if border == "constant" else np.zeros_like(fill))
    launch = kernel[blocks(n * -(-h * w // kernels.PIXELS)), kernels.THREADS]
    launch(rows, top, left, height, width, upload(places), order, BORDERS[border], colours, target)
    if target is not out:
        download(target, out)
