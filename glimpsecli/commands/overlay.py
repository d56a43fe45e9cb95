"""``glimpse overlay``: windows or attention maps over images."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import click

from glimpsecli import names
from glimpsecli.commands import lowering, map_values, options, overlay_requests, values
from glimpsecli.commands.overlay_requests import MAP_ALPHA, MASK_ALPHA
from glimpsecli.commands.report import say
from glimpsecli.commands.running import carry_out, end, run_plan
from glimpsecli.errors import ExitCode

EXAMPLES = options.examples(
    "glimpse overlay sample_images/coffee.png --at 300,200 --extent 240x160 --angle 30 --no-mask -o window.png",
    "glimpse overlay sample_images/chelsea.png --at 55%,42% --extent 200x140 --size 10x7 --inset -o gaussian.png",
    "glimpse overlay sample_images/chelsea.png --map sample_images/chelsea_contrast.npy --colorbar -o contrast.png",
    "glimpse overlay sample_images/chelsea.png --map sample_images/chelsea_words.npy --montage --columns 2 -o maps.png",
    "glimpse overlay sample_images/chelsea.png --map sample_images/chelsea_words.npy --json",
    "glimpse overlay sample_images/chelsea.png --map sample_images/chelsea_contrast.npy --to-boxes otsu -o boxes.csv",
    "glimpse extract sample_images/chelsea.png --windows boxes.csv --size 64 -o hot/",
    "glimpse batch sample_images/coffee.png --tiles 3x2 --size 96 -o tiles",
    "glimpse overlay sample_images/coffee.png --windows tiles/metadata.jsonl -o tiles.png",
)

drawing = options.section("Drawing")
maps = options.section("Maps")


@click.command(
    cls=options.Command,
    epilog=EXAMPLES,
    common="--map --box --at --extent --annotations --colorbar --montage --inset -o --to-boxes --overwrite --json",
)
@click.argument("sources", nargs=-1, required=True, metavar="IMAGE...", type=options.IMAGE_PATH)
@options.search_options
@options.frames_options
@maps(
    "--map",
    "files",
    multiple=True,
    metavar="FILE|FOLDER",
    type=click.Path(),
    help="An attention array: .npy, .npz, .safetensors, .csv, grey PNG or TIFF. Several, one for each image; or a "
    "folder, matched with the images by name. For one image any number of files.",
)
@maps("--key", metavar="NAME", help="Which array of a .npz or .safetensors.")
@maps(
    "--layout",
    type=click.Choice(names.LAYOUTS),
    help="hw, thw: grids. n, tn: flattened grids. hnn, lhnn: self-attention of heads, or layers of heads. Default: "
    "guessed by the shape and by rows that sum to 1, and printed; refused where two are as likely.",
)
@maps(
    "--prefix-tokens",
    type=click.IntRange(0),
    metavar="K",
    help="Class token and registers before the grid. Default: 0, 1, 2 or 5.",
)
@maps("--grid", type=map_values.GridValue(), help="Of tokens. Default: a square, or patches of the whole image.")
@maps(
    "--query",
    type=map_values.ChoiceValue("mean"),
    help="Token whose attention is shown. Default: the class token's, else the mean.",
)
@maps("--head", type=map_values.ChoiceValue("all", "mean", "max"), help="Which heads. Default: all, a map each.")
@maps("--layer", type=map_values.ChoiceValue("all", "mean"), help="Which layers. Default: the last.")
@maps(
    "--preprocess",
    type=map_values.PreprocessValue(),
    help="How the model saw the image: resize:S, resize:WxH, crop:S, letterbox:S, stretch:S, pad:square, patch:S, in "
    'order, such as "resize:256,crop:224". Default: the whole image.',
)
@maps(
    "--range",
    "shown",
    type=map_values.MapRangeValue(),
    help="Values that become 0 and 1. shared: from 0 (or the smallest value, where that is negative) to the largest "
    "of all maps of the run; each: the same for each map alone; LO and HI may be min and max. Default: shared.",
)
@maps("--nan", type=click.Choice(("refuse", "skip")), help="skip leaves cells of NaN untouched. Default: refuse.")
@options.where_options
@options.annotation_options
@options.taps_options
@drawing("--cmap", type=click.Choice(names.COLOUR_MAPS), default="viridis", show_default=True, help="Colours.")
@drawing(
    "--alpha",
    "opacity",
    type=click.FloatRange(0, 1),
    metavar="A",
    help=f"Share of the colour where a value is 1; it grows with the value. Default: {MAP_ALPHA}, for windows "
    f"{MASK_ALPHA}.",
)
@drawing("--upsample", type=click.Choice(names.UPSAMPLINGS), help="From cells to pixels. Default: bilinear.")
@drawing(
    "--colour",
    type=values.ColourValue(),
    help=f"Colour of the outlines. Default: {names.OUTLINE}; where windows have several labels, one for each.",
)
@drawing("--no-mask", is_flag=True, help="Draw only the outlines of windows.")
@drawing("--inset", is_flag=True, help="Draw the glimpse of the first window into a corner.")
@drawing(
    "--labels/--no-labels",
    "labels_shown",
    default=None,
    help="Write the label of each window, or the id of its object, at it, and its score. Default: of annotations and "
    "manifests.",
)
@drawing(
    "--trail",
    type=click.IntRange(1),
    metavar="N",
    help="Draw the way of each object over N frames; its windows have one label or id in a table with a column frame.",
)
@drawing("--colorbar", "--colourbar", "colourbar", is_flag=True, help="Put a bar with numbers beside the map.")
@drawing("--montage", is_flag=True, help="All maps of an image on one picture.")
@drawing("--columns", type=click.IntRange(1), metavar="N", help="Of a montage.")
@drawing(
    "--panel",
    type=click.IntRange(16, 4096),
    metavar="PIXELS",
    help="Longest side of an image in a montage. Default: 320.",
)
@drawing(
    "--captions",
    metavar="FILE",
    type=click.Path(),
    help="A line of text for each map, above it, behind the image itself: a montage of a caption's words.",
)
@drawing(
    "--font",
    metavar="FILE",
    type=values.RegularPath(),
    help="A TTF or OTF for captions and labels. Default: Source Sans Pro.",
)
@options.out(
    "-o",
    "--output",
    "target",
    metavar="FILE|FOLDER/|-",
    help="A file; a folder (it ends in / or exists); standard output, with --format. Not needed with --json.",
)
@options.picture_name_option
@options.out("--mass-box", "mass_boxes", type=values.BoxValue(), multiple=True, help="Measure the mass in this box.")
@options.out(
    "--to-boxes",
    "threshold",
    type=map_values.ThresholdValue(),
    help="Write no picture but a CSV table of the hot regions, for `glimpse extract --windows`.",
)
@options.picture_options
@options.film_options
@options.dry_run_option
@options.jobs_option
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON for each map, or for each picture.")
@options.manner_options
def overlay(sources: tuple[str, ...], target: str | None, name: str | None, **given: Any) -> None:
    """Lay windows, or the attention maps of a model, over IMAGEs (files or folders).

    A window is drawn as its outline and its mask. The boxes of --annotations, and the windows in the manifest of a
    batch (--windows OUT/metadata.jsonl), are outlines with labels and scores, dashed around a crowd; a label has one
    colour in all pictures of a file. A map (--map) is laid where --preprocess says that the model saw the
    image; its colour covers the photo the more the higher the value is, and not at all where it is at the low end of
    the range. All maps of a run share one range, so that they can be compared. Nothing is ever unpickled. In --json
    entropy is in nats; it and the masses are null for a map with negative values.
    """
    from glimpsecli.commands.planning import planning
    from glimpsecli.jobs.formats import holds_film
    from glimpsecli.jobs.outlining import WindowOverlay
    from glimpsecli.jobs.overlaying import MapOverlay
    from glimpsecli.jobs.planning import make_picture_plan
    from glimpsecli.jobs.trails import TableTrails

    planned = planning(quiet=given["quiet"])
    tables = lowering.check_streams(sources, target, given)
    overlay_requests.check(given, target)
    files, threshold = given.pop("files"), given.pop("threshold")
    problems: list[str] = []
    output = lowering.output_of(target, name, given)
    footage = holds_film(output) or lowering.asks_for_frames(given)
    if target not in (None, "-") and threshold is None and not footage and any(map(os.path.isdir, sources)):
        target = os.path.join(target, "")
        output = output._replace(target=target)
    left_out: Counter[str] = Counter()
    found = overlay_requests.sources_of(sources, given, target or "", problems, left_out, footage=footage)
    own = (given["captions"], given["font"], given["annotations"])
    tables += [path for path in own if path is not None and not os.path.isdir(path)]
    boxed = overlay_requests.boxes_of(given, found)
    colour, captions = given["colour"], given.pop("captions")
    style = overlay_requests.style_of(given, mapped=bool(files), boxed=boxed is not None)
    reading = overlay_requests.reading_of(given)
    mass_boxes = given.pop("mass_boxes")
    requests, how = lowering.requests_of(given), lowering.how_of(given)
    if boxed is not None and requests:
        raise click.UsageError("--annotations and a window both say where to look; use one of them.")
    asked = boxed.of_image if boxed is not None else requests
    found, known = lowering.frames_of(found, given, how, asked, output, whole=True)
    problems += boxed.problems if boxed is not None else ()
    problems += known.pop("problems")
    trails = TableTrails(requests)
    if style.trail and not trails.labels:
        raise click.UsageError("--trail belongs to --windows TABLE with a column frame.")
    if style.labels and not given["quiet"]:
        shown = boxed.labels if boxed is not None else [request.label or "" for request in requests]
        overlay_requests.say_missing("".join(shown), style.font)
    make: Any = WindowOverlay(style, trails, overlay_requests.colours_shown(requests, boxed, colour))
    labels = None
    if files:
        from glimpsecli.jobs.mapping import Atlas

        atlas = Atlas(found, files, reading, how, known["clips"])
        for line in atlas.notes if not given["quiet"] else ():
            say(line)
        if captions is not None:
            style = style._replace(
                captions=overlay_requests.captions_of(captions, atlas, style.font, quiet=given["quiet"]), montage=True
            )
        make = MapOverlay(atlas, style, mass_boxes, threshold, outlined=bool(requests))
        labels = None if style.montage else [[label.replace(" ", "_") for label in one] for one in atlas.labels]
        tables, known["failures"] = tables + atlas.files, known["failures"] | atlas.failures
    plan = make_picture_plan(
        found, boxed or requests, how, output if threshold is None else output._replace(target=""), make,
        noun="picture", figure=bool(files) and make.figure, labels=labels, inputs=tables, problems=problems,
        annotated=None if boxed is None else boxed.annotated, **known,
    )._replace(left_out=left_out)  # fmt: skip
    planned()
    if threshold is None or target is None:
        carry_out(plan, given)
        return
    from glimpsecli.jobs.hot_regions import RegionTable

    regions = RegionTable(plan, found, target, tables)
    code = run_plan(plan, {**given, "quiet": True}, keep=regions.add)
    if code != ExitCode.INTERRUPTED and regions.images:
        regions.write()
        if not given["quiet"]:
            say(f"{len(regions.rows)} window{'s'[: len(regions.rows) != 1]} written to {target}")
    end(code)
