"""Gradients of a loss with respect to images and places, from its gradient with respect to the glimpses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLUR
from glimpsecli.sampling.checks import checked_image, checked_stack, on_host
from glimpsecli.sampling.devices import device_cotangents, device_sampling, device_zeros, is_on_device
from glimpsecli.sampling.dispatch import call_vjp
from glimpsecli.sampling.options import sampling_of
from glimpsecli.sampling.precision import native, to_float32
from glimpsecli.sampling.taps import Taps
from glimpsecli.window import GaussianParams, Projective, places_of, stack_matrices
from glimpsecli.window.pullbacks import stack_vjp

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Floats, Glimpses
    from glimpsecli.sampling.options import Sampling
    from glimpsecli.window import PlaceRows, Size, Where

BY = ("image", "where")


class Gradients(NamedTuple):
    """Derivatives of the loss with respect to each number; None where they were not asked for.

    Attributes
    ----------
    image : float32, shape of the image or of the batch
    where : WindowGradient, GaussianGradient or MatrixGradient, a list of them, or float64
        Derivatives with respect to the numbers of the place: see :func:`vjp`.
    """

    image: Glimpses | None
    where: Any


def vjp(
    image: ArrayLike,
    where: Where,
    size: Size,
    cotangent: ArrayLike,
    *,
    sampler: str = "gaussian",
    blur: float = BLUR,
    border: str | None = None,
    fill: ArrayLike | None = None,
    backend: str = "auto",
    threads: int | None = None,
    by: Collection[str] = BY,
) -> Gradients:
    """Pull the gradient of a loss with respect to a glimpse back to image and window: a vector-Jacobian product.

    Parameters
    ----------
    image, where, size, sampler, blur, border, fill, backend, threads
        As for :func:`~glimpsecli.extract`, of which this is the derivative.
    cotangent : array_like, shape of the result of :func:`~glimpsecli.extract`
        The gradient of the loss with respect to that result.
    by : {"image", "where"}, one or both
        The arguments whose gradients are wanted; one alone takes less time.

    Returns
    -------
    Gradients
        ``.image`` is float32. ``.where`` has a derivative for each number of `where`, by its name, or in a float64
        array of the same shape where `where` is an array: per pixel for positions and extents, per degree for an angle.
        Where sigma follows from the extent, its derivative is part of the extent's. The hard sampler moves in jumps:
        its derivatives are zeros. On a pixel's centre, where the bilinear sampler has a kink, the derivative is that to
        the right, and down.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`~glimpsecli.extract`, and where the cotangent has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from glimpsecli import Window, vjp
    >>> ramp = np.tile(np.arange(8, dtype=np.uint8), (8, 1))
    >>> vjp(ramp, Window(4, 4, 2, 2), (2, 2), np.ones((2, 2)), sampler="bilinear").where.cx
    4.0
    """
    sampling = sampling_of(sampler, blur, border, fill, backend, threads)
    sampling = device_sampling(image, sampling, alpha=False)
    pixels, places = checked_image(image), places_of(where)
    taps = Taps.make(places, size, (pixels.shape[0], pixels.shape[1]), sampling)
    return pull_back(pixels, places, taps, cotangent, sampling, by)


def pull_back(
    pixels: Any, places: PlaceRows, taps: Taps, cotangent: ArrayLike, sampling: Sampling, by: Collection[str]
) -> Gradients:
    """Pull back as :func:`vjp`, with a checked image, and the taps of the places."""
    wanted, taps = _checked_by(by), _free(taps, places)
    (height, width), channels = pixels.shape[:2], pixels.shape[2:]
    stack = pixels.reshape(1, height, width, *(channels or (1,)))
    windows = () if places.single else (taps.windows,)
    loss = _checked_cotangent(cotangent, (*windows, *taps.size, *channels), is_on_device(pixels))
    loss = loss.reshape(taps.windows, *taps.size, stack.shape[3])
    colours = sampling.colours(taps.windows, stack.shape[3])
    by_image, by_places = _pull_back(stack, taps, loss, colours, sampling, wanted)
    return Gradients(
        None if by_image is None else by_image.reshape(pixels.shape),
        None if by_places is None else stack_vjp(places, taps.size, sampling.blur, by_places),
    )


@np.errstate(over="ignore", invalid="ignore")  # infinities may add up to a NaN
def vjp_batch(
    images: ArrayLike | Sequence[ArrayLike],
    where: Where,
    size: Size,
    cotangents: ArrayLike,
    *,
    layout: Literal["NHWC", "NCHW"] | None = None,
    sampler: str = "gaussian",
    blur: float = BLUR,
    border: str | None = None,
    fill: ArrayLike | None = None,
    backend: str = "auto",
    threads: int | None = None,
    by: Collection[str] = BY,
) -> Gradients:
    """Pull gradients back through :func:`~glimpsecli.extract_batch`, as :func:`vjp` does through `extract`.

    Parameters
    ----------
    images, where, size, layout, sampler, blur, border, fill, backend, threads
        As for :func:`~glimpsecli.extract_batch`. One place for all images gets the sum of their gradients.
    cotangents : array_like, (N, h, w, C) or (N, C, h, w)
    by : {"image", "where"}, one or both

    Returns
    -------
    Gradients
        ``.image`` in the shape of the batch, ``.where`` as :func:`vjp` has it.
    """
    wanted = _checked_by(by)
    sampling = sampling_of(sampler, blur, border, fill, backend, threads)
    stack = checked_stack(images, layout)
    sampling = device_sampling(stack, sampling, alpha=False)
    channels_first = layout == "NCHW"
    channels = stack.shape[1 if channels_first else 3]
    places = places_of(where)
    height, width = stack.shape[2:] if channels_first else stack.shape[1:3]
    taps = _free(Taps.make(places, size, (height, width), sampling), places)
    given, taps = taps.windows, taps.for_each(len(stack))
    shape = (len(stack), channels, *taps.size) if channels_first else (len(stack), *taps.size, channels)
    loss = _checked_cotangent(cotangents, shape, is_on_device(stack))
    colours, seen = np.tile(sampling.colour(channels), (len(stack), 1)), stack
    if channels_first:  # planes are grey images of their own
        count = len(stack) * channels
        seen, loss = stack.reshape(count, *stack.shape[2:], 1), loss.reshape(count, *taps.size, 1)
        colours, taps = colours.reshape(count, 1), taps.for_planes(channels)
    by_images, by_places = _pull_back(seen, taps, loss, colours, sampling, wanted)
    if by_places is not None:
        by_places = by_places.reshape(given, len(by_places) // max(given, 1), *by_places.shape[1:]).sum(axis=1)
    return Gradients(
        None if by_images is None else by_images.reshape(stack.shape),
        None if by_places is None else stack_vjp(places, taps.size, sampling.blur, by_places),
    )


def _free(taps: Taps, places: PlaceRows) -> Taps:
    """Give the taps in numbers that have a derivative for each of the places'.

    Projective places that happen to be affine are 3x3 matrices, and upright Gaussians are matrices, unless the places
    have no number that would turn or shear them.
    """
    if places.kind is Projective:
        return taps._replace(places=places.rows)
    without_angle = places.given is not None and places.given.shape[-1] == 4
    if taps.places.ndim == 3 or places.kind is GaussianParams or without_angle:
        return taps
    return taps._replace(places=stack_matrices(places, taps.size))


def _pull_back(
    images: Any, taps: Taps, loss: Any, colours: Glimpses, sampling: Sampling, wanted: tuple[bool, bool]
) -> tuple[Any, Floats | None]:
    """Make the arrays of the gradients that are wanted, and fill them."""
    images = native(images)
    by_images = None
    if wanted[0]:
        by_images = device_zeros(images.shape) if is_on_device(images) else np.zeros(images.shape, np.float32)
    by_places = np.zeros(taps.places.shape) if wanted[1] else None
    call_vjp(images, taps, loss, by_images, None if taps.sampler == "hard" else by_places, colours, sampling)
    return by_images, by_places


def _checked_by(by: Collection[str]) -> tuple[bool, bool]:
    """Return whether the gradient with respect to the image is wanted, and that with respect to `where`."""
    try:
        names = {by} if isinstance(by, str) else set(by)
    except TypeError:  # not iterable, or of items that no set can hold
        names = set()
    if not names or not names <= set(BY):
        raise InvalidInputError(f"by is {by!r}", f"name {' or '.join(BY)}, or both")
    return "image" in names, "where" in names


def _checked_cotangent(cotangent: Any, shape: tuple[int, ...], on_device: bool) -> Any:
    """Give the cotangent as contiguous float32, on the device if the images are there."""
    if on_device:
        loss = device_cotangents(cotangent if is_on_device(cotangent) else _host_cotangent(cotangent))
    else:
        if is_on_device(cotangent):
            raise InvalidInputError(
                "the cotangent is on the device, and the image is not", "give both there, or neither"
            )
        loss = _host_cotangent(cotangent)
    if tuple(loss.shape) != shape:
        raise InvalidInputError(
            f"a cotangent of shape {tuple(loss.shape)} for glimpses of shape {shape}",
            "give the gradient with respect to each of their numbers",
        )
    return loss


def _host_cotangent(cotangent: Any) -> Glimpses:
    """Give a cotangent on the host as contiguous float32; numbers that it cannot hold are refused."""
    given = on_host(cotangent, "a cotangent")
    if given.dtype.kind not in "biuf":
        kind = type(cotangent).__name__ if given.dtype.kind in "OSU" else given.dtype
        raise InvalidInputError(f"a cotangent of {kind}", "give an array of real numbers")
    if given.dtype == np.float32 and given.flags.c_contiguous:
        return given
    return to_float32(given, "the cotangent")
