"""Pictures brought to the depth and the channels that the format of their file holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from glimpsecli import images
from glimpsecli.images import DEPTHS, Picture, convert, depth_of
from glimpsecli.images.picture import Array
from glimpsecli.jobs.products import Product

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import How, Plan
    from glimpsecli.sampling import Sampling


def check_fits(picture: Picture, plan: Plan) -> None:
    """Refuse a picture that the plan's format cannot hold."""
    flat = _is_flattened(picture, plan)
    depth, channels = plan.output.depth or depth_of(picture.pixels), picture.pixels.shape[2]
    images.check(plan.format, depth=depth, channels=channels - flat, alpha=picture.alpha and not flat)


def stored(
    values: Array,
    picture: Picture,
    record: dict[str, Any],
    plan: Plan,
    notes: Sequence[str] = (),
    details: Sequence[str] = (),
) -> Product:
    """Bring values in the scale and the channels of `picture` to the depth of their file.

    Alpha that the file cannot hold is laid over the fill colour. A note of clipped values comes before `notes`.
    """
    source = depth_of(picture.pixels)
    target, alpha, fill = plan.output.depth or source, picture.alpha, plan.how.fill
    pixels, clipped = convert(values, source, target)
    if clipped:
        notes = (f"{clipped} of {pixels.size} values were clipped", *notes)
    if _is_flattened(picture, plan) and fill is not None:
        colour = fill.on(values.shape[2] - 1, alpha=False, scale=DEPTHS[source].scale)
        rescale = DEPTHS[target].scale / DEPTHS[source].scale
        pixels, alpha = images.flatten(pixels, [value * rescale for value in colour]), False
    return Product(pixels, alpha, picture.icc, record, tuple(notes), tuple(details))


def sampling_of(picture: Picture, how: How) -> Sampling:
    """Give the sampling of a picture: the fill of a constant border has a number for each channel, in its scale."""
    if how.sampling.border != "constant" or how.fill is None:
        return how.sampling
    scale = DEPTHS[depth_of(picture.pixels)].scale
    fill = how.fill.on(picture.pixels.shape[2] - picture.alpha, alpha=picture.alpha, scale=scale)
    return replace(how.sampling, fill=fill)


def flat(picture: Picture, how: How) -> Picture:
    """Lay a transparent picture over the fill colour, by default white, as figures stand on white."""
    if not picture.alpha:
        return picture
    scale, colours = DEPTHS[depth_of(picture.pixels)].scale, picture.pixels.shape[2] - 1
    colour = scale if how.fill is None else how.fill.on(colours, alpha=False, scale=scale)
    return Picture(images.flatten(picture.pixels, colour), False, None)


def _is_flattened(picture: Picture, plan: Plan) -> bool:
    return picture.alpha and not plan.format.alpha and plan.how.fill is not None
