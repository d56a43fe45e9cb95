"""The making of glimpses from a decoded picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from glimpsecli.images.picture import Array
from glimpsecli.jobs.cutting import cut_out
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
    how = plan.how
    check_fits(view.picture, plan)
    made: list[Product] = []
    wanted = [(index, placement) for index, placement in enumerate(placements) if placement.dropped is None]
    kinds = groupby(wanted, key=lambda pair: (pair[1].size, type(pair[1].place), pair[1].outline))
    for (_, _, outline), group in kinds:
        members, seen = list(group), view
        alike = [placement for _, placement in members]
        if outline is not None:
            seen = cut_out(view, outline, alike, how.sampling)
            check_fits(seen.picture, plan)
        backend, reason, glimpses = _glimpses(seen, alike, how, len(plan.items))
        for (index, placement), values in zip(members, glimpses, strict=True):
            row = record(
                item.label, index, placement, view.image_size, how.sampling, backend=backend, decoded=view.decoded,
                objects=item.objects,
            )  # fmt: skip
            notes = [OUTSIDE] if row["outside"] == 1 else []
            details = [f"{how.sampling.sampler} on {backend}: {reason}"]
            made.append(stored(values, seen.picture, row, plan, notes, details))
    return made


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
