"""The samplers on the GPU, compiled by Numba. See ``protocol`` for functions and shapes.

`images` and `out` may also be Numba's device arrays, contiguous. Arrays on the device stay there; where `out` is,
the call returns before the kernels, on the default stream, are done.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.backends.cpu.kernels.neighbours import BORDERS
from glimpsecli.backends.cuda.continued import bring_back, put_together
from glimpsecli.backends.cuda.device import SIMULATED, blocks, cuda, describe, device_number, require
from glimpsecli.backends.cuda.elliptical import elliptical_vjp, prepare_elliptical
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
from glimpsecli.backends.cuda.vjp import bilinear_vjp, gaussian_vjp
from glimpsecli.backends.footprint import CUT, for_each, gaussian_support, matrix_support

if TYPE_CHECKING:
    from glimpsecli.backends.protocol import ImageShape, Interpolation, Read, Size

__all__ = [
    "as_device_array",
    "bilinear_vjp",
    "bring_back",
    "describe",
    "device_number",
    "elliptical_vjp",
    "empty",
    "gaussian_vjp",
    "is_device_array",
    "prepare_bilinear",
    "prepare_elliptical",
    "prepare_gaussian",
    "put_together",
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


def prepare_bilinear(
    matrices: np.ndarray,
    size: Size,
    image_shape: ImageShape,
    interpolation: Interpolation,
    threads: int | None,
) -> Read:
    """Bind interpolated glimpses."""
    return functools.partial(_bilinear, for_each(matrices, image_shape[0]), interpolation)


def _bilinear(matrices: np.ndarray, interpolation: Interpolation, images: Any, out: Any) -> None:
    order, border, fill = interpolation
    n, h, w, _ = out.shape
    height, width = images.shape[1:3]
    rows, top, left = rows_on_device(images, lambda: matrix_support(matrices, (h, w), (height, width), border))
    target = out if is_device_array(out) else empty(out.shape)
    colours = cuda.to_device(fill if border == "constant" else np.zeros_like(fill))
    launch = kernels.bilinear[blocks(n * -(-h * w // kernels.PIXELS)), kernels.THREADS]
    launch(rows, top, left, height, width, upload(matrices), order, BORDERS[border], colours, target)
    if target is not out:
        download(target, out)
