"""Images of types that the backends do not read: they become float32, or are refused where float32 cannot hold them.

Rounding to float32 is no change: glimpses are float32 themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.backends.footprint import union
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.arrays import Glimpses, Images
    from glimpsecli.sampling.taps import Taps


FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
"""The dtypes that backends read, and the value that stands for white and for opaque."""

READ_TYPES = tuple(np.dtype(name).type for name in FULL_SCALE)

LARGEST_INTEGER = 2**24
"""Integers up to this are exact in float32."""


def full_scale(dtype: np.dtype[Any]) -> float:
    """Give the value of white and of opaque: 1 for floating-point numbers and bool.

    Raises
    ------
    InvalidInputError
        The dtype is of other integers than uint8 and uint16: none of their values stands for white.
    """
    if dtype.kind in "bf":
        return 1.0
    if dtype.name not in FULL_SCALE:
        raise InvalidInputError(
            f"alpha in the scale of {dtype}, which has no value for opaque",
            "convert the image to uint8 or uint16, or to floating-point numbers from 0 to 1",
        )
    return FULL_SCALE[dtype.name]


def to_float32(values: Images, name: str) -> Glimpses:
    """Copy real numbers to contiguous float32.

    Raises
    ------
    InvalidInputError
        An integer is not exact in float32, or a finite number would be infinite.
    """
    large = values.dtype.itemsize > 2 and values.size > 0
    if large and values.dtype.kind in "iu":
        low, high = int(values.min()), int(values.max())
        if max(-low, high) > LARGEST_INTEGER:
            raise InvalidInputError(
                f"{name} holds the integer {high if high > -low else low}, which float32 does not hold exactly",
                f"the limit is {LARGEST_INTEGER}: subtract an offset, or convert it to float64 if rounding is right",
            )
    with np.errstate(over="ignore"):
        converted = np.array(values, dtype=np.float32, order="C")
    if large and values.dtype.itemsize > 4 and values.dtype.kind == "f":
        lost = np.isinf(converted)
        if lost.any() and np.isfinite(values[lost]).any():
            largest = float(np.abs(values[np.isfinite(values)]).max())
            raise InvalidInputError(f"{name} holds {largest:g}", "give numbers that float32 holds")
    return converted


def is_read(dtype: np.dtype[Any]) -> bool:
    """Return whether backends read a dtype as it is."""
    return dtype.isnative and dtype.type in READ_TYPES


def native(images: Images) -> Images:
    """Give images in a type that backends read, in the byte order of this machine."""
    if images.dtype.type not in READ_TYPES:
        return to_float32(images, "the image")
    return images if is_read(images.dtype) else images.astype(images.dtype.newbyteorder("="))


def readable(images: Images, taps: Taps) -> tuple[Images, Taps]:
    """Give (N, H, W, C) images in a type that backends read, and the taps over them.

    Images of other types are cut to the part that the windows read. Gaussians move along with the cut. Other taps keep
    their coordinates, over an image that is 0 above and to the left of the cut: moved, they would round differently,
    and on a tie read another pixel.
    """
    if is_read(images.dtype) or taps.windows == 0:
        return images, taps
    top, bottom, left, right = union(taps.boxes())
    cut = native(images[:, top:bottom, left:right])
    if taps.sampler == "gaussian":
        return cut, taps.moved(top, left, (bottom - top, right - left))
    if top or left:
        placed = np.zeros((len(images), bottom, right, images.shape[3]), cut.dtype)  # untouched zeros take no memory
        placed[:, top:, left:] = cut
        cut = placed
    return cut, taps.moved(0, 0, (bottom, right))
