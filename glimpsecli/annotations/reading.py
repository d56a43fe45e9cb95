"""Annotations of any format: the reader is picked, boxes are gathered by image, problems are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from glimpsecli.annotations import hf
from glimpsecli.annotations.annotated import Annotated, Annotations, Notes
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.coco import read_coco
from glimpsecli.annotations.csv_boxes import read_csv
from glimpsecli.annotations.cvat import read_cvat
from glimpsecli.annotations.guessing import guess
from glimpsecli.annotations.labelme import read_labelme
from glimpsecli.annotations.megadetector import read_megadetector
from glimpsecli.annotations.mot_sequences import read_mot
from glimpsecli.annotations.names import Index, key_of
from glimpsecli.annotations.open_images import read_open_images
from glimpsecli.annotations.supervisely import read_supervisely
from glimpsecli.annotations.text import shown
from glimpsecli.annotations.voc import read_voc
from glimpsecli.annotations.yolo import read_yolo
from glimpsecli.errors import InvalidInputError
from glimpsecli.storage import is_address

FORMATS: dict[str, Callable[[Any, list[str], Notes], Iterable[Annotated]]] = {
    "coco": read_coco,
    "yolo": read_yolo,
    "voc": read_voc,
    "csv": read_csv,
    "jsonl": hf.read_jsonl,
    "labelme": read_labelme,
    "mot": read_mot,
    "megadetector": read_megadetector,
    "openimages": read_open_images,
    "cvat": read_cvat,
    "supervisely": read_supervisely,
}
OUTLINED: dict[str, Callable[..., Iterable[Annotated]]] = {
    "coco": read_coco,
    "yolo": read_yolo,
    "labelme": read_labelme,
    "cvat": read_cvat,
    "supervisely": read_supervisely,
}
"""Formats that may hold the outlines of objects; their readers take `outlines` too."""
IN_FOLDERS = (".txt", ".xml", ".json", ".jsonl", ".yaml", ".yml", ".names", ".ini")
"""Suffixes of the files that are read in a folder of annotations; any others, images too, may lie beside them."""
_OF_FOLDERS = ("yolo", "voc", "labelme", "mot", "supervisely")


def read_annotations(
    path: str, file_format: str | None = None, *, box_format: str = "xywh", unit: str = "pixels", outlines: bool = False
) -> Annotations:
    """Read annotations of any format.

    Parameters
    ----------
    path : str
        A file or, for the formats that have one, a folder; or the address of a file, but for formats of many files.
    file_format : str, optional
        A key of `FORMATS`; guessed where it is None.
    box_format, unit : str
        The meaning of the numbers of a CSV file: ``xywh``, ``xyxy`` or ``cxcywh``, in ``pixels`` or ``fractions``.
    outlines : bool
        Whether the outlines of objects are kept, which take memory.

    Raises
    ------
    InvalidInputError
        The file or folder is missing, unreadable or of another format. A bad entry is a line in `problems` instead.
    """
    if not path:  # which Path takes for the current folder
        raise InvalidInputError("'': No such file or directory", "name a file or a folder of annotations")
    place = path if is_address(path) else Path(path)
    if file_format is not None and file_format not in FORMATS:
        raise InvalidInputError(f"{file_format!r} is no format of annotations", f"choose {', '.join(FORMATS)}")
    chosen = file_format or guess(place, FORMATS)
    if isinstance(place, str) and chosen in _OF_FOLDERS:
        raise InvalidInputError(f"{path} is an address, and {chosen} has many files", "copy their folder here")
    if outlines and chosen not in OUTLINED:
        raise InvalidInputError(
            f"{path} is read as {chosen}, which has boxes alone", f"objects have outlines in {', '.join(OUTLINED)}"
        )
    problems: list[str] = []
    notes: Notes = Counter()
    if chosen == "csv":
        found: Iterable[Annotated] = read_csv(place, problems, notes, box_format, unit)
    elif (box_format, unit) != ("xywh", "pixels"):
        raise InvalidInputError(f"boxes as {box_format} in {unit} are for CSV", f"{path} is read as {chosen}")
    elif outlines:
        found = OUTLINED[chosen](place, problems, notes, outlines=True)
    else:
        found = FORMATS[chosen](place, problems, notes)
    images = dict(_merged(found, problems))
    if not images:
        raise InvalidInputError(
            f"{path} has no annotations that could be read as {chosen}", problems[0] if problems else None
        )
    lines = [f"{note}: {count}" for note, count in notes.items()]
    return Annotations(images, problems, chosen, Index(images), lines)


def _merged(found: Iterable[Annotated], problems: list[str]) -> Iterator[tuple[str, Annotated]]:
    """Join the entries of the same image, in order."""
    first: dict[str, Annotated] = {}
    boxes: dict[str, list[Box]] = {}
    for image in found:
        key = key_of(image.image)
        known = first.setdefault(key, image)
        boxes.setdefault(key, []).extend(image.boxes)
        if known.size is None:
            first[key] = known._replace(size=image.size)
        elif image.size not in (None, known.size):
            problems.append(f"{image.where}: {shown(image.image)} has another size in {known.where}, which is taken")
    for key, image in first.items():
        yield key, image._replace(boxes=tuple(boxes[key]))
