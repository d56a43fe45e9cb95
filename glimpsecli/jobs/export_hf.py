"""What ``datasets.load_dataset(FOLDER)`` of Hugging Face reads of a batch, with its labels as a ``ClassLabel``.

A card, ``README.md``, names the splits and the columns. Of splits in folders each gets a ``metadata.jsonl`` of its own:
that of the whole batch, above them, is not found for them. Of shards the card has the columns of a sample
(https://huggingface.co/docs/datasets/repository_structure, and its page on ``dataset_info``).
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.exporting import Export, Survey, check_new, rows_of, write_text
from glimpsecli.jobs.finished import Finished


def export_hf(finished: Finished, *, overwrite: bool) -> Export:
    """Check the export to the card, and the metadata of splits.

    Raises
    ------
    InvalidInputError
        A file exists, parts were not joined, or a split has a name that `datasets` does not take.
    """
    survey = Survey.of(finished.rows())
    own = survey.splits if finished.sharding is None else ()
    if finished.format not in ("png", "jpg", "webp", "tiff"):
        raise InvalidInputError(f"datasets reads no images in {finished.format}", "run batch with another --format")
    names = ["README.md", *(f"{split}/metadata.jsonl" for split in own)]
    paths = check_new(finished.folder, names, overwrite=overwrite)
    wrong = next((split for split in survey.splits if not re.fullmatch(r"\w+(\.\w+)*", split)), None)
    if wrong is not None:
        raise InvalidInputError(f"datasets takes no split called {wrong!r}", "use letters, digits, _ and . alone")
    joined = finished.sharding is not None or os.path.basename(finished.manifests[0]) == "metadata.jsonl"
    if not (joined or own):
        raise InvalidInputError(
            f"datasets reads metadata.jsonl alone, and {finished.folder} has those of parts",
            "join them: cat metadata-*.jsonl > metadata.jsonl",
        )

    def write() -> Counter[str]:
        for path, split in zip(paths[1:], own, strict=True):
            write_text(path, _metadata(finished, split), overwrite=overwrite)
        write_text(paths[0], _card(finished, survey), overwrite=overwrite)
        return Counter()

    return Export(paths, write)


def _metadata(finished: Finished, split: str) -> Iterator[str]:
    for row in rows_of(finished, split):
        yield json.dumps({**row, "file_name": row["file_name"].removeprefix(f"{split}/")}) + "\n"


def _card(finished: Finished, survey: Survey) -> Iterator[str]:
    sharded = finished.sharding is not None
    yield "---\nconfigs:\n- config_name: default\n  data_files:\n"
    for split in survey.splits or ("train",):
        within = f"{split}/" if survey.splits else ""
        # texts and tables of other formats may lie beside the images, and would be taken for the data
        files = ["*.tar"] if sharded else [f"{within}**/*.{finished.format}", f"{within}metadata.jsonl"]
        yield f"  - split: {_quoted(split)}\n    path: {json.dumps(files, ensure_ascii=False)}\n"
    label = {"class_label": {"names": {str(number): name for number, name in enumerate(survey.labels)}}}
    columns: list[dict[str, Any]] = [{"name": "label", "dtype": label if survey.labels else "string"}]
    columns.append({"name": "source", "dtype": "string"})
    if survey.objects:
        columns.append({"name": "objects", "struct": _objects(survey)})
    if not sharded:
        yield f"  features: {json.dumps([{'name': 'image', 'dtype': 'image'}, *columns], ensure_ascii=False)}\n"
    else:
        text = [{"name": name, "dtype": "string"} for name in ("__key__", "__url__")]
        sample = [{"name": finished.format, "dtype": "image"}, {"name": "json", "struct": columns}, *text]
        yield f"dataset_info:\n  features: {json.dumps(sample, ensure_ascii=False)}\n"
    yield "---\n\nMade by `glimpse batch`; `run.json` holds how.\n"


def _objects(survey: Survey) -> list[dict[str, Any]]:
    names = {str(number): name for number, name in enumerate(survey.classes)}
    return [
        {"name": "bbox", "sequence": {"sequence": "float64"}},
        {"name": "categories", "sequence": {"class_label": {"names": names}}},
        {"name": "share", "sequence": "float64"},
    ]


def _quoted(text: str) -> str:
    """Write a text as YAML takes it, whatever it holds."""
    return json.dumps(text, ensure_ascii=False)
