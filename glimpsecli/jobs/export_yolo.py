"""YOLO labels of the glimpses of a batch, as ultralytics reads them: a text beside each image, and ``data.yaml``.

A line is the number of the class, from 0 in the order of ``data.yaml``, and the centre and the extent of the box as
fractions of the glimpse (https://docs.ultralytics.com/datasets/detect/). A glimpse without objects gets an empty text;
crowds are left out, for the format has no mark for them.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.exporting import NAMELESS, Export, Survey, check_new, refuse_without_objects, write_text
from glimpsecli.jobs.finished import Finished
from glimpsecli.jobs.spool import Hashes


def export_yolo(finished: Finished, *, overwrite: bool) -> Export:
    """Check the export to labels, where ultralytics finds them, and ``data.yaml``.

    Raises
    ------
    InvalidInputError
        The lines list no objects, a file exists, two glimpses would share a label, or the batch has shards.
    """
    if finished.sharding is not None:
        raise InvalidInputError(f"{finished.folder} holds shards, and YOLO reads folders", "run batch with -o FOLDER/")
    survey = Survey.of(finished.rows())
    refuse_without_objects(survey, "a YOLO data set")
    (path,) = check_new(finished.folder, ["data.yaml"], overwrite=overwrite)
    texts = Hashes()
    for row in finished.rows():
        (text,) = check_new(finished.folder, [_text_of(finished.folder, row["file_name"])], overwrite=overwrite)
        texts.add(text)
    if len(texts.repeated()):
        raise InvalidInputError("two glimpses would share a text: their names differ in the suffix", "see batch --name")
    numbers = {name: number for number, name in enumerate(survey.classes)}

    def write() -> Counter[str]:
        left_out: Counter[str] = Counter()
        for row in finished.rows():
            text = os.path.join(finished.folder, _text_of(finished.folder, row["file_name"]))
            os.makedirs(os.path.dirname(text), exist_ok=True)
            write_text(text, _lines(row, numbers, left_out), overwrite=overwrite)
        write_text(path, _yaml(survey), overwrite=overwrite)
        return left_out

    return Export([path], write)


def _text_of(folder: str, name: str) -> str:
    """Give the path of a glimpse's text, relative to the folder.

    ultralytics looks for it beside the image, but below ``labels`` where a folder above the image is called ``images``:
    the last one counts.
    """
    whole = os.path.abspath(folder).replace(os.sep, "/") + "/"
    text = "/labels/".join(f"{whole}{os.path.splitext(name)[0]}.txt".rsplit("/images/", 1))
    if not text.startswith(whole):
        raise InvalidInputError(
            f"{folder} lies below a folder images, and YOLO would look for the texts outside of it", "move it away"
        )
    return text[len(whole) :]


def _lines(row: dict[str, Any], numbers: dict[str, int], left_out: Counter[str]) -> list[str]:
    width, height = row["size"]["width"], row["size"]["height"]
    objects = row.get("objects") or {"bbox": []}
    lines = []
    for place, (x, y, across, down) in enumerate(objects["bbox"]):
        if objects["iscrowd"][place]:
            left_out["crowd"] += 1
            continue
        number = numbers[objects["categories"][place] or NAMELESS]
        fractions = ((x + across / 2) / width, (y + down / 2) / height, across / width, down / height)
        lines.append(f"{number} {' '.join(f'{min(1, max(0, one)):.6f}' for one in fractions)}\n")
    return lines


def _yaml(survey: Survey) -> list[str]:
    """Write ``data.yaml``; without ``path`` folders are relative to it. YOLO wants a split to train and one to test."""
    splits = {name: name for name in survey.splits} or {"train": "."}
    splits.setdefault("train", next(iter(splits.values())))
    splits.setdefault("val", splits.get("test", splits["train"]))
    return [
        *(f"{_quoted(name)}: {_quoted(folder)}\n" for name, folder in splits.items()),
        "names:\n",
        *(f"  {number}: {_quoted(name)}\n" for number, name in enumerate(survey.classes)),
    ]


def _quoted(text: str) -> str:
    """Write a text as YAML takes it: in single quotes, between which only these are doubled, where it is printable."""
    return "'{}'".format(text.replace("'", "''")) if text.isprintable() else json.dumps(text)
