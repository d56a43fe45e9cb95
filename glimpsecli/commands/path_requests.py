"""The options of ``glimpse path`` lowered to the nouns of ``jobs``: where to move, the camera, the drawing."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from glimpsecli import names
from glimpsecli.commands import lowering

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import How
    from glimpsecli.jobs.route import Camera, Follow, Keys, Route
    from glimpsecli.video.clip import Clip

_GREEN = "#33d933"  # the box on HART's frames


def check(given: dict[str, Any]) -> None:
    """Refuse options that contradict each other, or belong to an option that was not given."""
    ends = given["start"] is not None or given["end"] is not None
    ways = [ends, given["keyframes"] is not None, given["table"] is not None]
    if ways.count(True) != 1:
        raise click.UsageError("say where to move by one of --from with --to, --keyframes, and --windows.")
    if ends and (given["start"] is None or given["end"] is None):
        raise click.UsageError("--from and --to go together.")
    followed = given["table"] is not None
    lowering.refuse(given, ("identity", "max_gap", "hold"), "belongs to --windows", unless=followed)
    lowering.refuse(given, ("ease", "zoom", "turns"), "is for --keyframes, or --from and --to", unless=not followed)
    lowering.refuse(given, ("smooth", "deadzone", "max_gap"), "does not go with --hold", unless=not given["hold"])
    lowering.refuse(given, ("stretch",), "does not go with --aspect", unless=given["aspect"] is None)
    lowering.refuse(given, ("overlay",), "does not go with --inset", unless=not given["inset"])
    size, aspect = given["size"], given["aspect"]
    if (
        aspect is not None
        and size is not None
        and size.width is not None
        and abs(size.width - aspect * size.height) > 1
    ):
        raise click.UsageError(f"--size {size.width}x{size.height} has another aspect than --aspect; give one of them.")
    drawn = given["overlay"] or given["inset"]
    lowering.refuse(given, ("trail", "colour"), "belongs to --overlay or --inset", unless=drawn)
    if not 0 < given["context"] < float("inf"):
        raise click.UsageError(f"--context {given['context']:g} is not a positive number.")


def check_pace(given: dict[str, Any], clip: Clip, source: str, speed: Fraction) -> None:
    """Refuse options of time that the source has no use for."""
    still = len(clip) == 1
    own = not still and (source == "-" or os.path.exists(source)) and not os.path.isdir(source)
    lowering.refuse(given, ("rate",), f"is for a photo or a folder; {clip.label} has times of its own", unless=not own)
    lowering.refuse(given, ("duration",), f"is for a photo; {clip.label} has {len(clip)} frames", unless=still)
    lowering.refuse(given, ("frames", "times"), f"is for a video; {clip.label} has one frame", unless=not still)
    if still and speed != 1 and given["start"] is not None:
        raise click.UsageError("--speed is for a video or a table; give --duration.")
    if given["audio"] == "copy" and speed != 1:
        raise click.UsageError("--audio copy with --speed: the sound would not fit; leave one of them out.")


def way_of(given: dict[str, Any]) -> Keys | Follow:
    """Take the options that say where to move."""
    from glimpsecli.annotations.keyframes import Quad, read_keyframes
    from glimpsecli.annotations.tracks import choose, read_tracks
    from glimpsecli.jobs.route import Follow, Keys

    table, keyframes = given.pop("table"), given.pop("keyframes")
    identity, max_gap = given.pop("identity"), given.pop("max_gap")
    if table is not None:
        gap = Fraction(1) if max_gap is None else max_gap
        return Follow(choose(read_tracks(table), identity), gap, given["hold"])
    found = () if keyframes is None else tuple(read_keyframes(keyframes))
    if found and isinstance(found[0].place, Quad):
        windows_only = ("zoom", "turns", "aspect", "stretch", "smooth", "deadzone", "keep_inside")
        lowering.refuse(given, windows_only, "is for windows, and the keyframes are quadrilaterals", unless=False)
        if given["context"] != 1:
            raise click.UsageError("--context is for windows, and the keyframes are quadrilaterals.")
    way = given.pop("ease") or "smooth", given.pop("zoom") or "log", given.pop("turns")
    return Keys(found, *way) if found else Keys.between(given["start"], given["end"], *way)


def chosen_of(given: dict[str, Any], clip: Clip) -> list[int] | None:
    """Take the options that choose frames."""
    from glimpsecli.video.selection import Selection

    frames, times = given.pop("frames"), given.pop("times")
    return None if frames is None and times is None else sorted(Selection.parse(frames, times).indices(clip))


def camera_of(given: dict[str, Any]) -> Camera:
    """Take the options of the camera."""
    from glimpsecli.jobs.route import Camera

    aspect, stretch, size = given.pop("aspect"), given.pop("stretch"), given["size"]
    own = stretch or given["overlay"]
    if aspect is None and not own and size is not None and size.width is not None:
        aspect = size.width / size.height
    return Camera(
        given.pop("context"), aspect, float(given.pop("smooth") or 0), given.pop("deadzone") or 0.0,
        given.pop("keep_inside"), one_aspect=not own,
    )  # fmt: skip


def rendering_of(given: dict[str, Any], route: Route, clip: Clip, *, hold: bool) -> tuple[How, Any]:
    """Take the options of looking and drawing; give how to look, and what draws the frames, if anything does."""
    from glimpsecli.images.colours import Colour
    from glimpsecli.jobs.moving import Drawing, size_of, steady_blur
    from glimpsecli.jobs.shaping import Shaping, SizeRequest
    from glimpsecli.jobs.trails import RouteTrails

    asked, overlay, inset = given["size"], given.pop("overlay"), given.pop("inset")
    given |= {"context": 1.0, "square": False, "retina": 1, "clamp": False, "sampler": given["sampler"] or "gaussian"}
    if overlay:
        given["size"] = None
    how = lowering.how_of(given)
    height, width = size_of(route, how, height=clip.size[0] if inset else None)
    how = how._replace(shaping=Shaping(size=SizeRequest(height=height, width=width)))
    if how.blur is None and how.sampling.sampler == "gaussian":
        how = how._replace(sampling=replace(how.sampling, blur=steady_blur(route, (height, width))))
    trail, colour = given.pop("trail"), given.pop("colour")
    if not overlay and not inset:
        return how, None
    colour = colour or Colour.parse(_GREEN if inset else names.OUTLINE)
    bounds: tuple[int | None, int | None] = (height, None) if inset else (None, None)
    if overlay and asked is not None:
        bounds = (asked.height or asked.longer, asked.width or asked.longer)
    red, green, blue = colour.on(3, alpha=False, scale=1.0)
    return how, Drawing((red, green, blue), RouteTrails(route, trail) if trail else None, hold, bounds, inset)
