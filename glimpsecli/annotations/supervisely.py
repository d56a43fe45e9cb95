"""Supervisely, one JSON file for each image: a project, one of its data sets, a folder ``ann``, or one file.

The annotation of ``img/a.jpg`` is ``ann/a.jpg.json``. ``objects`` have a ``geometryType`` and ``points.exterior``
(supervisely/docs, ``Annotation-JSON-format/04_Supervisely_Format_objects.md``): two corners of a
``rectangle``, the vertices of a ``polygon``; a ``bitmap`` and an ``alpha_mask`` have an ``origin`` and a picture.
An ``oriented_bbox`` has two corners before its turn, and an ``angle`` in radians, clockwise.

Files that its Python library writes count whole pixels from 0, the last of them inside (its ``rectangle.py``:
``_to_subpixel_coordinate_system_json`` adds 1), so the width is right - left + 1. The labelling tool works with
fractions of pixels, which are edges on the image plane: where a number of a shape is no whole number, nothing is added.
Tags with the name of a flag are flags. A polygon, of which ``points.interior`` are holes, and the picture of a mask are
outlines; those of whole pixels go through the middles of pixels.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from glimpsecli.annotations.annotated import (
    Annotated,
    Notes,
    box,
    claimed_size,
    files_under,
    label_of,
    marked,
    noted,
    number,
    own_flags,
    read_each,
)
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.outlines import Drawn, Outline, polygon_of
from glimpsecli.annotations.shapes import Points, around, pass_over, points_of, taken_as_box
from glimpsecli.annotations.text import as_object, read_object, shown
from glimpsecli.errors import InvalidInputError

_WITHOUT_BOX = ("point", "line", "graph", "cuboid", "cuboid_2d", "mask_3d", "multichannelBitmap")
_MASKS = ("bitmap", "alpha_mask")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = 24
"""Bytes of a PNG up to the end of its width and height."""


def read_supervisely(path: Path, problems: list[str], notes: Notes, *, outlines: bool = False) -> Iterable[Annotated]:
    """Read the annotations below a folder, or one file; see the module, and :func:`.coco.read_coco`."""
    if not path.is_dir():
        return [_read_one(path, path.name, problems, notes, outlines)]
    files = files_under(path, ".json", problems)
    below = [file for file in files if "ann" in file.relative_to(path).parts[:-1]]
    chosen = below or [file for file in files if file.name != "meta.json"]
    return read_each(
        chosen, lambda file: [_read_one(file, file.relative_to(path).as_posix(), problems, notes, outlines)], problems
    )


def _read_one(file: Path, below: str, problems: list[str], notes: Notes, outlines: bool) -> Annotated:
    whole = read_object(file, "Supervisely", "objects")
    size, extent = None, whole.get("size")
    if isinstance(extent, dict):
        size = claimed_size(extent.get("width"), extent.get("height"), problems, str(file))
    boxes = []
    for n, one in enumerate(whole["objects"]):
        with noted(problems, f"{file}, objects[{n}]"):
            entry = as_object(one)
            found = _box(entry, notes)
            if found is not None and outlines:
                found = found._replace(outline=_outline(entry))
            boxes += [marked(found, {**entry, **_tags(entry)}, notes)] if found else []
    return Annotated(_image(below), size, tuple(boxes), str(file))


def _image(below: str) -> str:
    *folders, last = below.split("/")
    if "ann" in folders:
        folders[len(folders) - 1 - folders[::-1].index("ann")] = "img"
    return "/".join([*folders, last[: -len(".json")]])


def _box(entry: dict[str, Any], notes: Notes) -> Box | None:
    kind = entry.get("geometryType")
    label, category = label_of(entry.get("classTitle")), label_of(entry.get("classId"))
    if kind in _WITHOUT_BOX:
        pass_over(kind, notes)
        return None
    if kind in ("rectangle", "oriented_bbox"):
        angle = math.degrees(number(entry.get("angle") or 0)) if kind == "oriented_bbox" else 0.0
        return box(_around_pixels(_points(entry, 2)), label=label, category=category, angle=angle)
    if kind == "polygon":
        place = _around_pixels(_points(entry, 3))
    elif kind in _MASKS:
        place = _around_mask(entry.get("bitmap"))
    else:
        raise InvalidInputError(f"a shape {shown(kind)}, which glimpse does not know")
    taken_as_box(str(kind), notes)
    return box(place, label=label, category=category)


def _points(entry: dict[str, Any], least: int) -> Points:
    points = entry.get("points")
    return points_of(points.get("exterior") if isinstance(points, dict) else points, least)


def _around_pixels(points: Points) -> list[float]:
    left, top, width, height = around(points)
    last = _are_whole(points)
    return [left, top, width + last, height + last]


def _are_whole(points: Points) -> bool:
    """Return whether points are pixels, and not places on the image plane."""
    return all(value.is_integer() for point in points for value in point)


def _outline(entry: dict[str, Any]) -> Outline | None:
    kind = entry.get("geometryType")
    if kind in _MASKS:
        ((x, y),) = points_of([entry["bitmap"].get("origin")], 1)
        return Drawn(entry["bitmap"]["data"], (round(y), round(x)), packed=True, soft=kind == "alpha_mask")
    if kind != "polygon":
        return None
    exterior, points = _points(entry, 3), entry["points"]
    holes = points.get("interior") if isinstance(points, dict) else None
    rings = [exterior, *(points_of(hole, 3) for hole in holes or ())]
    middle = 0.5 if _are_whole([point for ring in rings for point in ring]) else 0.0
    return polygon_of(*([(x + middle, y + middle) for x, y in ring] for ring in rings))


def _around_mask(mask: Any) -> list[float]:
    """Give the box of a mask: its corner, and the extent that the header of its picture has."""
    if not isinstance(mask, dict):
        raise InvalidInputError(f"the bitmap is {shown(mask)}")
    ((x, y),) = points_of([mask.get("origin")], 1)
    try:
        header = zlib.decompressobj().decompress(base64.b64decode(str(mask.get("data"))), _HEADER)
    except (ValueError, zlib.error):
        header = b""
    if len(header) < _HEADER or not header.startswith(_SIGNATURE):
        raise InvalidInputError("the data of the bitmap are no picture")
    return [x, y, float(int.from_bytes(header[16:20], "big")), float(int.from_bytes(header[20:24], "big"))]


def _tags(entry: dict[str, Any]) -> dict[str, Any]:
    tags = entry.get("tags")
    return own_flags((tag.get("name"), True) for tag in tags if isinstance(tag, dict)) if isinstance(tags, list) else {}
