"""The options of ``glimpse overlay`` lowered to the nouns of ``jobs``: the images, the drawing, the maps."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from glimpsecli import names
from glimpsecli.commands import lowering
from glimpsecli.commands.report import say

if TYPE_CHECKING:
    from glimpsecli.jobs.boxed import Boxed
    from glimpsecli.jobs.groups import Source
    from glimpsecli.jobs.mapping import Atlas
    from glimpsecli.jobs.overlaying import Style
    from glimpsecli.jobs.requests import Request

MAP_ALPHA, MASK_ALPHA = 0.7, 0.5


def check(given: dict[str, Any], target: str | None) -> None:
    """Refuse options that contradict each other, or belong to an option that was not given."""
    of_maps = (
        "key", "layout", "prefix_tokens", "grid", "query", "head", "layer", "preprocess", "shown", "nan", "upsample",
        "colourbar", "montage", "captions", "mass_boxes", "threshold",
    )  # fmt: skip
    of_pictures = ("colourbar", "montage", "captions", "upsample")
    windows = any(
        given[name] for name in ("boxes", "points", "gaussians", "draws", "thetas", "quads", "table", "annotations")
    )
    montage = given["montage"] or given["captions"] is not None
    numbers_only = target is None or given["threshold"] is not None
    lowering.refuse(given, of_maps, "belongs to --map FILE", unless=bool(given["files"]))
    lowering.refuse(
        given, ("inset", "no_mask", "labels_shown", "trail", "annotations"), "is for windows, without --map",
        unless=not given["files"],
    )  # fmt: skip
    lowering.refuse(given, ("size", "sampler", "blur", "border"), "is for windows; give one", unless=windows)
    lowering.refuse(given, ("columns", "panel"), "belongs to --montage", unless=montage)
    worded = given["captions"] is not None or given["labels_shown"] or windows
    lowering.refuse(given, ("font",), "belongs to --captions and --labels", unless=worded)
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


def boxes_of(given: dict[str, Any], sources: Sequence[Source]) -> Boxed | None:
    """Take the options of annotations, or a table that is the manifest of a batch; give the boxes of some images.

    Parameters
    ----------
    given : dict
        The options of the command.
    sources : sequence of Source
        The images.
    """
    from glimpsecli.jobs.boxed import annotated_boxes, is_manifest, manifest_boxes, refuse_none

    table, path, quiet = given["table"], given.pop("annotations"), given["quiet"]
    own = ("annotations_format", "box_format", "box_unit", "labels", "min_score")
    lowering.refuse(given, own, "belongs to --annotations", unless=path is not None)
    file_format, box_format, unit, wanted, least = (given.pop(name) for name in own)
    if path is not None:
        from glimpsecli.annotations.filters import Filters
        from glimpsecli.annotations.reading import read_annotations

        found = read_annotations(path, file_format, box_format=box_format or "xywh", unit=unit or "pixels")
        for line in [found.file_format, *found.notes] if not quiet else ():
            say(f"{path}: {line}")
        boxed = annotated_boxes(found, Filters(labels=wanted, min_score=least), sources)
    elif table not in (None, "-") and is_manifest(table):
        shaping = {"context": given["context"] != 1, "square": given["square"], "retina": given["retina"] != 1}
        hint = "has no effect on the windows of a manifest, which are as the batch took them"
        lowering.refuse(shaping, [*shaping], hint, unless=False)
        path, given["table"] = table, None
        boxed = manifest_boxes(path, sources)
    else:
        return None
    without = refuse_none(boxed, sources, path)
    if without and not quiet:
        say(f"{without} image{'s have' if without > 1 else ' has'} no box, and no picture is made")
    return boxed


def colours_shown(requests: Sequence[Request], boxed: Boxed | None, colour: str | None) -> dict[str, Any]:
    """Give the colour of each label: in all pictures of a file the same, whatever is chosen from it.

    Windows that have one label or none have the colour of outlines, and all where that was given.
    """
    from glimpsecli.jobs.label_colours import label_colours

    if colour is not None:
        return {}
    labels = boxed.labels if boxed is not None else {request.label for request in requests if request.label}
    return label_colours(labels) if boxed is not None or len(labels) > 1 else {}


def style_of(given: dict[str, Any], *, mapped: bool, boxed: bool) -> Style:
    """Take the options of drawing; maps are `mapped`, or windows, or a data set is `boxed`."""
    from glimpsecli.images.colours import Colour
    from glimpsecli.jobs.overlaying import Style

    opacity = given.pop("opacity")
    colour: Any = (given.pop("colour") or Colour.parse(names.OUTLINE)).on(3, alpha=False, scale=1.0)
    shown = given.pop("labels_shown")
    return Style(
        cmap=given.pop("cmap"),
        opacity=(MAP_ALPHA if mapped else MASK_ALPHA) if opacity is None else opacity,
        colour=colour,
        mask=not given.pop("no_mask") and not boxed,
        inset=given.pop("inset"),
        labels=boxed if shown is None else shown,
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

    own = ("key", "layout", "prefix_tokens", "grid", "query", "head", "layer")
    return Reading(
        **{name: given.pop(name) for name in own},
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
        say(f"{font or 'the font'} has no glyph for {missing}; give another with --font")
