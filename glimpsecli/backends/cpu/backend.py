"""The samplers on the processor, compiled by Numba. See ``protocol`` for functions and shapes.

This module brings images into the form that the kernels take, flat and contiguous in their own dtype, and shares the
work out. A *unit* of work is some rows of one glimpse. Each pixel is computed by the same operations in the same order
whatever the units and the threads, so the result does not depend on them; and only the pixels that a glimpse reads
are converted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from glimpsecli.backends.cpu.kernels import bilinear as cpu_bilinear
from glimpsecli.backends.cpu.kernels import gaussian as cpu_gaussian
from glimpsecli.backends.cpu.kernels.neighbours import BORDERS
from glimpsecli.backends.cpu.threads import Scratch, run
from glimpsecli.backends.footprint import (
    BACK_CUT,
    CUT,
    elliptical_support,
    from_middle,
    gaussian_support,
    matrix_support,
    union,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats, Glimpses, Images
    from glimpsecli.backends.footprint import Boxes
    from glimpsecli.backends.protocol import ImageShape, Interpolation, Read, Size

KEPT = 2**12
"""Pixels of the longest side up to which scratch arrays of Gaussians are kept: they have some megabytes at most."""


ROUNDING = 1e-3
"""Sigmas by which the part of an image that elliptical Gaussians read is larger: rounding must not lead out of it."""


def require() -> None:
    """Raise an error where Numba's compiler is switched off: the kernels' vectors are no Python."""
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]  # set at run time
        raise RuntimeError("NUMBA_DISABLE_JIT is set, and without Numba's compiler there are no kernels")


def prepare_gaussian(params: Floats, size: Size, image_shape: ImageShape, threads: int | None) -> Read:
    """Bind Gaussian glimpses: ``gain * A_y I A_x^T``, the tails of the Gaussians cut."""
    (h, w), (count, height, width, channels) = size, image_shape
    sizes = cpu_gaussian.sizes((h, w, channels), (height, width), params)
    scratch = (
        _gaussian_scratch(*sizes) if max(sizes) <= KEPT else Scratch(functools.partial(cpu_gaussian.scratch, *sizes))
    )
    if len(params) == 1:  # nearly the same, and known at once
        work = float(h * sizes[3] * sizes[5] * channels) / 2
    else:
        reach = 2 * CUT
        rows, columns = np.minimum(reach * params[:, 1], height), np.abs(params[:, 5]) * w + reach * params[:, 4]
        work = float(np.dot(rows, np.minimum(columns, width))) * h * channels
    units = len(params) * -(-h // cpu_gaussian.ROWS)
    places = _read_only(params), h, w, channels
    pitch, wide = width * channels, width * channels >= cpu_gaussian.WIDE
    whole = 0, pitch, 0 if count == 1 else height * pitch, height, width
    find_boxes = functools.partial(gaussian_support, params, size, (height, width))

    def read(images: Images, out: Glimpses) -> None:
        simple = wide and images.flags.c_contiguous
        source = (_flat(images), *whole) if simple else _source(images, find_boxes)
        given = *source, *places, out.reshape(-1)
        if not all(run(cpu_gaussian.gaussian_kernel, given, scratch, units=units, work=work, threads=threads)):
            run(cpu_gaussian.mending_kernel, given, scratch, units=units, work=work, threads=threads)

    return read


@functools.lru_cache(maxsize=8)
def _gaussian_scratch(*sizes: int) -> Scratch:
    """Give the scratch arrays of the Gaussian kernel, which windows of a kind share."""
    return Scratch(functools.partial(cpu_gaussian.scratch, *sizes))


def _source(images: Images, find_boxes: Callable[[], Boxes], beyond: bool = False) -> tuple[Any, ...]:
    """Give flat pixels and their geometry: of the images, or of the part that is read where they are not contiguous.

    `find_boxes` gives the boxes of the windows, as the functions of `footprint` do. Vectors reach beyond the rows of a
    narrow image: zeros are appended where the memory there is not the image's own, and `beyond` always.
    """
    count, height, width, channels = images.shape
    box, least = (0, height, 0, width), -(-cpu_gaussian.WIDE // channels)
    if whole := images.flags.c_contiguous:
        part = images
    else:
        boxes = find_boxes()
        top, bottom, left, right = union(boxes)
        right += least
        box = top, bottom, max(0, min(left, width - least)), min(width, max(right, left + least))
        part = images[:, top:bottom, box[2] : box[3]]
    if width < least and (beyond or not whole or count == 1 or images.size < 4 * cpu_gaussian.WIDE):
        part = np.append(part, np.zeros(cpu_gaussian.WIDE, images.dtype))
    above, before, pitch, stride, _, *extent = _geometry(box, images.shape, count)
    return _flat(part), -above * pitch - before * channels, pitch, stride, *extent


def prepare_elliptical(matrices: Floats, blur: float, size: Size, image_shape: ImageShape, threads: int | None) -> Read:
    """Bind elliptical Gaussians."""
    from glimpsecli.backends.cpu.kernels import elliptical as kernels

    (h, w), (count, height, width, channels) = size, image_shape
    find_boxes = functools.partial(elliptical_support, matrices, blur, size, (height, width), CUT + ROUNDING)
    planes, places = max(1, count // len(matrices)), (_read_only(matrices), float(blur), h, w, channels)
    work = _elliptical_work(matrices, blur, size, (height, width)) * planes * channels
    scratch = Scratch(functools.partial(kernels.scratch, width, height, channels))

    def read(images: Images, out: Glimpses) -> None:
        pixels, first, pitch, stride, *extent = _source(images, find_boxes, beyond=True)
        given = pixels, first, pitch, stride, planes, *extent, *places, out.reshape(-1)
        run(kernels.elliptical_kernel, given, scratch, len(matrices) * h, work, threads)

    return read


def _elliptical_work(matrices: Floats, blur: float, size: Size, image_size: Size) -> float:
    """Give about the number of pixels that all taps read: the middle of each window stands for them."""
    boxes = elliptical_support(from_middle(matrices, size), blur, (1, 1), image_size)
    return size[0] * size[1] * float(np.dot(boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]))


def prepare_bilinear(
    matrices: Floats,
    size: Size,
    image_shape: ImageShape,
    interpolation: Interpolation,
    threads: int | None,
) -> Read:
    """Bind interpolated glimpses."""
    order, border, fill = interpolation
    windows = len(matrices)
    whole, units, work, scratch = _shared(windows, size, image_shape)
    colours = _black(fill.shape) if border == "zeros" else _read_only(fill)
    places = _read_only(matrices), order, BORDERS[border], colours, *size, image_shape[3]

    def read(images: Images, out: Glimpses) -> None:
        geometry = whole
        if not images.flags.c_contiguous:
            box = top, bottom, left, right = union(matrix_support(matrices, size, image_shape[1:3], border))
            images, geometry = images[:, top:bottom, left:right], _geometry(box, image_shape, windows)
        arguments = _flat(images), *geometry, *places, out.reshape(-1)
        run(cpu_bilinear.interpolating_kernel, arguments, scratch, units, work, threads)

    return read


@functools.lru_cache(maxsize=64)
def _shared(windows: int, size: Size, image_shape: ImageShape) -> tuple[tuple[int, ...], int, float, Scratch]:
    """Give the geometry, the units, the work and the scratch arrays of all windows of a kind: most calls repeat it."""
    (h, w), (count, height, width, channels) = size, image_shape
    geometry = _geometry((0, height, 0, width), image_shape, windows)
    units, work = windows * -(-h // cpu_bilinear.ROWS), 10.0 * max(windows, count) * h * w * channels
    return geometry, units, work, Scratch(functools.partial(cpu_bilinear.scratch, channels))


@functools.lru_cache(maxsize=8)
def _black(shape: tuple[int, ...]) -> Glimpses:
    return _read_only(np.zeros(shape, np.float32))


def _geometry(box: tuple[int, int, int, int], image_shape: ImageShape, windows: int) -> tuple[int, ...]:
    """Give above, before, pitch, stride, planes, height and width, as the kernels take them, of a part of images."""
    (top, bottom, left, right), (count, height, width, channels) = box, image_shape
    pitch = (right - left) * channels
    stride = 0 if count == 1 else (bottom - top) * pitch
    return top, left, pitch, stride, max(1, count // windows), height, width


def _flat(images: Images) -> Images:
    """Give all values in one row, read-only, copied only if they must be."""
    flat = images.ravel()  # contiguous, which reshape does not promise; another array, whose flag is its own
    flat.setflags(False)  # type: ignore[call-arg]  # no write, by position: a sixth of the time of flags.writeable
    return flat


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Give a contiguous read-only view: Numba compiles again for each mixture of read-only and writable arrays."""
    if array.flags.c_contiguous and not array.flags.writeable:
        return array
    view = np.ascontiguousarray(array).view()
    view.setflags(False)  # type: ignore[call-arg]
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
            Scratch(functools.partial(kernels.scratch, (h, w, channels), (height, width), params)),
            units=len(images) * -(-height // kernels.BAND), work=work, threads=threads,
        )  # fmt: skip
    if by_params is None:
        return
    units, source = -(-h // cpu_gaussian.ROWS), _source(images, lambda: boxes)
    parts = [(kernels.params_kernel, kernels.scratch, by_params[:, :7])]
    if by_params.shape[1] > 7:
        from glimpsecli.backends.cpu.kernels import gaussian_turn_vjp as turning

        parts.append((turning.turn_kernel, turning.scratch, by_params[:, 7:]))
    for kernel, make, by_part in parts:
        found = np.empty((n * units, by_part.shape[1]))
        given = *source, _read_only(params), h, w, channels, losses, found
        scratch = Scratch(functools.partial(make, (h, w, channels), (height, width), params))
        run(kernel, given, scratch, n * units, 2 * work, threads)
        by_part[...] = found.reshape(n, units, -1).sum(axis=1)


def elliptical_vjp(
    images: Images,
    matrices: Floats,
    blur: float,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_matrices: Floats | None,
    threads: int | None = None,
) -> None:
    """Pull gradients back through elliptical Gaussians."""
    from glimpsecli.backends.cpu.kernels import elliptical_vjp as kernels

    _, h, w, channels = cotangents.shape
    count, height, width = images.shape[:3]
    losses, planes = _flat(cotangents), max(1, count // len(matrices))
    places = _read_only(matrices), float(blur), h, w, channels, losses
    work = 4 * _elliptical_work(matrices, blur, (h, w), (height, width)) * planes * channels
    scratch = Scratch(functools.partial(kernels.scratch, width))
    if by_images is not None:
        stride = 0 if count == 1 else height * width * channels
        given = by_images.reshape(-1), stride, planes, height, width, *places
        bands = -(-height // kernels.BAND) * (1 if count == 1 else len(matrices))
        run(kernels.image_kernel, given, scratch, bands, work, threads)
    if by_matrices is not None:
        find_boxes = functools.partial(elliptical_support, matrices, blur, (h, w), (height, width), BACK_CUT + ROUNDING)
        pixels, first, pitch, stride, *extent = _source(images, find_boxes)
        found = np.empty((len(matrices) * h, *matrices.shape[1:]))
        given = pixels, first, pitch, stride, planes, *extent, *places, found
        run(kernels.matrices_kernel, given, scratch, len(found), work, threads)
        by_matrices[...] = found.reshape(len(matrices), h, *matrices.shape[1:]).sum(axis=1)


def bilinear_vjp(
    images: Images,
    matrices: Floats,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_matrices: Floats | None,
    interpolation: Interpolation,
    threads: int | None = None,
) -> None:
    """Pull gradients back through interpolated glimpses."""
    order, border, fill = interpolation
    from glimpsecli.backends.cpu.kernels import bilinear_image_vjp, bilinear_vjp

    _, h, w, channels = cotangents.shape
    windows, image_shape = len(matrices), images.shape
    (geometry, units, work, scratch), form = _shared(windows, (h, w), image_shape), BORDERS[border]
    losses, places = _flat(cotangents), _read_only(matrices)
    if by_images is not None:
        given = by_images.reshape(-1), *geometry[3:], places, order, form, windows, h, w, channels, losses
        bands = -(-image_shape[1] // bilinear_image_vjp.BAND) * (1 if len(images) == 1 else windows)
        run(bilinear_image_vjp.image_kernel, given, scratch, bands, work, threads)
    if by_matrices is None:
        return
    if order == 0:
        by_matrices[...] = 0
        return
    if not images.flags.c_contiguous:
        box = top, bottom, left, right = union(matrix_support(matrices, (h, w), image_shape[1:3], border))
        images, geometry = images[:, top:bottom, left:right], _geometry(box, image_shape, windows)
    colours = _black(fill.shape) if border == "zeros" else _read_only(fill)
    found = np.empty((units, *matrices.shape[1:]))
    arguments = _flat(images), *geometry, places, form, colours, h, w, channels, losses, found
    scratch = Scratch(functools.partial(bilinear_vjp.scratch, channels))
    run(bilinear_vjp.places_kernel, arguments, scratch, units, work, threads)
    by_matrices[...] = found.reshape(windows, -1, *matrices.shape[1:]).sum(axis=1)
