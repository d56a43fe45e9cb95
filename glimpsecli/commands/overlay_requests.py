"""The options of ``glimpse overlay`` lowered to the nouns of ``jobs``: the images, the drawing, the maps."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands import lowering
from glimpsecli.commands.report import say

if TYPE_CHECKING:
    from glimpsecli.jobs.groups import Source
    from glimpsecli.jobs.mapping import Atlas
    from glimpsecli.jobs.overlaying import Style

MAP_ALPHA, MASK_ALPHA = 0.7, 0.5


def check(given: dict[str, Any], target: str | None) -> None:
    """Refuse options that contradict each other, or belong to an option that was not given."""
    of_maps = (
        "key", "layout", "prefix_tokens", "grid", "query", "head", "layer", "preprocess", "shown", "nan", "upsample",
        "colourbar", "montage", "captions", "mass_boxes", "threshold",
    )  # fmt: skip
    of_pictures = ("colourbar", "montage", "captions", "upsample")
    windows = any(given[name] for name in ("boxes", "points", "gaussians", "draws", "thetas", "quads", "table"))
    montage = given["montage"] or given["captions"] is not None
    numbers_only = target is None or given["threshold"] is not None
    lowering.refuse(given, of_maps, "belongs to --map FILE", unless=bool(given["files"]))
    lowering.refuse(
        given, ("inset", "no_mask", "labels", "trail"), "is for windows, without --map", unless=not given["files"]
    )
    lowering.refuse(given, ("size", "sampler", "blur", "border"), "is for windows; give one", unless=windows)
    lowering.refuse(given, ("columns", "panel"), "belongs to --montage", unless=montage)
    lowering.refuse(given, ("font",), "belongs to --captions", unless=given["captions"] is not None)
    if not given["files"] and not windows:
        raise click.UsageError("nothing to lay over the image: give a window, such as --box, or --map FILE.")
    if target is None and (given["threshold"] is not None or not (given["as_json"] and given["files"])):
        raise click.UsageError("Missing option '-o' / '--output'.")
    lowering.refuse(given, of_pictures, "is for pictures, and none is written", unless=not numbers_only)
    if given["threshold"] is not None:
        lowering.refuse(given, ("as_json", "dry_run"), "does not go with --to-boxes", unless=False)
    if given["colourbar"] and montage and given["shown"] is not None and given["shown"].kind == "each":
        raise click.UsageError("--colorbar in a montage shows one range, and --range each gives each map its own.")


def sources_of(
    given: tuple[str, ...],
    options_given: dict[str, Any],
    target: str,
    problems: list[str],
    left_out: Counter[str],
    *,
    footage: bool,
) -> list[Source]:
    """Find the images: files by their names, folders and patterns by search, unless they stand for frames."""
    from glimpsecli.images.streams import is_stream
    from glimpsecli.jobs.planning import named_sources
    from glimpsecli.jobs.sources import find_sources
    from glimpsecli.storage import is_address

    search = lowering.search_of(options_given)
    if footage and not any(search.values()):
        return named_sources(given, folders=True)
    named = all(path == "-" or is_address(path) or os.path.isfile(path) or is_stream(path) for path in given)
    if named and not any(search.values()):
        return named_sources(given)
    if "-" in given:
        raise click.UsageError("standard input beside folders or patterns: name files, or leave it out.")
    return find_sources(given, output=target or os.devnull, problems=problems, left_out=left_out, **search)


def style_of(given: dict[str, Any], *, mapped: bool) -> Style:
    """Take the options of drawing; `mapped` says whether maps are drawn, and not windows."""
    from glimpsecli.jobs.overlaying import Style

    opacity = given.pop("opacity")
    colour = given.pop("colour").on(3, alpha=False, scale=1.0)
    return Style(
        cmap=given.pop("cmap"),
        opacity=(MAP_ALPHA if mapped else MASK_ALPHA) if opacity is None else opacity,
        colour=colour,
        mask=not given.pop("no_mask"),
        inset=given.pop("inset"),
        labels=given.pop("labels"),
        trail=given.pop("trail") or 0,
        upsampling=given.pop("upsample") or "bilinear",
        colourbar=given.pop("colourbar"),
        montage=given.pop("montage"),
        panel=given.pop("panel") or 320,
        columns=given.pop("columns"),
        font=given.pop("font"),
    )


def reading_of(given: dict[str, Any]) -> Any:
    """Take the options of reading maps."""
    from glimpsecli.jobs.mapping import Reading
    from glimpsecli.maps import Preprocess, Range

    names = ("key", "layout", "prefix_tokens", "grid", "query", "head", "layer")
    return Reading(
        **{name: given.pop(name) for name in names},
        preprocess=given.pop("preprocess") or Preprocess(),
        skip_nan=given.pop("nan") == "skip",
        range=given.pop("shown") or Range("shared"),
    )


def captions_of(path: str, atlas: Atlas, font: str | None, *, quiet: bool) -> tuple[str, ...]:
    """Read a line for each map of every image."""
    from glimpsecli.jobs.mapping import read_captions

    lines = read_captions(path, atlas)
    if not quiet:
        say_missing("".join(lines), font)
    return lines


def say_missing(text: str, font: str | None) -> None:
    """Say which letters a font lacks."""
    from glimpsecli.pictures.text import missing_glyphs

    missing = missing_glyphs(text, font)
    if missing:
        say(f"{font or 'the font'} has no glyph for {missing}{'; give another with --font' if font else ''}")
