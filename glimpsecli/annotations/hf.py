"""Hugging Face ``metadata.jsonl``, beside the images of an imagefolder: a JSON object on each line.

``objects`` holds lists of the same length, ``{"bbox": [[x, y, width, height], ...], "categories": [...]}`` (also
``category`` or ``label``, or none), or is a list of such objects with one box each; or ``bbox`` and ``label`` stand on
the line itself, for one box or many. Boxes are COCO's, in pixels from the top left corner
(https://huggingface.co/docs/datasets/image_dataset#object-detection). Labels are often class numbers, whose names only
the data set's card knows. ``width`` and ``height`` may claim the image's size. ``file_name`` is relative to the file.
Beside a box its ``score``, ``id`` and flags, as ``iscrowd``, are kept. A box of five numbers is read by
:mod:`glimpsecli.annotations.turned`; an angle under any name of its own is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from glimpsecli.annotations.annotated import (
    Annotated,
    Notes,
    claimed_size,
    image_name,
    label_of,
    marked,
    noted,
    unread_angle,
)
from glimpsecli.annotations.text import as_object, from_json, read_text, shown
from glimpsecli.annotations.turned import box_of_list
from glimpsecli.errors import InvalidInputError

FILE = "metadata.jsonl"
_LABELS = ("categories", "category", "labels", "label")


def read_jsonl(path: Path | str, problems: list[str], notes: Notes) -> Iterator[Annotated]:
    """Read a metadata file, or the one in a folder; see the module for its keys."""
    file = path / FILE if isinstance(path, Path) and path.is_dir() else path
    boxed = False
    for line, source in enumerate(read_text(file).split("\n"), 1):
        where = f"{file}, line {line}"
        if not source.strip():
            continue
        with noted(problems, where):
            row = as_object(from_json(source))
            boxed = boxed or "objects" in row or "bbox" in row
            name = image_name(row.get("file_name"))
            size = claimed_size(row.get("width"), row.get("height"), problems, where)
            boxes = []
            pairs = _pairs(row)
            for entry in _entries(row):
                unread_angle(entry, notes)
            for (numbers, label), marks in zip(pairs, _marks(row, len(pairs)), strict=True):
                with noted(problems, where):
                    boxes.append(marked(box_of_list(numbers, notes, label=label_of(label)), marks, notes))
            yield Annotated(name, size, tuple(boxes), where)
    if not boxed:
        raise InvalidInputError(f"{file}: no line has objects or a bbox", problems[0] if problems else None)


def _entries(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the keys beside the boxes: those of all boxes, then those of each box, taken from lists."""
    objects = row.get("objects", row if "bbox" in row else {})
    if not isinstance(objects, dict):
        yield from (entry for entry in objects or () if isinstance(entry, dict))
        return
    lists = {name: value for name, value in objects.items() if isinstance(value, list)}
    yield {name: value for name, value in objects.items() if name not in lists}
    for n in range(max(map(len, lists.values()), default=0)):
        yield {name: values[n] for name, values in lists.items() if n < len(values)}


def _marks(row: Mapping[str, Any], count: int) -> list[Mapping[str, Any]]:
    """List the keys of each of `count` boxes; a value for all of several boxes, such as the line's id, is of none."""
    objects = row.get("objects", row)
    if isinstance(objects, list):
        return objects
    return [
        {
            name: value[n] if isinstance(value, list) else value
            for name, value in objects.items()
            if (len(value) == count if isinstance(value, list) else count == 1)
        }
        for n in range(count)
    ]


def _pairs(row: Mapping[str, Any]) -> list[tuple[object, object]]:
    """List the boxes of a line with their labels, none of them checked."""
    objects = row.get("objects") if "objects" in row else row if "bbox" in row else None
    if objects is None:
        return []
    if isinstance(objects, list) and all(isinstance(entry, dict) for entry in objects):
        return [(entry.get("bbox"), _label(entry)) for entry in objects]
    if not isinstance(objects, dict):
        raise InvalidInputError(f"objects are {shown(objects)}")
    boxes, labels = objects.get("bbox"), _label(objects)
    if boxes is None and "bbox" in objects:
        return []
    if not isinstance(boxes, list):
        raise InvalidInputError("no bbox" if boxes is None else f"bbox is {shown(boxes)}")
    if boxes and not any(isinstance(entry, list) for entry in boxes):
        boxes = [boxes]
    if not isinstance(labels, list):
        labels = [labels] * len(boxes)
    if len(labels) != len(boxes):
        raise InvalidInputError(f"{len(boxes)} boxes and {len(labels)} labels")
    return list(zip(boxes, labels, strict=True))


def _label(entry: Mapping[str, Any]) -> object:
    return next((entry[name] for name in _LABELS if name in entry), None)
