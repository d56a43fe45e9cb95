"""Straight and premultiplied alpha, in the image's own numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.picture import Array


def flatten(pixels: Array, fill: float | Sequence[float]) -> Array:
    """Lay an image with straight alpha over a plain colour.

    Parameters
    ----------
    pixels : (H, W, C + 1) array of uint8, uint16 or float32
        The last channel is straight alpha.
    fill : float or sequence of C floats
        The colour below, in the image's own scale (0 to 255, 0 to 65535, or 0 to 1).

    Returns
    -------
    (H, W, C) array of the same type
        alpha colour + (1 - alpha) fill; integers are rounded. A tie cannot occur, as 255 and 65535 are odd.
    """
    colours = pixels.shape[-1] - 1
    fills = np.atleast_1d(np.asarray(fill, np.float64))
    if fills.size not in (1, colours):
        raise InvalidInputError(f"a fill of {fills.size} numbers does not suit {colours} colour channels")
    fills = np.broadcast_to(fills, (colours,))
    out = np.empty((*pixels.shape[:-1], colours), pixels.dtype)
    alpha = pixels[..., -1]
    if pixels.dtype.kind == "f":
        for channel in range(colours):
            out[..., channel] = pixels[..., channel] * alpha + np.float32(fills[channel]) * (1 - alpha)
        return out
    top = int(np.iinfo(pixels.dtype).max)
    if not np.all((fills >= 0) & (fills <= top)):
        raise InvalidInputError(f"the fill {fills.tolist()} does not fit {pixels.dtype} pixels", f"use 0 to {top}")
    seen = alpha.astype(np.uint32)
    for channel in range(colours):
        below = np.uint32(np.rint(fills[channel]))
        # At most 65535 * 65535 + 32767, which 32 bits just hold.
        out[..., channel] = (pixels[..., channel] * seen + below * (top - seen) + top // 2) // top
    return out


def unpremultiply(pixels: Array) -> Array:
    """Divide the colours of a premultiplied image by its alpha, the last channel; 0 where nothing is seen.

    Integers are rounded and cut at full scale, which a colour brighter than its alpha would pass.
    """
    out = pixels.copy()
    alpha = pixels[..., -1]
    if pixels.dtype.kind == "f":
        for channel in range(pixels.shape[-1] - 1):
            np.divide(pixels[..., channel], alpha, out=out[..., channel], where=alpha > 0)
    else:
        top = int(np.iinfo(pixels.dtype).max)
        seen = np.maximum(alpha, 1).astype(np.uint32)
        for channel in range(pixels.shape[-1] - 1):
            colour = np.minimum(pixels[..., channel], alpha).astype(np.uint32)
            out[..., channel] = (colour * top + seen // 2) // seen
    out[..., :-1][alpha == 0] = 0
    return out
