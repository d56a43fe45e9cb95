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
    from collections.abc import Sequence

    from glimpsecli.images.picture import Array
    from glimpsecli.jobs.at import At
    from glimpsecli.jobs.plan import Output, Plan
    from glimpsecli.video.clip import Clip
    from glimpsecli.video.film import FilmOptions
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
    rate = rate_of(clip, [item.at for item in plan.items if item.at is not None])
    output = plan.output._replace(depth=plan.output.depth or "8")
    shown = plan.items[0].source, clip, first.time, last.time + last.duration
    options, notes = film_options(output, plan.format.name, rate * speed, *shown)
    options = options._replace(speed=speed)
    alpha = clip.alpha and plan.format.alpha and plan.make_products is None
    check_film(
        plan.format.name,
        options,
        dtype="uint16" if output.depth == "16" else "uint8",
        channels=(1 if clip.grey and plan.make_products is None else 3) + alpha,
        alpha=alpha,
        size=size,
    )
    return plan._replace(film=options, noun="film", output=output, notes=(*plan.notes, *notes))


def rate_of(clip: Clip, frames: Sequence[At]) -> Fraction:
    """Give the nominal frames per second of a film of some frames of a clip: its own, or fewer where some are left out.

    Parameters
    ----------
    clip : Clip
    frames : sequence of At
        In the order of time.
    """
    first, last = frames[0], frames[-1]
    # The frames of a photo have the rate of their film.
    whole = len(clip) > 1 and len(frames) > last.index - first.index
    return clip.rate if whole else len(frames) / (last.time + last.duration - first.time)


def film_options(
    output: Output, name: str, rate: Fraction, source: str, clip: Clip, start: Fraction, end: Fraction
) -> tuple[FilmOptions, tuple[str, ...]]:
    """Give the options of a film, with the sound of the clip where it can hold it, and notes for the user.

    Parameters
    ----------
    output : Output
    name : str
        The format of the film.
    rate : Fraction
    source : str
        The path of the clip.
    clip : Clip
    start, end : Fraction
        The part of the clip that is shown, in seconds.
    """
    options = output.film._replace(rate=rate, quality=output.quality)
    if output.audio == "copy" and not clip.sound:
        raise InvalidInputError(f"--audio copy, and {clip.label} has no sound that can be copied", "leave it out")
    if not clip.sound or output.audio == "none":
        return options, ()
    problem = sound_problem(source, name)
    if problem is not None and output.audio is None:
        return options, (f"the sound is left out: {problem}",) if FILMS[name].muxer is not None else ()
    notes = (f"the first of {clip.sound} sound tracks is copied",) if clip.sound > 1 else ()
    return options._replace(sound=Sound(source, start, end, clip.start)), notes


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
