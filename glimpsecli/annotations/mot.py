"""MOTChallenge's text files of tracks and detections: no header, a row for each box.

A row is ``frame,id,x,y,width,height`` and up to four more numbers (a confidence, a class, a visibility, or places in
space), which are passed over. Frames count from 1, and so do the pixels of x and y: here both count from 0. The id of
a detection that belongs to no track is -1. :mod:`glimpsecli.annotations.mot_sequences` reads more of a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from glimpsecli.annotations.annotated import LARGEST, number
from glimpsecli.annotations.boxes import Box, Length
from glimpsecli.annotations.text import shown
from glimpsecli.errors import InvalidInputError

_LEAST, _MOST = 6, 10
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")
_WHOLE = re.compile(r"\s*[+-]?\d{1,9}(?:\.0*)?\s*")


def is_mot(text: str) -> bool:
    """Return whether a table has the rows of MOTChallenge: 6 to 10 numbers in the first line, and no header."""
    cells = next((line for line in text[: 1 << 16].split("\n") if line.strip()), "").split(",")
    return _LEAST <= len(cells) <= _MOST and all(map(_NUMBER.fullmatch, cells))


def boxes_of(text: str, name: str) -> Iterator[tuple[int, Box]]:
    """Give the boxes with their line numbers; the label of a box is its id.

    Raises
    ------
    InvalidInputError
        A row is no box; the message begins with `name` and the line.
    """
    for line, row in enumerate(text.split("\n"), 1):
        if row.strip():
            try:
                yield line, box_of_row(row.split(","))
            except InvalidInputError as error:
                raise InvalidInputError(f"{name}, line {line}: {error.message}", error.hint) from None


def box_of_row(cells: list[str], first_pixel: int = 1) -> Box:
    """Give the box of a row of numbers, whose label is its id; its frame counts from 0.

    `first_pixel` is the number that the file has for the first pixel of a row.
    """
    if not _LEAST <= len(cells) <= _MOST:
        raise InvalidInputError(f"{len(cells)} values in a row of MOT", "write frame,id,x,y,width,height,confidence")
    for cell, word in zip(cells, ("frame", "id"), strict=False):
        if not _WHOLE.fullmatch(cell):
            raise InvalidInputError(f"{word}: {shown(cell.strip())} is not a whole number")
    frame, identity = int(float(cells[0])), int(float(cells[1]))
    if frame < 1:
        raise InvalidInputError(f"frame {frame}", "frames of MOT count from 1")
    x, y, width, height = map(number, cells[2:6])
    if max(map(abs, (x, y, width, height))) > LARGEST:
        raise InvalidInputError(f"a box at {x:g},{y:g},{width:g},{height:g} is out of all bounds")
    left, top = Length(x - first_pixel), Length(y - first_pixel)
    known, label = (None, None) if identity == -1 else (identity, str(identity))
    return Box(left, top, Length(width), Length(height), label=label, frame=frame - 1, id=known).checked()
