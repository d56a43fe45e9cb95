"""The choice of a backend, and its calls: forward for glimpses, backward for gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli import backends
from glimpsecli.backends.protocol import Interpolation

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
    backend = _backend(taps, image_shape, sampling.backend)
    if not taps.windows:
        return _read_nothing
    if taps.sampler == "gaussian":
        return backend.prepare_gaussian(taps.places, taps.size, image_shape, sampling.threads)
    interpolation = Interpolation(taps.order, taps.border, colours)
    return backend.prepare_bilinear(taps.places, taps.size, image_shape, interpolation, sampling.threads)


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
    backend = _backend(taps, images.shape, sampling.backend, backward=True)
    if not taps.windows:
        return
    interpolation = Interpolation(int(taps.sampler != "hard"), taps.border, colours)
    threads = sampling.threads
    if taps.sampler == "gaussian":
        backend.gaussian_vjp(images, taps.places, cotangents, by_images, by_places, threads)
    else:
        backend.bilinear_vjp(images, taps.places, cotangents, by_images, by_places, interpolation, threads)


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
    top, bottom, left, right = taps.boxes().T.astype(np.float64)
    rows, columns = bottom - top, right - left
    products = channels * (h * rows * columns + h * w * columns)
    exponentials = h * rows + w * columns
    seconds = 1e-4 + 1e-10 * products + 1.5e-8 * exponentials + 4e-9 * channels * rows * columns + 1e-5 * (h + w)
    return cost * float(np.sum(seconds))
