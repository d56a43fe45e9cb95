"""``glimpse look``: show images to a trained network."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands import lowering, options
from glimpsecli.commands.report import complain, say, show_json
from glimpsecli.commands.running import end
from glimpsecli.errors import ExitCode

if TYPE_CHECKING:
    from glimpsecli.networks.showing import Shown

MODEL = "sample_images/scenes.safetensors"

EXAMPLES = options.examples(
    f"glimpse look {MODEL} sample_images/scene.npy -o where.csv --overlay where.png",
    'glimpse extract sample_images/scene.npy --windows where.csv --size 12 -o seen/ --name "{label}"',
    f"glimpse look {MODEL} sample_images/scene.npy --glimpses saw/ --mask mask.png --json",
)

pictures = options.section("Pictures")


@click.command(
    cls=options.Command,
    epilog=EXAMPLES,
    common="-o --overlay --glimpses --mask --overwrite --json",
)
@click.argument("model", metavar="MODEL", type=click.Path())
@click.argument("sources", metavar="IMAGE...", nargs=-1, required=True, type=options.IMAGE_PATH)
@options.search_options
@options.max_pixels_option
@pictures("--overlay", metavar="FILE|FOLDER/", type=click.Path(), help="The image with the windows, numbered in order.")
@pictures("--glimpses", metavar="FOLDER/", type=click.Path(), help="What the network saw, a picture for each glimpse.")
@pictures(
    "--mask", metavar="FILE|FOLDER/", type=click.Path(),
    help="How much each pixel counted; of several glimpses, in all but the first, which is at the whole image.",
)  # fmt: skip
@options.out(
    "-o", "--output", "table", metavar="TABLE.csv", type=click.Path(),
    help="A row for each glimpse, for `glimpse extract --windows` and `glimpse overlay --windows`.",
)  # fmt: skip
@options.out("--overwrite", is_flag=True, help="Replace files that exist. An input is never replaced.")
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON for each image.")
@options.manner_options
def look(model: str, sources: tuple[str, ...], **given: Any) -> None:
    """Show IMAGEs (files or folders) to MODEL, a file of `glimpse learn`, and see where it looks and what it says.

    An image of another size than the model's is fitted onto its canvas: enlarged or shrunk, in grey where the model
    sees grey, with black beside it. Windows are those on the image itself. Nothing in MODEL is run as code.
    """
    _check(given)
    from glimpsecli.networks.needs import check_installed

    check_installed("glimpse look")
    from glimpsecli.jobs.sources import counted, find_sources
    from glimpsecli.networks.showing import Show, show

    problems: list[str] = []
    left_out: Counter[str] = Counter()
    output = given["overlay"] or given["glimpses"] or given["mask"] or os.devnull
    found = find_sources(
        sources, output=output, problems=problems, left_out=left_out, **lowering.search_of(given),
        frames="`glimpse extract --frames` makes images of a video",
    )  # fmt: skip
    names = ("table", "overlay", "mask", "glimpses", "overwrite", "max_pixels")
    done = show(Show(model, found, **{name: given[name] for name in names}))
    for problem in problems:
        complain(problem)
    if left_out and not given["quiet"]:
        say(f"left out: {counted(left_out)}")
    counts: Counter[str] = Counter()
    for one in done:
        _report(one, given)
        counts.update(images=1, fitted=int(one.fitted), failed=int(one.failure is not None))
    if counts["fitted"] and not given["quiet"]:
        many = counts["images"]
        say(f"fitted onto the canvas of the model: {counts['fitted']} of {many} image{'s'[: many != 1]}")
    end(ExitCode.FAILED if counts["failed"] or problems else ExitCode.DONE)


def _check(given: dict[str, Any]) -> None:
    """Refuse targets that could not be what they are for."""
    if given["table"] is not None and not given["table"].lower().endswith(".csv"):
        raise click.UsageError(f"-o {given['table']}: windows go into a CSV table; end its name in .csv.")


def _report(shown: Shown, given: dict[str, Any]) -> None:
    """Print the class of an image and the window, or its failure."""
    if shown.failure is not None:
        complain(shown.failure, show=shown.failure if given["traceback"] else None)
    elif given["as_json"]:
        windows = [{name: row[name] for name in ("x", "y", "width", "height")} for row in shown.rows]
        first = shown.rows[0]
        show_json({
            "image": shown.source, "label": first["label"], "probability": first["probability"], "windows": windows,
            "classes": {name: round(chance, 6) for name, chance in shown.classes.items()}, "fitted": shown.fitted,
            **shown.files,
        })  # fmt: skip
    else:
        last = shown.rows[-1]
        where = "{x:.1f},{y:.1f},{width:.1f},{height:.1f}".format(**last)
        click.echo(f"{shown.source}: {last['label']} ({last['probability']:.0%}), seen at {where}")
