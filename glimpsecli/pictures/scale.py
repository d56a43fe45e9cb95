"""Images made larger and smaller for a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Array

    Floats = NDArray[np.float32]


def scale_of(image: Array) -> int:
    """Give the value of white: 255, 65535 or 1 for uint8, uint16 or float32."""
    scales = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1}
    if image.dtype not in scales:
        raise InvalidInputError(f"an image of type {image.dtype}", "use uint8, uint16 or float32")
    return scales[image.dtype]


def in_colour(image: Array) -> Array:
    """Copy an (H, W, C) image; one grey channel becomes three, and alpha stays the last."""
    if image.shape[2] > 2:
        return image.copy()
    return np.ascontiguousarray(image[:, :, [0, 0, 0, *range(1, image.shape[2])]])


def as_rgb(array: Array) -> NDArray[np.uint8]:
    """Bring an image to RGB of 8 bit, as figures are.

    Parameters
    ----------
    array : (H, W) or (H, W, C) uint8, uint16 or float32
        Grey, grey with alpha, RGB or RGB with alpha (straight), the scale its type's. Alpha is laid over white; floats
        are cut to 0..1, and NaN becomes black.

    Returns
    -------
    (H, W, 3) uint8
        The input itself where it is RGB of 8 bit.
    """
    image = array[..., None] if array.ndim == 2 else array
    if image.ndim != 3 or image.shape[2] not in (1, 2, 3, 4):
        raise InvalidInputError(f"an image of shape {array.shape}", "use (H, W) or (H, W, C) with C from 1 to 4")
    scale = 1 if image.dtype.kind == "f" else scale_of(image)
    if image.dtype != np.uint8 or image.shape[2] in (2, 4):
        values = np.fmax(np.asarray(image, np.float64 if scale > 1 else image.dtype) / scale, 0)
        np.minimum(values, 1, out=values)
        if image.shape[2] in (2, 4):
            values = values[..., :-1] * values[..., -1:] + (1 - values[..., -1:])
        image = np.rint(values * 255).astype(np.uint8)
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def magnify(image: Array, factor: int) -> Array:
    """Make each pixel a square of `factor` x `factor`."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def resized(image: Array, height: int, width: int) -> Array:
    """Resample an image to a size: the mean over each new pixel's area where it shrinks, bilinear where it grows.

    Takes and gives (H, W) or (H, W, C) of any type; integers are rounded half to even.
    """
    if height < 1 or width < 1 or image.size == 0:
        raise InvalidInputError(f"an image of shape {image.shape} to {width}x{height}", "both need a pixel or more")
    if image.shape[:2] == (height, width):
        return image.copy()
    result = _along_rows(_along_rows(image, height).swapaxes(0, 1), width).swapaxes(0, 1)
    return np.ascontiguousarray(np.rint(result) if image.dtype.kind == "u" else result, image.dtype)


def fitted(image: Array, height: int | None = None, width: int | None = None) -> Array:
    """Resample an image, its shape kept, to the largest size that fits `height` and `width`; None sets no bound."""
    bounds = [bound / now for bound, now in zip((height, width), image.shape[:2], strict=True) if bound is not None]
    factor = min(bounds, default=1.0)
    return resized(image, *(max(1, round(extent * factor)) for extent in image.shape[:2]))


def shown(image: Array, height: int, width: int) -> tuple[Array, int]:
    """Fit a glimpse into `height` x `width` as it is best seen, and give the factor of its pixels.

    A glimpse that fits twice or more becomes squares of a whole number of pixels, so that its own pixels show; one that
    is too large is reduced, and its factor is 0.
    """
    factor = min(height // image.shape[0], width // image.shape[1])
    return (magnify(image, factor), factor) if factor else (fitted(image, height, width), 0)


def _along_rows(image: Array, extent: int) -> Floats:
    """Resample the first axis."""
    index, weight = _taps(image.shape[0], extent)
    tail = (1,) * (image.ndim - 1)
    total = np.zeros((extent, *image.shape[1:]), np.float32)
    for taps, share in zip(index, weight, strict=True):
        total += image[taps] * share.reshape(-1, *tail)
    return total


def _taps(before: int, after: int) -> tuple[NDArray[np.intp], Floats]:
    """Give the source pixels of each new pixel and their weights, both (taps, after); columns of weights sum to 1."""
    step = before / after
    if after < before:
        edges = np.arange(after + 1) * step
        first = np.floor(edges[:-1]).astype(np.intp)
        index = first + np.arange(int(np.ceil(step)) + 1)[:, None]
        weight = np.maximum(np.minimum(index + 1, edges[1:]) - np.maximum(index, edges[:-1]), 0)
    else:
        centres = np.clip((np.arange(after) + 0.5) * step - 0.5, 0, before - 1)
        low = np.floor(centres).astype(np.intp)
        index = np.stack([low, low + 1])
        weight = np.stack([1 - (centres - low), centres - low])
    return np.minimum(index, before - 1), (weight / weight.sum(0)).astype(np.float32)
