"""The format of annotations, guessed by suffix and content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from glimpsecli.annotations import hf, mot
from glimpsecli.annotations.annotated import files_under
from glimpsecli.annotations.mot_sequences import sequence_files
from glimpsecli.annotations.open_images import has_columns
from glimpsecli.annotations.text import read_text
from glimpsecli.encodings import encoding_of
from glimpsecli.errors import InvalidInputError
from glimpsecli.storage import name_of

_HEAD = 1 << 16
"""Bytes of a file by which its format is guessed."""
_TRIED = 20
"""Files of a folder that are opened for a guess."""
_MANY = ("labelme", "supervisely")
"""Formats with a JSON file for each image."""
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\]]')


def guess(path: Path | str, formats: Iterable[str]) -> str:
    """Guess the format of a file, an address or a folder; `formats` are those that the hint lists.

    Raises
    ------
    InvalidInputError
        The format is not clear.
    """
    if isinstance(path, Path) and path.is_dir():
        present = _in_folder(path)
        if len(present) == 1:
            return present[0]
        content = f"files of {' and '.join(present)}" if present else "no annotations that glimpse knows"
        raise InvalidInputError(f"{path} holds {content}", "name the format, or the file")
    suffix = PurePosixPath(name_of(str(path))).suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    text = _head(path)
    if suffix in (".csv", ".tsv"):
        header = re.split(r"[,;\t]", text.partition("\n")[0].lower().replace('"', ""))
        return "openimages" if has_columns([cell.strip() for cell in header]) else "csv"
    if suffix == ".txt":
        return "mot" if mot.is_mot(text) else "yolo"
    if suffix == ".xml" or text.startswith("<"):
        return _of_xml(text)
    if text.startswith("{"):
        return "jsonl" if _is_row(text.partition("\n")[0]) else _of_json(text) or "coco"
    raise InvalidInputError(f"{path}: the format of the annotations is not clear", f"choose {', '.join(formats)}")


def _in_folder(path: Path) -> list[str]:
    present = []
    if first := next(path.rglob("*.xml"), None):
        present.append(_of_xml(_head(first)))
    if any(mot.is_mot(_head(file)) for file in sequence_files(path, [])[:_TRIED]):
        present.append("mot")
    elif next(path.rglob("*.txt"), None):
        present.append("yolo")
    if (path / hf.FILE).is_file():
        present.append("jsonl")
    present += dict.fromkeys(
        kind for file in files_under(path, ".json", [])[:_TRIED] if (kind := _of_json(_head(file))) in _MANY
    )
    return present


def _of_xml(text: str) -> str:
    root = re.search(r"<([A-Za-z]\w*)", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    return "cvat" if root and root[1] == "annotations" else "voc"


def _of_json(text: str) -> str | None:
    """Guess by the keys of an object, of which the end may be missing; None where they do not say it."""
    depth = 0
    top: set[str] = set()
    of_entries: set[str] = set()
    for token in _TOKEN.finditer(text):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
        elif token[2] and depth in (1, 3):
            (top if depth == 1 else of_entries).add(token[1])
    if top & {"shapes", "imageData"}:  # the picture itself may come before the shapes, and fill the head
        return "labelme"
    if "detection_categories" in top or ("images" in top and "file" in of_entries and "file_name" not in of_entries):
        return "megadetector"
    if "objects" in top and not top & {"images", "annotations"}:
        return "supervisely"
    return "coco" if top & {"images", "annotations"} else None


def _head(path: Path | str) -> str:
    if isinstance(path, str):
        return read_text(path)[:_HEAD].lstrip()
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            return head.decode(encoding_of(head), "replace").lstrip()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InvalidInputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _is_row(line: str) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "file_name" in row
