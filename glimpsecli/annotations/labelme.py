"""LabelMe, one JSON file for each image: a folder of them, or one.

``shapes`` have a ``shape_type`` and ``points`` on the image plane (https://github.com/wkentaro/labelme): two opposite
corners of a ``rectangle``, the centre and a point on the edge of a ``circle``, the four corners of an
``oriented_rectangle`` (``rotation`` in AnyLabeling), the first and last pixel of a ``mask``, whose picture is in
base64. A shape without a type is a polygon. Polygons, circles, turned rectangles and masks have outlines. A shape's
``flags``, and AnyLabeling's ``difficult`` and ``score``, are kept.

The image is ``imagePath``, relative to the JSON file. LabelMe shows it upright, and so are its boxes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from glimpsecli.annotations.annotated import (
    Annotated,
    Notes,
    box,
    claimed_size,
    files_under,
    image_name,
    label_of,
    marked,
    noted,
    own_flags,
    read_each,
)
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.outlines import Drawn, Outline, ellipse_of, polygon_of
from glimpsecli.annotations.shapes import (
    around,
    around_circle,
    pass_over,
    points_of,
    taken_as_box,
    turned_rectangle,
)
from glimpsecli.annotations.text import as_object, read_object, shown
from glimpsecli.errors import InvalidInputError

_WITHOUT_BOX = ("point", "points", "line", "linestrip", "linestring")
_TURNED = ("oriented_rectangle", "rotation")


def read_labelme(path: Path, problems: list[str], notes: Notes, *, outlines: bool = False) -> Iterable[Annotated]:
    """Read a folder of LabelMe's files, or one; see the module for what they hold, and :func:`.coco.read_coco`."""
    if not path.is_dir():
        return [_read_one(path, path.parent, problems, notes, outlines)]
    files = files_under(path, ".json", problems)
    return read_each(files, lambda file: [_read_one(file, path, problems, notes, outlines)], problems)


def _read_one(file: Path, folder: Path, problems: list[str], notes: Notes, outlines: bool) -> Annotated:
    whole = read_object(file, "LabelMe", "shapes")
    below = file.relative_to(folder)
    name = f"{below.stem}.*"
    with noted(problems, str(file)):
        name = image_name(whole.get("imagePath") or name)
    if name[:1] != "/" and name[1:2] != ":":
        name = posixpath.normpath(posixpath.join(below.parent.as_posix(), name))
    size = claimed_size(whole.get("imageWidth"), whole.get("imageHeight"), problems, str(file))
    boxes = []
    for n, entry in enumerate(whole["shapes"]):
        with noted(problems, f"{file}, shapes[{n}]"):
            shape = as_object(entry)
            found = _box(shape, notes)
            if found is not None:
                found = found._replace(outline=_outline(shape)) if outlines else found
                flags = shape.get("flags")
                own = own_flags(flags.items()) if isinstance(flags, dict) else {}
                boxes.append(marked(found, shape | own, notes))
    return Annotated(name, size, tuple(boxes), str(file))


def _box(shape: dict[str, Any], notes: Notes) -> Box | None:
    kind, label = shape.get("shape_type") or "polygon", label_of(shape.get("label"))
    if kind in _WITHOUT_BOX:
        pass_over(kind, notes)
        return None
    points = points_of(shape.get("points"), 3 if kind == "polygon" else 4 if kind in _TURNED else 2)
    if kind == "rectangle":
        return box(around(points), label=label)
    turned = turned_rectangle(points) if kind in _TURNED else None
    if turned:
        return box(turned[0], label=label, angle=turned[1], centred=True)
    if kind not in ("polygon", "circle", "mask", *_TURNED):
        raise InvalidInputError(f"a shape {shown(kind)}, which glimpse does not know")
    taken_as_box(kind, notes)
    if kind == "circle":
        return box(around_circle(points), label=label)
    left, top, width, height = around(points)
    last = kind == "mask"  # its last pixel is inside
    return box([left, top, width + last, height + last], label=label)


def _outline(shape: dict[str, Any]) -> Outline | None:
    kind, points = shape.get("shape_type") or "polygon", points_of(shape.get("points"), 2)
    if kind == "circle":
        left, top, width, height = around_circle(points)
        return ellipse_of(left + width / 2, top + height / 2, width / 2, height / 2)
    if kind == "mask" and shape.get("mask"):
        left, top, _, _ = around(points)
        return Drawn(str(shape["mask"]), (round(top), round(left)))
    return polygon_of(points) if kind == "polygon" or kind in _TURNED else None
