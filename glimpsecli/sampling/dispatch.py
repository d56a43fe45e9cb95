"""The choice of a backend, and its calls: forward for glimpses, backward for gradients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli import backends
from glimpsecli.backends.footprint import from_middle
from glimpsecli.backends.protocol import Interpolation
from glimpsecli.sampling.continued import Part
from glimpsecli.sampling.devices import device_zeros, is_on_device
from glimpsecli.window.conversions import matrices_to_gaussians, upright
from glimpsecli.window.pullbacks import matrices_to_gaussians_vjp

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats, Glimpses, Images
    from glimpsecli.backends.protocol import Backend, ImageShape, Read
    from glimpsecli.sampling.options import Sampling
    from glimpsecli.sampling.taps import Taps

QUICK = 0.2
"""Seconds of NumPy's work below which it is done before Numba has started."""

BACKWARD = {"hard": 8, "bilinear": 8, "gaussian": 3}
"""Time of the gradients of a glimpse, in multiples of the time of the glimpse."""


def prepare(taps: Taps, image_shape: ImageShape, colours: Glimpses, sampling: Sampling) -> Read:
    """Bind a backend to all but the pixels.

    Parameters
    ----------
    taps : Taps
    image_shape : (B, H, W, C)
        B is 1 or N or, for matrices, a multiple of N: consecutive images then share a window.
    colours : (N or B, C) float32
        The colour outside each image.
    sampling : Sampling
        Its backend and threads.

    Returns
    -------
    function of (images, out)
        It fills `out`, (N, h, w, C) contiguous, from images of that shape.
    """
    if taps.sampler == "gaussian" and (part := Part.of(taps)) is not None:
        inner = prepare(part.taps(taps), (image_shape[0], *part.size, image_shape[3]), colours, sampling)
        return lambda images, out: inner(part.cut(images, colours), out)
    backend = _backend(taps, image_shape, sampling.backend)
    if not taps.windows:
        return _read_nothing
    if taps.elliptical:
        return _prepare_turned(backend, taps, image_shape, sampling.threads)
    if taps.sampler == "gaussian":
        return backend.prepare_gaussian(taps.places, taps.size, image_shape, sampling.threads)
    interpolation = Interpolation(taps.order, taps.border, colours)
    return backend.prepare_bilinear(taps.places, taps.size, image_shape, interpolation, sampling.threads)


def _prepare_turned(backend: Backend, taps: Taps, image_shape: ImageShape, threads: int | None) -> Read:
    """Bind the Gaussians of matrices: those of upright windows are the product of two filterbanks, as ever."""
    reads = []
    for windows, some, rows in _runs(taps, image_shape[0]):
        shape = image_shape if image_shape[0] == 1 else (some.stop - some.start, *image_shape[1:])
        if rows is not None:
            reads.append((some, backend.prepare_gaussian(rows, taps.size, shape, threads)))
        else:
            places = taps.places[windows]
            reads.append((some, backend.prepare_elliptical(places, taps.blur, taps.size, shape, threads)))

    def read(images: Images, out: Glimpses) -> None:
        for some, one in reads:
            one(images if len(images) == 1 else images[some], out[some])

    return read if len(reads) > 1 else reads[0][1]


