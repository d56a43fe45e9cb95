"""What goes into one file: finished pixels, in the depth and the channels of the file, and what is told about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli import images
from glimpsecli.images import DEPTHS, Picture, convert, depth_of
from glimpsecli.images.picture import Array

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Plan


class Product(NamedTuple):
    """A glimpse or another picture in memory.

    Attributes
    ----------
    pixels : (H, W, C) array
    alpha : bool
        Whether the last channel is alpha.
    icc : bytes or None
    record : dict
        What a program is told of it; its ``index`` counts the products of an image.
    notes, details : tuple of str
        What a person should know, and what one who asks may.
    """

    pixels: Array
    alpha: bool
    icc: bytes | None
    record: dict[str, Any]
    notes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def check_fits(picture: Picture, plan: Plan) -> None:
    """Refuse a picture that the plan's format cannot hold."""
    flat = _is_flattened(picture, plan)
    depth, channels = plan.output.depth or depth_of(picture.pixels), picture.pixels.shape[2]
    images.check(plan.format, depth=depth, channels=channels - flat, alpha=picture.alpha and not flat)


def stored(values: Array, picture: Picture, record: dict[str, Any], plan: Plan) -> Product:
    """Bring values in the scale and the channels of `picture` to the depth of their file.

    Alpha that the file cannot hold is laid over the fill colour.
    """
    source = depth_of(picture.pixels)
    target = plan.output.depth or source
    pixels, clipped = convert(values, source, target)
    notes = (f"{clipped} of {pixels.size} values were clipped",) if clipped else ()
    fill = plan.how.fill
    if not _is_flattened(picture, plan) or fill is None:
        return Product(pixels, picture.alpha, picture.icc, record, notes)
    colour = fill.on(values.shape[2] - 1, alpha=False, scale=DEPTHS[source].scale)
    rescale = DEPTHS[target].scale / DEPTHS[source].scale
    return Product(images.flatten(pixels, [value * rescale for value in colour]), False, picture.icc, record, notes)


def _is_flattened(picture: Picture, plan: Plan) -> bool:
    return picture.alpha and not plan.format.alpha and plan.how.fill is not None
