"""The options that commands share, each defined once; :mod:`glimpsecli.commands.lowering` reads them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from glimpsecli import names
from glimpsecli.commands import values
from glimpsecli.commands.short_help import ShortHelp

Function = TypeVar("Function", bound=Callable[..., Any])

IMAGE_PATH = click.Path(allow_dash=True, readable=False)
"""A file that may turn out to be unreadable: it fails alone, as a damaged one does."""


class Command(ShortHelp):
    """A command whose long help page lists its options by section.

    The options that say where to look are explained by ``glimpse extract``; the pages of other commands name them.
    """

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each kind of option, in the order in which they are declared."""
        sections: dict[str, list[tuple[str, str]]] = {}
        elsewhere: dict[str, list[str]] = {}
        for param in self.get_params(ctx):
            row = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if row is None:
                continue
            title = getattr(param, "section", "Manners")
            rows = sections.setdefault(title, [])
            if getattr(param, "shared", False) and self.name != HOME:
                elsewhere.setdefault(title, []).append(row[0])
            else:
                rows.append(row)
        for title, rows in sections.items():
            with formatter.section(title):
                if title in elsewhere:
                    explained = f"As `glimpse {HOME} --help` explains: "
                    formatter.write_text(explained + "; ".join(elsewhere[title]) + ".")
                if rows:
                    formatter.write_dl(rows)


def section(title: str, *, shared: bool = False) -> Callable[..., Callable[[Any], Any]]:
    """Give a ``click.option`` whose options stand in a section of the help; `HOME` explains shared ones."""
    kind = type("SectionOption", (click.Option,), {"section": title, "shared": shared})
    return functools.partial(click.option, cls=kind)


HOME = "extract"
"""The command whose help page explains the options that others share with it."""

which = section("Which images")
where, how, out = section("Where to look"), section("How to look"), section("Output")
manner = section("Manners")
_window = section("Where to look", shared=True)


