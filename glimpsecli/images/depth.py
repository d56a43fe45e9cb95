"""The depths of pixels, 8 bit, 16 bit or float, and the step from computed values back to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.picture import Array

_BLOCK = 1 << 18  # values at a time: small enough that float64 blocks stay in the cache


class Depth(NamedTuple):
    """One way to store a sample.

    Attributes
    ----------
    dtype : numpy dtype
        The type of the array.
    scale : int
        The value of white. Float images are nominally 0 to 1.
    title : str
        Its name in messages.
    """

    dtype: np.dtype[np.generic]
    scale: int
    title: str


DEPTHS = {
    "8": Depth(np.dtype(np.uint8), 255, "8 bit"),
    "16": Depth(np.dtype(np.uint16), 65535, "16 bit"),
    "float": Depth(np.dtype(np.float32), 1, "float"),
}


class Converted(NamedTuple):
    """Pixels in their new depth, and how many values had to be clipped to fit it."""

    pixels: Array
    clipped: int


def depth_of(array: Array) -> str:
    """Return the name of an array's depth: ``"8"``, ``"16"`` or ``"float"``."""
    for name, depth in DEPTHS.items():
        if array.dtype == depth.dtype:
            return name
    raise InvalidInputError(f"pixels of type {array.dtype} have no depth here", "use uint8, uint16 or float32")


def convert(values: Array, source: str, target: str) -> Converted:
    """Bring computed values to a depth.

    Parameters
    ----------
    values : array of float32, or already of the target's type
        In the scale of `source`: 0 to 255, 0 to 65535, or 0 to 1.
    source, target : str
        Names of depths.

    Returns
    -------
    Converted
        Rounded half to even and clipped. A value counts as clipped when it is out of range *after* rounding, so float
        noise about 0 and white does not count. Floats are never clipped. Where nothing changes, the pixels are the
        input itself.

    Raises
    ------
    FileProblemError
        If a NaN would have to become an integer.
    """
    before, after = DEPTHS[source], DEPTHS[target]
    if source == target and values.dtype == after.dtype:
        return Converted(values, 0)
    if target == "float":
        return Converted(np.divide(values, np.float32(before.scale), dtype=np.float32), 0)
    values = np.ascontiguousarray(values)
    pixels = np.empty(values.shape, after.dtype)
    flat, out = values.reshape(-1), pixels.reshape(-1)
    clipped = 0
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        if source != target:
            # float64, so that the products of two whole numbers are exact, and so are ties
            block = block.astype(np.float64) * after.scale / before.scale
        rounded = np.rint(block)
        low, high = rounded.min(), rounded.max()
        if np.isnan(low):
            raise FileProblemError("a NaN has no value in an integer image", "use `--depth float`")
        if low < 0 or high > after.scale:
            clipped += int(np.count_nonzero((rounded < 0) | (rounded > after.scale)))
            np.clip(rounded, 0, after.scale, out=rounded)
        out[start : start + _BLOCK] = rounded
    return Converted(pixels, clipped)
