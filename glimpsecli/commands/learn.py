"""``glimpse learn``: train a network that looks at a part of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from glimpsecli import names
from glimpsecli.commands import fit_values, lowering, options
from glimpsecli.commands.learn_report import course, say_outcome
from glimpsecli.commands.report import progress, say
from glimpsecli.commands.running import end, stoppable
from glimpsecli.errors import ExitCode

if TYPE_CHECKING:
    from glimpsecli.networks.learning import Task
    from glimpsecli.networks.scenes import Source

SUFFIX = ".safetensors"

EXAMPLES = options.examples(
    "glimpse learn --steps 60 --check-every 20 --film first.gif -o first.safetensors || echo it takes 2000 steps",
    "glimpse look first.safetensors sample_images/scene.npy",
    "glimpse learn --sampler hard --glimpses 3 --steps 20 -o three.safetensors || echo it needs 6000 steps",
    "glimpse learn --sampler hard --glimpses 3 --steps 20 -o three.safetensors --resume || echo it is finished",
)

HELP = """Train a network that says where to look, with the one that says what is there.

Images are scenes that are made as they are needed: a digit somewhere on a dark canvas, among scraps of others and in
noise. The network sees nothing but glimpses. MODEL is a safetensors file; it is written at each check, and --resume
goes on with it. The figures of each check stand beside it, in MODEL.jsonl. In the end the accuracy is compared with
that of a window on the whole image, and of an oracle window, on the digit. The verdict is

\b
learned  two thirds of the way between, or more
partly   less
lost     all windows are in one place, or it is no better than with a fixed window; the exit code is 1

With FOLDER, which has a subfolder of images for each class, small images of one's own are learned instead, fitted onto
the canvas; a fifth of them, by a hash of their names, is held out for the checks.

