"""The options of ``glimpse track``, lowered to the nouns of ``jobs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands import lowering

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpsecli.jobs.at import At
    from glimpsecli.jobs.starts import Start
    from glimpsecli.jobs.tracked_kinds import Showing
    from glimpsecli.jobs.tracking import Following
    from glimpsecli.learning.tracking import Tracking
    from glimpsecli.video.clip import Clip


def check_asked(video: str, targets: tuple[str, ...], given: dict[str, Any]) -> None:
    """Refuse options that contradict each other, or leave something out."""
    boxes = bool(given["boxes"] or given["points"])
    if boxes == (given["table"] is not None):
        raise click.UsageError("say what to follow by one of --box, --at with --extent, and --windows.")
    if bool(given["points"]) != (given["extent"] is not None):
        raise click.UsageError("--at X,Y and --extent WxH go together.")
    lowering.refuse(given, ("angle",), "belongs to --box and --at", unless=boxes)
    if not targets and not given["as_json"] and given["truth"] is None:
        raise click.UsageError("nothing would be written; give -o FILE, --json or --truth TABLE.")
    if targets.count("-") + given["as_json"] > 1:
        raise click.UsageError("several of -o - and --json want standard output.")
    if "-" in targets and given["truth"] is not None:
        raise click.UsageError("-o - and the scores of --truth both want standard output.")
    lowering.refuse(given, ("backward",), "does not go with --both-ways", unless=not given["both_ways"])
    if video == "-" and given["table"] == "-":
        raise click.UsageError("VIDEO and --windows both want standard input.")


def frames_of(clip: Clip, given: dict[str, Any]) -> list[At]:
    """Take the options that choose frames."""
    from glimpsecli.errors import InvalidInputError
    from glimpsecli.jobs.frames import at_frames
    from glimpsecli.video.selection import Selection

    if len(clip) == 1:
        raise InvalidInputError(f"{clip.label} has one frame", "give a video, an animation or a folder of frames")
    return at_frames(clip, Selection.parse(given["frames"], given["times"]).indices(clip))


def starts_of(clip: Clip, frames: list[At], given: dict[str, Any], tell: Callable[[str], None]) -> list[Start]:
    """Take the options that name the objects."""
    from glimpsecli.annotations.boxes import Box
    from glimpsecli.annotations.text import listed
    from glimpsecli.errors import InvalidInputError
    from glimpsecli.jobs.starts import check_start, starts_of_boxes, starts_of_table

    numbers = [at.number for at in frames]
    asked = given["start"]
    if asked is not None and asked < 0:
        asked += len(clip)
    if asked is not None and asked not in numbers:
        some = "some of " if len(numbers) <= numbers[-1] - numbers[0] else ""
        raise InvalidInputError(
            f"--start {given['start']} is not among the frames of {clip.label}",
            f"they are {some}{numbers[0]} to {numbers[-1]}",
        )
    if given["table"] is not None:
        starts, absent = starts_of_table(
            given["table"], given["identity"], numbers, clip, asked=asked, backward=given["backward"]
        )
        if absent:
            tell(f"left out, without a window in these frames of {given['table']}: {listed(absent)}")
    else:
        boxes = [*given["boxes"]]
        for x, y in given["points"]:
            width, height = given["extent"]
            boxes.append(Box(x, y, width, height, centred=True).checked())
        if given["angle"] is not None:
            boxes = [box._replace(angle=given["angle"]) for box in boxes]
        frame = numbers[-1 if given["backward"] else 0] if asked is None else asked
        starts = starts_of_boxes(boxes, given["identity"], frame, clip.size)
    for start in starts:
        note = check_start(start, clip.size)
        if note is not None:
            tell(note)
    return starts


def following_of(given: dict[str, Any], *, turned: bool) -> Following:
    """Take the options of the tracker; Gaussians of `turned` windows are ellipses, which take long."""
    from glimpsecli.jobs.tracking import Following
    from glimpsecli.learning.tracking import Tracking

    own = {
        name: given[name] for name in ("free", "side", "context", "update", "motion", "search", "redetect", "threads")
    }
    own["sampler"] = given["sampler"] or ("bilinear" if turned else "gaussian")
    if given["blur"] is not None:
        if own["sampler"] != "gaussian":
            raise click.UsageError(f"--blur {given['blur']:g} with the {own['sampler']} sampler; it is for gaussian.")
        own["blur"] = given["blur"]
    options = Tracking(verdict=not given["no_verdict"], **own)
    return Following(options, given["backward"], given["both_ways"], given["patience"])


def showing_of(given: dict[str, Any], options: Tracking) -> Showing:
    """Take the options of the pictures."""
    from glimpsecli.jobs.shaping import SizeRequest
    from glimpsecli.jobs.tracked_kinds import Showing
    from glimpsecli.sampling import Sampling

    sampling = Sampling(sampler=options.sampler, blur=options.blur)
    size = given["size"] or SizeRequest()
    return Showing(sampling, size, options.context, given["trail"], given["inset"], given["overlay"])
