"""COCO files of the glimpses of a batch: they are the images, and the objects in them the annotations.

The format is that of https://cocodataset.org/#format-data. ``area`` is that of the box, and of a glimpse's file the
path is relative to the folder of the batch. ``share`` is how much of an object is left, and ``source_id`` the id of its
annotation in the file that the batch was made from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import count

from glimpsecli.jobs.exporting import (
    NAMELESS,
    Export,
    Survey,
    check_new,
    refuse_without_objects,
    rows_of,
    write_text,
)
from glimpsecli.jobs.finished import Finished


def export_coco(finished: Finished, *, overwrite: bool) -> Export:
    """Check the export to ``annotations.json``, or ``annotations-SPLIT.json`` for each split, in the folder.

    Raises
    ------
    InvalidInputError
        The lines list no objects, or a file exists.
    """
    survey = Survey.of(finished.rows())
    refuse_without_objects(survey, "a COCO file")
    splits: tuple[str | None, ...] = survey.splits or (None,)
    names = [f"annotations{'' if split is None else f'-{split}'}.json" for split in splits]
    paths = check_new(finished.folder, names, overwrite=overwrite)

    def write() -> Counter[str]:
        for path, split in zip(paths, splits, strict=True):
            write_text(path, _parts(finished, survey, split), overwrite=overwrite)
        return Counter()

    return Export(paths, write)


def _parts(finished: Finished, survey: Survey, split: str | None) -> Iterator[str]:
    """Give the text piece by piece: there may be more lines than memory holds."""
    categories = [{"id": number, "name": name} for name, number in survey.classes.items()]
    yield f'{{"info": {{"description": "made by glimpse batch"}},\n"categories": {json.dumps(categories)},\n"images": ['
    yield from _listed(_images(finished, split))
    yield '],\n"annotations": ['
    yield from _listed(_annotations(finished, survey, split))
    yield "]}\n"


def _listed(texts: Iterator[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        yield f",\n{text}" if number else f"\n{text}"


def _images(finished: Finished, split: str | None) -> Iterator[str]:
    for number, row in enumerate(rows_of(finished, split), 1):
        entry = {"id": number, "file_name": row["file_name"], **row["size"], "source": row["source"]}
        yield json.dumps(entry)


def _annotations(finished: Finished, survey: Survey, split: str | None) -> Iterator[str]:
    ids = count(1)
    for number, row in enumerate(rows_of(finished, split), 1):
        objects = row.get("objects") or {"bbox": []}
        for place, box in enumerate(objects["bbox"]):
            category = objects["categories"][place] or NAMELESS
            entry = {
                "id": next(ids),
                "image_id": number,
                "category_id": survey.classes[category],
                "bbox": box,
                "area": round(box[2] * box[3], 4),
                "iscrowd": objects["iscrowd"][place],
                "share": objects["share"][place],
                "source_id": objects["annotation_id"][place],
            }
            yield json.dumps(entry)
