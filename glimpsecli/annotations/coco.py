"""COCO object detection, one JSON file.

``bbox`` is ``[x, y, width, height]`` in pixels, "measured from the top left image corner and 0-indexed"
(https://cocodataset.org/#format-data), with fractions of a pixel: a box on our image plane as it stands. The label is
the name of the category, or its id where ``categories`` does not name it. Images without annotations have no boxes.

A number ``rotation`` among the ``attributes`` turns the box: CVAT writes it, in degrees, clockwise, about the box's
centre. :mod:`glimpsecli.annotations.turned` reads a box of five numbers. An angle under any other name is not read.

Crowds (``iscrowd`` 1, one box around many objects) are read like all boxes: COCO's evaluation ignores them, yet a box
that vanished in silence would be the worse surprise. They have the flag ``crowd``, and others where ``attributes`` have
one, as CVAT's ``occluded``; ``score`` is kept where detections have it.

The outline of an object is its ``segmentation``: polygons, whose union it is, or run lengths, compressed or not; see
:func:`glimpsecli.annotations.outlines.coco_outline`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glimpsecli.annotations.annotated import (
    Annotated,
    Notes,
    claimed_size,
    image_name,
    label_of,
    line_of,
    marked,
    noted,
    number,
    own_flags,
    unread_angle,
)
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.outlines import coco_outline
from glimpsecli.annotations.text import read_object, shown
from glimpsecli.annotations.turned import box_of_list
from glimpsecli.errors import InvalidInputError


def read_coco(path: Path | str, problems: list[str], notes: Notes, *, outlines: bool = False) -> Iterator[Annotated]:
    """Read a COCO file; see the module for what its numbers mean. `outlines` are kept where they are asked for."""
    whole = read_object(path, "COCO", "images")
    images = {}
    for entry in _entries(whole, "images", path, problems):
        where = f"{path}, image id {shown(entry.get('id'))}"
        with noted(problems, where):
            identity = _identity(entry, "id")
            if identity in images:
                raise InvalidInputError("this id was given before")
            name = image_name(entry.get("file_name"))
            size = claimed_size(entry.get("width"), entry.get("height"), problems, where)
            images[identity] = Annotated(name, size, (), where)
    labels = dict(_categories(whole, path, problems))
    boxes: dict[Any, list[Box]] = {identity: [] for identity in images}
    entries = _entries(whole, "annotations", path, problems)
    if entries and not any("bbox" in entry for entry in entries):
        raise InvalidInputError(f"{path}: no annotation has a bbox", "glimpse reads COCO object detection")
    for entry in entries:
        try:  # not `noted`, which would write the id of each of perhaps a million
            identity = _identity(entry, "image_id")
            if identity not in boxes:
                raise InvalidInputError(f"image_id {shown(identity)} is not among the images")
            found = _box(entry, labels, notes)
            if outlines:
                found = found._replace(outline=coco_outline(entry.get("segmentation")))
            boxes[identity].append(found)
        except InvalidInputError as error:
            problems.append(line_of(f"{path}, annotation id {shown(entry.get('id'))}", error))
    for identity, image in images.items():
        yield image._replace(boxes=tuple(boxes[identity]))


def _box(entry: dict[str, Any], labels: dict[str | None, str | None], notes: Notes) -> Box:
    category = label_of(entry.get("category_id"))
    label = labels.get(category)
    if label is None and category is not None:
        notes["boxes whose label is the number of their category, because the categories do not name it"] += 1
    attributes = entry.get("attributes")
    angle = 0.0
    if isinstance(attributes, dict) and attributes:
        try:
            angle = number(attributes.get("rotation", 0))
        except InvalidInputError:
            unread_angle(attributes, notes, ("rotation",))
        unread_angle(attributes, notes, ("angle", "theta"))
        entry = {**own_flags(attributes.items()), **entry}
    unread_angle(entry, notes)
    bbox, outline = entry.get("bbox"), entry.get("segmentation")
    found = box_of_list(bbox, notes, label=label or category, category=category, angle=angle, outline=outline)
    return marked(found, entry, notes)


def _entries(whole: dict[str, Any], name: str, path: Path | str, problems: list[str]) -> list[dict[str, Any]]:
    listed = whole.get(name, [])
    if not isinstance(listed, list):
        raise InvalidInputError(f"{path}: {name} is not a list")
    for n, entry in enumerate(listed):
        if not isinstance(entry, dict):
            problems.append(f"{path}, {name}[{n}]: {shown(entry)} is not an object")
    return [entry for entry in listed if isinstance(entry, dict)]


def _categories(
    whole: dict[str, Any], path: Path | str, problems: list[str]
) -> Iterator[tuple[str | None, str | None]]:
    for entry in _entries(whole, "categories", path, problems):
        with noted(problems, f"{path}, category id {shown(entry.get('id'))}"):
            yield label_of(entry.get("id")), label_of(entry.get("name"))


def _identity(entry: dict[str, Any], name: str) -> int | str:
    value = entry.get(name)
    if not isinstance(value, (int, str)):
        raise InvalidInputError(f"{name} is {shown(value)}")
    return value
