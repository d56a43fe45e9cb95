"""The plan of a film: the frames that are the items of a plan, one after another in one file."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.video.film import Sound
from glimpsecli.video.films import check_film, sound_problem
from glimpsecli.video.formats import FILMS

if TYPE_CHECKING:
    from glimpsecli.images.picture import Array
    from glimpsecli.jobs.plan import Plan
    from glimpsecli.window import Size


def as_film(plan: Plan, *, speed: Fraction = Fraction(1)) -> Plan:
    """Plan one film of the frames that are the items of a plan.

    Parameters
    ----------
    plan : Plan
        Its items have frames, and it has the clip that holds them.
    speed : Fraction
        Seconds of the clip in a second of the film.

    Raises
    ------
    InvalidInputError
        The items are frames of several videos, a frame has not one window, the glimpses are of several sizes, or the
        film cannot hold them.
    """
    first, last = plan.items[0].at, plan.items[-1].at
    assert plan.clips is not None
    assert first is not None
    assert last is not None
    many = {item.source for item in plan.items}
    if len(many) > 1:
        raise InvalidInputError(
            f"one {plan.format.title} film of {len(many)} files",
            "make a film of each, or name the folder of its frames",
        )
    clip = plan.clips.of(plan.items[0].source)
    size = None if plan.make_products is not None else _one_size(plan, clip.size)
    if size is not None and clip.alpha and not plan.format.alpha and plan.how.fill is None:
        able = ", ".join(f".{kind.name}" for kind in FILMS.values() if kind.alpha is not None)
        raise InvalidInputError(
            f"{plan.format.title} cannot hold the alpha channel of {clip.label}",
            f"use {able}, or lay it over a colour with --fill",
        )
    # Where some frames are left out, or the frames are those of a photo, the film has its own rate.
    whole = len(clip) > 1 and len(plan.items) > last.index - first.index
    rate = clip.rate if whole else len(plan.items) / (last.time + last.duration - first.time)
    output = plan.output._replace(depth=plan.output.depth or "8")
    options, notes = output.film._replace(rate=rate * speed, speed=speed, quality=output.quality), plan.notes
    if output.audio == "copy" and not clip.sound:
        raise InvalidInputError(f"--audio copy, and {clip.label} has no sound that can be copied", "leave it out")
    if clip.sound and output.audio != "none":
        problem = sound_problem(plan.items[0].source, plan.format.name)
        if problem is None or output.audio is not None:
            sound = Sound(plan.items[0].source, first.time, last.time + last.duration, clip.start)
            options = options._replace(sound=sound)
        elif FILMS[plan.format.name].muxer is not None:
            notes = (*notes, f"the sound is left out: {problem}")
        if clip.sound > 1 and options.sound is not None:
            notes = (*notes, f"the first of {clip.sound} sound tracks is copied")
    alpha = clip.alpha and plan.format.alpha and plan.make_products is None
    check_film(
        plan.format.name,
        options,
        dtype="uint16" if output.depth == "16" else "uint8",
        channels=(1 if clip.grey and plan.make_products is None else 3) + alpha,
        alpha=alpha,
        size=size,
    )
    return plan._replace(film=options, noun="film", output=output, notes=notes)


def _one_size(plan: Plan, image_size: Size) -> Size:
    """Give the size of the glimpses, of which each frame must have one, and all of one size."""
    sizes: set[Size] = set()
    for item in plan.items:
        found = [one.size for request in item.requests for one in request.placements(image_size, plan.how.shaping)]
        if len(found) != 1:
            raise InvalidInputError(
                f"{item.name} has {len(found)} windows, and a film shows one", "give a folder, or .npz"
            )
        sizes.add(found[0])
    if len(sizes) > 1:
        (one_h, one_w), (other_h, other_w), *_ = sorted(sizes)
        raise InvalidInputError(
            f"glimpses of {one_w}x{one_h} and of {other_w}x{other_h} pixels in one film", "give all one --size"
        )
    return sizes.pop()


def even_sided(pixels: Array) -> Array:
    """Repeat the last row and column of pictures with odd sides, whose colours most codecs halve."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), "edge") if height % 2 or width % 2 else pixels
