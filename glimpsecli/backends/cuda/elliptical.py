"""Elliptical Gaussians on the GPU, and their gradients. See ``protocol`` for functions and shapes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.backends.cuda.device import blocks
from glimpsecli.backends.cuda.kernels import elliptical as kernels
from glimpsecli.backends.cuda.kernels.elliptical_vjp import add_parts, elliptical_gradients
from glimpsecli.backends.cuda.memory import (
    added_to,
    download,
    empty,
    give_back,
    is_device_array,
    rows_on_device,
    upload,
)
from glimpsecli.backends.footprint import BACK_CUT, CUT, elliptical_support, for_each

if TYPE_CHECKING:
    from glimpsecli.backends.protocol import ImageShape, Read, Size


def prepare_elliptical(
    matrices: np.ndarray, blur: float, size: Size, image_shape: ImageShape, threads: int | None
) -> Read:
    """Bind elliptical Gaussians."""
    return functools.partial(_elliptical, matrices, blur)


def _elliptical(matrices: np.ndarray, blur: float, images: Any, out: Any) -> None:
    n, h, w, _ = out.shape
    height, width = images.shape[1:3]
    rows, top, left = rows_on_device(images, lambda: elliptical_support(matrices, blur, (h, w), (height, width)))
    target = out if is_device_array(out) else empty(out.shape)
    launch = kernels.elliptical[blocks(n * -(-h * w // kernels.TAPS)), kernels.THREADS]
    launch(rows, top, left, height, width, upload(for_each(matrices, len(images))), blur, CUT, target)
    if target is not out:
        download(target, out)


def elliptical_vjp(
    images: Any,
    matrices: np.ndarray,
    blur: float,
    cotangents: Any,
    by_images: Any,
    by_matrices: Any,
    threads: int | None = None,
) -> None:
    """Pull gradients back through elliptical Gaussians."""
    n, h, w, _ = cotangents.shape
    height, width = images.shape[1:3]
    boxes = functools.partial(elliptical_support, matrices, blur, (h, w), (height, width), BACK_CUT)
    rows, top, left = rows_on_device(images, boxes)
    losses = cotangents if is_device_array(cotangents) else upload(cotangents)
    onto, found = added_to(by_images, rows), empty((n, 9, -(-h * w // kernels.TAPS)), np.float64)
    places, wanted = upload(for_each(matrices, len(images))), (by_images is not None, by_matrices is not None)
    launch = elliptical_gradients[blocks(n * found.shape[2]), kernels.THREADS]
    launch(rows, top, left, height, width, places, blur, BACK_CUT, losses, wanted, onto, found)
    give_back(onto, by_images, top, left)
    if by_matrices is not None:
        totals = empty((n, 9), np.float64)
        add_parts[blocks(n * 9), kernels.THREADS](found, totals)
        found = totals.copy_to_host().reshape(len(matrices), -1, 3, 3)
        by_matrices[...] = found.sum(axis=1)[:, : by_matrices.shape[1]]
