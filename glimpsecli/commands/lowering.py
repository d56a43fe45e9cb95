"""Shared options lowered to the nouns of ``jobs``: requests, how to look, the output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands.report import say

if TYPE_CHECKING:
    from glimpsecli.jobs.frames import FrameChoice
    from glimpsecli.jobs.groups import Source
    from glimpsecli.jobs.plan import How, Output, Plan
    from glimpsecli.jobs.requests import Request


def check_streams(images: Sequence[str], target: str | None, given: dict[str, Any]) -> list[str]:
    """Refuse two uses of one stream; give the tables that are files."""
    if given["as_json"] and target == "-":
        raise click.UsageError("--json and -o - both want standard output.")
    if given["table"] == "-" and "-" in images:
        raise click.UsageError("IMAGE and --windows both want standard input.")
    from glimpsecli.images.streams import refuse_shared

    refuse_shared(
        [*images, *given.get("files", ()), *(given[name] for name in ("table", "captions") if given.get(name))]
    )
    return [given["table"]] if given["table"] not in (None, "-") else []


def search_of(options: dict[str, Any]) -> dict[str, Any]:
    """Take :data:`options.search_options`, and give them as ``find_sources`` takes them."""
    suffixes = (options.pop("suffixes") or "").split(",")
    return {"suffixes": [one for one in suffixes if one], "exclude": options.pop("exclude")}


def asks_for_frames(given: Mapping[str, Any]) -> bool:
    """Return whether frames are chosen, so that folders and patterns stand for the frames that lie in them."""
    return given["frames"] is not None or given["times"] is not None


def frames_of(
    sources: Sequence[Source],
    given: dict[str, Any],
    how: How,
    requests: Sequence[Request] | Callable[[Source], Sequence[Request]] = (),
    output: Output | None = None,
    *,
    whole: bool = False,
) -> tuple[list[Source], dict[str, Any]]:
    """Take :data:`options.frames_options`, where the command has them, and give the videos their frames.

    Parameters
    ----------
    sources : sequence of Source
    given : dict
        The options of the command.
    how : How
    requests : sequence of Request, or callable
        Boxes may name frames. Or a function that gives those of a source.
    output : Output, optional
        A film shows all frames by default.
    whole : bool
        Whether a film shows all frames also where boxes name some.

    Returns
    -------
    sources : list of Source
        The images, and the frames of videos.
    known : dict
        What the makers of plans want to know of them: ``clips``, ``failures`` and ``problems``.
    """
    from glimpsecli.jobs import frames
    from glimpsecli.jobs.formats import holds_film
    from glimpsecli.jobs.owners import Requests

    film = output is not None and holds_film(output)
    choice = frame_choice_of(given, how, every=film, whole=whole)
    wanted = requests if callable(requests) else Requests(sources, requests).of_image
    found, failures = frames.frames_of(sources, choice, wanted)
    if failures and film:
        raise next(iter(failures.values()))
    for note in choice.clips.notes if not given["quiet"] else ():
        say(note)
    return found, {"clips": choice.clips, "failures": failures, "problems": choice.clips.problems}


def frame_choice_of(given: dict[str, Any], how: How, *, every: bool = False, whole: bool = False) -> FrameChoice:
    """Take :data:`options.frames_options`, where the command has them.

    Parameters
    ----------
    given : dict
        The options of the command.
    how : How
    every : bool
        Whether all frames are chosen where nothing else is.
    whole : bool
        Whether they are, too, where boxes name some.
    """
    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.frames import FrameChoice

    selection, option = None, "--frames" if "frames" in given else "--frame"
    numbers, times = given.pop("frames", None), given.pop("times", None)
    if numbers is not None or times is not None:
        from glimpsecli.video.selection import Selection

        selection = Selection.parse(numbers, times)
        if how.frame:
            other = "--frames" if numbers is not None else "--times"
            raise click.UsageError(f"--frame {how.frame} and {other} both choose frames; give one of them.")
    clips = Clips(rate=given.pop("rate", None), max_pixels=how.max_pixels)
    click.get_current_context().call_on_close(clips.close)
    return FrameChoice(clips, how.frame, selection, every, every and whole, option)


def requests_of(options: dict[str, Any]) -> list[Request]:
    """Take the options of :data:`options.where_options` and give the places to look; none for the whole image."""
    from glimpsecli.annotations.boxes import Box, Length
    from glimpsecli.jobs.requests import BoxRequest, ThetaRequest

    names = ("boxes", "points", "gaussians", "draws", "thetas", "quads", "table")
    given = {name: options.pop(name) for name in names}
    own = {name: options.pop(name) for name in ("extent", "zoom", "angle", "align_corners")}
    table, extent, zoom, angle = given["table"], own["extent"], own["zoom"], own["angle"]
    used = [flag for name, flag in _flags().items() if given.get(name) not in (None, ())]
    if len(used) > 1:
        raise click.UsageError(f"{' and '.join(used)} both say where to look; use one of them.")
    if zoom is not None and not 0 < zoom < float("inf"):
        raise click.UsageError(f"--zoom {zoom:g} is not a positive number.")
    refuse(own, ("extent", "zoom"), "belongs to --at X,Y", unless=bool(given["points"]))
    if given["points"] and bool(extent) == bool(zoom):
        raise click.UsageError("--at needs one of --extent WxH and --zoom Z.")
    refuse(own, ("align_corners",), "belongs to --theta", unless=bool(given["thetas"]))
    refuse(own, ("angle",), "belongs to --box and --at", unless=bool(given["boxes"] or given["points"]))
    boxes = [box if angle is None else box._replace(angle=angle) for box in given["boxes"]]
    requests: list[Request] = [BoxRequest(box) for box in boxes]
    for x, y in given["points"]:
        width, height = extent or [Length(100 / zoom, percent=True)] * 2
        requests += [BoxRequest(Box(x, y, width, height, centred=True, angle=angle or 0.0).checked())]
    thetas = [ThetaRequest(theta, own["align_corners"]) for theta in given["thetas"]]
    requests += [*given["gaussians"], *given["draws"], *thetas, *given["quads"]]
    if table is not None:
        from glimpsecli.annotations.tables import seen_rows

        rows, lost = seen_rows(table)
        if lost and not options["quiet"]:
            say(f"{lost} of {lost + len(rows)} rows of {table} are lost, and left out")
        requests += [BoxRequest(row.box) for row in rows]
    return requests


def how_of(options: dict[str, Any]) -> How:
    """Take the options of :data:`options.how_options` that the command has, and the shaping of `where_options`."""
    from glimpsecli.jobs.plan import How
    from glimpsecli.jobs.shaping import Shaping, SizeRequest

    shaping = Shaping(
        size=options.pop("size") or SizeRequest(),
        context=_positive("--context", options.pop("context")),
        square=options.pop("square"),
        retina=options.pop("retina"),
        clamp=options.pop("clamp"),
    )
    names = ("sampler", "blur", "border", "fill", "backend", "threads", "frame", "fast_decode", "max_pixels")
    return How.of(shaping, {name: options.pop(name) for name in names if name in options})


def output_of(target: str | None, name: str | None, options: dict[str, Any]) -> Output:
    """Take the options of :data:`options.encoding_options`; without a target no file is written."""
    from glimpsecli.jobs.plan import Output
    from glimpsecli.video.film import FilmOptions

    names = ("depth", "quality", "compress", "overwrite", "audio")
    film = {name: options.pop(name) for name in ("codec", "crf", "lossless", "pix_fmt") if name in options}
    if target == "":
        raise click.UsageError("--output '' names nothing; give a file, or a folder that ends in /.")
    own = {name: options.pop(name) for name in names if name in options}
    return Output(target or "", name, options.pop("format_name"), film=FilmOptions(**film), **own)


def refuse(given: Mapping[str, Any], names: Sequence[str], reason: str, *, unless: bool) -> None:
    """Refuse the options that are given, unless they have a meaning; `reason` says what they are for."""
    for name in names:
        value = given[name]
        if not unless and value is not None and value is not False and value != ():
            raise click.UsageError(f"{_flags()[name]} {reason}.")


def check_one_window(plan: Plan, use: str) -> None:
    """Refuse a plan in which an image has no or several windows; `use` is the verb for the one that is taken."""
    for item in plan.items:
        windows = sum(request.windows for request in item.requests) * plan.how.shaping.retina
        if windows != 1:
            raise click.UsageError(f"{item.label} has {windows} windows to {use}; give one.")


def _flags() -> dict[str, str]:
    """Give the first flag of each option of the command that runs."""
    return {str(param.name): param.opts[0] for param in click.get_current_context().command.params}


def _positive(option: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise click.UsageError(f"{option} {value:g} is not a positive number.")
    return value
