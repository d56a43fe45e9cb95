"""The tables of objects that were followed: CSV, JSON Lines and MOTChallenge's text."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.outputs import make_folder
from glimpsecli.jobs.plan import STREAM
from glimpsecli.names import FOUND, LOST
from glimpsecli.storage import place

if TYPE_CHECKING:
    from glimpsecli.jobs.tracking import Seen, Step

COLUMNS = (
    "frame", "time", "id", "x", "y", "width", "height", "angle", "zncc", "second", "spread_x", "spread_y", "state",
    "reason",
)  # fmt: skip

_PLACES, _TIME = 4, 6
"""Digits behind the point, of pixels, degrees and correlations, and of seconds."""


def record_of(step: Step, seen: Seen) -> dict[str, Any]:
    """Give the row of an object in a frame; None stands for a number that is not known."""
    tracked, window = seen.tracked, seen.tracked.window
    numbers = (*window.box, window.angle, tracked.zncc, tracked.second, *tracked.spread)
    return {
        "frame": step.at.number,
        "time": round(float(step.at.time), _TIME),
        "id": seen.name,
        **{
            name: round(number, _PLACES) if math.isfinite(number) else None
            for name, number in zip(COLUMNS[3:-2], map(float, numbers), strict=True)
        },
        "state": tracked.state,
        "reason": tracked.reason,
    }


class Table:
    """A table in the making: its rows are kept until the end, or printed as they come.

    Parameters
    ----------
    target : str
        A path, or ``-``.
    kind : str
        A key of `TABLES`.
    overwrite : bool
    """

    draws, shows_all = False, False

    def __init__(self, target: str, kind: str, *, overwrite: bool) -> None:
        self.target, self._overwrite = target, overwrite
        self._head, self._line = TABLES[kind]
        self._text = io.StringIO(newline="")

    def add(self, step: Step, seen: Sequence[Seen]) -> None:
        """Append the rows of a frame."""
        self._write("".join(self._line(record_of(step, one)) for one in seen))

    def finish(self, *, whole: bool) -> bool:
        """Write the table; what is there of it is right, whole or not."""
        self._write("")
        if self.target != STREAM:
            content = self._text.getvalue().encode("utf-8", "surrogateescape")
            make_folder(self.target)
            place(self.target, lambda stream: stream.write(content), overwrite=self._overwrite)
        return True

    def drop(self) -> None:
        """Forget the table."""
        self._text = io.StringIO(newline="")

    def _write(self, text: str) -> None:
        text, self._head = self._head + text, ""
        if self.target == STREAM:
            sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
            sys.stdout.buffer.flush()
        else:
            self._text.write(text)


def check_names(kind: str, names: Sequence[str], *, turned: bool) -> None:
    """Refuse objects that a table cannot hold."""
    if kind != "mot":
        return
    for name in names:
        if not name.isascii() or not name.isdigit():
            raise InvalidInputError(f"the id {name} in a table of MOT, which has numbers", "use .csv, or number them")
    if turned:
        raise InvalidInputError("a table of MOT has no angles", "use .csv")


def _csv_line(record: dict[str, Any]) -> str:
    import csv

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow("" if value is None else value for value in record.values())
    return text.getvalue()


def _json_line(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"


def _mot_line(record: dict[str, Any]) -> str:
    """Give a row of MOTChallenge, whose frames and pixels count from 1; it has none for an object that is lost."""
    if record["state"] == LOST:
        return ""
    place = f"{record['x'] + 1:.{_PLACES}f},{record['y'] + 1:.{_PLACES}f},{record['width']},{record['height']}"
    return f"{record['frame'] + 1},{record['id']},{place},{record['zncc'] or 0:.{_PLACES}f},-1,-1,-1\n"


TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "csv": (",".join(COLUMNS) + "\n", _csv_line),
    "jsonl": ("", _json_line),
    "mot": ("", _mot_line),
}
"""The first line of each kind of table, and the function that makes a line of a row."""


def only_found(seen: Sequence[Seen]) -> Iterator[Seen]:
    """Give the objects that are found."""
    return (one for one in seen if one.tracked.state == FOUND)
