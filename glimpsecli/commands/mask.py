"""``glimpse mask``: how much each pixel counts in a glimpse."""

from __future__ import annotations

from typing import Any

import click

from glimpsecli.commands import lowering, options
from glimpsecli.commands.running import carry_out

EXAMPLES = options.examples(
    "glimpse mask sample_images/chelsea.png --at 55%,42% --extent 240x160 --size 12x8 -o mask.png",
    "glimpse mask sample_images/chelsea.png --gaussian 42%,60,0,55%,90,0 --size 1 --apply -o seen.png",
    "glimpse mask sample_images/coffee.png --at 300,200 --extent 240x160 --angle 30 --size 12x8 -o turned.png",
    "glimpse mask sample_images/camera.png --gaussian 100,4,24,180,4,24 --size 8 --figure -o figure.png",
    "glimpse mask sample_images/camera.png --box 10%,10%,50%,60% --sampler hard -o zeros_and_ones.npy",
)


@click.command(
    cls=options.Command, epilog=EXAMPLES, common="--box --at --extent --size --sampler -o --apply --figure --overwrite"
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=options.IMAGE_PATH)
@options.where_options
@options.taps_options
@options.picture_target_option
@options.out("--apply", "apply", is_flag=True, help="Soft attention: the mask times the image.")
@options.out("--figure", is_flag=True, help="The mask with its profiles, a_x above it and a_y at the right.")
@options.picture_name_option
@options.picture_options
@options.dry_run_option
@options.jobs_option
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON for each mask.")
@options.manner_options
def mask(
    images: tuple[str, ...],
    target: str,
    apply: bool,
    figure: bool,
    name: str | None,
    **given: Any,
) -> None:
    """Write the attention mask of windows of IMAGEs: how much each pixel counts in the glimpse.

    The mask is the adjoint of the sampler applied to ones, relative to its peak: 0 where nothing is read, 1 at most. A
    crop gives zeros and ones, a single Gaussian the a_y a_x^T of the article. Several windows give one mask, their
    maximum. Windows are given as for `glimpse extract`.
    """
    from glimpsecli.jobs import masking
    from glimpsecli.jobs.planning import make_picture_plan, named_sources

    if apply and figure:
        raise click.UsageError("--apply and --figure are two pictures; ask for one at a time.")
    make = masking.attended if apply else masking.figure_of if figure else masking.mask_of
    tables = lowering.check_streams(images, target, given)
    requests = lowering.requests_of(given)
    how = lowering.how_of(given)
    sources, known = lowering.frames_of(named_sources(images), given, how)
    plan = make_picture_plan(
        sources, requests, how, lowering.output_of(target, name, given), make, noun="mask", inputs=tables, **known
    )  # fmt: skip
    carry_out(plan, given)