One core learns 8000 steps at 40 pixels in two to three minutes. The same command gives the same bytes.
"""

what, seeing, how = (
    options.section("What is learned"),
    options.section("How the network looks"),
    options.section("How it learns"),
)
out = options.out


@click.command(
    cls=options.Command,
    help=HELP,
    epilog=EXAMPLES,
    common="--canvas --data --sampler --glimpses --steps --seed -o --film --resume --overwrite",
)
@click.argument("folder", metavar="[FOLDER]", required=False, type=click.Path())
@what(
    "--canvas", type=click.IntRange(16, 256), default=40, show_default=True, metavar="PIXELS",
    help="Height and width of the images; 40, 60 and 100 are harder from one to the next.",
)  # fmt: skip
@what("--clutter", type=click.IntRange(0, 100), metavar="N", help="Scraps of other digits in a scene. Default: 5 to 8.")
@what(
    "--data", metavar="FILE.npz", type=click.Path(),
    help="Other digits, with the keys of Keras' mnist.npz: x_train, y_train, x_test, y_test.",
)  # fmt: skip
@what("--colour", "--color", is_flag=True, help="Keep the colours of the images of FOLDER.")
@seeing(
    "--sampler", type=click.Choice(names.LEARNT), default="gaussian", show_default=True,
    help="blurred is bilinear on an image that is blurred as gaussian would; hard learns by the score function.",
)  # fmt: skip
@seeing(
    "--glimpses", type=click.IntRange(1, 16), default=1, show_default=True, metavar="N",
    help="Of several the first is at the whole image, and a recurrent network places the others.",
)  # fmt: skip
@seeing("--size", type=click.IntRange(4, 64), metavar="N", help="Taps of a side of a glimpse. Default: 12, or 16.")
@seeing(
    "--extent", type=click.FloatRange(1), metavar="PIXELS", help="Width of a window. Default: what suits the digits."
)
@seeing(
    "--free", type=fit_values.FreeValue("scale", why="that it says"), default="position", show_default=True,
    help="Numbers of a window that the network says: position, scale.",
)  # fmt: skip
@seeing(
    "--start", type=click.Choice(names.STARTS), default="narrow", show_default=True,
    help="The window at first, in the middle: of --extent, or the whole image, with --free position,scale.",
)  # fmt: skip
@seeing("--blur", type=float, default=names.BLUR, show_default=True, metavar="STRIDES", help="Sigma of the Gaussians.")
@seeing(
    "--anneal", "annealing", type=float, default=0.0, metavar="STRIDES",
    help="Blur at the first step, from which it falls in half of the steps. Default: none.",
)  # fmt: skip
@how("--steps", type=click.IntRange(0), default=8000, show_default=True, metavar="N", help="Steps of 64 images.")
@how("--rate", type=float, metavar="R", help="Adam's rate at first; it falls to a twentieth. Default: 0.002; "
     "0.001 for several glimpses.")  # fmt: skip
@how(
    "--where-rate",
    type=float,
    metavar="F",
    help="The rate of the network that says where, over --rate. Default: 0.3; hard 0.15.",
)
@how("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, metavar="N", help="Of all that is "
     "drawn.")  # fmt: skip
@how(
    "--check-every", "every", type=click.IntRange(1), default=500, show_default=True, metavar="STEPS",
    help="How often it is checked, and written.",
)  # fmt: skip
@how("--checked", type=click.IntRange(1), default=1000, show_default=True, metavar="N", help="Images of a check.")
@out("-o", "--output", "target", required=True, metavar=f"MODEL{SUFFIX}", type=click.Path(), help="The model.")
@out("--film", metavar="FILE", type=click.Path(), help="A film of where it looks as it learns: .gif .mp4 .webp ...")
@out("--half", is_flag=True, help="Keep numbers of 16 bits in the end: half the size, nearly the same answers.")
@out("--resume", is_flag=True, help="Go on with MODEL, where it exists. A finished one still gets --film and --half.")
@out("--overwrite", is_flag=True, help="Begin anew, and replace files that exist.")
@out("--json", "as_json", is_flag=True, help="Print the outcome as a line of JSON.")
@options.manner_options
def learn(folder: str | None, target: str, **given: Any) -> None:
    """Stand for the command; its help is in HELP."""
    _check(folder, target, given)
    from glimpsecli.networks.needs import check_installed

    check_installed("glimpse learn")
    from glimpsecli.networks import learning

    task = _task(folder, target, given)
    with (
        stoppable("stopping; Ctrl-C again stops at once, and loses the steps since the last check") as stop,
        course(quiet=given["quiet"], verbose=given["verbose"]) as (step, check),
    ):
        figures = learning.learn(task, learning.Watch(step, check, stop.is_set))
    if figures is None:
        say(f"interrupted; {target} holds what is learned, and --resume goes on")
        end(ExitCode.INTERRUPTED)
    else:
        say_outcome(figures, task, given)
        end(ExitCode.FAILED if figures["verdict"] == "lost" else ExitCode.DONE)


def _check(folder: str | None, target: str, given: dict[str, Any]) -> None:
    """Refuse options that contradict each other."""
    if given["resume"] and given["overwrite"]:
        raise click.UsageError("--resume and --overwrite: go on, or begin anew.")
    if not target.endswith(SUFFIX):
        raise click.UsageError(f"-o {target}: a model is a safetensors file; end its name in {SUFFIX}.")
    lowering.refuse(given, ("clutter", "data"), "is of scenes, and FOLDER has images", unless=folder is None)
    lowering.refuse(given, ("colour",), "belongs to FOLDER", unless=folder is not None)


def _task(folder: str | None, target: str, given: dict[str, Any]) -> Task:
    """Read the images, and put the options together."""
    from glimpsecli.networks.files import Origin
    from glimpsecli.networks.learning import Task
    from glimpsecli.networks.schedule import Schedule, usual_rates
    from glimpsecli.networks.specification import Specification

    source, known = _images(folder, given)
    own = {name: given[name] for name in ("sampler", "canvas", "start", "glimpses", "blur", "annealing")}
    specification = Specification(
        channels=source.channels,
        classes=len(source.classes),
        size=given["size"] or 0,
        extent=given["extent"] or 0.0,
        scale_free="scale" in given["free"],
        **own,
    )
    asked = {name: given[name] for name in ("rate", "where_rate") if given[name] is not None}
    rates = usual_rates(specification) | asked
    schedule = Schedule(given["steps"], every=given["every"], checked=given["checked"], **rates)
    origin = Origin(specification, schedule, given["seed"], source.classes, known)
    return Task(target, origin, source, given["film"], given["resume"], given["overwrite"], given["half"])


def _images(folder: str | None, given: dict[str, Any]) -> tuple[Source, dict[str, Any]]:
    from glimpsecli.networks.sources import folder_source, scenes_source

    if folder is None:
        return scenes_source(given["canvas"], given["clutter"], given["data"])
    with progress("image", quiet=given["quiet"]) as update:
        return folder_source(folder, given["canvas"], colour=given["colour"], progress=update)
