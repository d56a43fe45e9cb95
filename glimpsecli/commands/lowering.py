"""Shared options lowered to the nouns of ``jobs``: requests, how to look, the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import How, Output
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


def search_of(options: dict[str, Any]) -> dict[str, Sequence[str]]:
    """Take :data:`options.search_options`, and give them as ``find_sources`` takes them."""
    suffixes = (options.pop("suffixes") or "").split(",")
    return {"suffixes": [one for one in suffixes if one], "exclude": options.pop("exclude")}


def requests_of(options: dict[str, Any]) -> list[Request]:
    """Take the options of :data:`options.where_options` and give the places to look; none for the whole image."""
    from glimpsecli.annotations.boxes import Box, Length
    from glimpsecli.jobs.requests import BoxRequest, ThetaRequest

    kinds = {
        "boxes": "--box",
        "points": "--at",
        "gaussians": "--gaussian",
        "draws": "--draw",
        "thetas": "--theta",
        "quads": "--quad",
    }
    given = {name: options.pop(name) for name in kinds}
    table, extent, zoom = options.pop("table"), options.pop("extent"), options.pop("zoom")
    angle, align_corners = options.pop("angle"), options.pop("align_corners")
    used = [flag for name, flag in kinds.items() if given[name]] + (["--windows"] if table is not None else [])
    if len(used) > 1:
        raise click.UsageError(f"{' and '.join(used)} both say where to look; use one of them.")
    if zoom is not None and not 0 < zoom < float("inf"):
        raise click.UsageError(f"--zoom {zoom:g} is not a positive number.")
    if (extent or zoom) and not given["points"]:
        raise click.UsageError(f"{'--extent' if extent else '--zoom'} belongs to --at X,Y.")
    if given["points"] and bool(extent) == bool(zoom):
        raise click.UsageError("--at needs one of --extent WxH and --zoom Z.")
    if align_corners and not given["thetas"]:
        raise click.UsageError("--align-corners belongs to --theta.")
    if angle is not None and not (given["boxes"] or given["points"]):
        raise click.UsageError("--angle belongs to --box and --at.")
    requests: list[Request] = []
    requests += [BoxRequest(_turned(box, angle)) for box in given["boxes"]]
    for x, y in given["points"]:
        width, height = extent or [Length(100 / zoom, percent=True)] * 2
        requests += [BoxRequest(Box(x, y, width, height, centred=True, angle=angle or 0.0).checked())]
    requests += given["gaussians"]
    requests += given["draws"]
    requests += [ThetaRequest(theta, align_corners) for theta in given["thetas"]]
    requests += given["quads"]
    if given["quads"] and options.get("sampler") is None:
        options["sampler"] = "bilinear"  # filterbanks follow the image's axes
    if table is not None:
        from glimpsecli.annotations.tables import read_windows

        requests += [BoxRequest(box) for box in read_windows(table)]
    return requests


def how_of(options: dict[str, Any]) -> How:
    """Take the options of :data:`options.how_options` that the command has, and the shaping of `where_options`."""
    from glimpsecli.jobs.plan import How
    from glimpsecli.jobs.requests import Shaping, SizeRequest

    shaping = Shaping(
        size=options.pop("size") or SizeRequest(),
        context=_positive("--context", options.pop("context")),
        square=options.pop("square"),
        retina=options.pop("retina"),
    )
    names = ("sampler", "blur", "border", "fill", "backend", "threads", "frame", "fast_decode", "max_pixels")
    return How.of(shaping, {name: options.pop(name) for name in names if name in options})


def output_of(target: str, name: str | None, options: dict[str, Any]) -> Output:
    """Take the options of :data:`options.encoding_options`."""
    from glimpsecli.jobs.plan import Output

    names = ("depth", "quality", "compress", "overwrite")
    return Output(target, name, options.pop("format_name"), **{name: options.pop(name) for name in names})


def _turned(box: Any, angle: float | None) -> Any:
    return box._replace(angle=angle) if angle is not None else box


def _positive(option: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise click.UsageError(f"{option} {value:g} is not a positive number.")
    return value
