"""The objects that are to be followed, from boxes and from tables of windows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.tables import Row, located
from glimpsecli.annotations.text import listed
from glimpsecli.annotations.tracks import Track, choose, named_rows
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.owners import frame_of
from glimpsecli.learning.fitting import LEAST_ENERGY, LEAST_SIDE, gradient_energy
from glimpsecli.sampling import FULL_SCALE, extract

if TYPE_CHECKING:
    from glimpsecli.arrays import Images
    from glimpsecli.learning.tracking import Tracking
    from glimpsecli.video.clip import Clip
    from glimpsecli.window import Size, Window

LEAST_EXTENT = 4.0
"""Least width and height of a box that is followed, in pixels."""

NEAR = 2.0
"""Pixels from the edge of the frame within which a box may show only a part of its object."""


class Start(NamedTuple):
    """An object, the number of the frame in which it is first seen, and its window there."""

    name: str
    frame: int
    window: Window


def starts_of_boxes(boxes: Sequence[Box], identity: str | None, frame: int, image_size: Size) -> list[Start]:
    """Give a start for each box, all in one frame; they are called 1, 2, and so on, or a single one by its id."""
    if identity is not None and len(boxes) > 1:
        raise InvalidInputError(f"--id {identity} for {len(boxes)} boxes", "give one box")
    return [Start(identity or str(number), frame, box.to_window(image_size)) for number, box in enumerate(boxes, 1)]


def starts_of_table(
    table: str, identity: str | None, frames: Sequence[int], clip: Clip, *, asked: int | None, backward: bool
) -> tuple[list[Start], list[str]]:
    """Give a start for each object of a table of windows, and the names of those without a window in these frames.

    Parameters
    ----------
    table : str
        A path, or ``-``. Without a column of frames or times each row is an object.
    identity : str, optional
        The only object.
    frames : sequence of int
        The numbers of all frames that are read, ascending.
    clip : Clip
    asked : int, optional
        The frame whose rows are taken. By default each object starts at its first row, or on the way back its last.
    backward : bool

    Raises
    ------
    InvalidInputError
        The table cannot be read, names an object twice, or a time that is not in the clip, or has none in these frames.
    """
    default = frames[-1 if backward else 0] if asked is None else asked
    objects = _objects([(name, _timed(row, clip)) for name, row in named_rows(table)])
    if identity is not None and identity not in objects:
        raise InvalidInputError(f"--id {identity}: the table has no such object", f"it has {listed([*objects])}")
    known, starts, absent = set(frames), [], []
    for name, mine in objects.items():
        if identity in (None, name):
            boxes = {default if row.box.frame is None else row.box.frame: row.box for row in mine}
            inside = [frame for frame in sorted(boxes) if frame in known and asked in (None, frame)]
            if inside:
                frame = inside[-1 if backward else 0]
                starts.append(Start(name, frame, boxes[frame].to_window(clip.size)))
            else:
                absent.append(name)
    if not starts:
        place = f"frame {asked}" if asked is not None else f"frames {frames[0]} to {frames[-1]}"
        raise InvalidInputError(f"{table} has no window for {place}", "choose another frame with --start")
    return starts, absent


def truths_of(
    tracks: Mapping[str, Track], table: str, starts: Sequence[Start], identity: str | None
) -> dict[str, Track]:
    """Give the true track of each object; a single object may be called otherwise in a table of a single track."""
    found = {}
    for start in starts:
        alone = len(starts) == 1 and identity is None
        found[start.name] = choose(tracks, None if alone and len(tracks) == 1 else start.name)
    for track in found.values():
        if track.frames is None:
            raise InvalidInputError(f"{table} has times and no frames", "add a column frame")
    return found


def check_start(start: Start, image_size: Size) -> str | None:
    """Refuse a start that shows no object; give a note where it may show a part of one only."""
    height, width = image_size
    left, top, wide, high = start.window.box
    box = f"the box {left:g},{top:g},{wide:g},{high:g}"
    reach = _reach(start.window)
    if start.window.cx + reach[0] <= 0 or start.window.cx - reach[0] >= width:
        raise InvalidInputError(f"{box} lies outside of the {width}x{height} frame", "give one inside")
    if start.window.cy + reach[1] <= 0 or start.window.cy - reach[1] >= height:
        raise InvalidInputError(f"{box} lies outside of the {width}x{height} frame", "give one inside")
    if min(wide, high) < LEAST_EXTENT:
        raise InvalidInputError(
            f"{box} is too small to be followed", f"give one of at least {LEAST_EXTENT:g}x{LEAST_EXTENT:g} pixels"
        )
    gaps = {
        "left": start.window.cx - reach[0],
        "top": start.window.cy - reach[1],
        "right": width - start.window.cx - reach[0],
        "bottom": height - start.window.cy - reach[1],
    }
    near = [name for name, gap in gaps.items() if gap < NEAR]
    if not near:
        return None
    return f"{box} of {start.name} reaches the {' and the '.join(near)} edge: the rest of it may be outside"


def check_shows(pixels: Images, window: Window, options: Tracking) -> None:
    """Refuse a window in which nothing fixes the position, such as a bare wall, or stripes along one direction."""
    longer = max(window.width, window.height)
    size = (
        max(LEAST_SIDE, round(options.side * window.height / longer)),
        max(LEAST_SIDE, round(options.side * window.width / longer)),
    )
    seen = extract(pixels, window, size, backend="cpu", threads=1) / np.float32(FULL_SCALE[pixels.dtype.name])
    if gradient_energy(seen) < LEAST_ENERGY:
        box = ",".join(f"{number:g}" for number in window.box)
        raise InvalidInputError(f"the box {box} shows nothing that fixes its place", "take one with edges both ways")


def _timed(row: Row, clip: Clip) -> Row:
    """Give a row that has only a time the frame that is shown then."""
    if row.box.frame is not None:
        return row
    with located(row.where):
        return row._replace(box=row.box._replace(frame=frame_of(row.box, clip)))


def _objects(rows: Sequence[tuple[str | None, Row]]) -> dict[str, list[Row]]:
    """Sort rows by their object; without frames each is one, numbered where it has no name."""
    objects: dict[str, list[Row]] = {}
    for number, (name, row) in enumerate(rows, 1):
        if name is None and row.box.frame is None:
            name = str(number)
        mine = objects.setdefault(name or "1", [])
        if any(other.box.frame == row.box.frame for other in mine):
            place = "" if row.box.frame is None else f" in frame {row.box.frame}"
            raise InvalidInputError(
                f"{row.where}: a second window of {name or 'one object'}{place}", "give each object its own id"
            )
        mine.append(row)
    return objects


def _reach(window: Window) -> tuple[float, float]:
    """Give half the width and half the height of the upright box about a window."""
    cos, sin = abs(math.cos(math.radians(window.angle))), abs(math.sin(math.radians(window.angle)))
    return (window.width * cos + window.height * sin) / 2, (window.width * sin + window.height * cos) / 2
