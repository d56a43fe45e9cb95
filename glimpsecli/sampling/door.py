"""The one door from images and windows to a backend: it checks, chooses, allocates and calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli import backends
from glimpsecli.attention import spatial
from glimpsecli.backends.support import union
from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.choice import choose_backend
from glimpsecli.sampling.devices import device_backend, device_images, device_out, is_on_device
from glimpsecli.sampling.taps import Taps
from glimpsecli.sampling.transparency import unweigh, weigh_by_alpha
from glimpsecli.window import is_single

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Literal

    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.window import Size, Where

    Images = NDArray[Any]
    Glimpses = NDArray[np.float32]

GRID_POINTS = 2**22
"""Points of grids that are in memory at once, or those of one window."""

FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
"""The dtypes of images, and the value that stands for white and for opaque."""

_TYPES = tuple(np.dtype(name).type for name in FULL_SCALE)


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
        uint8, uint16 or float32. Anything on a GPU, contiguous, with ``__cuda_array_interface__`` stays there and is
        seen by the cuda backend: a torch or CuPy array, for instance.
    where : Window, Affine, Projective, GaussianParams, a sequence of one of them, or an (N, 5) array
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
        The most threads that the cpu backend may use, all processors by default. The result does not depend on it.
    alpha : bool
        Whether the last channel is straight alpha. Colours are then weighted by it.

    Returns
    -------
    (h, w, C) float32, in the scale of the image
        (h, w) for an image without channels; (N, h, w, C) or (N, h, w) where `where` is a sequence or an array.
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
    backend = device_backend(image, backend, alpha)
    pixels = _checked_image(image)
    (height, width), channels = pixels.shape[:2], pixels.shape[2:]
    taps = Taps.make(where, size, (height, width), sampler, blur, border)
    stack = pixels.reshape(1, height, width, *(channels or (1,)))
    shape = (taps.windows, *taps.size, stack.shape[3])
    out = device_out(None, shape) if is_on_device(image) else np.empty(shape, np.float32)
    _sample(stack, taps, out, fill, backend, threads, alpha)
    windows = () if is_single(where) else (taps.windows,)
    return out.reshape(*windows, *taps.size, *channels)


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
        Order of the axes of `images` and of the result. Contiguous arrays are not copied; of others, what is read.
    out : (N, h, w, C) or (N, C, h, w) float32, optional
        Where the glimpses go: on the device if the images are there, else on the host.
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
    stack = _checked_stack(images)
    if stack.ndim != 4 or 0 in stack.shape:
        raise InvalidInputError(f"a batch of shape {stack.shape} is not {layout}", "give four axes, none of them empty")
    _checked_dtype(stack)
    backend = device_backend(stack, backend, alpha)
    channels_first = layout == "NCHW"
    taps = Taps.make(where, size, stack.shape[2:] if channels_first else stack.shape[1:3], sampler, blur, border)
    taps = taps.for_each(len(stack))
    channels = stack.shape[1 if channels_first else 3]
    shape = (len(stack), channels, *taps.size) if channels_first else (len(stack), *taps.size, channels)
    if is_on_device(stack):
        result, in_place = device_out(out, shape), True
    else:
        result = np.empty(shape, np.float32) if out is None else _checked_out(out, shape)
        in_place = stack.flags.c_contiguous and stack.dtype.isnative and result.flags.c_contiguous
    given: Glimpses = result if out is None else out
    if channels_first and in_place and not alpha:
        # Planes are grey images of their own: N * C of them, in place.
        count = len(stack) * channels
        planes, glimpses = stack.reshape(count, *stack.shape[2:], 1), result.reshape(count, *taps.size, 1)
        colours = np.tile(_colour(fill, channels, taps.border), len(stack))[:, None]
        _call(planes, taps.repeated(channels), glimpses, colours, backend, threads)
        return given
    if is_on_device(stack):
        _sample(stack, taps, result, fill, backend, threads, alpha)
        return given
    last = np.moveaxis(stack, 1, 3) if channels_first else stack
    view = np.moveaxis(result, 1, 3) if channels_first else result
    target = view if view.flags.c_contiguous else np.empty(view.shape, np.float32)
    _sample(last, taps, target, fill, backend, threads, alpha)
    if target is not view:
        view[...] = target
    return given


def _sample(
    images: Images,
    taps: Taps,
    out: Glimpses,
    fill: ArrayLike | None,
    backend: str,
    threads: int | None,
    alpha: bool,
) -> None:
    """Fill `out`, (N, h, w, C) contiguous, from (1 or N, H, W, C) images."""
    channels = images.shape[3]
    colours = np.broadcast_to(_colour(fill, channels, taps.border), (taps.windows, channels))
    if alpha and channels not in (2, 4):
        raise InvalidInputError(f"alpha with {channels} channels", "grey and alpha are 2, red, green, blue and alpha 4")
    if not images.dtype.isnative:
        cut, taps = _cut(images, taps)
        images = cut.astype(cut.dtype.newbyteorder("="))
    if not alpha or taps.order == 0:  # single pixels keep their own alpha
        _call(images, taps, out, colours, backend, threads)
        return
    scale = FULL_SCALE[images.dtype.name]
    cut, moved = _cut(images, taps)
    gain = np.ones(taps.windows, np.float32)
    if taps.sampler == "gaussian":  # gain is for the colours: it would cancel in the division
        gain = taps.places[:, 6].astype(np.float32)
        moved.places[:, 6] = 1
    _call(weigh_by_alpha(cut, scale), moved, out, weigh_by_alpha(colours, scale), backend, threads)
    unweigh(out, scale)
    out[..., :-1] *= gain[:, None, None, None]
    whole = taps.whole_pixels()
    if np.any(whole):  # crops keep the colours that alpha hides
        crops = np.empty((int(whole.sum()), *out.shape[1:]), np.float32)
        _call(images if len(images) == 1 else images[whole], taps.only(whole), crops, colours[whole], backend, threads)
        out[whole] = crops


def _cut(images: Images, taps: Taps) -> tuple[Images, Taps]:
    """Cut images to what all windows read of them, and move the windows along."""
    top, bottom, left, right = union(taps.boxes())
    return images[:, top:bottom, left:right], taps.moved(top, left, (bottom - top, right - left))


def _call(images: Images, taps: Taps, out: Glimpses, colours: Glimpses, backend: str, threads: int | None) -> None:
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise InvalidInputError(f"threads is {threads!r}", "give a whole number from 1")
    if backend == "auto":
        backend, _ = choose_backend(taps, images.shape[3])
    module = backends.load(backend)
    if taps.sampler == "gaussian":
        module.gaussian(images, taps.places, out, threads)
    elif taps.projective:
        _call_grids(module, images, taps, out, colours, threads)
    else:
        module.affine(images, taps.places, out, taps.order, taps.border, colours, threads)


def _call_grids(
    module: ModuleType, images: Images, taps: Taps, out: Glimpses, colours: Glimpses, threads: int | None
) -> None:
    """Generate the grids, for as many windows at a time as memory is good for, and sample at them."""
    h, w = taps.size
    step = max(1, GRID_POINTS // (h * w))
    for start in range(0, taps.windows, step):
        some = slice(start, start + step)
        grids = np.stack([spatial.matrix_grid(matrix, taps.size) for matrix in taps.places[some]])
        seen = images if len(images) == 1 else images[some]
        module.grid(seen, grids, out[some], taps.order, taps.border, colours[some], threads)


def _colour(fill: ArrayLike | None, channels: int, border: str) -> Glimpses:
    """Give the fill colour as (C,) float32."""
    if fill is None:
        if border == "constant":
            raise InvalidInputError("the constant border needs a colour", "give fill")
        return np.zeros(channels, np.float32)
    if border != "constant":
        raise InvalidInputError(f"fill {fill!r} with the border {border}", "only the constant border has a colour")
    try:
        colour = np.asarray(fill, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInputError(f"fill {fill!r} is no colour", "give one number, or one for each channel") from None
    if colour.shape not in ((), (1,), (channels,)) or not np.all(np.abs(colour) <= np.finfo(np.float32).max):
        raise InvalidInputError(f"fill {fill!r} is no colour for {channels} channels", "give one number, or one each")
    return np.broadcast_to(colour, (channels,)).astype(np.float32)


def _checked_image(image: ArrayLike) -> Images:
    """Give the image as (H, W) or (H, W, C)."""
    pixels = _checked_dtype(device_images(image) if is_on_device(image) else np.asarray(image))
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise InvalidInputError(f"an array of shape {tuple(pixels.shape)} is no image", "give (H, W) or (H, W, C)")
    return pixels


def _checked_stack(images: ArrayLike | Sequence[ArrayLike]) -> Images:
    if is_on_device(images):
        stack: Images = device_images(images)
        return stack
    if not isinstance(images, np.ndarray) and isinstance(images, Sequence):
        if any(map(is_on_device, images)):
            raise InvalidInputError("a sequence of images on the device", "stack them there into one array")
        kinds = {(one.shape, one.dtype.name) for one in map(np.asarray, images)}
        if len(kinds) > 1:
            raise InvalidInputError(
                f"the images of a batch have one size and one type, these differ: {sorted(kinds)}", "extract from each"
            )
    return np.asarray(images)


def _checked_out(out: Glimpses, shape: tuple[int, ...]) -> Glimpses:
    if is_on_device(out):
        raise InvalidInputError("out is on the device, and the images are not", "give both there, or neither")
    if not isinstance(out, np.ndarray):
        raise InvalidInputError(f"out is {out!r}", "give an array")
    if out.shape != shape or out.dtype != np.float32 or not out.flags.writeable:
        kind = "" if out.flags.writeable else ", read-only"
        raise InvalidInputError(f"out is {out.shape}, {out.dtype}{kind}", f"it must be {shape}, float32")
    return out


def _checked_dtype(array: Images) -> Images:
    if array.dtype.type not in _TYPES:
        raise InvalidInputError(f"an image of {array.dtype}", f"convert it to {', '.join(FULL_SCALE)}")
    return array
