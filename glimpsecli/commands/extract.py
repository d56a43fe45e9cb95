"""``glimpse extract``: look through windows of a few images."""

from __future__ import annotations

from typing import Any

import click

from glimpsecli.commands import lowering, options
from glimpsecli.commands.running import carry_out

EXAMPLES = options.examples(
    "glimpse extract sample_images/chelsea.png --box 120,40,200,140 -o cat.png",
    "glimpse extract sample_images/chelsea.png --at 50%,36% --zoom 3 --size 64x64 -o cat64.png",
    "glimpse extract sample_images/coffee.png --at 300,200 --extent 240x160 --angle 30 -o cup.jpg",
    "glimpse extract sample_images/rocket.jpg --at 50%,60% --extent 40x40 --retina 3 --size 64 -o rocket/",
    "glimpse extract sample_images/camera.png --gaussian 100,4,8,180,4,8 --size 32 -o camera.npy",
    "glimpse extract sample_images/retina.jpg --theta 0.5,0,0.5,0 --size 128x128 --json -o eye.png",
    "glimpse extract sample_images/coffee.png --quad 210,20,410,60,390,280,150,230 --size 200 -o straight.png",
    "glimpse extract sample_images/*.jpg --zoom 2 --at 50%,50% --size 96 -o all.npz",
)


@click.command(
    cls=options.Command,
    epilog=EXAMPLES,
    common="--box --at --extent --zoom --angle --windows --size --sampler -o --overwrite --json",
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=options.IMAGE_PATH)
@options.frames_options
@options.where_options
@options.how_options
@options.out(
    "-o", "--output", "target", required=True, metavar="FILE|FOLDER/|-",
    help="A file; a folder (it ends in / or exists); standard output, with --format. A .npz holds all glimpses.",
)  # fmt: skip
@options.name_option
@options.encoding_options
@options.film_options
@options.dry_run_option
@options.jobs_option
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON for each glimpse.")
@options.manner_options
def extract(images: tuple[str, ...], target: str, name: str | None, **given: Any) -> None:
    """Look at IMAGEs through windows, and write what is seen.

    Windows are in pixels on the image plane: x to the right, y down, the first pixel covers 0 to 1. Positions and
    extents may be percentages: of the image's width for x and widths, of its height for y and heights. Several windows
    give several glimpses of each image; none means the whole image. A minus sign as IMAGE reads standard input.
    """
    from glimpsecli.commands.planning import planning
    from glimpsecli.jobs.formats import holds_film
    from glimpsecli.jobs.planning import make_plan, named_sources

    planned = planning(quiet=given["quiet"])
    tables = lowering.check_streams(images, target, given)
    requests = lowering.requests_of(given)
    how, output = lowering.how_of(given), lowering.output_of(target, name, given)
    footage = lowering.asks_for_frames(given) or holds_film(output)
    sources = named_sources(images, folders=footage)
    sources, known = lowering.frames_of(sources, given, how, requests, output)
    plan = make_plan(sources, requests, how, output, tables, **known)
    planned()
    carry_out(plan, given)
