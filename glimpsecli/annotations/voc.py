"""Pascal VOC, one XML file for each image: a folder of them, or one.

``xmin, ymin, xmax, ymax`` count pixels from 1 and include the last: "the top-left pixel in the image has coordinates
(1,1)" (VOC2012 development kit, section 4), and its ``VOCevaldet.m`` takes ``xmax - xmin + 1`` for the width. So
x = xmin - 1 and width = xmax - xmin + 1.

LabelImg says that it starts at 1 as well (its issues 4 and 19), though it truncates what was drawn and turns 0 into 1.
Some other tools write 0-based numbers under the same names, and no file says so; read by the rule above they are off by
one pixel, and a box from 0 starts at -1. There is one rule for all, not a guess for each file.

An attribute ``rotation`` turns the box: CVAT writes it, in degrees, clockwise, about the box's centre. ``robndbox`` is
roLabelImg's turned box: centre and extent on the image plane, as Qt draws it, and an angle in radians, clockwise. An
angle in any other place is not read.

``difficult``, ``truncated`` and ``occluded`` are kept as flags, ``pose`` and ``part`` are passed over. An image is
named by ``filename``, in the folder where the XML file lies below the given one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

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
    number,
    read_each,
    unread_angle,
)
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.text import shown
from glimpsecli.annotations.xml_text import parse_xml
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_TURNED = ("cx", "cy", "w", "h", "angle")


def read_voc(path: Path, problems: list[str], notes: Notes) -> Iterable[Annotated]:
    """Read a folder of VOC files, or one; see the module for what their numbers mean."""
    if not path.is_dir():
        return [_read_one(path, path.parent, problems, notes)]
    files = files_under(path, ".xml", problems)
    return read_each(files, lambda file: [_read_one(file, path, problems, notes)], problems)


def _read_one(file: Path, folder: Path, problems: list[str], notes: Notes) -> Annotated:
    root = parse_xml(file)
    if root.tag != "annotation":
        raise InvalidInputError(f"{file} is no VOC file", "its root is not <annotation>")
    below = file.relative_to(folder)
    name = f"{below.stem}.*"
    with noted(problems, str(file)):
        name = image_name(_text(root, "filename") or name)
    if "/" not in name:
        name = (below.parent / name).as_posix()
    size = claimed_size(_text(root, "size/width"), _text(root, "size/height"), problems, str(file))
    boxes = []
    for n, found in enumerate(root.findall("object"), 1):
        with noted(problems, f"{file}, object {n}"):
            marks = {one.tag: (one.text or "").strip() for one in found}
            boxes.append(marked(_box(found, notes), marks, notes))
    return Annotated(name, size, tuple(boxes), str(file))


def _text(element: Element, tag: str) -> str | None:
    return (element.findtext(tag) or "").strip() or None


def _box(found: Element, notes: Notes) -> Box:
    label = label_of(_text(found, "name"))
    turned, bounds = found.find("robndbox"), found.find("bndbox")
    if turned is not None:
        *place, angle = (number(_text(turned, tag)) for tag in _TURNED)
        if abs(angle) > 2 * math.pi:
            raise InvalidInputError(f"the angle of robndbox is {shown(angle)}, more than a turn in radians")
        return box(place, label=label, angle=math.degrees(angle), centred=True)
    if bounds is None:
        raise InvalidInputError("no bndbox")
    left, top, right, bottom = (number(_text(bounds, tag)) for tag in _CORNERS)
    attributes = {_text(one, "name"): _text(one, "value") for one in found.iterfind("attributes/attribute")}
    angle = 0.0
    try:
        angle = number(attributes.get("rotation") or 0)
    except InvalidInputError:
        unread_angle({"rotation": attributes["rotation"]}, notes)
    for element in (found, bounds):
        unread_angle({one.tag: (one.text or "").strip() for one in element}, notes)
    return box([left - 1, top - 1, right - left + 1, bottom - top + 1], label=label, angle=angle)
