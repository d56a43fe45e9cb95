"""``glimpse study``: put the article's claims to the test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands import options, values
from glimpsecli.commands.bench_values import SecondsValue, StridesValue
from glimpsecli.commands.groups import Group
from glimpsecli.commands.report import complain, progress, say
from glimpsecli.commands.study_network import network
from glimpsecli.commands.study_values import KindsValue, OffsetsValue, how, out, output_option, what
from glimpsecli.errors import ExitCode, InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.study.design import Design

TRAINING_EXAMPLES = options.examples(
    "glimpse study training --images sample_images --quick -o quick",
    "glimpse study training --strides 1 --offsets 0.1 --trials 3 -o near",
    "glimpse study training --strides 1 --offsets 0.1 --trials 3 -o near --resume",
)
SPEED_EXAMPLES = options.examples("glimpse study speed --strides 1,4 --size 32 --runs 2 --min-time 0.01 -o times")
CONSISTENCY_EXAMPLES = options.examples(
    "glimpse study consistency --kinds translation,leaving --sequences 1 -o few",
)
EXAMPLES = options.examples(
    "glimpse study training --images sample_images --quick --strides 4 --offsets 0.2 --trials 1 -o recovered",
    "glimpse study speed --strides 2,8 --size 16 --runs 2 --min-time 0.01 -o cost",
    "glimpse study consistency --kinds leaving --sequences 1 -o gone",
)

PHOTOS = "sample_images"
"""The folder that a clone holds, and that `glimpse samples` makes."""


@click.group(cls=Group, epilog=EXAMPLES)
def study() -> None:
    """Put the article's claims to the test.

    Each study writes its numbers as JSON, CSV and charts into a folder, all but speed their verdicts as Markdown.
    """


@study.command(
    cls=options.Command,
    epilog=TRAINING_EXAMPLES,
    common="--images --strides --offsets --trials --quick -j --seed -o --resume --overwrite",
    short_help="Is Gaussian attention easier to train?",
)
@what(
    "--images",
    metavar="FOLDER",
    type=click.Path(),
    default=PHOTOS,
    show_default=True,
    help="Photos, of which the first few by name are used, two of them for choosing Adam's rates only. `glimpse "
    "samples` makes the default.",
)
@what("--strides", type=StridesValue(), help="Pixels from tap to tap. Default: 1,2,4,8.")
@what("--offsets", type=OffsetsValue(), help="Distances of the start, in windows. Default: 0.05 to 1.")
@what(
    "--trials",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Windows drawn in each image; a third of them in all conditions but the first, a ninth where windows are "
    "turned. Default: 30.",
)
@what("--quick", is_flag=True, help="A small experiment, within a minute, of too few images for verdicts.")
@how("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Processes. Default: the processors.")
@how("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Seed of all that is drawn.")
@output_option("study-training")
@out("--resume", is_flag=True, help="Go on with a run that was interrupted.")
@out("--overwrite", is_flag=True, help="Begin anew, and replace files that exist.")
@options.manner_options
def training(**given: Any) -> None:
    """Recover windows from displaced starts, with the gradient of each sampler.

    Hard attention learns by the score function; the spatial transformer samples the image, and the image blurred as a
    Gaussian would; Gaussian attention has several sigmas. Some windows are turned. The optimisers are Levenberg and
    Marquardt's method, and Adam with a rate that is chosen for each sampler on other images. The full run takes an hour
    and a half on two processors.
    """
    from glimpsecli.jobs.outputs import check_files, make_folder
    from glimpsecli.jobs.pool import processors
    from glimpsecli.study import report, running
    from glimpsecli.study.summary import summarise
    from glimpsecli.study.trials import check
    from glimpsecli.study.verdict import short

    folder, resume, overwrite = given["output"], given["resume"], given["overwrite"]
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite: go on, or start anew.")
    design, note = _design(given)
    path = os.path.join(folder, report.TRIALS)
    if os.path.lexists(path) and not (resume or overwrite):
        raise click.UsageError(f"{path} exists; give --resume to go on with it, --overwrite, or another folder.")
    check(design)
    replace = overwrite or os.path.lexists(path)
    make_folder(path)
    check_files({name: os.path.join(folder, name) for name in report.training_files(design)}, [], overwrite=replace)
    if note and not given["quiet"]:
        say(note)
    try:
        with progress("chunk", quiet=given["quiet"], verbose=given["verbose"]) as update:
            jobs = given["jobs"] or processors()
            done = running.run(design, path, jobs=jobs, resume=resume, overwrite=overwrite, progress=update)
    except KeyboardInterrupt:
        complain(f"interrupted; what is done is in {path}, and --resume goes on")
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    summary = summarise(done)
    written = report.export_training(done, summary, folder, overwrite=replace)
    click.echo("\n".join(short(summary)))
    if not given["quiet"]:
        say(f"{', '.join(written)} written to {folder}")


@study.command(
    cls=options.Command,
    epilog=SPEED_EXAMPLES,
    common="--strides --size --quick --runs --min-time --seed -o --overwrite",
    short_help="Is the spatial transformer faster?",
)
@what("--strides", type=StridesValue(), help="Pixels from tap to tap. Default: 1,2,4,8,16,32.")
@what("--size", type=values.SizeValue(), help="Size of the glimpse; N alone is the longer side. Default: 64.")
@what("--quick", is_flag=True, help="Fewer strides and rounds, within a minute.")
@how("--runs", type=click.IntRange(1, 100_000), metavar="N", help="Rounds. Default: 10.")
@how("--min-time", type=SecondsValue(), help="Least time for each. Default: 1.")
@how("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Seed of images and orders.")
@output_option("study-speed")
@out("--overwrite", is_flag=True, help="Replace files that exist.")
@options.manner_options
def speed(**given: Any) -> None:
    """Time Gaussian attention beside the spatial transformer, for equal sizes and for equal pictures.

    The filterbanks are dense, or their tails are cut. The bilinear taps are also timed on an image that was first
    blurred until they alias as little as the Gaussians. Whole calls are timed, as `glimpse bench` does, in a process
    with one thread.
    """
    from glimpsecli.bench import cases
    from glimpsecli.jobs.outputs import check_files, make_folder
    from glimpsecli.study import report
    from glimpsecli.study.speed import QUICK, Sweep, lines, measure_all

    folder = given["output"]
    sweep = Sweep(seed=given["seed"])
    if given["quick"]:
        sweep = sweep._replace(**QUICK)
    asked = {name: given[name] for name in ("strides", "runs", "min_time") if given[name] is not None}
    if given["size"]:
        asked["size"] = given["size"].for_extent(1, 1)
    sweep = sweep._replace(**asked)
    recipes, notes = cases.sweep(sweep.strides, sweep.size, seed=sweep.seed)
    paths = {name: os.path.join(folder, name) for name in report.SPEED_FILES}
    make_folder(paths["speed.json"])
    check_files(paths, [], overwrite=given["overwrite"])
    with progress("stride", quiet=given["quiet"], verbose=given["verbose"]) as update:
        steps = measure_all(recipes, sweep, update)
    report.export_speed(steps, sweep, folder, overwrite=given["overwrite"])
    click.echo("\n".join(lines(steps)))
    if not given["quiet"]:
        for note in (*notes, f"{', '.join(paths)} written to {folder}"):
            say(note)


@study.command(
    cls=options.Command,
    epilog=CONSISTENCY_EXAMPLES,
    common="--images --kinds --sequences --quick -j --seed -o --overwrite",
    short_help="What is it worth that things in videos are consistent?",
)
@what(
    "--images", metavar="FOLDER", type=click.Path(), default=PHOTOS, show_default=True,
    help="The sample photos, of which the sequences are made.",
)  # fmt: skip
@what("--kinds", type=KindsValue(), help="Kinds of sequences. Default: all ten.")
@what("--sequences", type=click.IntRange(1, 10_000), metavar="N", help="Sequences of each kind. Default: 60.")
@what("--quick", is_flag=True, help="A few sequences of each kind, within two minutes.")
@how("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Processes. Default: the processors.")
@how(
    "--seed", type=click.IntRange(0), default=100, show_default=True, metavar="N",
    help="Seed of the first sequence of each kind; the tracker was tuned on those below 60.",
)  # fmt: skip
@output_option("study-consistency")
@out("--overwrite", is_flag=True, help="Replace files that exist.")
@options.manner_options
def consistency(**given: Any) -> None:
    """Follow objects through sequences of known truth, and take away what the tracker expects of them.

    The article ends on the claim that attention can express how consistent things in videos are: an object is near
    where it was, it goes on as it went, it does not vanish. The tracker of `glimpse track` follows each object six
    times, with more and more of that. Sequences are photos that move over photos: in sight, turning, in changing light,
    out of focus, hidden, beside something alike, out of the frame and back. The full run takes a quarter of an hour on
    two processors.
    """
    from glimpsecli.jobs.outputs import check_files, make_folder
    from glimpsecli.jobs.pool import processors
    from glimpsecli.study import consistency, consistency_report

    folder = given["output"]
    _check_photos(given["images"])
    asked = {name: given[name] for name in ("kinds", "sequences") if given[name]}
    many = {"sequences": consistency.QUICK} if given["quick"] else {}
    plan = consistency.Plan(seed=given["seed"], photos=given["images"])._replace(**many | asked)
    consistency.check(plan)
    paths = {name: os.path.join(folder, name) for name in consistency_report.FILES}
    make_folder(paths[consistency_report.FILES[0]])
    check_files(paths, [], overwrite=given["overwrite"])
    with progress("sequence", quiet=given["quiet"], verbose=given["verbose"]) as update:
        runs = consistency.run(plan, jobs=given["jobs"] or processors(), progress=update)
    written = consistency_report.export(runs, plan, folder, overwrite=given["overwrite"])
    click.echo("\n".join(consistency_report.lines(runs, plan)))
    if not given["quiet"]:
        say(f"{', '.join(written)} written to {folder}")


study.add_command(network)


def _check_photos(folder: str) -> None:
    """Refuse the default folder where it is not."""
    if folder == PHOTOS and not os.path.exists(PHOTOS):
        hint = "make it with `glimpse samples`, or name a folder of photos with --images FOLDER"
        raise InvalidInputError(f"there is no folder {PHOTOS} here", hint)


def _design(given: dict[str, Any]) -> tuple[Design, str]:
    """Give the experiment that is asked for, with the photos that it uses, and a note if they are not all."""
    from glimpsecli.study.design import QUICK, Design
    from glimpsecli.study.mechanisms import TAPS
    from glimpsecli.study.optimisers import CLOSE
    from glimpsecli.study.scenes import HELD_OUT, find_photos

    _check_photos(given["images"])
    design = Design(tuple(find_photos(given["images"])), seed=given["seed"])
    if given["quick"]:
        design = design._replace(**QUICK)
    design = design._replace(**{name: given[name] for name in ("strides", "offsets") if given[name]})
    if given["trials"]:
        fewer = max(1, given["trials"] // 3)
        design = design._replace(
            places=given["trials"], other_places=fewer, tuning_places=min(design.tuning_places, given["trials"])
        )
    near = [offset for offset in design.offsets if 0 < offset <= CLOSE / TAPS]
    if near:
        raise InvalidInputError(
            f"--offsets {near[0]:g}: a start within {CLOSE:g} strides counts as found before the search begins",
            f"give more than {CLOSE / TAPS:g}, or 0, which shows that a found place is kept",
        )
    used = design.photos[: HELD_OUT + design.images]  # unused photos must not keep a run from being resumed
    note = f"{len(used)} of the {len(design.photos)} photos in {given['images']} are used"
    return design._replace(photos=used), note if len(used) < len(design.photos) else ""
