"""``glimpse gradient``: the loss around a window and its gradient, by sampler."""

from __future__ import annotations

from typing import Any

import click

from glimpsecli import names
from glimpsecli.commands import lowering, options, values
from glimpsecli.commands.running import carry_out
from glimpsecli.errors import InvalidInputError

DEFAULT_SIZE = 32
DEFAULT_BLURS = (0.5, 2.0)
MOST_BLURS = 4

EXAMPLES = options.examples(
    "glimpse gradient sample_images/astronaut.png --box 175,50,96,96 --size 12 --steps 21 -o face.png",
    "glimpse gradient sample_images/camera.png --at 55%,25% --extent 20%x20% --size 12 --reach 30 --steps 15 "
    "--sampler gaussian --blur 0.5,1,4 -o blurs.png",
    "glimpse gradient sample_images/coffee.png --box 200,120,160,120 --size 8 --steps 11 --json -o surfaces.npy",
)


class BlursValue(values.Value):
    """Sigmas of Gaussians, in strides."""

    form = "STRIDES,..."

    def parse(self, text: str) -> Any:
        """Give positive numbers, each once, in their order."""
        numbers = [number for part in text.split(",") if (number := values.finite(part)) is not None and number > 0]
        if not len(numbers) == text.count(",") + 1 <= MOST_BLURS:
            raise InvalidInputError(
                f"{text!r} is not one to {MOST_BLURS} positive numbers", "write sigmas in strides, such as 0.5,2"
            )
        return tuple(dict.fromkeys(numbers))


class ReachValue(values.Value):
    """The largest offset."""

    form = "LENGTH"

    def parse(self, text: str) -> Any:
        """Give a Length."""
        (length,) = self.numbers(text, 1)
        if length.value <= 0:
            raise InvalidInputError(f"{text!r} reaches nowhere", "write pixels, such as 40, or a percentage")
        return length


@click.command(
    cls=options.Command, epilog=EXAMPLES, common="--box --at --extent --size --sampler --blur --reach --steps -o --json"
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=options.IMAGE_PATH)
@options.where_options
@options.how(
    "--sampler", "samplers", type=values.WordsValue(*names.SAMPLERS),
    help="Which samplers. Default: all three.",
)  # fmt: skip
@options.how(
    "--blur", "blurs", type=BlursValue(),
    help="Sigma of the Gaussians, in strides: up to four, a column for each. Default: 0.5,2.",
)  # fmt: skip
@options.how(
    "--reach", type=ReachValue(),
    help="The largest offset along x and y, in pixels or as a percentage of the image's shorter side. Default: half "
    "the shorter side of the window.",
)  # fmt: skip
@options.how(
    "--steps", type=click.IntRange(3, 401), default=41, show_default=True, metavar="N",
    help="Number of offsets along x and along y; odd.",
)  # fmt: skip
@options.gradient_options
@options.out(
    "-o", "--output", "target", required=True, metavar="FILE|FOLDER/|-",
    help="A file; a folder (it ends in / or exists); standard output, with --format. A .npy file holds the surfaces "
    "themselves: for each column the loss, its derivatives with respect to x and y, and 1 where descent reaches the "
    "truth.",
)  # fmt: skip
@options.out(
    "--panel", type=click.IntRange(100, 1000), default=220, show_default=True, metavar="PIXELS", help="Side of a panel."
)
@options.out(
    "--colour", type=values.ColourValue(), default=names.OUTLINE, show_default=True, help="Colour of the outline."
)
@options.picture_name_option
@options.picture_options
@options.dry_run_option
@options.jobs_option
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON for each picture.")
@options.manner_options
def gradient(images: tuple[str, ...], target: str, name: str | None, **given: Any) -> None:
    """Draw the loss around one window of each IMAGE, and its gradient, for each sampler.

    The window is moved off its place, and its glimpse is compared with the one before: a loss, with the gradient that
    the sampler gives. A column for each sampler shows the loss over the offsets, its steepness, and the offsets from
    which descent finds back: the capture range. Two charts below show the loss along x and along the angle. Windows are
    given as for `glimpse extract`.
    """
    from glimpsecli.jobs.formats import chosen_format
    from glimpsecli.jobs.gradients import Explanation
    from glimpsecli.jobs.planning import make_picture_plan, named_sources
    from glimpsecli.jobs.shaping import SizeRequest

    samplers, blurs, steps = given.pop("samplers") or names.SAMPLERS, given.pop("blurs"), given.pop("steps")
    if blurs is not None and "gaussian" not in samplers:
        raise click.UsageError(f"--blur without gaussian among --sampler {','.join(samplers)}.")
    if steps % 2 == 0:
        raise click.UsageError(f"--steps {steps} is even; an odd number has the truth in the middle.")
    sigmas = {"gaussian": blurs or DEFAULT_BLURS}
    explanation = Explanation(
        tuple((sampler, blur) for sampler in samplers for blur in sigmas.get(sampler, DEFAULT_BLURS[:1])),
        given.pop("reach"),
        steps,
        given.pop("panel"),
        given.pop("colour").on(3, alpha=False, scale=1.0),
    )
    tables = lowering.check_streams(images, target, given)
    given["size"] = given["size"] or SizeRequest(longer=DEFAULT_SIZE)
    requests, output = lowering.requests_of(given), lowering.output_of(target, name, given)
    arrays = chosen_format(output).name == "npy"
    if arrays and output.depth not in (None, "float"):
        raise click.UsageError(f"--depth {output.depth} with surfaces, which are float; leave it out.")
    how = lowering.how_of(given)
    sources, known = lowering.frames_of(named_sources(images), given, how)
    plan = make_picture_plan(
        sources, requests, how, output, explanation,
        noun="array" if arrays else "picture", figure=not arrays, inputs=tables, **known,
    )  # fmt: skip
    lowering.check_one_window(plan, "move")
    carry_out(plan, given)
