"""The making of glimpses from a decoded picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from glimpsecli.images.picture import Array
from glimpsecli.jobs.plan import How, Item, Plan
from glimpsecli.jobs.products import Product, View
from glimpsecli.jobs.records import OUTSIDE, record
from glimpsecli.jobs.requests import Placement
from glimpsecli.jobs.storing import check_fits, sampling_of, stored
from glimpsecli.sampling import Sampler, Taps, choose_backend


def look_at(view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
    """Make the glimpses of one image; windows that are dropped get none.

    Raises
    ------
    GlimpseError
        The format cannot hold them, a place makes no sense for this picture, or the backend cannot run.
    """
    how, picture = plan.how, view.picture
    check_fits(picture, plan)
    seen: list[Product] = []
    wanted = [(index, placement) for index, placement in enumerate(placements) if placement.dropped is None]
    for _, group in groupby(wanted, key=lambda pair: (pair[1].size, type(pair[1].place))):
        members = list(group)
        backend, reason, glimpses = _glimpses(view, [placement for _, placement in members], how, len(plan.items))
        for (index, placement), values in zip(members, glimpses, strict=True):
            row = record(
                item.label, index, placement, view.image_size, how.sampling, backend=backend, decoded=view.decoded,
                objects=item.objects,
            )  # fmt: skip
            notes = [OUTSIDE] if row["outside"] == 1 else []
            seen.append(stored(values, picture, row, plan, notes, [f"{how.sampling.sampler} on {backend}: {reason}"]))
    return seen


def glimpse_of(view: View, placement: Placement, plan: Plan) -> Array:
    """Give the glimpse of one placement, (h, w, C) float32 in the scale of the view's picture."""
    glimpse: Array = _glimpses(view, [placement], plan.how, len(plan.items))[2][0]
    return glimpse


def _glimpses(view: View, placements: list[Placement], how: How, repeats: int) -> tuple[str, str, Array]:
    """Look at places of one kind and size; give the backend, the reason for it, and (N, h, w, C) float32."""
    picture, size, sampling, reason = view.picture, placements[0].size, sampling_of(view.picture, how), "asked for"
    pixels = picture.pixels
    places: Any = view.places(placements, sampling)
    if sampling.backend == "auto":
        taps = Taps.make(places, size, pixels.shape[:2], sampling)
        backend, reason = choose_backend(taps, pixels.shape[2], repeats)
        sampling = replace(sampling, backend=backend)
    look = Sampler(places, size, pixels.shape, sampling, alpha=picture.alpha)
    return sampling.backend, reason, look(pixels)
