"""``glimpse track``: follow objects through a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from glimpsecli import names
from glimpsecli.commands import fit_values, lowering, options, values
from glimpsecli.commands.report import complain, progress, say, show_json
from glimpsecli.commands.running import end, stoppable
from glimpsecli.commands.track_report import complain_of_lost, report
from glimpsecli.commands.track_requests import check_asked, following_of, frames_of, showing_of, starts_of
from glimpsecli.errors import ExitCode, GlimpseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpsecli.jobs.at import At
    from glimpsecli.jobs.starts import Start
    from glimpsecli.jobs.tally import Tally
    from glimpsecli.jobs.tracked import Outputs
    from glimpsecli.jobs.tracking import Following, Step
    from glimpsecli.video.clip import Clip

TABLES = ("csv", "jsonl", "mot")

EXAMPLES = options.examples(
    "glimpse track sample_images/postcard.webp --windows sample_images/postcard.csv --start 0 -o card.csv -o card.gif",
    "glimpse path sample_images/postcard.webp --windows card.csv --context 1.5 --smooth 0.2 --size 96 -o seen.gif",
    "glimpse track sample_images/postcard.webp --box 8,126,45,34 --free position,scale,angle --inset -o both.gif",
    "glimpse track sample_images/postcard.webp --box 8,126,45,34 --motion near --truth sample_images/postcard.csv",
    "glimpse track sample_images/postcard.webp --at 31,143 --extent 45x34 --frames :30 --both-ways -o - --format mot",
)

HELP = """Follow objects through VIDEO, from a box in one of its frames.

VIDEO is a video, an animation, a folder or a quoted pattern of frames. Near the place where an object is expected the
frame is searched by normalised cross-correlation; the best place is refined to a fraction of a pixel with the
derivatives of the sampler, and what is there is compared with what was seen before. Each frame has a verdict with its
reason:

\b
found     it looks like itself, and nothing else does
doubtful  something speaks against it
lost      it is not there; the window is where it would be by its velocity

