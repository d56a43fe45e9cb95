"""What a file says of images by their names: a column of a table, or the list that an image is in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from glimpsecli.annotations.annotated import image_name, noted
from glimpsecli.annotations.csv_boxes import IMAGE_COLUMNS
from glimpsecli.annotations.delimited import read_delimited
from glimpsecli.annotations.names import Index
from glimpsecli.annotations.reading import read_annotations
from glimpsecli.annotations.text import listed, read_text, shown
from glimpsecli.errors import InvalidInputError


class Named:
    """A value for each image that a file names.

    Parameters
    ----------
    values : iterable of (str, str)
        Names of images and their values; an image may come again with the same one.
    where : str
        The file, or the option, in messages.

    Raises
    ------
    InvalidInputError
        An image has two values.
    """

    def __init__(self, values: Iterable[tuple[str, str]], where: str) -> None:
        self._values: dict[str, str] = {}
        self._where = where
        for name, value in values:
            other = self._values.setdefault(name, value)
            if other != value:
                raise InvalidInputError(
                    f"{where}: {shown(name)} is in {shown(other)} and in {shown(value)}", "give it one of them"
                )
        self._index = Index(self._values)

    def __call__(self, relative: str) -> str | None:
        """Give the value of an image, by its relative path; None where the file does not name it.

        Its name in the file is the path, or the end of it, or the path is the end of the name.

        Raises
        ------
        InvalidInputError
            Names that fit it equally well have different values.
        """
        rank, found = self._index.best(relative)
        if not rank.path:  # a file of this name in another folder
            return None
        values = {self._values[self._index.names[number]] for number in found}
        if len(values) > 1:
            names = listed([self._index.names[number] for number in found])
            raise InvalidInputError(f"{self._where}: {names} fit {shown(relative)}", "name the images by their paths")
        return next(iter(values), None)

    @property
    def values(self) -> tuple[str, ...]:
        """The values, in the order in which they come."""
        return (*dict.fromkeys(self._values.values()),)


def read_column(path: str, column: str) -> Named:
    """Read a column of a CSV table or a key of JSON Lines, of which each row names an image.

    Empty cells say nothing of their image.

    Raises
    ------
    InvalidInputError
        There is no such column, a row cannot be read, or an image has two values.
    """
    if os.path.isdir(path) or Path(path).suffix.lower() in (".json", ".xml"):
        raise InvalidInputError(f"{path} is no table, and has no column {column!r}", "give CSV or JSON Lines")
    rows = _json_rows(path) if Path(path).suffix.lower() in (".jsonl", ".ndjson") else _table_rows(path, column)
    found, there = list[tuple[str, str]](), False
    for where, row in rows:
        there = there or column in row
        value = row.get(column)
        if value in (None, ""):
            continue
        named = next((row[name] for name in IMAGE_COLUMNS if row.get(name)), None)
        problems = list[str]()
        with noted(problems, where):
            found.append((image_name(named), str(value).strip()))
        if problems:
            raise InvalidInputError(problems[0])
    if not there:
        raise InvalidInputError(f"{path} has no column {column!r}", "name one that it has")
    return Named(found, path)


def read_lists(lists: Mapping[str, str]) -> Named:
    """Read which images some files list: texts with a name on each line, and COCO files.

    Parameters
    ----------
    lists : mapping of str to str
        The path of each file, by the value that its images have.

    Raises
    ------
    InvalidInputError
        A file cannot be read, or an image is in two of them.
    """
    found = list[tuple[str, str]]()
    for value, path in lists.items():
        if Path(path).suffix.lower() == ".json":
            names = [image.image for image in read_annotations(path).images.values()]
        else:
            names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
        if not names:
            raise InvalidInputError(f"{path} names no image", "write a name on each line")
        found += [(name, value) for name in names]
    return Named(found, "--split")


def _table_rows(path: str, column: str) -> Iterable[tuple[str, Mapping[str, str]]]:
    header, rows = read_delimited(read_text(path), path, {*IMAGE_COLUMNS, column.lower()}, ())
    names = [column if name == column.lower() else name for name in header]
    if column not in names:
        raise InvalidInputError(f"{path} has no column {column!r}", f"it has {listed(list(filter(None, header)))}")
    for line, cells in rows:
        yield f"{path}, line {line}", dict(zip(names, map(str.strip, cells), strict=False))


def _json_rows(path: str) -> Iterable[tuple[str, Mapping[str, object]]]:
    for line, text in enumerate(read_text(path).split("\n"), 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise InvalidInputError(f"{path}, line {line} is no JSON object", "mend or remove it")
        yield f"{path}, line {line}", row
