"""Glimpses of images: of one through one or several windows, and of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.names import BLUR
from glimpsecli.sampling.checks import checked_image, checked_out, checked_stack
from glimpsecli.sampling.devices import device_out, device_sampling, is_on_device
from glimpsecli.sampling.dispatch import prepare
from glimpsecli.sampling.options import sampling_of
from glimpsecli.sampling.precision import is_read
from glimpsecli.sampling.reading import read_taps
from glimpsecli.sampling.sampler import Sampler
from glimpsecli.sampling.taps import Taps

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Glimpses
    from glimpsecli.window import Size, Where


def extract(
    image: ArrayLike,
    where: Where,
    size: Size,
    *,
    sampler: str = "gaussian",
    blur: float = BLUR,
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
        uint8, uint16 or float32. Of other floating-point numbers, integers and bool (0 and 1), the part that is read
        is converted to float32. Values stay as they are: integers beyond 2^24, numbers that float32 does not hold and
        masked values are refused. Channels come last: a shape of 1, 3 or 4 rows, and columns and channels of 24 or
        more, neither more than three times the other, is taken for (C, H, W) and refused (:func:`extract_batch` with
        ``layout="NHWC"`` takes it).
        A contiguous array on a GPU with ``__cuda_array_interface__``, of torch or CuPy for instance, in uint8, uint16
        or float32, stays there and is read by the cuda backend.
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
    sampling = sampling_of(sampler, blur, border, fill, backend, threads)
    pixels = image if type(image) is np.ndarray else checked_image(image)
    return Sampler(where, size, pixels.shape, sampling, alpha=alpha)(pixels)


def extract_batch(
    images: ArrayLike | Sequence[ArrayLike],
    where: Where,
    size: Size,
    *,
    layout: Literal["NHWC", "NCHW"] | None = None,
    out: Glimpses | None = None,
    sampler: str = "gaussian",
    blur: float = BLUR,
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
        for (C, H, W) are refused. Contiguous arrays are not copied; of others, the part that is read is.
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
    sampling = sampling_of(sampler, blur, border, fill, backend, threads)
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
        prepare(taps.for_planes(channels), planes.shape, colours, sampling)(planes, glimpses)
    elif is_on_device(stack):
        read_taps(stack, taps, result, sampling, alpha)
    else:
        last = np.moveaxis(stack, 1, 3) if channels_first else stack
        view = np.moveaxis(result, 1, 3) if channels_first else result
        target = view if view.flags.c_contiguous else np.empty(view.shape, np.float32)
        read_taps(last, taps, target, sampling, alpha)
        if target is not view:
            view[...] = target
    return given
