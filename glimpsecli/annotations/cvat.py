"""CVAT's own XML, "for images" and "for video", one file or a folder of them.

An ``image`` holds shapes on the image plane (https://docs.cvat.ai/docs/other/xml_format): a ``box`` has its edges
``xtl, ytl, xbr, ybr`` and perhaps a ``rotation``, in degrees, clockwise, about its centre; a ``polygon`` has
``points``, an ``ellipse`` its centre and radii, a ``mask`` its box, a ``cuboid`` eight corners. ``occluded``, and
attributes with the name of a flag, are flags. Polygons, ellipses and masks have outlines: the ``rle`` of a mask are
runs of pixels along the rows of its box.

A ``track`` holds the shapes of one object in the frames of a video, each frame on its own; where ``outside`` is 1 the
object is not to be seen, and there is no box. Frame 0 is the image ``frame_000000`` of any suffix, as CVAT names the
frames that it exports. The id of a box is that of its track. Tracks of several tasks, as a project has them, are
refused: they are of several videos, whose frames have the same names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from glimpsecli.annotations.annotated import (
    Annotated,
    Notes,
    box,
    claimed_size,
    files_under,
    image_name,
    is_set,
    label_of,
    marked,
    noted,
    number,
    own_flags,
    read_each,
)
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.outlines import Outline, ellipse_of, polygon_of, runs_of
from glimpsecli.annotations.shapes import Points, around, around_ellipse, pass_over, taken_as_box
from glimpsecli.annotations.text import shown
from glimpsecli.annotations.xml_text import parse_xml
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_EDGES = ("xtl", "ytl", "xbr", "ybr")
_ELLIPSE = ("cx", "cy", "rx", "ry")
_MASK = ("left", "top", "width", "height")
_CUBOID = [(f"x{end}", f"y{end}") for end in ("tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2")]
_WITHOUT_BOX = ("points", "polyline", "skeleton", "tag")
_LONGEST = 10**9
"""Frames beyond which a number is a mistake."""


def read_cvat(path: Path | str, problems: list[str], notes: Notes, *, outlines: bool = False) -> Iterable[Annotated]:
    """Read a file, or those of a folder; see the module for what they hold, and :func:`.coco.read_coco`."""
    if isinstance(path, str) or not path.is_dir():
        return _read_one(path, problems, notes, outlines)
    files = files_under(path, ".xml", problems)
    return read_each(files, lambda file: _read_one(file, problems, notes, outlines), problems)


def _read_one(file: Path | str, problems: list[str], notes: Notes, outlines: bool) -> Iterator[Annotated]:
    root = parse_xml(file)
    if root.tag != "annotations":
        raise InvalidInputError(f"{file} is no CVAT file", "its root is not <annotations>")
    for image in root.iterfind("image"):
        where = f"{file}, image {shown(image.get('name') or image.get('id'))}"
        with noted(problems, where):
            name = image_name(image.get("name"))
            size = claimed_size(image.get("width"), image.get("height"), problems, where)
            boxes = []
            for n, shape in enumerate(image, 1):
                with noted(problems, f"{where}, shape {n}"):
                    found = _box(shape, shape.get("label"), notes, outlines)
                    boxes += [found] if found else []
            yield Annotated(name, size, tuple(boxes), where)
    yield from _of_tracks(root, file, problems, notes, outlines)


def _of_tracks(
    root: Element, file: Path | str, problems: list[str], notes: Notes, outlines: bool
) -> Iterator[Annotated]:
    frames: dict[int, list[Box]] = {}
    tracks = root.findall("track")
    if len({track.get("task_id") for track in tracks}) > 1:
        raise InvalidInputError(f"{file} has tracks of several tasks", "each is a video; export each on its own")
    for track in tracks:
        identity = track.get("id")
        for shape in track:
            where = f"{file}, track {shown(identity)}, frame {shown(shape.get('frame'))}"
            with noted(problems, where):
                frame = _frame(shape)
                boxes = frames.setdefault(frame, [])
                outside = is_set(shape.get("outside"))
                found = None if outside else _box(shape, track.get("label"), notes, outlines)
                boxes += [found._replace(id=_id(identity))] if found else []
    original = root.find(".//original_size")
    size = None
    if original is not None and frames:
        size = claimed_size(original.findtext("width"), original.findtext("height"), problems, str(file))
    for frame in sorted(frames):
        yield Annotated(f"frame_{frame:06d}.*", size, tuple(frames[frame]), f"{file}, frame {frame}")


def _frame(shape: Element) -> int:
    frame = number(shape.get("frame"))
    if not 0 <= frame < _LONGEST or not frame.is_integer():
        raise InvalidInputError(f"frame {shown(shape.get('frame'))}", "frames of CVAT count from 0")
    return int(frame)


def _id(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else text


def _box(shape: Element, named: str | None, notes: Notes, outlines: bool) -> Box | None:
    kind, label = shape.tag, label_of(named)
    if kind in _WITHOUT_BOX:
        pass_over(kind, notes)
        return None
    angle = number(shape.get("rotation") or 0)
    if kind == "box":
        left, top, right, bottom = _numbers(shape, _EDGES)
        found = box([left, top, right - left, bottom - top], label=label, angle=angle)
    else:
        found = box(_around(shape, angle), label=label)
        taken_as_box(kind, notes)
    found = found._replace(outline=_outline(shape, angle)) if outlines else found
    return marked(found, _marks(shape), notes)


def _outline(shape: Element, angle: float) -> Outline | None:
    if shape.tag == "polygon":
        return polygon_of(_corners(shape))
    if shape.tag == "ellipse":
        cx, cy, rx, ry = _numbers(shape, _ELLIPSE)
        return ellipse_of(cx, cy, rx, ry, angle)
    if shape.tag == "mask":
        left, top, width, height = (round(value) for value in _numbers(shape, _MASK))
        counts = [round(number(text)) for text in (shape.get("rle") or "").split(",")]
        return runs_of(counts, (height, width), (top, left), by_rows=True)
    return None


def _around(shape: Element, angle: float) -> list[float]:
    """Give the box around a shape."""
    if shape.tag == "polygon":
        return around(_corners(shape))
    if shape.tag == "ellipse":
        cx, cy, rx, ry = _numbers(shape, _ELLIPSE)
        return around_ellipse(cx, cy, rx, ry, angle)
    if shape.tag == "mask":
        return _numbers(shape, _MASK)
    if shape.tag == "cuboid":
        return around([(number(shape.get(x)), number(shape.get(y))) for x, y in _CUBOID])
    raise InvalidInputError(f"a shape {shown(shape.tag)}, which glimpse does not know")


def _corners(shape: Element) -> Points:
    pairs = [pair.split(",") for pair in (shape.get("points") or "").split(";")]
    if len(pairs) < 3 or any(len(pair) != 2 for pair in pairs):
        raise InvalidInputError(f"the points are {shown(shape.get('points'))}")
    return [(number(x), number(y)) for x, y in pairs]


def _numbers(shape: Element, names: tuple[str, ...]) -> list[float]:
    return [number(shape.get(name)) for name in names]


def _marks(shape: Element) -> Mapping[str, str | None]:
    attributes = {one.get("name"): one.text for one in shape.iterfind("attribute")}
    given = {"occluded": shape.get("occluded"), "score": attributes.get("score")}
    return own_flags(attributes.items()) | {name: text for name, text in given.items() if text}
