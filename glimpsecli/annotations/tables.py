"""Tables of windows: CSV with a header, or JSON Lines.

The columns are ``x,y,width,height`` (left, top) or ``cx,cy,width,height`` (centre), on the image plane; ``angle``
(degrees, clockwise), ``label`` and ``image`` may follow. Any number may be a percentage. Other columns are passed
over. :mod:`glimpsecli.annotations.delimited` finds the separator.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from glimpsecli.annotations.boxes import Box, Length
from glimpsecli.annotations.delimited import read_delimited, wrong_header
from glimpsecli.annotations.text import read_text
from glimpsecli.errors import InvalidInputError

_NUMBERS = ("x", "y", "cx", "cy", "width", "height", "angle")
_COLUMNS = "a window has x,y,width,height or cx,cy,width,height"


def read_windows(table: str) -> list[Box]:
    """Read a table of windows from a file, or from standard input where `table` is ``-``.

    A table whose first character is ``{`` is JSON Lines.

    Raises
    ------
    InvalidInputError
        The table cannot be read, has no rows, or a row is no window; the message gives the line.
    """
    name = "standard input" if table == "-" else table
    text = read_text(table, "give a CSV or JSON Lines file")
    rows = _json_rows(text, name) if text.lstrip().startswith("{") else _csv_rows(text, name)
    boxes = []
    for line, row in rows:
        try:
            boxes.append(_box(row))
        except InvalidInputError as error:
            raise InvalidInputError(f"{name}, line {line}: {error.message}", error.hint) from None
    if not boxes:
        raise InvalidInputError(f"{name} has no windows", "give a header and a row for each window")
    return boxes


def table_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Give a table that :func:`read_windows` reads: CSV, a column for each key of the rows."""
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _csv_rows(text: str, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    header, rows = read_delimited(text, name, {*_NUMBERS, "label", "image"}, _NUMBERS)
    if not any({*place, "width", "height"} <= {*header} for place in (("x", "y"), ("cx", "cy"))):
        raise wrong_header(name, header, _COLUMNS)
    for line, cells in rows:
        if len(cells) > len(header):
            raise InvalidInputError(f"{name}: line {line} has more values than the header has columns")
        yield line, dict(zip_longest(header, cells))


def _json_rows(text: str, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, source in enumerate(text.split("\n"), 1):
        if source.strip():
            try:
                row = json.loads(source)
            except (ValueError, RecursionError) as error:
                raise InvalidInputError(f"{name}, line {line} is not JSON: {error}") from None
            if not isinstance(row, dict):
                raise InvalidInputError(f"{name}, line {line} is not an object", "write one {...} on each line")
            yield line, row


def _centred(row: Mapping[str, Any]) -> bool:
    """Return whether a row gives centres; refuse one that gives neither corners nor centres."""
    corners, centres = ({"x", "y"} & row.keys(), {"cx", "cy"} & row.keys())
    if corners and centres:
        raise InvalidInputError("both x,y and cx,cy are given", "leave one pair out")
    if len(corners | centres) == 2 and {"width", "height"} <= row.keys():
        return bool(centres)
    columns = ", ".join(str(column) for column in row if column) or "none"
    raise InvalidInputError(f"the columns are {columns}", _COLUMNS)


def _box(row: Mapping[str, Any]) -> Box:
    centred = _centred(row)
    names = ("cx", "cy", "width", "height") if centred else ("x", "y", "width", "height")
    x, y, width, height = (_number(row, name) for name in names)
    angle = _number(row, "angle") if _filled(row, "angle") else Length(0)
    if angle.percent:
        raise InvalidInputError(f"angle is {angle}", "give degrees")
    label, image = (str(row[name]) if _filled(row, name) else None for name in ("label", "image"))
    return Box(x, y, width, height, centred, angle.value, label, image).checked()


def _filled(row: Mapping[str, Any], name: str) -> bool:
    return row.get(name) is not None and str(row[name]).strip() != ""


def _number(row: Mapping[str, Any], name: str) -> Length:
    if not _filled(row, name):
        raise InvalidInputError(f"{name} is missing")
    try:
        return Length.parse(str(row[name]))
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error.message}", error.hint) from None
