"""A fit of files: its images, its result, its table."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli import images
from glimpsecli.annotations.tables import table_of
from glimpsecli.errors import InvalidInputError
from glimpsecli.images import DEPTHS, depth_of
from glimpsecli.images.streams import is_stream
from glimpsecli.jobs.decoding import read_frame
from glimpsecli.jobs.outputs import check_files
from glimpsecli.jobs.planning import check_sources
from glimpsecli.jobs.shaping import SizeRequest
from glimpsecli.learning.fitting import Fit, fit
from glimpsecli.learning.places import Range
from glimpsecli.names import MAX_PIXELS
from glimpsecli.sampling import Sampler, Sampling
from glimpsecli.storage import shown
from glimpsecli.storage.atomic import place_together

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpsecli.annotations.boxes import Box
    from glimpsecli.images import Picture
    from glimpsecli.images.picture import Array

_SLACK = 1e-6
"""Pixels by which rounding may move a box of percentages over the edge."""

TABLES = (".csv", ".json", ".jsonl")
DIGITS = 6


class Task(NamedTuple):
    """A target to be found in an image.

    Attributes
    ----------
    target, image : str
        Paths, one of them perhaps ``-``.
    target_box : Box, optional
        The window of the target file whose glimpse is searched for. By default the file as it is.
    size : SizeRequest
        Size of that glimpse.
    sampler : str
    blur : float, optional
    strides : Range, optional
        Equal ends are a rough stride.
    free : frozenset of str
    table, animation : str, optional
        Files to write.
    overwrite : bool
    max_pixels : int
        Pixels of the largest image that is read.
    frame, target_frame : int
        Frames of videos that are the image and the target.
    """

    target: str
    image: str
    target_box: Box | None = None
    size: SizeRequest = SizeRequest()
    sampler: str = Sampling.sampler
    blur: float | None = None
    strides: Range | None = None
    free: frozenset[str] = frozenset({"position", "scale"})
    table: str | None = None
    animation: str | None = None
    overwrite: bool = False
    max_pixels: int = MAX_PIXELS
    frame: int = 0
    target_frame: int = 0

    @property
    def sampling(self) -> Sampling:
        """The sampler with the blur asked for."""
        return Sampling(sampler=self.sampler, blur=Sampling.blur if self.blur is None else self.blur)


class Result(NamedTuple):
    """A fit, with the target and the image it was made of."""

    fit: Fit
    target: Array
    image: Array


def check(task: Task) -> None:
    """Refuse, before any work, a task that could not be done.

    Raises
    ------
    InvalidInputError
        A file is missing, or could not be written; options contradict each other.
    """
    if task.target_box is None and not task.size.is_open:
        raise InvalidInputError("--size without --target-box", "a target that is a file of its own has its size")
    if task.blur is not None and not 0 < task.blur < math.inf:
        raise InvalidInputError(f"--blur {task.blur:g}", "give a positive number of strides, such as 0.5")
    if task.blur is not None and task.sampler != "gaussian":
        raise InvalidInputError(f"--blur {task.blur:g} with the {task.sampler} sampler", "it is for gaussian")
    if task.table is not None and not task.table.lower().endswith(TABLES):
        raise InvalidInputError(f"{task.table} is no name for a table of windows", f"end it in {' or '.join(TABLES)}")
    if task.animation is not None and not task.animation.lower().endswith(".gif"):
        raise InvalidInputError(f"{task.animation} is no name for an animation", "end it in .gif")
    sources = [task.target, task.image]
    once = any(one == "-" or is_stream(one) for one in sources)
    check_sources(sources if once else [*dict.fromkeys(sources)])
    targets = {"-o": task.table, "--animate": task.animation}
    named = {option: path for option, path in targets.items() if path is not None}
    check_files(named, [one for one in sources if one != "-"], overwrite=task.overwrite)


def run(task: Task, watch: Callable[[int, int], object] | None = None) -> Result:
    """Read the files, cut the target out where it is a window, and fit; `watch` is a progress callback."""
    read = read_frame(task.target, task.target_frame, max_pixels=task.max_pixels)
    image = _opaque(read_frame(task.image, task.frame, max_pixels=task.max_pixels), shown(task.image))
    seen = read if task.target_box is None else _cut(task, read, task.target_box)
    target = _opaque(seen, shown(task.target), " or, with --target-box, take a window in which it is opaque")
    stride: float | tuple[float, float] | None = None
    if task.strides is not None:
        low, high = task.strides
        stride = low if low == high else (low, high)
    sampler, blur = task.sampling.sampler, task.sampling.blur
    found = fit(target, image, sampler=sampler, blur=blur, stride=stride, free=task.free, watch=watch)
    return Result(found, target, image)


def record(task: Task, result: Result) -> dict[str, Any]:
    """Give the record of a fit, in rounded numbers."""
    found, (height, width) = result.fit, result.target.shape[:2]
    return {
        "target": shown(task.target),
        "image": shown(task.image),
        "verdict": found.verdict,
        "reason": found.reason,
        "window": _rounded(vars(found.window)),
        "deviation": _rounded(found.spread._asdict()),
        "stride": {"x": round(found.window.width / width, DIGITS), "y": round(found.window.height / height, DIGITS)},
        "zncc": round(found.zncc, DIGITS),
        "next_zncc": round(found.next_best, DIGITS),
        "gain": round(found.gain, DIGITS),
        "noise": round(found.noise, DIGITS),
        "gradient_energy": round(found.energy, DIGITS),
        "sampler": task.sampler,
        "size": {"width": width, "height": height},
    }


def write(task: Task, result: Result) -> list[str]:
    """Write the table, where the window was found, and the animation; give the names of the written files."""
    contents: dict[str, bytes] = {}
    if task.table is not None and result.fit.verdict == "found":
        contents[task.table] = _table(task, result)
    if task.animation is not None:
        from glimpsecli.images.gif import encode_gif
        from glimpsecli.jobs.animating import film

        frames, durations = film(*result, task.sampling)
        contents[task.animation] = encode_gif(frames, durations)
    place_together(contents, overwrite=task.overwrite)
    return list(contents)


def _cut(task: Task, picture: Picture, box: Box) -> Picture:
    """Give the glimpse of the target file through its box."""
    height, width = picture.pixels.shape[:2]
    window = box.to_window((height, width))
    x, y, across, down = window.box
    if x < -_SLACK or y < -_SLACK or x + across > width + _SLACK or y + down > height + _SLACK:
        beyond = "lies outside" if x >= width or y >= height or x + across <= 0 or y + down <= 0 else "reaches beyond"
        raise InvalidInputError(
            f"--target-box {x:g},{y:g},{across:g},{down:g} {beyond} {shown(task.target)}, which has {width}x{height} "
            "pixels",
            "move it to where there is something to see",
        )
    depth = depth_of(picture.pixels)
    size = task.size.for_extent(window.width, window.height)
    seen = Sampler(window, size, picture.pixels.shape, task.sampling)(picture.pixels)
    return picture._replace(pixels=images.convert(seen, depth, depth).pixels)


def _opaque(picture: Picture, name: str, other_way: str = "") -> Array:
    """Drop the alpha of a picture, which must hide nothing."""
    if not picture.alpha:
        return picture.pixels
    colours, alpha = picture.pixels[..., :-1], picture.pixels[..., -1]
    hidden = float((alpha < DEPTHS[depth_of(alpha)].scale * (1 - 1e-4)).mean())
    if hidden:
        raise InvalidInputError(
            f"{name} is transparent in {max(hidden, 0.01):.0%} of its pixels, and the colour behind them is not known",
            f"lay it over a colour with `glimpse extract {name} --box 0,0,100%,100% --sampler bilinear --fill white "
            f"-o OPAQUE.jpg`{other_way}",
        )
    return np.ascontiguousarray(colours)


def _table(task: Task, result: Result) -> bytes:
    entry = record(task, result)
    row = {"image": shown(task.image), **entry["window"]} if task.image != "-" else entry["window"]
    row |= {f"sd_{name}": value for name, value in entry["deviation"].items()}
    row |= {name: entry[name] for name in ("zncc", "verdict")}
    if (task.table or "").lower().endswith(".csv"):
        return table_of([row])
    return (json.dumps(row) + "\n").encode()


def _rounded(numbers: dict[str, float]) -> dict[str, float | None]:
    """Round numbers; an unbounded deviation, which is not finite, becomes None, as JSON has only finite numbers."""
    return {name: round(value, DIGITS) if math.isfinite(value) else None for name, value in numbers.items()}
