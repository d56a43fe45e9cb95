"""Keyframes of a path: a table with a row for each, CSV or JSON Lines.

A row says when it is, in a column ``time`` (seconds, or HH:MM:SS.mmm) or else ``frame`` (from 0), and where: a window
in ``x,y,width,height`` or ``cx,cy,width,height``; or ``cx,cy,zoom``, which shows the image's width and height divided
by ``zoom``; or the corners ``x1,y1,...,x4,y4`` of a quadrilateral, from the top left clockwise. ``angle`` turns a
window, in degrees clockwise. ``ease`` is the easing of the way to the next row, ``cut`` (1 for yes) jumps to this row
from the one before. The rows may stand in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.annotations.boxes import Box, Length
from glimpsecli.annotations.tables import angle_of, box_of, cells_of, filled, frame_of, length_of, located, time_of
from glimpsecli.annotations.text import read_text, shown
from glimpsecli.errors import InvalidInputError
from glimpsecli.motion.easing import check_easing
from glimpsecli.window import Projective

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats
    from glimpsecli.window import Size

_CORNERS = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
_PLACES = (("x", "y", "width", "height"), ("cx", "cy", "width", "height"), ("cx", "cy", "zoom"), _CORNERS)
_HINT = "a keyframe has time or frame, and x,y,width,height or cx,cy,width,height or cx,cy,zoom or x1,y1,...,x4,y4"
_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")


class Quad(NamedTuple):
    """The corners of a quadrilateral: x and y of each, from the top left clockwise."""

    corners: tuple[Length, ...]

    def on(self, image_size: Size) -> Floats:
        """Give the (4, 2) corners in pixels, or raise where they make no convex quadrilateral."""
        height, width = image_size
        values = [one.pixels((width, height)[k % 2]) for k, one in enumerate(self.corners)]
        points = np.array(values).reshape(4, 2)
        Projective.from_quad(points, (1, 1))
        return points


class Keyframe(NamedTuple):
    """A place of a path.

    Attributes
    ----------
    where : str
        Its place in a file or on the command line, for messages.
    place : Box or Quad
    time : Fraction, optional
        Seconds.
    frame : int, optional
        From 0; it counts where there is no time.
    ease : str, optional
        The easing of the way to the next keyframe, if the table says it.
    cut : bool
        Whether the path jumps here from the keyframe before.
    """

    where: str
    place: Box | Quad
    time: Fraction | None = None
    frame: int | None = None
    ease: str | None = None
    cut: bool = False


def read_keyframes(table: str) -> list[Keyframe]:
    """Read a table of keyframes, and sort them.

    Raises
    ------
    InvalidInputError
        The table cannot be read, has no rows, or a row is no keyframe; the message gives the line. Or two keyframes
        are at one time, some have a time and others a frame, or windows and quadrilaterals are mixed.
    """
    name = "standard input" if table == "-" else table
    text = read_text(table, "give a CSV or JSON Lines file")
    found = []
    rows = cells_of(
        text, name, numbers=("time", "zoom", *_CORNERS), words=("ease", "cut"), places=_PLACES, hint=_HINT
    )  # fmt: skip
    for line, row in rows:
        cells = {column: value for column, value in row.items() if filled(row, column)}  # rows may differ in kind
        with located(f"{name}, line {line}"):
            found.append(_keyframe(f"{name}, line {line}", cells))
    if not found:
        raise InvalidInputError(f"{name} has no keyframes", "give a header and a row for each")
    first = found[0]
    for one in found:
        if (one.time is None) != (first.time is None):
            raise InvalidInputError(
                f"{one.where}: other rows of {name} have a {'frame' if one.frame is None else 'time'}"
            )
        if type(one.place) is not type(first.place):
            raise InvalidInputError(f"{name} has windows and quadrilaterals", "a path is of one kind")
    found.sort(key=_when)
    for a, b in pairwise(found):
        if _when(a) == _when(b):
            raise InvalidInputError(f"{b.where}: a second keyframe at the time of {a.where}", "leave one out")
    return found


def places_of(keyframes: Sequence[Keyframe], image_size: Size) -> Floats:
    """Tie keyframes to an image: (K, 5) windows, or (K, 4, 2) corners of quadrilaterals.

    Raises
    ------
    InvalidInputError
        A quadrilateral is not convex.
    """
    found: list[Any] = []
    for one in keyframes:
        with located(one.where):
            place = one.place
            found.append(place.on(image_size) if isinstance(place, Quad) else astuple(place.to_window(image_size)))
    return np.array(found, np.float64)


def easings_of(keyframes: Sequence[Keyframe], default: str) -> list[str]:
    """Give the easing of each piece between two keyframes."""
    return ["hold" if after.cut else before.ease or default for before, after in pairwise(keyframes)]


def _when(keyframe: Keyframe) -> Fraction:
    return Fraction(keyframe.frame or 0) if keyframe.time is None else keyframe.time


def _keyframe(where: str, cells: Mapping[str, Any]) -> Keyframe:
    time, frame = time_of(cells), frame_of(cells)
    if time is None and frame is None:
        raise InvalidInputError("neither time nor frame is given", "a keyframe has one of them")
    ease = str(cells["ease"]).strip().lower() if filled(cells, "ease") else None
    if ease is not None:
        check_easing(ease)
    cut = str(cells["cut"]).strip().lower() if filled(cells, "cut") else "0"
    if cut not in (*_YES, *_NO):
        raise InvalidInputError(f"cut: {shown(cut)}", "write 1 for a cut")
    return Keyframe(where, _place(cells), time, frame, ease, cut in _YES)


def _place(cells: Mapping[str, Any]) -> Box | Quad:
    if any(filled(cells, name) for name in _CORNERS):
        return Quad(tuple(length_of(cells, name) for name in _CORNERS))
    if not filled(cells, "zoom"):
        return box_of(cells)
    if filled(cells, "width") or filled(cells, "height"):
        raise InvalidInputError("zoom and an extent are both given", "leave one out")
    zoom = length_of(cells, "zoom")
    if zoom.percent or zoom.value <= 0:
        raise InvalidInputError(f"zoom is {zoom}", "give a positive number: 2 shows half of the width")
    extent = Length(100 / zoom.value, percent=True)
    return Box(length_of(cells, "cx"), length_of(cells, "cy"), extent, extent, True, angle_of(cells)).checked()