Tables have a row for each object and frame: frame,time,id,x,y,width,height,angle,zncc,second,spread_x,spread_y,state,
reason. `glimpse path --windows`, `extract --windows` and `overlay --windows` read them. The exit code is 1 where an
object is lost at the end; all files are written then too.
"""

target, how, moving = (
    options.section("What is followed"),
    options.section("How it is followed"),
    options.section("Which frames"),
)
drawing, out = options.section("Pictures"), options.out


@click.command(
    cls=options.Command,
    help=HELP,
    epilog=EXAMPLES,
    common="--box --start --windows --frames --free --motion --inset -o --overwrite --json",
)
@click.argument("video", metavar="VIDEO", type=options.IMAGE_PATH)
@target("--box", "boxes", type=values.BoxValue(), multiple=True, help="An object by its left, top, width and height.")
@target("--at", "points", type=values.PointValue(), multiple=True, help="An object by its centre, with --extent.")
@target("--extent", type=values.ExtentValue(), help="Width and height of the boxes of --at.")
@target("--angle", type=float, metavar="DEGREES", help="Turn the boxes of --box and --at, degrees clockwise.")
@target(
    "--windows", "table", metavar="TABLE", type=click.Path(allow_dash=True),
    help="Objects, from a table of windows or MOTChallenge's rows: each starts at its first row, with --start at that "
    "of the frame.",
)  # fmt: skip
@target("--id", "identity", metavar="ID", help="Name of the object of --box; or the one of --windows that is followed.")
@target(
    "--start", type=int, metavar="FRAME",
    help="Frame of the boxes, by number from 0, or from the end: -1. Default: the first.",
)  # fmt: skip
@moving("--frames", metavar="FRAMES", help="Only these frames, by number from 0: 20:80, or 0:100:5.")
@moving(
    "--times", metavar="TIMES", help="Only the frames at these times: 2..4, or 0..10..0.5 for one each half second."
)
@moving("--fps", "rate", type=values.FractionValue(), help="Frames per second of a folder of frames. Default: 25.")
@moving("--backward", is_flag=True, help="Follow to the first frame, not to the last.")
@moving(
    "--both-ways", is_flag=True,
    help="Follow to both ends, and from where it was found last back again. Where the way back ends at the start, the "
    "frames in which it was elsewhere are doubtful; otherwise all beyond the last one in which it was elsewhere or "
    "lost.",
)  # fmt: skip
@moving(
    "--stop-when-lost", "patience", type=click.IntRange(1), metavar="N",
    help="Give an object up that is lost in N frames running.",
)  # fmt: skip
@how(
    "--free", type=fit_values.FreeValue("scale", "angle", why="that change"),
    default="position,scale", show_default=True,
    help="Numbers of the window that change: position, scale, angle.",
)  # fmt: skip
@how(
    "--motion", type=click.Choice(names.MOTIONS), default=names.MOTIONS[0], show_default=True,
    help="Where it is expected: it goes on as it went; it is near; or it may be anywhere.",
)  # fmt: skip
@how(
    "--search", type=float, default=0.7, show_default=True, metavar="RADIUS",
    help="Farthest place that is searched, in extents of the box; it grows while the object is lost.",
)  # fmt: skip
@how(
    "--context", type=float, default=1.0, show_default=True, metavar="FACTOR",
    help="Part that is compared: the box enlarged by this.",
)  # fmt: skip
@how(
    "--side", type=click.IntRange(*names.SIDES), default=32, show_default=True, metavar="N",
    help="Taps along the longer side of what is compared.",
)  # fmt: skip
@how(
    "--update", type=float, default=0.1, show_default=True, metavar="SHARE",
    help="Share of each frame in the picture of the object that is kept. 0: the first frame alone.",
)  # fmt: skip
@how("--no-verdict", is_flag=True, help="Believe every frame, as a control.")
@how(
    "--redetect/--no-redetect", default=True, show_default=True,
    help="Search the whole frame for an object that was lost for long.",
)  # fmt: skip
@how(
    "--sampler", type=click.Choice(names.DIFFERENTIABLE),
    help="Default: gaussian; bilinear where the box is turned, or its angle free.",
)  # fmt: skip
@options.blur_option
@options.how("--threads", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Threads of the "
             "sampler.")  # fmt: skip
@options.max_pixels_option
@drawing("--overlay", is_flag=True, help="Let a folder hold the frames with the boxes, as films do; not glimpses.")
@drawing("--inset", is_flag=True, help="Put the glimpse on the right of the frame with the box.")
@drawing(
    "--trail", type=click.IntRange(0, 10_000), default=30, show_default=True, metavar="N",
    help="Places over which the way is drawn.",
)  # fmt: skip
@drawing("--size", type=values.SizeValue(), help="Size of the glimpses. Default: that of the first box, rounded.")
@out(
    "-o", "--output", "targets", multiple=True, metavar="FILE|FOLDER/|-",
    help="A table (.csv, .jsonl, .txt as MOTChallenge has it, where ids are numbers); the glimpses (a folder, .npz); a "
    "film of the frames with box and way, green where it is found, amber and dashed where doubtful, red where lost "
    "(.mp4 .mkv .webm .mov .avi .gif .webp .png). Several -o are made in one run.",
)  # fmt: skip
@out("--only-found", is_flag=True, help="Leave frames out in which an object is not found; of films nothing.")
@out("--name", metavar="TEMPLATE", help='Names in a folder. Default: "{id}_{frame:06d}".')
@out(
    "--format", "format_name", type=click.Choice((*TABLES, *names.FORMATS, *names.FILMS)),
    help="Default: by the suffix; png in a folder.",
)  # fmt: skip
@out("--depth", type=click.Choice(names.DEPTHS), help="Bits of the glimpses. Default: those of the video.")
@options.quality_options
@options.film_options
@out(
    "--truth", metavar="TABLE", type=click.Path(),
    help="True windows, to print scores: mean overlap (IoU), area under the curve of success (AUC), share of centres "
    "within 20 pixels (P20), the frame in which it was lost, and how honest the verdicts were. After an object was "
    "given up, it is lost in each frame, with an overlap of 0.",
)  # fmt: skip
@out("--json", "as_json", is_flag=True, help="Print a line of JSON for each row as it comes, and for the scores.")
@options.manner_options
def track(video: str, targets: tuple[str, ...], **given: Any) -> None:
    """Stand for the command; its help is in HELP."""
    from glimpsecli.annotations.tracks import read_tracks
    from glimpsecli.images.streams import refuse_shared
    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.starts import truths_of
    from glimpsecli.jobs.tally import Tally
    from glimpsecli.jobs.tracked import Outputs, make_sinks

    check_asked(video, targets, given)
    tables = [given[name] for name in ("table", "truth") if given[name] is not None]
    refuse_shared([video, *tables])
    clips = Clips(rate=given["rate"], max_pixels=given["max_pixels"])
    click.get_current_context().call_on_close(clips.close)
    clip = clips.of(video)
    tell = (lambda text: None) if given["quiet"] else say
    frames = frames_of(clip, given)
    starts = starts_of(clip, frames, given, tell)
    turned = "angle" in given["free"] or any(start.window.angle for start in starts)
    following = following_of(given, turned=turned)
    shown = following.frames(frames, starts)
    clips.report_end(clip, max(at.index for at in shown))
    truths = {}
    if given["truth"] is not None:
        truths = truths_of(read_tracks(given["truth"]), given["truth"], starts, given["identity"])
    output = lowering.output_of("-", given.pop("name"), given)
    sinks, notes = make_sinks(
        targets, output, video, clip, shown, starts, showing_of(given, following.options),
        inputs=[*clips.files, *(table for table in tables if table != "-")], turned=turned,
        sound=following.patience is None,
    )  # fmt: skip
    for note in (*clips.notes, *notes):
        tell(note)
    for problem in clips.problems:
        complain(problem)
    tallies = {start.name: Tally(truths.get(start.name), clip.size) for start in starts}
    with Outputs(sinks, only_found=given["only_found"]) as outputs:
        code = _run(clip, shown, starts, following, outputs, tallies, given)
    end(code or (ExitCode.FAILED if clips.problems else ExitCode.DONE))


def _run(
    clip: Clip,
    frames: Sequence[At],
    starts: list[Start],
    following: Following,
    outputs: Outputs,
    tallies: dict[str, Tally],
    given: dict[str, Any],
) -> int:
    """Follow all objects, write the outputs, say how it went, and give the exit code."""
    from glimpsecli.jobs.ways import follow

    quiet, broken = given["quiet"], False
    problems: list[GlimpseError] = []
    reached: list[int] = []

    def refuse(start: Start, error: GlimpseError) -> None:
        problems.append(error)
        del tallies[start.name]

    with (
        stoppable("writing what was followed; Ctrl-C again stops at once") as stop,
        progress("frame", quiet=quiet) as update,
    ):
        try:
            steps = follow(
                clip, frames, starts, following, pictures=outputs.draw, stopped=stop.is_set, progress=update,
                refuse=refuse,
            )  # fmt: skip
            for step in steps:
                reached.append(step.at.number)
                _take(step, outputs, tallies, given)
                if not outputs.open and not given["as_json"] and given["truth"] is None:
                    break  # nothing is left to be written
        except GlimpseError as error:
            problems.append(error)
            broken = True
    if problems and not reached:  # nothing was followed, and nothing is written
        for failure in problems[:-1]:
            complain(failure, show=failure if given["traceback"] else None)
        raise problems[-1]
    tried = {*reached} if broken or stop.is_set() else {at.number for at in frames}
    for start in starts:
        if start.name in tallies:
            tallies[start.name].end(tried.intersection(at.number for at in following.frames(frames, [start])))
    written = outputs.finish(whole=not stop.is_set())
    problems += outputs.failures
    for failure in problems:
        complain(failure, show=failure if given["traceback"] else None)
    report(tallies, len(reached), written, given)
    if stop.is_set():
        missing = [target for target in outputs.targets if target not in written]
        without = f"; not written: {', '.join(missing)}" if missing else ""
        complain(f"interrupted at frame {reached[-1] if reached else frames[0].number}{without}")
        return ExitCode.INTERRUPTED
    lost = complain_of_lost(tallies)
    return ExitCode.FAILED if lost or problems else ExitCode.DONE


def _take(step: Step, outputs: Outputs, tallies: dict[str, Tally], given: dict[str, Any]) -> None:
    """Give a frame to all who want it."""
    from glimpsecli.jobs.tracked_rows import record_of

    for seen in step.seen:
        changed = tallies[seen.name].add(step, seen)
        if changed and given["verbose"]:
            say(f"frame {step.at.number}: {seen.name} is {seen.tracked.state}: {seen.tracked.reason}".rstrip(": "))
        if given["as_json"] and (seen.tracked.state == names.FOUND or not given["only_found"]):
            show_json(record_of(step, seen))
    outputs.add(step)