def _runs(taps: Taps, images: int) -> Iterator[tuple[slice, slice, Floats | None]]:
    """Generate runs of windows that are all upright or all not: the windows, their glimpses, and Gaussian parameters.

    The parameters, for each glimpse, are None for elliptical Gaussians.
    """
    straight, planes = upright(taps.places), max(1, images // taps.windows)
    starts = [0, *(np.flatnonzero(straight[1:] != straight[:-1]) + 1).tolist(), taps.windows]
    for first, last in itertools.pairwise(starts):
        windows, rows = slice(first, last), None
        if straight[first]:
            rows = np.repeat(matrices_to_gaussians(taps.places[windows], taps.blur), planes, axis=0)
        yield windows, slice(first * planes, last * planes), rows


def _read_nothing(images: Images, out: Glimpses) -> None:
    """Read no window."""


@np.errstate(over="ignore", invalid="ignore")  # gradients of infinite pixels are infinities and NaN
def call_vjp(
    images: Images,
    taps: Taps,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_places: Floats | None,
    colours: Glimpses,
    sampling: Sampling,
) -> None:
    """Pull gradients with respect to the glimpses back to the images and to the places.

    `by_images`, of the shape of the images, is added to; `by_places`, of that of the places, is filled. They are
    contiguous; one that is None is not computed. The bilinear sampler has derivatives on whole pixels, too.
    """
    if taps.sampler == "gaussian" and (part := Part.of(taps)) is not None:
        _continued_vjp(part, images, taps, cotangents, by_images, by_places, colours, sampling)
        return
    backend = _backend(taps, images.shape, sampling.backend, backward=True)
    if not taps.windows:
        return
    interpolation = Interpolation(int(taps.sampler != "hard"), taps.border, colours)
    threads = sampling.threads
    if taps.elliptical:
        _turned_vjp(backend, images, taps, cotangents, by_images, by_places, threads)
    elif taps.sampler == "gaussian":
        backend.gaussian_vjp(images, taps.places, cotangents, by_images, by_places, threads)
    else:
        backend.bilinear_vjp(images, taps.places, cotangents, by_images, by_places, interpolation, threads)


def _continued_vjp(
    part: Part,
    images: Images,
    taps: Taps,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_places: Floats | None,
    colours: Glimpses,
    sampling: Sampling,
) -> None:
    """Pull back through Gaussians that read a part of the continued images."""
    seen, by_part = part.cut(images, colours), None
    if by_images is not None:
        by_part = device_zeros(seen.shape) if is_on_device(seen) else np.zeros(seen.shape, by_images.dtype)
    call_vjp(seen, part.taps(taps), cotangents, by_part, by_places, colours, sampling)
    if by_images is not None:
        part.give_back(by_part, by_images)
    if by_places is not None and by_places.shape[1:] == (3, 3):  # their last rows have a share in the move
        by_places[:, 2] -= part.left * by_places[:, 0] + part.top * by_places[:, 1]


def _turned_vjp(
    backend: Backend,
    images: Images,
    taps: Taps,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_places: Floats | None,
    threads: int | None,
) -> None:
    """Pull back through the Gaussians of matrices."""
    for windows, some, rows in _runs(taps, len(images)):
        seen = images if len(images) == 1 else images[some]
        onto = by_images if by_images is None or len(images) == 1 else by_images[some]
        matrices, by_matrices = taps.places[windows], None if by_places is None else by_places[windows]
        if rows is None:
            backend.elliptical_vjp(seen, matrices, taps.blur, cotangents[some], onto, by_matrices, threads)
            continue
        by_rows = None if by_matrices is None else np.empty((len(rows), 10))
        backend.gaussian_vjp(seen, rows, cotangents[some], onto, by_rows, threads)
        if by_matrices is not None and by_rows is not None:
            by_rows = by_rows.reshape(len(matrices), -1, 10).sum(axis=1)
            by_matrices[...] = matrices_to_gaussians_vjp(matrices, taps.blur, by_rows)


def _backend(taps: Taps, image_shape: tuple[int, ...], name: str, backward: bool = False) -> Backend:
    if name == "auto":
        planes = max(1, image_shape[0] // max(1, taps.windows))
        name, _ = choose_backend(taps, planes * image_shape[3], backward=backward)
    return backends.load(name)


def choose_backend(taps: Taps, channels: int, repeats: int = 1, backward: bool = False) -> tuple[str, str]:
    """Choose a backend for the windows of one image, or of `repeats` images like it.

    Parameters
    ----------
    taps : Taps
    channels : int
        Of the image.
    repeats : int
        Number of images.
    backward : bool
        Whether gradients are computed, and not glimpses.

    Returns
    -------
    name, reason : str
        The choice depends on the job alone, not on what the process has done before.
    """
    seconds = numpy_seconds(taps, channels, backward) * repeats
    if seconds < QUICK:
        return "numpy", f"about {seconds:.2g} s of work, less than it takes to start Numba"
    return "cpu", f"about {seconds:.2g} s of work for NumPy, so Numba pays"


def numpy_seconds(taps: Taps, channels: int, backward: bool = False) -> float:
    """Estimate the seconds of the numpy backend, within a factor of three on a processor of 2020 or later."""
    h, w = taps.size
    cost = BACKWARD[taps.sampler] if backward else 1
    if taps.sampler != "gaussian":
        # Whole pixels are copied; on the way back they have derivatives like any other.
        crops = 0 if backward or taps.border == "constant" else int(np.sum(taps.whole_pixels()))
        point = 1e-8 + 2e-8 * channels if taps.sampler == "hard" else 6e-8 + 4e-8 * channels
        points = 7e-9 * channels * crops + point * (taps.windows - crops)
        return cost * (1e-4 * taps.windows + h * w * points)
    if taps.elliptical and taps.windows:
        middle = taps._replace(size=(1, 1), places=from_middle(taps.places[-1:], taps.size))
        ((top, bottom, left, right),) = middle.boxes().tolist()
        per_tap = 2e-7 + (bottom - top) * (right - left) * (2e-8 + 5e-9 * channels)
        return float(cost * taps.windows * h * w * per_tap)
    top, bottom, left, right = taps.boxes().T.astype(np.float64)
    rows, columns = bottom - top, right - left
    products = channels * (h * rows * columns + h * w * columns)
    exponentials = h * rows + w * columns
    seconds = 1e-4 + 1e-10 * products + 1.5e-8 * exponentials + 4e-9 * channels * rows * columns + 1e-5 * (h + w)
    return cost * float(np.sum(seconds))
