"""Text to an array: a row of the grid on each line."""

from __future__ import annotations

import io
import re
from array import array
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from glimpsecli.encodings import encoding_of
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_TEXT = 1 << 26
"""The limit on a file of text, in bytes. ``numpy.savetxt`` writes 2.7 million values into it, six times 12 heads of 197
tokens."""

_DECIMAL_COMMA = re.compile(r"\s*[-+]?[0-9]*,[0-9]+(?:[eE][-+]?[0-9]+)?\s*", re.ASCII)
_ROWS = "give a row of the grid on each line"


def read_text(stream: BinaryIO, length: int, label: str) -> NDArray[np.float64]:
    """Read a file of text, of `length` bytes.

    The encoding is UTF-8, or that of a byte order mark. Numbers are separated by semicolons, commas, tabs or spaces,
    whichever of them the first row can be read with. Lines that begin with ``#`` are passed over.

    Returns
    -------
    (rows, columns) array
        (0,) where there is no number.

    Raises
    ------
    InvalidInputError
        The file is too long, has another encoding, or a line is no row; the message names the line.
    """
    if length > MAX_TEXT:
        raise InvalidInputError(
            f"{label} is a text of {length / 1e6:.0f} MB; the limit is {MAX_TEXT / 1e6:.0f} MB",
            "save the array with numpy.save",
        )
    encoding = _encoding(stream, label)
    lines = io.TextIOWrapper(stream, encoding, newline=None)
    numbers, columns = array("d"), 0
    separator: str | None = None
    try:
        for number, source in enumerate(lines, 1):
            row = source.strip(" \r\n")
            if not row.strip() or row.startswith("#"):
                continue
            where = f"{label}, line {number}"
            if not columns:
                separator = _separator(row, where)
            cells = row.split(separator)
            if columns and len(cells) != columns:
                raise InvalidInputError(
                    f"{where} has {len(cells)} numbers, the lines above have {columns}",
                    "give each row of the grid as many numbers",
                )
            columns = len(cells)
            numbers.extend(_number(cell, where) for cell in cells)
    except UnicodeError:
        name = encoding.removesuffix("-sig").upper()
        raise InvalidInputError(f"{label} is not {name} text", "save it as UTF-8") from None
    finally:
        lines.detach()  # else it would close the stream
    return np.frombuffer(numbers, np.float64).reshape(-1, columns) if columns else np.zeros(0)


def _encoding(stream: BinaryIO, label: str) -> str:
    head = stream.read(64)
    stream.seek(0)
    encoding = encoding_of(head)
    if encoding == "utf-8" and b"\0" in head:
        raise InvalidInputError(
            f"{label} is no UTF-8 text; it may be UTF-16 without a byte order mark", "save it as UTF-8"
        )
    return encoding


def _separator(row: str, where: str) -> str | None:
    """Find the separator of the first row, None for white space. Refuse a row in which no cell is a number."""
    present = [mark for mark in ";,\t" if mark in row]
    for mark in (*present, None):
        if all(_is_number(cell) for cell in row.split(mark)):
            return mark
    for mark in (";", None):
        comma = next((cell for cell in row.split(mark) if _DECIMAL_COMMA.fullmatch(cell)), None)
        if comma is not None:
            raise InvalidInputError(
                f"{where}: {comma.strip()!r} has a decimal comma", "write numbers with a point, as 0.5"
            )
    separator = present[0] if present else None
    cells = row.split(separator)
    if not any(_is_number(cell) for cell in cells):
        raise InvalidInputError(
            f"{where}: {_shown(cells[0])} is not a number, nor is any other of the line",
            "leave a line of names out, or begin it with #",
        )
    return separator


def _is_number(cell: str) -> bool:
    try:
        _number(cell, "")
    except InvalidInputError:
        return False
    return True


def _number(cell: str, where: str) -> float:
    try:
        return float(cell.replace("_", "?"))  # Python would take 1_000
    except ValueError:
        raise InvalidInputError(f"{where}: {_shown(cell)} is not a number", _ROWS) from None


def _shown(cell: str) -> str:
    return repr(cell.strip()[:40])
