"""From a picture to finished glimpses: looked at, and brought to the depth and the channels of their files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from glimpsecli import images
from glimpsecli.images import DEPTHS, Picture, convert, depth_of
from glimpsecli.images.picture import Array
from glimpsecli.jobs.decoding import View
from glimpsecli.jobs.plan import How, Plan
from glimpsecli.jobs.records import record
from glimpsecli.jobs.requests import Sight
from glimpsecli.sampling import Taps, choose_backend, extract


class Glimpse(NamedTuple):
    """A glimpse in memory, with what is told about it and what a person should know."""

    pixels: Array
    alpha: bool
    icc: bytes | None
    record: dict[str, Any]
    notes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def look_at(view: View, source: str, sights: Sequence[Sight], plan: Plan) -> list[Glimpse]:
    """Make the glimpses of one image, but for those that are too small.

    Raises
    ------
    GlimpseError
        The format cannot hold them, a place makes no sense for this picture, or the backend cannot run.
    """
    how, picture = plan.how, view.picture
    depth = depth_of(picture.pixels)
    channels = picture.pixels.shape[2]
    flat = picture.alpha and not plan.format.alpha and how.fill is not None
    images.check(
        plan.format, depth=plan.output.depth or depth, channels=channels - flat, alpha=picture.alpha and not flat
    )
    seen: list[Glimpse] = []
    wanted = [(index, sight) for index, sight in enumerate(sights) if not sight.too_small]
    for _, group in groupby(wanted, key=lambda pair: (pair[1].size, type(pair[1].place))):
        members = list(group)
        backend, reason, glimpses = _glimpses(view, [sight for _, sight in members], how, len(plan.items))
        for (index, sight), values in zip(members, glimpses, strict=True):
            told = record(
                source,
                index,
                sight,
                view.image_size,
                sampler=how.chosen_sampler,
                blur=how.sigma,
                backend=backend,
                decoded=view.decoded,
            )
            pixels, clipped = _stored(values, picture, plan, flat)
            notes = [f"{clipped} of {pixels.size} values were clipped"] if clipped else []
            notes += ["its window lies outside the image"] if told["outside"] == 1 else []
            details = (f"{how.chosen_sampler} on {backend}: {reason}",)
            seen.append(Glimpse(pixels, picture.alpha and not flat, picture.icc, told, tuple(notes), details))
    return seen


def _glimpses(view: View, sights: list[Sight], how: How, repeats: int) -> tuple[str, str, Array]:
    """Look at places of one kind and size; give the backend, the reason for it, and (N, h, w, C) float32."""
    picture, size, sampler = view.picture, sights[0].size, how.chosen_sampler
    pixels = picture.pixels
    places: Any = view.places(sights, sampler, how.sigma)
    backend, reason = how.backend, "asked for"
    if backend == "auto":
        taps = Taps.make(places, size, pixels.shape[:2], sampler, how.sigma, how.border)
        backend, reason = choose_backend(taps, pixels.shape[2], repeats)
    fill = None
    if how.border == "constant" and how.fill is not None:
        scale = DEPTHS[depth_of(pixels)].scale
        fill = how.fill.on(pixels.shape[2] - picture.alpha, alpha=picture.alpha, scale=scale)
    glimpses = extract(
        pixels,
        places,
        size,
        sampler=sampler,
        blur=how.sigma,
        border=how.border,
        fill=fill,
        backend=backend,
        threads=how.threads,
        alpha=picture.alpha,
    )
    return backend, reason, glimpses


def _stored(values: Array, picture: Picture, plan: Plan, flat: bool) -> tuple[Array, int]:
    """Bring a glimpse to the depth of its file, laid over the fill where it must be flat; count the clipped values."""
    source = depth_of(picture.pixels)
    target = plan.output.depth or source
    converted = convert(values, source, target)
    if not flat or plan.how.fill is None:
        return converted.pixels, converted.clipped
    colour = plan.how.fill.on(values.shape[2] - 1, alpha=False, scale=DEPTHS[source].scale)
    rescale = DEPTHS[target].scale / DEPTHS[source].scale
    return images.flatten(converted.pixels, [value * rescale for value in colour]), converted.clipped
