"""``glimpse paste``: glimpses back onto an image."""

from __future__ import annotations

import math
from typing import Any

import click

from glimpsecli import names
from glimpsecli.commands import lowering, options, values
from glimpsecli.commands.running import carry_out

EXAMPLES = options.examples(
    "glimpse extract sample_images/chelsea.png --at 55%,42% --extent 240x160 --size 24x16 -o eyes.png",
    "glimpse paste eyes.png --onto sample_images/chelsea.png --at 55%,42% --extent 240x160 -o coarse.png",
    "glimpse paste eyes.png --onto sample_images/rocket.jpg --box 20,200,240,160 --angle -15 -o note.png",
    "glimpse paste eyes.png --onto sample_images/coffee.png --quad 210,20,410,60,390,280,150,230 -o straight.png",
    "glimpse extract sample_images/camera.png --gaussian 90,4,8,99,4,8 --size 9 -o dot.png",
    "glimpse paste dot.png --onto sample_images/camera.png --gaussian 90,4,8,99,4,8 --blend add --gain -40 -o less.png",
    "glimpse extract sample_images/astronaut.png --at 220,110 --extent 64x64 --retina 5 --size 48 -o rings/",
    "glimpse paste rings/*.png --onto sample_images/astronaut.png --at 220,110 --extent 64x64 --retina 5 -o fovea.jpg",
)

how = options.section("How to paste")


@click.command(
    cls=options.Command, epilog=EXAMPLES, common="--onto --box --at --extent --angle --sampler --blend -o --overwrite"
)
@click.argument("glimpses", nargs=-1, required=True, metavar="GLIMPSE...", type=options.IMAGE_PATH)
@options.which(
    "--onto", "image", required=True, metavar="IMAGE", type=options.IMAGE_PATH,
    help="The image under the glimpses. It is not changed.",
)  # fmt: skip
@options.which(
    "--frame", type=click.IntRange(0), default=0, metavar="N",
    help="Frame of the IMAGE, or page of a TIFF, from 0. Default: the first.",
)  # fmt: skip
@options.max_pixels_option
@options.where_options
@how(
    "--sampler", type=click.Choice(names.SAMPLERS),
    help="bilinear and hard fill the window with the glimpse, interpolated or as squares; gaussian spreads each of its "
    "pixels over its Gaussian. Default: bilinear; gaussian with --gaussian and --draw.",
)  # fmt: skip
@how(
    "--blend", type=click.Choice(names.BLENDS), default="over", show_default=True,
    help="over: the glimpse covers the image, as its alpha says; with gaussian, as the attention mask says. add: it is "
    "added to the image.",
)  # fmt: skip
@how("--gain", type=float, metavar="G", help="Factor of the glimpse, to add; negative to subtract it.")
@options.blur_option
@how("--fill", type=values.ColourValue(), help="Colour under the alpha of the IMAGE in a JPEG.")
@options.picture_target_option
@options.picture_name_option
@options.image_options
@options.dry_run_option
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON that says what was pasted where.")
@options.manner_options
def paste(
    glimpses: tuple[str, ...],
    image: str,
    target: str,
    name: str | None,
    blend: str,
    gain: float | None,
    **given: Any,
) -> None:
    """Put GLIMPSEs back onto an image, where a window says.

    Windows are given as for `glimpse extract`, with the options that made the glimpse; none means the whole image. One
    GLIMPSE goes through every window, or there is one for each, in the order in which extract wrote them. The last
    lies on top, of a retina the finest.

    An opaque crop comes back bit for bit. Otherwise pasting does not undo extracting: averaged pixels stay averaged.
    --sampler gaussian is DRAW's write, A_y^T w A_x / gain, which spreads each pixel over its Gaussian, an ellipse where
    the window turns: the transpose of the read, not its inverse. `--blend add` adds it; `over` divides it by the write
    of ones, so that brightness is kept. Where a window has fewer pixels than the glimpse, bilinear and hard skip some
    and may alias, and gaussian averages. bilinear and hard need a window with an area; for gaussian a stride of 0 means
    that all Gaussians lie on one spot.

    A GLIMPSE is brought to the depth of the IMAGE; a grey one may go onto colour. `add` leaves alpha as it is, and
    prints how many values were clipped at black and white.
    """
    from glimpsecli.jobs.pasting import Pasting, read_glimpses
    from glimpsecli.jobs.planning import check_sources, make_picture_plan, named_sources

    if gain is not None and not math.isfinite(gain):
        raise click.UsageError(f"--gain {gain:g} is not a finite number.")
    if gain is not None and blend != "add":
        raise click.UsageError(f"--gain {gain:g} with --blend {blend}; it is for --blend add.")
    streams = [*glimpses, image]
    tables = lowering.check_streams(streams, target, given)
    check_sources(streams)
    given["sampler"] = given["sampler"] or ("gaussian" if given["gaussians"] or given["draws"] else "bilinear")
    requests = lowering.requests_of(given)
    make = Pasting(tuple(read_glimpses(glimpses, given["max_pixels"])), blend, 1.0 if gain is None else gain)
    given["size"] = make.glimpses[0].size
    how = lowering.how_of(given)
    sources, known = lowering.frames_of(named_sources([image]), given, how)
    plan = make_picture_plan(
        sources, requests, how, lowering.output_of(target, name, given), make,
        noun="picture", inputs=[*tables, *(path for path in glimpses if path != "-")], **known,
    )  # fmt: skip
    windows = sum(request.windows for request in plan.items[0].requests) * plan.how.shaping.retina
    if len(glimpses) not in (1, windows):
        many = "1 window" if windows == 1 else f"{windows} windows"
        raise click.UsageError(f"{len(glimpses)} glimpses for {many}; give one for each.")
    carry_out(plan, given)
