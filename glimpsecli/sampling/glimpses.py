"""The one door from images and windows to a backend: it checks, chooses, allocates and calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.backends.footprint import union
from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.checks import checked_image, checked_out, checked_stack
from glimpsecli.sampling.devices import device_out, device_sampling, is_on_device
from glimpsecli.sampling.dispatch import prepare
from glimpsecli.sampling.options import Sampling
from glimpsecli.sampling.precision import full_scale, is_read, readable
from glimpsecli.sampling.taps import Taps
from glimpsecli.sampling.transparency import unweigh, weigh_by_alpha
from glimpsecli.window import places_of

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.window import Size, Where

    Images = NDArray[Any]
    Glimpses = NDArray[np.float32]


def extract(
    image: ArrayLike,
    where: Where,
    size: Size,
    *,
    sampler: str = "gaussian",
    blur: float = 0.5,
    border: str | None = None,
    fill: ArrayLike | None = None,
    backend: str = "auto",
    threads: int | None = None,
    alpha: bool = False,
) -> Glimpses:
    """Look at one image through one or several windows.

    Parameters
    ----------
    image : array_like, (H, W) or (H, W, C)
        uint8, uint16 or float32. The part that is read of any other floating-point numbers, integers or bool (0 and
        1) is converted to float32. Values stay as they are: integers beyond 2^24 and numbers that float32 does not
        hold are refused, as are masked values. Channels come last: 1, 3 or 4 rows whose columns and channels are 24
        or more, neither of these more than three times the other, are taken for (C, H, W) and refused
        (:func:`extract_batch` with ``layout="NHWC"`` takes them).
        Anything on a GPU, contiguous, with ``__cuda_array_interface__`` stays there and is seen by the cuda backend:
        a torch or CuPy array, for instance, of uint8, uint16 or float32.
    where : Window, Affine, Projective, GaussianParams, a sequence of one of them, or array_like
        Numbers are windows if there are 4 or 5 in a row: (cx, cy, width, height, angle), the angle 0 if it is left
        out. (cx, cy) is the centre: a box (x, y, width, height) is ``Window.from_box``. They are matrices, as in
        Affine and Projective, if their last axes are (2, 3) or (3, 3). One axis more makes N of them, and N may be 0.
    size : (int, int)
        Height and width of the glimpse in pixels.
    sampler, blur, border, fill, backend, threads
        As in :class:`~glimpsecli.Sampling`.
    alpha : bool
        Whether the last channel is straight alpha. Colours are then weighted by it. Opaque is 255 in uint8, 65535 in
        uint16, 1 in floating-point numbers and bool; other integers have no alpha.

    Returns
    -------
    (h, w, C) float32, in the scale of the image
        (h, w) for an image without channels; (N, h, w, C) or (N, h, w) where `where` is a sequence or N places.
        A Numba device array where the image is on the device, perhaps still being computed on the default stream.

    Raises
    ------
    InvalidInputError
        An argument cannot mean anything; the message says which.
    UnavailableError
        The backend cannot run here.

    Examples
    --------
    >>> import numpy as np
    >>> from glimpsecli import Window, extract
    >>> image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    >>> extract(image, Window.from_box(1, 1, 2, 2), (2, 2), sampler="bilinear")
    array([[ 5.,  6.],
           [ 9., 10.]], dtype=float32)
    """
    sampling = Sampling(sampler=sampler, blur=blur, border=border, fill=fill, backend=backend, threads=threads)
    sampling = device_sampling(image, sampling, alpha)
    pixels = checked_image(image)
    (height, width), channels = pixels.shape[:2], pixels.shape[2:]
    places = places_of(where)
    taps = Taps.make(places, size, (height, width), sampling)
    stack = pixels.reshape(1, height, width, *(channels or (1,)))
    shape = (taps.windows, *taps.size, stack.shape[3])
    out = device_out(None, shape) if is_on_device(image) else np.empty(shape, np.float32)
    _sample(stack, taps, out, sampling, alpha)
    windows = () if places.single else (taps.windows,)
    return out.reshape(*windows, *taps.size, *channels)


def extract_batch(
    images: ArrayLike | Sequence[ArrayLike],
    where: Where,
    size: Size,
    *,
    layout: Literal["NHWC", "NCHW"] | None = None,
    out: Glimpses | None = None,
    sampler: str = "gaussian",
    blur: float = 0.5,
    border: str | None = None,
    fill: ArrayLike | None = None,
    backend: str = "auto",
    threads: int | None = None,
    alpha: bool = False,
) -> Glimpses:
    """Look at each of several images through its own window.

    Parameters
    ----------
    images : array_like (N, H, W, C) or, with ``layout="NCHW"``, (N, C, H, W)
        Of the types that :func:`extract` takes. N may be 0.
    where : as in :func:`extract`
        One place for each image, or one for all.
    size : (int, int)
        Height and width of the glimpses in pixels.
    layout : {"NHWC", "NCHW"}, optional
        Order of the axes of `images` and of the result. By default NHWC, and images that :func:`extract` would take
        for (C, H, W) are refused. Contiguous arrays are not copied; of others, what is read.
    out : (N, h, w, C) or (N, C, h, w) float32, optional
        Where the glimpses go: on the device if the images are there, else on the host, in memory of its own.
    sampler, blur, border, fill, backend, threads, alpha
        As in :func:`extract`.

    Returns
    -------
    (N, h, w, C) or (N, C, h, w) float32
        `out` where it is given.

    Raises
    ------
    InvalidInputError, UnavailableError
        As in :func:`extract`.
    """
    sampling = Sampling(sampler=sampler, blur=blur, border=border, fill=fill, backend=backend, threads=threads)
    stack = checked_stack(images, layout)
    sampling = device_sampling(stack, sampling, alpha)
    channels_first = layout == "NCHW"
    taps = Taps.make(where, size, stack.shape[2:] if channels_first else stack.shape[1:3], sampling)
    taps = taps.for_each(len(stack))
    channels = stack.shape[1 if channels_first else 3]
    shape = (len(stack), channels, *taps.size) if channels_first else (len(stack), *taps.size, channels)
    if is_on_device(stack):
        result, in_place = device_out(out, shape), True
    else:
        result = np.empty(shape, np.float32) if out is None else checked_out(out, shape, stack)
        in_place = stack.flags.c_contiguous and is_read(stack.dtype) and result.flags.c_contiguous
    given: Glimpses = result if out is None else out
    if channels_first and in_place and not alpha:
        # Planes are grey images of their own: N * C of them, in place.
        count = len(stack) * channels
        planes, glimpses = stack.reshape(count, *stack.shape[2:], 1), result.reshape(count, *taps.size, 1)
        colours = np.tile(sampling.colour(channels), len(stack))[:, None]
        prepare(taps.repeated(channels), planes.shape, colours, sampling)(planes, glimpses)
        return given
    if is_on_device(stack):
        _sample(stack, taps, result, sampling, alpha)
        return given
    last = np.moveaxis(stack, 1, 3) if channels_first else stack
    view = np.moveaxis(result, 1, 3) if channels_first else result
    target = view if view.flags.c_contiguous else np.empty(view.shape, np.float32)
    _sample(last, taps, target, sampling, alpha)
    if target is not view:
        view[...] = target
    return given


def _sample(images: Images, taps: Taps, out: Glimpses, sampling: Sampling, alpha: bool) -> None:
    """Fill `out`, (N, h, w, C) contiguous, from (1 or N, H, W, C) images."""
    channels = images.shape[3]
    colours = np.broadcast_to(sampling.colour(channels), (taps.windows, channels))
    if alpha and channels not in (2, 4):
        raise InvalidInputError(f"alpha with {channels} channels", "grey and alpha are 2, red, green, blue and alpha 4")
    scale = full_scale(images.dtype) if alpha else 1.0
    images, taps = readable(images, taps)
    if not alpha or taps.order == 0:  # single pixels keep their own alpha
        prepare(taps, images.shape, colours, sampling)(images, out)
        return
    cut, moved = _cut(images, taps)
    gain = np.ones(taps.windows, np.float32)
    if taps.sampler == "gaussian":  # gain is for the colours: it would cancel in the division
        gain = taps.places[:, 6].astype(np.float32)
        moved.places[:, 6] = 1
    weighted = weigh_by_alpha(cut, scale)
    prepare(moved, weighted.shape, weigh_by_alpha(colours, scale), sampling)(weighted, out)
    unweigh(out, scale)
    with np.errstate(over="ignore", invalid="ignore"):
        out[..., :-1] *= gain[:, None, None, None]
    whole = taps.whole_pixels()
    if np.any(whole):  # crops keep the colours that alpha hides
        crops = np.empty((int(whole.sum()), *out.shape[1:]), np.float32)
        some = images if len(images) == 1 else images[whole]
        prepare(taps.only(whole), some.shape, colours[whole], sampling)(some, crops)
        out[whole] = crops


def _cut(images: Images, taps: Taps) -> tuple[Images, Taps]:
    """Cut images to what all windows read of them, and move the windows along."""
    top, bottom, left, right = union(taps.boxes())
    return images[:, top:bottom, left:right], taps.moved(top, left, (bottom - top, right - left))
