"""``glimpse compare``: one window through every sampler, side by side."""

from __future__ import annotations

from typing import Any

import click

from glimpsecli import names
from glimpsecli.commands import lowering, options, values
from glimpsecli.commands.running import carry_out

DEFAULT_SIZE = 64

EXAMPLES = options.examples(
    "glimpse compare sample_images/astronaut.png --box 150,20,160,160 --size 20 --magnify -o face.png",
    "glimpse compare sample_images/coffee.png --at 300,200 --extent 260x200 --angle 30 --size 52x40 -o cup.png",
    "glimpse compare sample_images/article.npy --gaussian 2,0.5,1,2,0.5,1 --size 5 --magnify -o article.png",
)


@click.command(
    cls=options.Command, epilog=EXAMPLES, common="--box --at --extent --angle --size -o --magnify --overwrite"
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=options.IMAGE_PATH)
@options.where_options
@options.all_samplers_options
@options.picture_target_option
@options.out("--magnify", is_flag=True, help="Draw each pixel as a square; else glimpses are enlarged smoothly.")
@options.out(
    "--height", type=click.IntRange(64, 4096), default=320, show_default=True, metavar="PIXELS",
    help="Height of the panels, about.",
)  # fmt: skip
@options.out(
    "--colour", type=values.ColourValue(), default=names.OUTLINE, show_default=True, help="Colour of the outline."
)
@options.picture_name_option
@options.picture_options
@options.dry_run_option
@options.jobs_option
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON for each picture.")
@options.manner_options
def compare(images: tuple[str, ...], target: str, name: str | None, **given: Any) -> None:
    """Draw one window of each IMAGE through hard attention, Gaussian attention and the spatial transformer.

    Four panels: the image with the window, the hard crop (the pixel that each tap falls in), Gaussian attention, and
    the spatial transformer, all on one scale of brightness. Windows are given as for `glimpse extract`.
    """
    from glimpsecli.jobs.comparing import Comparison
    from glimpsecli.jobs.planning import make_picture_plan, named_sources
    from glimpsecli.jobs.shaping import SizeRequest
    from glimpsecli.sampling import Sampling

    blur = given.pop("blur")
    if blur is not None and not 0 < blur < float("inf"):
        raise click.UsageError(f"--blur {blur:g} is not a positive number.")
    comparison = Comparison(
        Sampling.blur if blur is None else blur,
        given.pop("magnify"),
        given.pop("height"),
        given.pop("colour").on(3, alpha=False, scale=1.0),
    )
    tables = lowering.check_streams(images, target, given)
    given["size"] = given["size"] or SizeRequest(longer=DEFAULT_SIZE)
    given["sampler"] = "bilinear"  # the one that the record names
    requests = lowering.requests_of(given)
    how = lowering.how_of(given)
    sources, known = lowering.frames_of(named_sources(images), given, how)
    plan = make_picture_plan(
        sources, requests, how, lowering.output_of(target, name, given), comparison,
        noun="picture", figure=True, inputs=tables, **known,
    )  # fmt: skip
    lowering.check_one_window(plan, "compare")
    carry_out(plan, given)
