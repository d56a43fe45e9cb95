"""YOLO labels: a folder of text files, one for each image, a row for each object.

A row is ``class cx cy width height``; classes count from 0, and the box is the centre and the extent as fractions of
the image's width and height (https://docs.ultralytics.com/datasets/detect/). As in Ultralytics' ``verify_image_label``,
a number outside [0, 1] by more than 0.01 makes the row wrong: it may be in pixels. After the class there may be

- 4 numbers: the box, or 5: the box and a confidence from 0 to 1, which is noted, since some write an angle there;
- 6, 8, 10 ...: the corners x y of a polygon (https://docs.ultralytics.com/datasets/segment/), taken as its bounding
  box, which is noted. Oriented boxes are 8 numbers too, their four corners, and look like a polygon;
- more than 4 where ``data.yaml`` has a ``kpt_shape``: the box, then keypoints, which are passed over.

The label of ``images/train/a.jpg`` is ``labels/train/a.txt``, so the last ``labels`` in a path is read as ``images``.
Where any file lies in a folder ``labels``, files elsewhere are not labels; nor are ``classes.txt`` and lists of images.
An empty file is an image without objects. `yolo_names` finds the names of the classes. A polygon is an outline, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from glimpsecli.annotations.annotated import Annotated, Notes, box, files_under, noted, number, score_of
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.outlines import Polygons, ring_of
from glimpsecli.annotations.text import read_text, shown
from glimpsecli.annotations.yolo_names import Classes, find_classes
from glimpsecli.errors import InvalidInputError

_TOLERANCE = 0.01  # of the image's width or height
_POLYGON = "polygons taken as their bounding boxes"
_FOUR_CORNERS = "polygons of four corners, or turned boxes, taken as their upright bounding boxes"
_LISTS = {"train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt"}


def read_yolo(path: Path, problems: list[str], notes: Notes, *, outlines: bool = False) -> Iterator[Annotated]:
    """Read a folder of labels, or one file; see the module for what the numbers mean, and :func:`.coco.read_coco`."""
    single = not path.is_dir()
    folder = path.parent if single else path
    files = [path] if single else files_under(path, ".txt", problems)
    files = [file for file in files if "labels" in file.relative_to(folder).parts[:-1]] or files
    classes = find_classes(folder, {file.parent for file in files} - {folder}, problems)
    for file in files:
        try:
            rows = [line.split() for line in read_text(file).split("\n")]
        except InvalidInputError as error:
            if single:
                raise
            problems.append(str(error))
            continue
        if single or not _is_list(file, rows):
            boxes = tuple(_boxes(rows, file, classes, problems, notes, outlines))
            yield Annotated(_image(file.relative_to(folder)), None, boxes, str(file))


def _is_list(file: Path, rows: list[list[str]]) -> bool:
    """Return whether a file is a list of classes or images, not the label of an image called ``test.jpg``."""
    first = next(filter(None, rows), ["0"])[0]
    return file.name == "classes.txt" or (file.name in _LISTS and not first.replace(".", "").isdigit())


def _image(label: Path) -> str:
    parts = list(label.parts[:-1])
    if "labels" in parts:
        parts[len(parts) - 1 - parts[::-1].index("labels")] = "images"
    return "/".join([*parts, f"{label.stem}.*"])


def _boxes(
    rows: list[list[str]], file: Path, classes: Classes, problems: list[str], notes: Notes, outlines: bool
) -> Iterator[Box]:
    for line, row in enumerate(rows, 1):
        if row:
            with noted(problems, f"{file}, line {line}"):
                found = _box(row, classes, notes, outlines)
                if int(found.category or 0) not in classes.names:
                    notes[f"boxes whose label is the number of their class, because {classes.missing}"] += 1
                yield found


def _box(row: list[str], classes: Classes, notes: Notes, outlines: bool) -> Box:
    number_of_class = number(row[0])
    if number_of_class < 0 or not number_of_class.is_integer() or number_of_class > 1e9:
        raise InvalidInputError(f"the class is {shown(row[0])}")
    category = str(int(number_of_class))
    label = classes.names.get(int(number_of_class), category)
    count = len(row) - 1
    if count in (4, 5) or (classes.keypoints and count > 5):
        place = [_fraction(text) for text in row[1:5]]
        found = box(place, label=label, category=category, fractions=True, centred=True)
        if count == 5:
            score = score_of(row[5], notes)
            if score is None or not 0 <= score <= 1:
                notes["boxes with a fifth number that is no confidence, and is passed over"] += 1
                return found
            notes["boxes with a fifth number, taken for a confidence"] += 1
            return found._replace(score=score)
        return found
    if count < 6 or count % 2:
        raise InvalidInputError(f"{count} numbers after the class are neither a box nor a polygon")
    corners = [_fraction(text) for text in row[1:]]
    (left, width), (top, height) = _span(corners[::2]), _span(corners[1::2])
    notes[_POLYGON if count > 8 or count == 6 else _FOUR_CORNERS] += 1
    found = box([left, top, width, height], label=label, category=category, fractions=True)
    return found._replace(outline=Polygons(((ring_of(corners),),), fractions=True)) if outlines else found


def _span(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values) - min(values)


def _fraction(text: str) -> float:
    value = number(text)
    if not -_TOLERANCE <= value <= 1 + _TOLERANCE:
        raise InvalidInputError(f"{shown(text)} is not a fraction of the image")
    return value
