"""A fit of files: what is read, what is told, what is written."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli import images
from glimpsecli.annotations.tables import table_of
from glimpsecli.errors import InvalidInputError
from glimpsecli.images import depth_of
from glimpsecli.images.atomic import place
from glimpsecli.jobs.decoding import Origin
from glimpsecli.jobs.outputs import check_files
from glimpsecli.jobs.plan import BLUR, How, check_sources
from glimpsecli.jobs.products import flat
from glimpsecli.jobs.requests import SizeRequest
from glimpsecli.learning.fitting import Fit, fit
from glimpsecli.learning.places import Range
from glimpsecli.sampling import extract

if TYPE_CHECKING:
    from glimpsecli.annotations.boxes import Box
    from glimpsecli.images import Picture
    from glimpsecli.images.picture import Array

TABLES = (".csv", ".json", ".jsonl")
DIGITS = 6


class Task(NamedTuple):
    """A target to be found in an image.

    Attributes
    ----------
    target, image : str
        Paths, one of them perhaps ``-``.
    target_box : Box, optional
        The window of the target file whose glimpse is looked for; else all of it, as it is, is the target.
    size : SizeRequest
        Of that glimpse.
    sampler : str, optional
        Gaussian by default; bilinear where the angle is free.
    blur : float, optional
    strides : Range, optional
        One number twice is a rough stride.
    free : frozenset of str
    table, animation : str, optional
        Files to write.
    overwrite : bool
    """

    target: str
    image: str
    target_box: Box | None = None
    size: SizeRequest = SizeRequest()
    sampler: str | None = None
    blur: float | None = None
    strides: Range | None = None
    free: frozenset[str] = frozenset({"position", "scale"})
    table: str | None = None
    animation: str | None = None
    overwrite: bool = False

    @property
    def chosen_sampler(self) -> str:
        """The sampler asked for; else the Gaussian one, unless something turns."""
        return self.sampler or ("bilinear" if "angle" in self.free else "gaussian")


class Result(NamedTuple):
    """A fit, with what it was made of."""

    fit: Fit
    target: Array
    image: Array


def check(task: Task) -> None:
    """Find, before any work, what would not work.

    Raises
    ------
    InvalidInputError
        A file is missing, or could not be written; options contradict each other.
    """
    if task.target_box is None and not task.size.is_open:
        raise InvalidInputError("--size without --target-box", "a target that is a file of its own has its size")
    if task.blur is not None and task.chosen_sampler != "gaussian":
        raise InvalidInputError(f"--blur {task.blur:g} with the {task.chosen_sampler} sampler", "it is for gaussian")
    if task.table is not None and not task.table.lower().endswith(TABLES):
        raise InvalidInputError(f"{task.table} is no name for a table of windows", f"end it in {' or '.join(TABLES)}")
    if task.animation is not None and not task.animation.lower().endswith(".gif"):
        raise InvalidInputError(f"{task.animation} is no name for an animation", "end it in .gif")
    sources = [task.target, task.image]
    check_sources([*dict.fromkeys(sources)] if "-" not in sources else sources)
    targets = {"-o": task.table, "--animate": task.animation}
    named = {option: path for option, path in targets.items() if path is not None}
    check_files(named, [one for one in sources if one != "-"], overwrite=task.overwrite)


def run(task: Task) -> Result:
    """Read, cut the target out where it is a window, and fit."""
    how = How()
    target_file = flat(_read(task.target), how)
    image = flat(_read(task.image), how)
    sampler, blur = task.chosen_sampler, BLUR if task.blur is None else task.blur
    target = target_file.pixels
    if task.target_box is not None:
        window = task.target_box.to_window(target.shape[:2])
        size = task.size.for_extent(window.width, window.height)
        depth = depth_of(target)
        seen = extract(target, window, size, sampler=sampler, blur=blur)
        target = images.convert(seen, depth, depth).pixels
    stride: float | tuple[float, float] | None = None
    if task.strides is not None:
        low, high = task.strides
        stride = low if low == high else (low, high)
    found = fit(target, image.pixels, sampler=sampler, blur=blur, stride=stride, free=task.free)
    return Result(found, target, image.pixels)


def record(task: Task, result: Result) -> dict[str, Any]:
    """Tell what was found, in plain numbers."""
    found, (height, width) = result.fit, result.target.shape[:2]
    return {
        "target": task.target,
        "image": task.image,
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
        "sampler": task.chosen_sampler,
        "size": {"width": width, "height": height},
    }


def write(task: Task, result: Result) -> list[str]:
    """Write the table, of a window that was found, and the animation; give the names of what was written."""
    written = []
    if task.table is not None and result.fit.verdict == "found":
        content = _table(task, result)
        place(task.table, lambda stream: stream.write(content), overwrite=task.overwrite)
        written.append(task.table)
    if task.animation is not None:
        from glimpsecli.images.animation import encode_gif
        from glimpsecli.learning.animating import film

        frames, durations = film(result, sampler=task.chosen_sampler, blur=BLUR if task.blur is None else task.blur)
        gif = encode_gif(frames, durations)
        place(task.animation, lambda stream: stream.write(gif), overwrite=task.overwrite)
        written.append(task.animation)
    return written


def _table(task: Task, result: Result) -> bytes:
    told = record(task, result)
    row = {"image": task.image, **told["window"]} if task.image != "-" else told["window"]
    row |= {f"sd_{name}": value for name, value in told["deviation"].items()}
    row |= {name: told[name] for name in ("zncc", "verdict")}
    if (task.table or "").lower().endswith(".csv"):
        return table_of([row])
    return (json.dumps(row) + "\n").encode()


def _read(source: str) -> Picture:
    origin = Origin.of(source)
    return images.read(origin.open(), name=origin.name)


def _rounded(numbers: dict[str, float]) -> dict[str, float | None]:
    """Round numbers; one that is not finite, a deviation that nothing bounds, becomes None, for JSON has no other."""
    return {name: round(value, DIGITS) if math.isfinite(value) else None for name, value in numbers.items()}
