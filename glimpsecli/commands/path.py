"""``glimpse path``: a window that moves over a photo or a video."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

import click

from glimpsecli import names
from glimpsecli.commands import lowering, options, path_requests, values
from glimpsecli.commands.path_values import AspectValue, DurationValue, PlaceValue, ShareValue
from glimpsecli.commands.report import say
from glimpsecli.commands.running import carry_out

RATE, LOOKS = Fraction(25), Fraction(2)
"""Frames per second of the film of a photo, and of one that holds rows without times."""

EXAMPLES = options.examples(
    "glimpse path sample_images/rocket.jpg --from 0,0,640,360 --to 240,120,160,90 --duration 2 --size 320 -o rise.gif",
    "glimpse path sample_images/coffee.png --from 20%,50%@4 --to 80%,50%@4 --zoom orbit --fps 10 -o cup/",
    "glimpse path sample_images/chelsea.png --from 0,0,200,150 --to 240,80,100,75 --overlay --trail 40 -o way.webp",
    "glimpse path sample_images/chelsea.png --from 0,0,200,150 --to 240,80,100,75 -o way.csv",
    "glimpse path sample_images/chelsea.png --keyframes way.csv --ease linear --inset --size 160 -o both.gif",
)

move = options.section("Where to move")
camera = options.section("Camera")
pace = options.section("Time")
drawing = options.section("Drawing")


@click.command(
    cls=options.Command,
    epilog=EXAMPLES,
    common="--from --to --keyframes --windows --smooth --duration --size --overlay --inset -o --overwrite",
)
@click.argument("source", metavar="SOURCE", type=options.IMAGE_PATH)
@move("--from", "start", type=PlaceValue(), help="The window at the first frame.")
@move("--to", "end", type=PlaceValue(), help="The window at the last frame.")
@move(
    "--keyframes",
    metavar="TABLE",
    type=click.Path(allow_dash=True),
    help="A CSV or JSON Lines table: time (seconds or HH:MM:SS) or frame; a window, or cx,cy,zoom, or corners "
    "x1,y1,...,x4,y4; ease and cut (1 jumps here) if wanted.",
)
@move(
    "--windows",
    "table",
    metavar="TABLE",
    type=click.Path(allow_dash=True),
    help="A track: a table of windows with frame or time, or MOTChallenge's rows. Without both, a row is a frame.",
)
@move("--id", "identity", metavar="ID", help="The object of --windows that is followed, where there are several.")
@move(
    "--max-gap",
    type=DurationValue(),
    help="Longest gap of a track that is filled between its rows. Default: 1.",
)
@move("--hold", is_flag=True, help="Show each row of --windows until the next, as the looks of a model or of an eye.")
@move(
    "--ease",
    type=click.Choice(names.EASINGS),
    help="From keyframe to keyframe. smooth: from rest to rest; in, out: from or to rest; spline: one curve through "
    "all; hold: jumps. Default: smooth.",
)
@move(
    "--zoom",
    type=click.Choice(names.ZOOMS),
    help="log: magnification changes at a constant rate; orbit: the camera rises on its way to a far goal. Default: "
    "log.",
)
@move("--turns", is_flag=True, help="Take angles as they are, with full turns; not the shorter way.")
@camera("--context", type=float, default=1.0, metavar="FACTOR", help="Enlarge each window by this.")
@camera(
    "--aspect",
    type=AspectValue(),
    help="Width and height of the windows: keyframes are cropped to it, boxes of a track grown. Default: that of "
    "--size, else of the first window.",
)
@camera("--stretch", is_flag=True, help="Keep the aspect of each window; the glimpses are stretched.")
@camera(
    "--smooth",
    type=DurationValue(),
    help="Smooth the way by a Gaussian in time, to both sides; twice as much for extents. Default: 0.",
)
@camera(
    "--deadzone",
    type=ShareValue(),
    help="Rest until the track is farther than this share of the window, and again when it stays nearer than half of "
    "it. Default: 0%.",
)
@camera("--keep-inside", is_flag=True, help="Move windows into the image, softly; shrink those that are too large.")
@pace(
    "--fps",
    "rate",
    type=values.FractionValue(),
    help="Frames per second: of a photo's film, or of a folder of frames. Default: 25; 2 with --hold and no times.",
)
@pace("--duration", type=DurationValue(), help="Length of a photo's film. Default: 5, or up to the last row.")
@pace("--speed", type=values.FractionValue(), help="Play the video or the table faster (2) or slower (0.5).")
@pace("--frames", metavar="FRAMES", help="Only these frames of a video, by number from 0: 20:80, or 0:100:5.")
@pace("--times", metavar="TIMES", help="Only the frames at these times: 2..4, or 0..10..0.5 for one each half second.")
@options.how(
    "--size",
    type=values.SizeValue(),
    help="Size of the glimpses; N alone is the longer side. With --overlay that of the picture. Default: the extent of "
    "the first window, made even.",
)
@options.how("--sampler", type=click.Choice(names.SAMPLERS), help="Default: gaussian.")
@options.how(
    "--blur",
    type=float,
    metavar="STRIDES",
    help="Sigma of the Gaussians, in strides (in pixels where glimpses are enlarged). Default: 0.5, but 0.6 pixels at "
    "least, for less of it pulses while the window moves.",
)
@options.rendering_options
@drawing("--overlay", is_flag=True, help="Draw the window on the frames, and do not look through it.")
@drawing("--inset", is_flag=True, help="Put the frame with the window on the left and the glimpse on the right.")
@drawing("--trail", type=click.IntRange(1, 10_000), metavar="N", help="Draw the way over the last N places.")
@drawing("--colour", type=values.ColourValue(), help=f"Of the window. Default: {names.OUTLINE}; green with --inset.")
@options.out(
    "-o",
    "--output",
    "target",
    required=True,
    metavar="FILE|FOLDER/|-",
    help="A film: .mp4 .mkv .webm .mov .avi .gif .webp .png; a folder of frames; a .npz of all glimpses; or a .csv of "
    "the windows alone.",
)
@options.out("--name", metavar="TEMPLATE", help='Names in a folder. Default: "{stem}_{frame:06d}".')
@options.encoding_options
@options.film_options
@options.jobs_option
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON for the film, or for each frame.")
@options.manner_options
def path(source: str, target: str, name: str | None, **given: Any) -> None:
    """Move a window over SOURCE, and film what is seen through it.

    SOURCE is a photo, a video, an animation, a folder or a quoted pattern of frames. The window goes from --from to
    --to, through --keyframes, or along the rows of --windows, between pixels too, so that slow movements do not shake.
    Where zoom and movement run together the point that both windows share stays fixed on the screen. A video keeps the
    times of its frames, and its sound.
    """
    from glimpsecli.commands.planning import planning
    from glimpsecli.images.streams import refuse_shared
    from glimpsecli.jobs import moving
    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.groups import Source
    from glimpsecli.jobs.route import Follow, Pace, lay_route

    planned = planning(quiet=given["quiet"])
    path_requests.check(given)
    tables = [given[option] for option in ("keyframes", "table") if given[option] is not None]
    if source == "-" and "-" in tables:
        raise click.UsageError("SOURCE and the table both want standard input.")
    if given["as_json"] and target == "-":
        raise click.UsageError("--json and -o - both want standard output.")
    refuse_shared([source, *tables])
    inputs = [table for table in tables if table != "-"]
    way = path_requests.way_of(given)
    clips = Clips(rate=given["rate"], max_pixels=given["max_pixels"])
    click.get_current_context().call_on_close(clips.close)
    clip = clips.of(source)
    speed = given.pop("speed") or Fraction(1)
    path_requests.check_pace(given, clip, source, speed)
    # The looks of a model without times: half a second each.
    looks = given["hold"] and len(clip) == 1 and isinstance(way, Follow) and way.track.times is None
    timing = Pace(
        given.pop("rate") or (LOOKS if looks else RATE),
        given.pop("duration"),
        speed,
        path_requests.chosen_of(given, clip),
    )
    route = lay_route(way, clip, path_requests.camera_of(given), timing)
    clips.report_end(clip, route.frames[-1].index)
    for note in clips.notes if not given["quiet"] else ():
        say(note)
    if target.lower().endswith(moving.TABLES):
        moving.write_table(target, route, [source, *inputs], overwrite=given["overwrite"])
        planned()
        if not given["quiet"]:
            say(f"{len(route.frames)} window{'s'[: len(route.frames) != 1]} written to {target}")
        return
    how, make = path_requests.rendering_of(given, route, clip, hold=given.pop("hold"))
    output = lowering.output_of(target, name, given)
    if clip.sound and speed != 1 and output.audio is None:
        output = output._replace(audio="none")
        if not given["quiet"]:
            say("the sound is left out, for it would not fit another speed")
    plan = moving.make_moving_plan(
        Source(source, os.path.basename(os.path.normpath(source))), route, how, output, clips,
        speed=speed, inputs=inputs, make_products=make,
    )  # fmt: skip
    planned()
    carry_out(plan._replace(problems=tuple(clips.problems)), given)
