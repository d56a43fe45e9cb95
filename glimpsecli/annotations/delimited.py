"""Tables with a header, as spreadsheets and programs write them: with commas, semicolons or tabs.

The separator is the one that gives the header the most known columns, or the one of a line ``sep=;`` before the header,
which Excel writes. Where it is no comma, numbers may have a decimal comma; a table with decimal commas and decimal
points is refused, since either the commas or the points must mean something else.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator

from glimpsecli.annotations.text import shown
from glimpsecli.errors import InvalidInputError

_SEPARATORS = (",", ";", "\t")
_NAMED = re.compile(r"\s*sep=(.)[ \r]*(?:\n|$)")
_NUMBER = re.compile(r"\s*[+-]?(?:\d[\d.,]*|[.,]\d+)%?\s*")
_WITH_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*(?:e[+-]?\d+)?\s*%?\s*", re.IGNORECASE)
_WITH_POINT = re.compile(r"\s*[+-]?\d*\.\d+\s*(?:e[+-]?\d+)?\s*%?\s*", re.IGNORECASE)

Rows = Iterator[tuple[int, list[str]]]


def read_delimited(
    text: str, name: str, columns: Collection[str], numbers: Collection[str], problems: list[str] | None = None
) -> tuple[list[str], Rows]:
    """Read a table.

    Parameters
    ----------
    text : str
    name : str
        The name of the table in messages.
    columns, numbers : collection of str
        The columns that the caller knows, and those of them that hold numbers, in lower case.
    problems : list of str, optional
        Gets a line for each row that cannot be read, which is then passed over; without it such a row is an error.

    Returns
    -------
    header : list of str
        In lower case, without spaces around.
    rows : iterator of (int, list of str)
        The rows that are not empty, with their line numbers.

    Raises
    ------
    InvalidInputError
        A known column is there twice, or the numbers have decimal commas and decimal points.
    """
    given = _NAMED.match(text)
    text = "\n" + text[given.end() :] if given else text
    first = next((line for line in text[: 1 << 16].split("\n") if line.strip()), "")
    headers = {one: _header(first, one) for one in ([given[1]] if given else _SEPARATORS)}
    separator = max(headers, key=lambda one: (len({*headers[one]} & {*columns}), len(headers[one])))
    header = headers[separator]
    for column in columns:
        if header.count(column) > 1:
            raise InvalidInputError(f"{name}: the column {column} is there twice", "leave one out")
    rows = _body(text, name, separator, problems)
    if separator == ",":
        return header, rows
    places = [n for n, column in enumerate(header) if column in numbers]
    cells = [row[n] for _, row in _body(text, name, separator, []) for n in places if n < len(row)]
    commas = next(filter(_WITH_COMMA.fullmatch, cells), None)
    points = next(filter(_WITH_POINT.fullmatch, cells), None)
    if commas and points:
        raise InvalidInputError(
            f"{name} has numbers with a decimal comma, {shown(commas)}, and with a decimal point, {shown(points)}",
            "write all with a point",
        )
    return header, _with_points(rows, places) if commas else rows


def row_of(header: list[str], cells: list[str]) -> dict[str | None, str]:
    """Give the cells of a row, without spaces around, by the names of their columns; None is the name of no column."""
    if len(cells) != len(header):
        raise InvalidInputError(f"{len(cells)} cells under {len(header)} columns")
    return dict(zip(header, map(str.strip, cells), strict=True))


def wrong_header(name: str, header: list[str], hint: str) -> InvalidInputError:
    """Say that a header lacks columns, or that there is none."""
    number = next(filter(_NUMBER.fullmatch, header), None)
    if number is not None:
        return InvalidInputError(f"{name}: the first line is no header, it holds {shown(number)}", hint)
    return InvalidInputError(f"{name}: the columns are {', '.join(filter(None, header)) or 'none'}", hint)


def _header(line: str, separator: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=separator != "\t"), [])
    except csv.Error:
        return []
    return [cell.strip().lower() for cell in cells]


def _rows(text: str, name: str, separator: str, problems: list[str] | None) -> Rows:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=separator != "\t", strict=problems is None
    )
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if problems is None:
                raise InvalidInputError(f"{name}, line {reader.line_num}: {error}") from None
            problems.append(f"{name}, line {reader.line_num}: {error}")
            continue
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _body(text: str, name: str, separator: str, problems: list[str] | None) -> Rows:
    rows = _rows(text, name, separator, problems)
    next(rows, None)
    return rows


def _with_points(rows: Rows, places: list[int]) -> Rows:
    for line, row in rows:
        for n in places:
            if n < len(row) and _WITH_COMMA.fullmatch(row[n]):
                row[n] = row[n].replace(",", ".")
        yield line, row
