"""``glimpse fit``: find the window of an image that a glimpse was taken through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from glimpsecli import names
from glimpsecli.commands import fit_values, options, values
from glimpsecli.commands.report import progress, say, show_json
from glimpsecli.commands.running import end
from glimpsecli.errors import ExitCode

if TYPE_CHECKING:
    from glimpsecli.jobs.fitting import Result, Task

EXAMPLES = options.examples(
    "glimpse fit sample_images/chelsea.png sample_images/chelsea.png --target-box 120,60,200,140 --size 50x35 "
    "-o cat.csv",
    "glimpse extract sample_images/chelsea.png --windows cat.csv -o cat.png",
    "glimpse fit cat.png sample_images/chelsea.png --sampler bilinear --stride 1 --json",
    "glimpse fit sample_images/coffee.png sample_images/coffee.png --target-box 40%,30%,90,90 --size 30 --stride 2.5-4 "
    "--animate cup.gif",
    "glimpse fit cat.png sample_images/coffee.png --stride 2 || echo it is not there",
)

HELP = """Find the window of IMAGE whose glimpse is TARGET.

A coarse search by normalised cross-correlation, then Levenberg and Marquardt's method with the sampler's own
gradients, on ever less blurred copies. Brightness and contrast do not matter. The output is the window, the
standard deviation of each number, the ZNCC, and a verdict with its reason:

\b
found     it fits but for noise, nowhere else does, and its place is known to 0.025 strides
doubtful  it fits, and so does another place, or its place is not known so well
lost      nothing in the image is the target

The place that is found is searched once more in the rest of the image, so that a tile of a pattern is doubtful. The
exit code is 0 where it is found, else 1; a table is written only where it is found.

A target that is almost constant is refused, and so is transparency: the colour behind it is unknown. The gradient
energy of a target (the sum of squared slopes, white being 1, in the direction where it is least) must be 0.01 at
least; from 2 on, noise of 5 in 255 leaves 19 windows in 20 and more to be found.
"""

target, search, out = options.section("The target"), options.section("What is searched"), options.out


@click.command(
    cls=options.Command,
    help=HELP,
    epilog=EXAMPLES,
    common="--target-box --size --stride --free --sampler -o --animate --json",
)
@click.argument("target_file", metavar="TARGET", type=options.IMAGE_PATH)
@click.argument("image", metavar="IMAGE", type=options.IMAGE_PATH)
@target(
    "--target-box", type=values.BoxValue(),
    help="A window of TARGET whose glimpse is looked for. Default: TARGET as it is.",
)  # fmt: skip
@target("--size", type=values.SizeValue(), help="Size of that glimpse. Default: the window's own extent, rounded.")
@search(
    "--stride", "strides", type=fit_values.StrideValue(),
    help="Pixels of IMAGE to one of the target: about S, which may be wrong by 20 %, or from LO to HI. "
    "Default: from 1 to what fits.",
)  # fmt: skip
@search(
    "--free", type=fit_values.FreeValue("scale", "aspect", "angle", why="that are unknown"),
    default="position,scale", show_default=True,
    help="Parameters that are searched: position, scale, aspect (a height that grew otherwise) and angle. Without "
    "scale --stride is exact.",
)  # fmt: skip
@options.how(
    "--sampler", type=click.Choice(names.DIFFERENTIABLE), default="gaussian", show_default=True,
    help="Sampler that made the target.",
)  # fmt: skip
@options.how(
    "--blur", type=float, metavar="STRIDES", help=f"Sigma of the Gaussians, in strides. Default: {names.BLUR}."
)
@options.how(
    "--frame", type=click.IntRange(0), default=0, metavar="N", help="Frame of IMAGE, a video or an animation, from 0."
)
@options.how("--target-frame", type=click.IntRange(0), default=0, metavar="N", help="The same of TARGET.")
@options.max_pixels_option
@out(
    "-o", "--output", "table", metavar="FILE", type=click.Path(),
    help="A table of the window where it is found, .csv or .json, for `glimpse extract --windows`.",
)  # fmt: skip
@out("--animate", "animation", metavar="FILE.gif", type=click.Path(), help="The search, as an animation.")
@out("--overwrite", is_flag=True, help="Replace files that exist. An input is never replaced.")
@out("--json", "as_json", is_flag=True, help="Print the result as a line of JSON.")
@options.manner_options
def fit(target_file: str, image: str, **given: Any) -> None:
    """Stand for the command; its help is in HELP."""
    from glimpsecli.jobs import fitting
    from glimpsecli.jobs.shaping import SizeRequest

    manners = {name: given.pop(name) for name in ("as_json", "verbose", "quiet", "traceback")}
    given["size"] = given["size"] or SizeRequest()
    task = fitting.Task(target_file, image, **given)
    fitting.check(task)
    with progress("place", quiet=manners["quiet"]) as watch:
        result = fitting.run(task, watch)
    written = fitting.write(task, result)
    if manners["as_json"]:
        show_json(fitting.record(task, result))
    else:
        click.echo("\n".join(_lines(result, verbose=manners["verbose"])))
    if not manners["quiet"]:
        _say_written(task, written)
    end(ExitCode.DONE if result.fit.verdict == "found" else ExitCode.FAILED)


def _lines(result: Result, *, verbose: bool) -> list[str]:
    found = result.fit
    spread, window = found.spread, found.window
    rows = [(name, getattr(window, name), getattr(spread, name)) for name in ("cx", "cy", "width", "height")]
    lines = [f"{found.verdict}: {found.reason}"]
    lines += [f"{name:8}{value:10.3f} ± {deviation:.3f} px" for name, value, deviation in rows]
    if window.angle or spread.angle:
        lines.append(f"{'angle':8}{window.angle:10.3f} ± {spread.angle:.3f} degrees")
    lines.append(f"{'box':8}{','.join(f'{number:.2f}' for number in window.box)}")
    lines.append(f"{'ZNCC':8}{found.zncc:10.4f}")
    if verbose:
        lines.append(f"{'gain':8}{found.gain:10.4f}")
        lines.append(f"{'noise':8}{found.noise * 255:10.2f} of 255")
        lines.append(f"{'energy':8}{found.energy:10.2f}")
        lines.append(f"{'steps':8}{len(found.path):10d}, from {len(found.starts)} candidates")
    return lines


def _say_written(task: Task, written: list[str]) -> None:
    for name in written:
        say(f"{name} is written")
    if task.table is not None and task.table not in written:
        say(f"{task.table} is not written: there is no window that could be trusted")
