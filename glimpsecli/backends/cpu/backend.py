"""The samplers on the processor, compiled by Numba. See the package for the functions and the shapes.

This module brings images into the form that the kernels take, flat and contiguous in their own dtype, and shares the
work out. A *unit* of work is some rows of one glimpse. Each pixel is computed by the same operations in the same order
whatever the units and the threads, so the result does not depend on them; and only the pixels that a glimpse reads
are converted.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.backends.cpu.kernels import affine as cpu_affine
from glimpsecli.backends.cpu.kernels import gaussian as cpu_gaussian
from glimpsecli.backends.cpu.threads import run
from glimpsecli.backends.footprint import BACK_CUT, CUT, affine_support, gaussian_support, grid_support, union

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Images = NDArray[Any]
    Glimpses = NDArray[np.float32]

_NO_MATRICES, _NO_GRIDS = np.empty((0, 2, 3)), np.empty((0, 0, 0, 2))


def gaussian(images: Images, params: Floats, out: Glimpses, threads: int | None = None) -> None:
    """Fill `out` with Gaussian glimpses: ``gain * A_y I A_x^T``, the tails of the Gaussians cut."""
    n, h, w, channels = out.shape
    height, width = images.shape[1:3]
    if not images.flags.c_contiguous:
        top, bottom, left, right = union(gaussian_support(params, (h, w), (height, width)))
        images, params = images[:, top:bottom, left:right], params - [top, 0, 0, left, 0, 0, 0]
        height, width = images.shape[1:3]
    reach = 2 * CUT
    rows, columns = np.minimum(reach * params[:, 1], height), np.abs(params[:, 5]) * w + reach * params[:, 4]
    work = float(np.dot(rows, np.minimum(columns, width))) * h * channels
    stride = 0 if len(images) == 1 else height * width * channels
    arguments = (_flat(images), height, width, stride, _read_only(params), h, w, channels, out.reshape(-1))
    scratch = functools.partial(cpu_gaussian.scratch, (h, w, channels), (height, width), params)
    units = n * -(-h // cpu_gaussian.ROWS)
    if not all(run(cpu_gaussian.gaussian_kernel, arguments, scratch, units=units, work=work, threads=threads)):
        run(cpu_gaussian.mending_kernel, arguments, scratch, units=units, work=work, threads=threads)


def affine(
    images: Images,
    matrices: Floats,
    out: Glimpses,
    order: int,
    border: str,
    fill: Glimpses,
    threads: int | None = None,
) -> None:
    """Fill `out` with bilinear (order 1) or nearest (order 0) glimpses."""
    box = None
    if not images.flags.c_contiguous:
        box = union(affine_support(matrices, out.shape[1:3], images.shape[1:3], border))
    _interpolate(images, box, matrices, _NO_GRIDS, out, order, border, fill, threads)


def grid(
    images: Images, grids: Floats, out: Glimpses, order: int, border: str, fill: Glimpses, threads: int | None = None
) -> None:
    """Fill `out` with what (N, h, w, 2) points (x, y), index coordinates, see: bilinear (order 1) or nearest (0)."""
    box = None
    if not images.flags.c_contiguous:
        box = union(grid_support(grids, images.shape[1:3], border))
    _interpolate(images, box, _NO_MATRICES, grids, out, order, border, fill, threads)


def _interpolate(
    images: Images,
    box: tuple[int, int, int, int] | None,
    matrices: Floats,
    grids: Floats,
    out: Glimpses,
    order: int,
    border: str,
    fill: Glimpses,
    threads: int | None,
) -> None:
    """Call the interpolating kernel; one of `matrices` and `grids` is empty.

    `box` is the part of the images to copy where they need it.
    """
    n, h, w, channels = out.shape
    height, width = images.shape[1:3]
    top, bottom, left, right = box or (0, height, 0, width)
    images = images[:, top:bottom, left:right] if box else images
    pitch = (right - left) * channels
    first, stride = -top * pitch - left * channels, 0 if len(images) == 1 else (bottom - top) * pitch
    colours = np.zeros(fill.shape, np.float32) if border == "zeros" else fill
    arguments = (
        _flat(images), first, pitch, stride, height, width, _read_only(matrices), _read_only(grids), order,
        cpu_affine.BORDERS[border], _read_only(colours), h, w, channels, out.reshape(-1),
    )  # fmt: skip
    run(
        cpu_affine.interpolating_kernel,
        arguments,
        functools.partial(cpu_affine.scratch, (h, w, channels), images.dtype),
        units=n * -(-h // cpu_affine.ROWS),
        work=10.0 * out.size,
        threads=threads,
    )


def _flat(images: Images) -> Images:
    """Give all values in one row, read-only, copied only if they must be."""
    return _read_only(np.ascontiguousarray(images).reshape(-1))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Give a contiguous read-only view: Numba compiles again for each mixture of read-only and writable arrays."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def gaussian_vjp(
    images: Images,
    params: Floats,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_params: Floats | None,
    threads: int | None = None,
) -> None:
    """Pull gradients back through Gaussian glimpses."""
    from glimpsecli.backends.cpu.kernels import gaussian_vjp as kernels

    n, h, w, channels = cotangents.shape
    height, width = images.shape[1:3]
    boxes = gaussian_support(params, (h, w), (height, width), BACK_CUT)
    losses, shared = _flat(cotangents), len(images) == 1
    work = float(np.dot(boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2])) * h * channels
    if by_images is not None:
        run(
            kernels.image_kernel,
            (height, width, 0 if shared else height * width * channels, _read_only(params), _read_only(boxes), h, w,
             channels, losses, by_images.reshape(-1)),
            functools.partial(kernels.scratch, (h, w, channels), (height, width), params),
            units=len(images) * -(-height // kernels.BAND), work=work, threads=threads,
        )  # fmt: skip
    if by_params is None:
        return
    if not images.flags.c_contiguous:
        top, bottom, left, right = union(boxes)
        images, params = images[:, top:bottom, left:right], params - [top, 0, 0, left, 0, 0, 0]
        height, width = images.shape[1:3]
    units = -(-h // cpu_gaussian.ROWS)
    found = np.empty((n, units, 7))
    run(
        kernels.params_kernel,
        (_flat(images), height, width, 0 if shared else height * width * channels, _read_only(params), h, w, channels,
         losses, found.reshape(n * units, 7)),
        functools.partial(kernels.scratch, (h, w, channels), (height, width), params),
        units=n * units, work=2 * work, threads=threads,
    )  # fmt: skip
    by_params[...] = found.sum(axis=1)


def affine_vjp(
    images: Images,
    matrices: Floats,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_matrices: Floats | None,
    order: int,
    border: str,
    fill: Glimpses,
    threads: int | None = None,
) -> None:
    """Pull gradients back through bilinear (order 1) or nearest (order 0) glimpses."""
    boxes = affine_support(matrices, cotangents.shape[1:3], images.shape[1:3], border)
    _pull_back(images, boxes, matrices, _NO_GRIDS, cotangents, by_images, by_matrices, order, border, fill, threads)


def grid_vjp(
    images: Images,
    grids: Floats,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_grids: Floats | None,
    order: int,
    border: str,
    fill: Glimpses,
    threads: int | None = None,
) -> None:
    """Pull gradients back to what (N, h, w, 2) points (x, y) see."""
    boxes = grid_support(grids, images.shape[1:3], border)
    _pull_back(images, boxes, _NO_MATRICES, grids, cotangents, by_images, by_grids, order, border, fill, threads)


def _pull_back(
    images: Images,
    boxes: NDArray[np.int64],
    matrices: Floats,
    grids: Floats,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_places: Floats | None,
    order: int,
    border: str,
    fill: Glimpses,
    threads: int | None,
) -> None:
    """Call the kernels of the way back; one of `matrices` and `grids` is empty."""
    from glimpsecli.backends.cpu.kernels import affine_vjp as kernels

    n, h, w, channels = cotangents.shape
    height, width = images.shape[1:3]
    losses, form = _flat(cotangents), cpu_affine.BORDERS[border]
    places, work = (_read_only(matrices), _read_only(grids)), 10.0 * cotangents.size
    if by_images is not None:
        stride = 0 if len(images) == 1 else height * width * channels
        run(
            kernels.image_kernel,
            (by_images.reshape(-1), stride, height, width, *places, order, form, n, h, w, channels, losses),
            tuple,
            units=len(images) * -(-height // kernels.BAND),
            work=work,
            threads=threads,
        )
    if by_places is None:
        return
    if order == 0:
        by_places[...] = 0
        return
    top, bottom, left, right = (0, height, 0, width) if images.flags.c_contiguous else union(boxes)
    images, pitch = images[:, top:bottom, left:right], (right - left) * channels
    first, stride = -top * pitch - left * channels, 0 if len(images) == 1 else (bottom - top) * pitch
    colours = np.zeros(fill.shape, np.float32) if border == "zeros" else fill
    units = -(-h // cpu_affine.ROWS)
    found = np.empty((n * units if len(matrices) else 0, 2, 3))
    run(
        kernels.places_kernel,
        (_flat(images), first, pitch, stride, height, width, *places, form, _read_only(colours), h, w, channels, losses,
         by_places if len(grids) else _NO_GRIDS, found),
        functools.partial(kernels.scratch, (h, w, channels), images.dtype),
        units=n * units, work=work, threads=threads,
    )  # fmt: skip
    if len(matrices):
        by_places[...] = found.reshape(n, units, 2, 3).sum(axis=1)
