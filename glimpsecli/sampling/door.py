"""The one door from images and windows to a backend: it checks, chooses, allocates and calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli import backends
from glimpsecli.backends.support import union
from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.choice import choose_backend
from glimpsecli.sampling.look import Look
from glimpsecli.sampling.transparency import premultiply, unpremultiply
from glimpsecli.window import is_single

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.window import Size, Where

    Images = NDArray[Any]
    Glimpses = NDArray[np.float32]

FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
"""The dtypes of images, and the value that stands for white and for opaque."""


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
        uint8, uint16 or float32.
    where : Window, Affine, GaussianParams, a sequence of one of them, or an (N, 5) array
        Rows of the array are windows (cx, cy, width, height, angle).
    size : (int, int)
        Height and width of the glimpse in pixels.
    sampler : {"gaussian", "bilinear", "hard"}
        DRAW's filterbanks, the spatial transformer's interpolation, or the pixel that each tap falls in.
    blur : float
        Sigma of the Gaussians in strides (in pixels where the stride is below one), for a `where` without its own.
    border : {"zeros", "constant", "edge", "reflect"}, optional
        What stands outside the image, zeros by default. Not for the Gaussian sampler, whose weights are renormalised
        over the image.
    fill : array_like, scalar or (C,), optional
        Colour of the ``constant`` border, in the scale of the image.
    backend : {"auto", "numpy", "cpu", "cuda"}
        ``auto`` takes NumPy for a small job and Numba for any other; the two differ by rounding, so name one where the
        same bytes are wanted again.
    threads : int, optional
        Threads of the cpu backend, all processors by default. The result does not depend on it.
    alpha : bool
        Whether the last channel is straight alpha. Colours are then weighted by it.

    Returns
    -------
    (h, w, C) float32, in the scale of the image
        (h, w) for an image without channels; (N, h, w, C) or (N, h, w) where `where` is a sequence or an array.

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
    pixels, grey = _checked_image(image)
    look = Look.make(where, size, pixels.shape[:2], sampler, blur, border)
    out = np.empty((look.windows, *look.size, pixels.shape[2]), np.float32)
    _look(pixels[None], look, out, fill, backend, threads, alpha)
    result = out[..., 0] if grey else out
    return result[0] if is_single(where) else result


def extract_batch(
    images: ArrayLike | Sequence[ArrayLike],
    where: Where,
    size: Size,
    *,
    layout: Literal["NHWC", "NCHW"] = "NHWC",
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
        uint8, uint16 or float32.
    where : as in :func:`extract`
        One place for each image, or one for all.
    size : (int, int)
        Height and width of the glimpses in pixels.
    layout : {"NHWC", "NCHW"}
        Order of the axes of `images` and of the result. Neither is copied.
    out : (N, h, w, C) or (N, C, h, w) float32, optional
        Where the glimpses go.
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
    if layout not in ("NHWC", "NCHW"):
        raise InvalidInputError(f"unknown layout {layout!r}", "choose NHWC or NCHW")
    try:
        stack = _checked_dtype(np.asarray(images))
    except ValueError as error:  # NumPy refuses a ragged stack
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError("the images of a batch have one size, these differ", "extract from each") from None
    if stack.ndim != 4 or 0 in stack.shape:
        raise InvalidInputError(f"a batch of shape {stack.shape} is not {layout}", "give four axes, none of them empty")
    channels_first = layout == "NCHW"
    look = Look.make(where, size, stack.shape[2:] if channels_first else stack.shape[1:3], sampler, blur, border)
    look = look.for_each(len(stack))
    channels = stack.shape[1 if channels_first else 3]
    shape = (len(stack), channels, *look.size) if channels_first else (len(stack), *look.size, channels)
    result = np.empty(shape, np.float32) if out is None else out
    if result.shape != shape or result.dtype != np.float32:
        raise InvalidInputError(f"out is {result.shape}, {result.dtype}", f"it must be {shape}, float32")
    if channels_first and not alpha and result.flags.c_contiguous:
        # Planes are grey images of their own: N * C of them, in place.
        planes, glimpses = stack.reshape(-1, *stack.shape[2:], 1), result.reshape(-1, *look.size, 1)
        colours = np.tile(_colour(fill, channels, look.border), len(stack))[:, None]
        _call(planes, look.repeated(channels), glimpses, colours, backend, threads)
        return result
    last = np.moveaxis(stack, 1, 3) if channels_first else stack
    view = np.moveaxis(result, 1, 3) if channels_first else result
    target = view if view.flags.c_contiguous else np.empty(view.shape, np.float32)
    _look(last, look, target, fill, backend, threads, alpha)
    if target is not view:
        view[...] = target
    return result


def _look(
    images: Images,
    look: Look,
    out: Glimpses,
    fill: ArrayLike | None,
    backend: str,
    threads: int | None,
    alpha: bool,
) -> None:
    """Fill `out`, (N, h, w, C) contiguous, from (1 or N, H, W, C) images."""
    channels = images.shape[3]
    colours = np.tile(_colour(fill, channels, look.border), (look.windows, 1))
    if alpha and channels not in (2, 4):
        raise InvalidInputError(f"alpha with {channels} channels", "grey and alpha are 2, red, green, blue and alpha 4")
    if not alpha or look.order == 0:  # single pixels keep their own alpha
        _call(images, look, out, colours, backend, threads)
        return
    scale = FULL_SCALE[images.dtype.name]
    top, bottom, left, right = union(look.boxes())
    weighted = premultiply(images[:, top:bottom, left:right], scale)
    cut = look.moved(top, left, (bottom - top, right - left))
    gain = np.ones(look.windows)
    if look.sampler == "gaussian":  # gain is for the colours: it would cancel in the division
        gain = look.places[:, 6]
        cut.places[:, 6] = 1
    _call(weighted, cut, out, premultiply(colours, scale), backend, threads)
    unpremultiply(out, scale)
    out[..., :-1] *= gain[:, None, None, None].astype(np.float32)


def _call(images: Images, look: Look, out: Glimpses, colours: Glimpses, backend: str, threads: int | None) -> None:
    if backend == "auto":
        backend, _ = choose_backend(look, images.shape[3])
    module = backends.load(backend)
    if look.sampler == "gaussian":
        module.gaussian(images, look.places, out, threads)
    else:
        module.affine(images, look.places, out, look.order, look.border, colours, threads)


def _colour(fill: ArrayLike | None, channels: int, border: str) -> Glimpses:
    """Give the fill colour as (C,) float32."""
    if fill is None:
        if border == "constant":
            raise InvalidInputError("the constant border needs a colour", "give fill")
        return np.zeros(channels, np.float32)
    if border != "constant":
        raise InvalidInputError(f"fill {fill!r} with the border {border}", "only the constant border has a colour")
    colour = np.asarray(fill, dtype=np.float32)
    if colour.shape not in ((), (1,), (channels,)) or not np.all(np.isfinite(colour)):
        raise InvalidInputError(f"fill {fill!r} is no colour for {channels} channels", "give one number, or one each")
    return np.broadcast_to(colour, (channels,)).copy()


def _checked_image(image: ArrayLike) -> tuple[Images, bool]:
    """Give the image as (H, W, C), and whether it came without channels."""
    pixels = _checked_dtype(np.asarray(image))
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise InvalidInputError(f"an array of shape {pixels.shape} is no image", "give (H, W) or (H, W, C)")
    return (pixels[:, :, None], True) if pixels.ndim == 2 else (pixels, False)


def _checked_dtype(array: Images) -> Images:
    if array.dtype.name not in FULL_SCALE:
        raise InvalidInputError(f"an image of {array.dtype}", f"convert it to {', '.join(FULL_SCALE)}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
