"""Tables of windows: CSV with a header, JSON Lines, or MOTChallenge's rows.

The columns are ``x,y,width,height`` (left, top) or ``cx,cy,width,height`` (centre), on the image plane; ``angle``
(degrees, clockwise), ``label``, ``image`` and ``frame`` (of a video, from 0) may follow; ``id`` is the label of a row
without one, and rows whose ``state`` is ``lost``, as ``glimpse track`` writes them, are left out. Any number of a place
may be a percentage. Other columns are passed over.
:mod:`glimpsecli.annotations.delimited` finds the separator, :mod:`glimpsecli.annotations.mot` knows the rows without a
header.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import zip_longest
from typing import Any, NamedTuple

from glimpsecli.annotations import mot
from glimpsecli.annotations.boxes import Box, Length
from glimpsecli.annotations.delimited import read_delimited, wrong_header
from glimpsecli.annotations.text import read_text, shown
from glimpsecli.errors import InvalidInputError
from glimpsecli.names import LOST
from glimpsecli.video.clock import parse_time

_NUMBERS = ("x", "y", "cx", "cy", "width", "height", "angle")
_WORDS = ("label", "image", "frame", "id")
_COLUMNS = "a window has x,y,width,height or cx,cy,width,height"
_PLACES = (("x", "y", "width", "height"), ("cx", "cy", "width", "height"))

_LONGEST = 10**9
"""Seconds beyond which a time is a mistake."""


class Row(NamedTuple):
    """A row of a table.

    Attributes
    ----------
    where : str
        The table and the line, for messages.
    cells : mapping
        By the name of their column; empty where the table has no header.
    box : Box
    """

    where: str
    cells: Mapping[str, Any]
    box: Box


def read_windows(table: str) -> list[Box]:
    """Read a table of windows from a file, or from standard input where `table` is ``-``.

    A table whose first character is ``{`` is JSON Lines.

    Raises
    ------
    InvalidInputError
        The table cannot be read, has no rows, or none but lost ones, or a row is no window; the message gives the line.
    """
    return [row.box for row in seen_rows(table)[0]]


def seen_rows(table: str, numbers: Sequence[str] = ()) -> tuple[list[Row], int]:
    """Read a table of windows as :func:`read_rows` does, and leave out those in which an object is lost.

    Returns
    -------
    rows : list of Row
    lost : int
        The number of those that are left out.
    """
    rows = read_rows(table, numbers, ("state",))
    seen = [row for row in rows if str(row.cells.get("state") or "").strip().lower() != LOST]
    if not seen:
        raise InvalidInputError(f"{table} has only lost rows", "there is nothing to be seen at their windows")
    return seen, len(rows) - len(seen)


def read_rows(table: str, numbers: Sequence[str] = (), words: Sequence[str] = ()) -> list[Row]:
    """Read a table of windows with the cells of its rows; the caller knows more columns, of `numbers` and `words`."""
    name = "standard input" if table == "-" else table
    text = read_text(table, "give a CSV or JSON Lines file")
    rows = []
    if mot.is_mot(text):
        rows = [Row(f"{name}, line {line}", {}, box) for line, box in mot.boxes_of(text, name)]
    else:
        for line, cells in cells_of(text, name, numbers=numbers, words=words):
            with located(f"{name}, line {line}"):
                rows.append(Row(f"{name}, line {line}", cells, box_of(cells)))
    if not rows:
        raise InvalidInputError(f"{name} has no windows", "give a header and a row for each window")
    return rows


def table_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Give a table that :func:`read_windows` reads: CSV, a column for each key of the rows."""
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def cells_of(
    text: str,
    name: str,
    *,
    numbers: Sequence[str] = (),
    words: Sequence[str] = (),
    places: Sequence[Sequence[str]] = _PLACES,
    hint: str = _COLUMNS,
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Give the rows of a table as cells by their columns, with their line numbers.

    Parameters
    ----------
    text, name : str
        The table, and its name in messages.
    numbers, words : sequence of str
        Columns that the caller knows besides those of a window.
    places : sequence of sequence of str
        A header must have all columns of one of them.
    hint : str
        The advice where it has not.

    Raises
    ------
    InvalidInputError
        The header or a row is wrong; the message gives the line.
    """
    if text.lstrip().startswith("{"):
        yield from _json_rows(text, name)
        return
    all_numbers = {*_NUMBERS, *numbers}
    header, rows = read_delimited(text, name, {*all_numbers, *_WORDS, *words}, all_numbers)
    if not any({*place} <= {*header} for place in places):
        raise wrong_header(name, header, hint)
    for line, cells in rows:
        if len(cells) > len(header):
            raise InvalidInputError(f"{name}: line {line} has more values than the header has columns")
        yield line, dict(zip_longest(header, cells))


@contextmanager
def located(where: str) -> Iterator[None]:
    """Begin the messages of errors inside the block with a place in a file."""
    try:
        yield
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error.message}", error.hint) from None


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


def box_of(row: Mapping[str, Any]) -> Box:
    """Give the box of a row, or raise where it is none."""
    centred = _centred(row)
    names = ("cx", "cy", "width", "height") if centred else ("x", "y", "width", "height")
    x, y, width, height = (length_of(row, name) for name in names)
    words = (str(row[name]) if filled(row, name) else None for name in ("label", "image", "id", "time"))
    label, image, identity, time = words
    return Box(
        x, y, width, height, centred, angle_of(row), label or identity, image, frame=frame_of(row), time=time
    ).checked()  # fmt: skip


def angle_of(row: Mapping[str, Any]) -> float:
    """Give the angle of a row, in degrees; 0 where it has none."""
    angle = length_of(row, "angle") if filled(row, "angle") else Length(0)
    if angle.percent:
        raise InvalidInputError(f"angle is {angle}", "give degrees")
    return angle.value


def frame_of(row: Mapping[str, Any]) -> int | None:
    """Give the number of the frame of a row, from 0; None where it has none."""
    if not filled(row, "frame"):
        return None
    text = str(row["frame"]).strip()
    if not re.fullmatch(r"[0-9]{1,9}(\.0+)?", text):  # a table that a program wrote may hold 12.0
        raise InvalidInputError(f"frame: {shown(text)} is not the number of a frame", "frames count from 0")
    return int(text.partition(".")[0])


def time_of(row: Mapping[str, Any]) -> Fraction | None:
    """Give the time of a row in seconds, from 0; None where it has none."""
    if not filled(row, "time"):
        return None
    time = parse_time(str(row["time"]), "time")
    if not 0 <= time < _LONGEST:
        raise InvalidInputError(f"time: {shown(row['time'])}", f"times count from 0, up to {_LONGEST} s")
    return time


def filled(row: Mapping[str, Any], name: str) -> bool:
    """Return whether a row has a cell that is not empty."""
    return row.get(name) is not None and str(row[name]).strip() != ""


def length_of(row: Mapping[str, Any], name: str) -> Length:
    """Give a number of a row, or raise where it is missing."""
    if not filled(row, name):
        raise InvalidInputError(f"{name} is missing")
    with located(name):
        return Length.parse(str(row[name]))
