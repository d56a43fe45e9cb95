"""Tracks: the windows of each object over frames, from a table of windows with a row for each frame.

A row says when it is in a column ``frame`` (from 0), ``time`` (seconds, or HH:MM:SS.mmm) or both; in a table without
either, the rows of an object are its frames in turn. ``id``, or else ``label``, names the object. Rows whose ``state``
is ``lost`` hold guesses and are passed over, as the rows that are missing. The rows may stand in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.tables import Row, filled, located, seen_rows, time_of
from glimpsecli.annotations.text import listed, shown
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats
    from glimpsecli.window import Size

When = TypeVar("When", int, Fraction)


class Track(NamedTuple):
    """The boxes of one object, in the order of time.

    Attributes
    ----------
    name : str
        The table and the object, for messages.
    boxes : tuple of Box
    frames : tuple of int, or None
        Numbers of the frames, ascending; None where the table has only times.
    times : tuple of Fraction, or None
        Seconds, ascending; None where the table has only frames.
    """

    name: str
    boxes: tuple[Box, ...]
    frames: tuple[int, ...] | None
    times: tuple[Fraction, ...] | None

    def windows(self, image_size: Size) -> Floats:
        """Give the windows, (N, 5) float64: cx, cy, width, height, angle on an image of `image_size`."""
        return np.array([box.to_window(image_size).row for box in self.boxes])

    def check_gaps(self, times: Sequence[Fraction], longest: Fraction) -> None:
        """Raise where two neighbouring rows lie more than `longest` seconds apart; `times` are those of the rows.

        Rows of neighbouring frames have no gap between them, however slow the video is.
        """
        numbers = self.frames or range(0, 2 * len(times), 2)
        wide = [
            k
            for k, ((a, b), (m, n)) in enumerate(zip(pairwise(times), pairwise(numbers), strict=True))
            if b - a > longest and n - m > 1
        ]
        if not wide:
            return
        names = [self._gap(k, times) for k in wide[:3]]
        more = f" and {len(wide) - 3} more gaps" if len(wide) > 3 else ""
        gap = float(max(times[k + 1] - times[k] for k in wide))
        raise InvalidInputError(
            f"{self.name} has no window at {', '.join(names)}{more}",
            f"gaps of up to --max-gap {float(longest):g} s are filled, the longest is {gap:.3g} s",
        )

    def _gap(self, k: int, times: Sequence[Fraction]) -> str:
        """Name the gap behind a row."""
        if self.frames is None:
            return f"{float(times[k]):g} s to {float(times[k + 1]):g} s"
        first, last = self.frames[k] + 1, self.frames[k + 1] - 1
        return f"frame {first}" if first == last else f"frames {first} to {last}"


def read_tracks(table: str) -> dict[str, Track]:
    """Read the tracks of a table, by the id of their object; it is empty where a row has none.

    Raises
    ------
    InvalidInputError
        The table cannot be read, an object has two windows at one time, or only some rows say when they are.
    """
    rows: dict[str, list[Row]] = {}
    for name, row in named_rows(table):
        rows.setdefault(name or "", []).append(row)
    return {identity: _track(identity, table, found) for identity, found in rows.items()}


def named_rows(table: str) -> list[tuple[str | None, Row]]:
    """Read the rows of a table, each with the name of its object, where it has one; those of lost ones are left out."""
    return [
        (str(row.cells["id"]).strip() if filled(row.cells, "id") else row.box.label, row)
        for row in seen_rows(table, ("time",))[0]
    ]


def choose(tracks: Mapping[str, Track], identity: str | None) -> Track:
    """Give the track of an object, or the only one; raise where it is not there, or not clear."""
    if identity is None:
        if len(tracks) == 1:
            return next(iter(tracks.values()))
        raise InvalidInputError(f"the table holds {len(tracks)} tracks: {listed(list(tracks))}", "choose with --id")
    if identity not in tracks:
        raise InvalidInputError(
            f"--id {shown(identity)}: the table has no such track", f"it has {listed(list(tracks))}"
        )
    return tracks[identity]


def _track(identity: str, table: str, rows: Sequence[Row]) -> Track:
    name = f"{'standard input' if table == '-' else table}{f', id {identity}' if identity else ''}"
    frames = _column(name, rows, [row.box.frame for row in rows], "frame")
    times = _column(name, rows, [_time(row) for row in rows], "time")
    if frames is None and times is None:
        frames = list(range(len(rows)))
    keys: Sequence[int | Fraction] = frames if frames is not None else times or ()
    order = sorted(range(len(rows)), key=keys.__getitem__)
    for a, b in pairwise(order):
        if keys[a] == keys[b]:
            raise InvalidInputError(
                f"{rows[b].where}: a second window{f' of id {identity}' if identity else ''} for "
                f"{f'frame {keys[b]}' if frames is not None else f'{float(keys[b]):g} s'}",
                "give each object its own id",
            )
    sorted_times = None if times is None else tuple(times[k] for k in order)
    if sorted_times is not None and any(b <= a for a, b in pairwise(sorted_times)):
        raise InvalidInputError(f"{name}: the times do not ascend with the frames", "leave out one of the columns")
    return Track(
        name,
        tuple(rows[k].box for k in order),
        None if frames is None else tuple(frames[k] for k in order),
        sorted_times,
    )


def _column(name: str, rows: Sequence[Row], values: Sequence[When | None], word: str) -> list[When] | None:
    """Give the values of a column that all rows fill; None where no row fills it."""
    given = [value for value in values if value is not None]
    if given and len(given) < len(rows):
        row = next(row for row, value in zip(rows, values, strict=True) if value is None)
        raise InvalidInputError(f"{row.where}: {word} is missing", f"other rows of {name} have it")
    return given or None


def _time(row: Row) -> Fraction | None:
    with located(row.where):
        return time_of(row.cells)
