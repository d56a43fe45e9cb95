"""MegaDetector's results, one JSON file.

``bbox`` is ``[x, y, width, height]`` as fractions of the image, from its top left corner; ``conf`` is the score, and
``detection_categories`` names the ``category`` (https://lila.science/megadetector-output-format). A category that it
does not list stands for no detection. An image with a ``failure`` was not read, and is a problem. ``classifications``
of a detection, and detections in the frames of a video, are passed over and noted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glimpsecli.annotations.annotated import Annotated, Notes, box, image_name, label_of, marked, noted, numbers_of
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.text import as_object, read_object, shown
from glimpsecli.errors import InvalidInputError


def read_megadetector(path: Path | str, problems: list[str], notes: Notes) -> Iterator[Annotated]:
    """Read a file of results; see the module for what its numbers mean."""
    whole = read_object(path, "MegaDetector", "images")
    categories = whole.get("detection_categories")
    if not isinstance(categories, dict):
        raise InvalidInputError(f"{path} is no MegaDetector file", "it has no detection_categories")
    for n, entry in enumerate(whole["images"]):
        where = f"{path}, images[{n}]"
        with noted(problems, where):
            image = as_object(entry)
            name = image_name(image.get("file"))
            if image.get("failure"):
                raise InvalidInputError(f"MegaDetector failed at {shown(name)}: {shown(image['failure'])}")
            listed = image.get("detections")
            if not isinstance(listed, list):
                raise InvalidInputError(f"the detections are {shown(listed)}")
            boxes = []
            for k, detection in enumerate(listed):
                with noted(problems, f"{where}, detections[{k}]"):
                    found = _box(as_object(detection), categories, notes)
                    boxes += [found] if found else []
            yield Annotated(name, None, tuple(boxes), where)


def _box(detection: dict[str, Any], categories: dict[str, Any], notes: Notes) -> Box | None:
    if "frame_number" in detection:
        notes["detections in the frames of videos, passed over"] += 1
        return None
    category = label_of(detection.get("category"))
    if category not in categories:
        notes["detections of a category that detection_categories does not list, which means none, passed over"] += 1
        return None
    numbers = numbers_of(detection.get("bbox"), 4)
    if detection.get("classifications"):
        notes["detections whose classifications are passed over; the label is the detector's"] += 1
    label = label_of(categories[category]) or category
    found = box(numbers, label=label, category=category, fractions=True)
    return marked(found, detection, notes)
