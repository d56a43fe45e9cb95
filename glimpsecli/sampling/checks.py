"""Checks of images, batches and outputs, each with an error of one line."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.devices import device_images, is_on_device
from glimpsecli.sampling.precision import FULL_SCALE, READ_TYPES
from glimpsecli.window.checks import LARGEST_COORDINATE, check_unmasked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Glimpses, Images

_SHORTEST_SIDE, _LONGEST_RATIO = 24, 3
"""Of a shape taken for (C, H, W): the least shorter side, in pixels, and the largest ratio of the sides."""


def checked_image(image: ArrayLike, name: str = "an image") -> Images:
    """Give the image as (H, W) or (H, W, C), of any type that can be read."""
    pixels = _checked_dtype(device_images(image) if is_on_device(image) else on_host(image, name), name)
    checked_shape(pixels.shape, name)
    return pixels


def checked_shape(shape: Any, name: str = "an image") -> tuple[int, ...]:
    """Give a shape that is (H, W) or (H, W, C) as ints."""
    try:
        sides = shape if type(shape) is tuple and set(map(type, shape)) == {int} else tuple(map(operator.index, shape))
    except TypeError:
        sides = ()
    if len(sides) not in (2, 3) or min(sides) < 1:
        raise InvalidInputError(f"{name} of shape {shape}", "give (H, W) or (H, W, C), none of them 0")
    _check_sides(sides[:2])
    if len(sides) == 3:
        check_channels_last(sides, "put them last: np.moveaxis(image, 0, -1)")
    return sides


def _check_sides(sides: tuple[int, ...]) -> None:
    """Refuse an image whose pixels have no coordinates."""
    if max(sides) > LARGEST_COORDINATE:
        raise InvalidInputError(
            f"an image of {sides[1]}x{sides[0]} pixels", f"the limit of a side is {LARGEST_COORDINATE:g}"
        )


def check_channels_last(shape: tuple[int, ...], hint: str) -> None:
    """Refuse a shape (H, W, C) that is rather (C, H, W).

    It has 1, 3 or 4 "rows", and "columns" and "channels" of 24 or more, neither more than three times the other.
    """
    rows, columns, channels = shape
    if rows not in (1, 3, 4):
        return
    shorter, longer = min(columns, channels), max(columns, channels)
    if shorter >= _SHORTEST_SIDE and longer <= _LONGEST_RATIO * shorter:
        raise InvalidInputError(
            f"an image of shape {tuple(shape)} has its channels first: as (H, W, C) it is {columns} pixels by {rows}, "
            f"with {channels} channels",
            hint,
        )


def checked_stack(images: ArrayLike | Sequence[ArrayLike], layout: str | None) -> Images:
    """Give a batch of images as one array of four axes, in the order of `layout`, NHWC by default."""
    if layout not in ("NHWC", "NCHW", None):
        raise InvalidInputError(f"unknown layout {layout!r}", "choose NHWC or NCHW")
    stack: Images = device_images(images) if is_on_device(images) else _stacked(images)
    if stack.ndim != 4 or 0 in stack.shape[1:]:
        raise InvalidInputError(
            f"a batch of shape {stack.shape} is not {layout or 'NHWC'}", "give four axes; only the first may be 0"
        )
    _check_sides(stack.shape[2:] if layout == "NCHW" else stack.shape[1:3])
    if layout is None:
        check_channels_last(stack.shape[1:], 'give layout="NCHW", or "NHWC" if it is so')
    return _checked_dtype(stack, "an image")


def _stacked(images: ArrayLike | Sequence[ArrayLike]) -> Images:
    if not isinstance(images, np.ndarray) and isinstance(images, Sequence):
        if any(map(is_on_device, images)):
            raise InvalidInputError("a sequence of images on the device", "stack them there into one array")
        kinds = {(one.shape, one.dtype.name) for one in map(on_host, images)}
        if len(kinds) > 1:
            raise InvalidInputError(
                f"the images of a batch have one size and one type, these differ: {sorted(kinds)}", "extract from each"
            )
    return on_host(images)


def on_host(array: Any, name: str = "an image") -> Images:
    """Give an array or lists on the host as a NumPy array."""
    check_unmasked(array, name)
    try:
        return np.asarray(array)
    except Exception as error:  # ragged lists, tensors that require gradients, any other __array__
        reason = " ".join(str(error).split())
        raise InvalidInputError(
            f"{name} of {type(array).__name__} is no array: {reason}", "give numbers in even rows, or a NumPy array"
        ) from None


def checked_out(out: Glimpses, shape: tuple[int, ...], images: Images) -> Glimpses:
    """Give `out` if glimpses of this shape can be written to it while the images are read."""
    if is_on_device(out):
        raise InvalidInputError("out is on the device, and the images are not", "give both there, or neither")
    if not isinstance(out, np.ndarray):
        raise InvalidInputError(f"out is {out!r}", "give an array")
    if out.shape != shape or out.dtype != np.float32 or not out.flags.writeable:
        kind = "" if out.flags.writeable else ", read-only"
        raise InvalidInputError(f"out is {out.shape}, {out.dtype}{kind}", f"it must be {shape}, float32")
    if np.may_share_memory(out, images):
        raise InvalidInputError("out overlaps the images, which are read while it is written", "give another array")
    return out


def _checked_dtype(array: Images, name: str) -> Images:
    """Give the array if images may have its dtype."""
    if array.dtype.type in READ_TYPES:
        return array
    if is_on_device(array):
        raise InvalidInputError(f"{name} of {array.dtype} on the device", f"convert it to {', '.join(FULL_SCALE)}")
    if array.dtype.kind not in "biuf":
        raise InvalidInputError(f"{name} of {array.dtype}", "give bool, integers or floating-point numbers")
    return array