def joined(*decorators: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """Join decorators; the help lists them in this order."""
    return lambda command: functools.reduce(lambda inner, outer: outer(inner), reversed(decorators), command)


search_options = joined(
    which(
        "--ext", "suffixes", metavar="EXT,...",
        help="Take only these suffixes from folders. Default: all that are read, but npy.",
    ),
    which("--exclude", multiple=True, metavar="PATTERN", help="Leave out paths or names like this one."),
)  # fmt: skip
"""Which images of folders."""

chosen_frames_options = joined(
    which(
        "--frames", metavar="FRAMES",
        help="Frames of a video, an animation or a folder of frames, by number from 0: 3, or 0:100:5, or 7,9,-1; : is "
        "all of them. Default: the first; all where the output is a film.",
    ),
    which(
        "--times", metavar="TIMES",
        help="Frames by time, in seconds or as HH:MM:SS: 1.5, or 2..4, or 0..10..0.5 for one each half second.",
    ),
)  # fmt: skip
"""Which frames of videos."""

frames_options = joined(
    chosen_frames_options,
    which(
        "--fps", "rate", type=values.FractionValue(),
        help="Frames per second of a folder or pattern of frames. Default: 25.",
    ),
)  # fmt: skip
"""Which frames of videos, and their rate where they have no times."""

where_options = joined(
    _window(
        "--box", "boxes", type=values.BoxValue(), multiple=True,
        help="A window by its left, top, width and height, or as ImageMagick writes it.",
    ),
    _window(
        "--at", "points", type=values.PointValue(), multiple=True,
        help="A window by its centre, with --extent or --zoom. The middle of the first pixel is 0.5,0.5.",
    ),
    _window("--extent", type=values.ExtentValue(), help="Width and height of the windows of --at."),
    _window("--zoom", type=float, metavar="Z", help="Extent of the windows of --at: the image's divided by this."),
    _window("--angle", type=float, metavar="DEGREES", help="Turn the windows of --box and --at, degrees clockwise."),
    _window(
        "--gaussian", "gaussians", type=values.GaussianValue(), multiple=True,
        help="Gaussian attention as in the article: first centre, sigma and stride, y before x, in index coordinates "
        "(the middle of the first pixel is 0).",
    ),
    _window(
        "--draw", "draws", type=values.DrawValue(), multiple=True,
        help="Gaussian attention as in DRAW: normalised centre and logarithms of variance, stride and gain.",
    ),
    _window(
        "--theta", "thetas", type=values.ThetaValue(), multiple=True,
        help="The spatial transformer's scale and shift, or its whole matrix by rows, x first.",
    ),
    _window(
        "--quad", "quads", type=values.QuadValue(), multiple=True,
        help="A projective window, by its corners, clockwise from the top left: it straightens a surface that is seen "
        "at an angle. Another order turns or mirrors the glimpse.",
    ),
    _window("--align-corners", is_flag=True, help="In --theta, -1 and 1 are centres of pixels, not edges."),
    _window(
        "--windows", "table", metavar="TABLE", type=click.Path(allow_dash=True),
        help="A CSV or JSON Lines table: x,y,width,height or cx,cy,width,height; angle, label, image if wanted.",
    ),
    _window("--context", type=float, default=1.0, metavar="FACTOR", help="Enlarge each window by this."),
    _window("--square", is_flag=True, help="Grow the shorter side of each window to a square."),
    _window(
        "--retina", type=click.IntRange(1, 16), default=1, metavar="K",
        help="K windows around each centre, each twice as wide as the one before.",
    ),
    _window(
        "--clamp", is_flag=True,
        help="Shift windows that lead over the border back into the image, at the size that they have; those of "
        "--retina one by one. A window that is larger than the image is shifted until it holds the whole width or "
        "height; what lies beyond is filled as ever.",
    ),
)  # fmt: skip
"""Where to look. Positions and extents may be percentages of the image's width (x, widths) or height (y, heights)."""

annotation_options = joined(
    where("--annotations", metavar="FILE|FOLDER", type=values.RegularPath(), help="Boxes of objects, each a window."),
    where(
        "--annotations-format", type=click.Choice(names.ANNOTATION_FORMATS), help="Default: by suffix and content."
    ),
    where("--box-format", type=click.Choice(names.BOX_FORMATS), help="Numbers of a box in a CSV file. Default: xywh."),
    where("--box-unit", type=click.Choice(names.BOX_UNITS), help="Their unit. Default: pixels."),
    where(
        "--label", "labels", multiple=True, metavar="NAME,...",
        help="Only boxes with this label or class number, or labels like this pattern. May be given several times.",
    ),
    where("--min-score", type=float, metavar="S", help="Only boxes with this score or a higher one."),
)  # fmt: skip
"""Annotated boxes, of which some are chosen."""


def _size(default: str) -> Callable[[Any], Any]:
    return how(
        "--size", type=values.SizeValue(), help=f"Size of the glimpse; N alone is its longer side. Default: {default}."
    )


_size_option = _size("the window's own extent, rounded")
_sampler_option = how(
    "--sampler", type=click.Choice(names.SAMPLERS),
    help="Default: gaussian; bilinear where neither --size nor --retina is given, which makes an exact crop.",
)  # fmt: skip
blur_option = how(
    "--blur", type=float, metavar="STRIDES",
    help="Sigma of the Gaussians, in strides (in pixels where glimpses are enlarged). Default: 0.5.",
)  # fmt: skip
_border_option = how(
    "--border", type=click.Choice(names.BORDERS),
    help="Values outside the image. Default: zeros; for gaussian no border: it weighs the pixels of the image alone.",
)  # fmt: skip
_blur_and_border_options = joined(
    blur_option,
    _border_option,
)  # fmt: skip
_fill_option = how(
    "--fill", type=values.ColourValue(),
    help="Colour of --border constant, and under alpha in a JPEG: 128, or 255,0,0, or #ff0000, or red.",
)  # fmt: skip
_computing_options = joined(
    how(
        "--backend", type=click.Choice(("auto", *names.BACKENDS)), default="auto", show_default=True,
        help="auto takes numpy for a small job, else cpu.",
    ),
    how(
        "--threads", type=click.IntRange(1), metavar="N",
        help="The most threads that the cpu backend may use. Default: all processors.",
    ),
)  # fmt: skip
max_pixels_option = how(
    "--max-pixels", type=click.IntRange(1), default=names.MAX_PIXELS, show_default=True, metavar="N",
    help="Refuse larger images: a small damaged or malicious file may claim any size.",
)  # fmt: skip
_reading_options = joined(
    how(
        "--frame", type=click.IntRange(0), default=0, metavar="N",
        help="Frame of a video or an animation, or page of a TIFF, from 0. Default: the first.",
    ),
    max_pixels_option,
)  # fmt: skip
_fast_decode_option = how(
    "--fast-decode", is_flag=True,
    help="Decode JPEGs at a half, a quarter or an eighth where taps are far from each other: sooner, and the pixels "
    "differ a little. Of a large JPEG only the rows that are read are decoded, with or without this: damage below them "
    "goes unnoticed.",
)  # fmt: skip

how_options = joined(
    _size_option, _sampler_option, _blur_and_border_options, _fill_option, _computing_options, _reading_options,
    _fast_decode_option,
)  # fmt: skip
"""How to look."""

rendering_options = joined(_border_option, _fill_option, _computing_options, max_pixels_option)
"""How to look, for a command that has its own words for size, sampler and blur."""

taps_options = joined(_size_option, _sampler_option, _blur_and_border_options, _fill_option, _reading_options)
"""How to look, for commands that compute no glimpse."""

all_samplers_options = joined(_size("64"), _blur_and_border_options, _fill_option, _computing_options, _reading_options)
"""How to look, through every sampler."""

gradient_options = joined(_size("32"), _border_option, _fill_option, _computing_options, _reading_options)
"""How to look, through samplers that the command names itself."""

name_option = out(
    "--name", metavar="TEMPLATE",
    help="Names in a folder, without the suffix, from {stem} {index} {label} {id} {category} {folder} {scale} "
    '{frame} and {ext}, the image\'s own suffix. Default: "{stem}_{index:03d}", of frames '
    '"{stem}_{frame:06d}_{index:03d}".',
)  # fmt: skip
picture_target_option = out(
    "-o", "--output", "target", required=True, metavar="FILE|FOLDER/|-",
    help="A file; a folder (it ends in / or exists); standard output, with --format.",
)  # fmt: skip
picture_name_option = out(
    "--name", metavar="TEMPLATE",
    help="Names in a folder, without the suffix, from {stem} {index} {label} {frame} and {ext}, which is the "
    'image\'s own suffix. Default: "{stem}"; where an image has several pictures "{stem}_{index:03d}".',
)  # fmt: skip
dry_run_option = out("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
jobs_option = out(
    "-j", "--jobs", type=click.IntRange(1), metavar="N", help="Images worked on at once. Default: the processors."
)

quality_options = joined(
    out(
        "--quality", type=click.IntRange(1, 100), metavar="N",
        help="Quality of JPEG, and of WebP, where 100 is lossless. Default: 90.",
    ),
    out(
        "--compress", type=click.IntRange(0, 9), metavar="N", help="Compression. Default: 1 for PNG, 0 for TIFF."
    ),
    out("--overwrite", is_flag=True, help="Replace files that exist. An input is never replaced."),
)  # fmt: skip
"""How files are compressed, and whether they replace others."""

film_options = joined(
    out("--codec", metavar="NAME", help="Encoder of a film, such as libx265. Default: H.264; VP9 in WebM."),
    out("--crf", type=float, metavar="Q", help="Constant rate factor of a film: less is better. Default: 18."),
    out("--lossless", is_flag=True, help="Encode a film without loss: FFV1 in .mkv."),
    out("--pix-fmt", metavar="NAME", help="Pixel format of a film, as FFmpeg names it. Default: yuv420p."),
    out(
        "--audio", type=click.Choice(("copy", "none")),
        help="Sound of the video in the film. Default: copied, where the film can hold it.",
    ),
)  # fmt: skip
"""How films are stored."""

_depth_option = out("--depth", type=click.Choice(names.DEPTHS), help="Bits of the files. Default: those of the image.")
_picture_format_option = out(
    "--format", "format_name", type=click.Choice([name for name in (*names.FORMATS, *names.FILMS) if name != "npz"]),
    help="Default: by the suffix; png in a folder.",
)  # fmt: skip

encoding_options = joined(
    out(
        "--format",
        "format_name",
        type=click.Choice((*names.FORMATS, *names.FILMS)),
        help="Default: by the suffix; png in a folder.",
    ),
    _depth_option,
    quality_options,
)
"""How glimpses are stored."""

image_options = joined(_picture_format_option, _depth_option, quality_options)
"""How an image is stored that keeps its depth."""

picture_options = joined(
    _picture_format_option,
    out(
        "--depth",
        type=click.Choice(names.DEPTHS),
        help="Bits of the files. Default: 8, whatever the image has; float for masks in .npy and TIFF.",
    ),
    quality_options,
)
"""How pictures are stored."""

manner_options = joined(
    manner("-v", "--verbose", is_flag=True, help="Say more, on standard error."),
    manner("-q", "--quiet", is_flag=True, help="Say nothing but results and errors."),
    manner("--traceback", is_flag=True, help="On an error show where it came from."),
)
"""The options of every command."""


def examples(*lines: Sequence[str] | str) -> str:
    """Lay out the examples that end a help page; a test runs them."""
    photos = " (`glimpse samples` brings the photos)" if "sample_images" in "".join(map(str, lines)) else ""
    return f"\b\nExamples{photos}:\n" + "\n".join(f"  {line}" for line in lines)


def check_folder(context: click.Context, option: click.Parameter, path: str) -> str:
    """Refuse a path that can be no folder."""
    if not path:
        raise click.BadParameter("'' names no folder.", context, option)
    if os.path.lexists(path) and not os.path.isdir(path):
        raise click.BadParameter(f"{path} is a file and no folder; choose another name.", context, option)
    return path
