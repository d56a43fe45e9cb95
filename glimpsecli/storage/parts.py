"""The names of the parts in which a store keeps a log, and of the mark that says which of them were joined."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import NamedTuple

from glimpsecli.storage.protocol import Entry

_PART = re.compile(r"[0-9]{8,}")
_MARK = re.compile(r"joined-([0-9]+)-([0-9]+)")


class Parts(NamedTuple):
    """What is kept beside a log.

    Attributes
    ----------
    left : tuple of Entry
        The parts that the object of the log does not hold, in order.
    joined : tuple of str
        The paths of the parts that it does hold.
    marks : tuple of str
        The paths of the marks. They are deleted after the parts that they tell of.
    following : int
        The number of the next part.
    size : int
        The bytes of the object of the log.
    """

    left: tuple[Entry, ...]
    joined: tuple[str, ...]
    marks: tuple[str, ...]
    following: int
    size: int


def folder_of_parts(path: str) -> str:
    """Give the folder of the parts of a log, which is hidden beside it."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, ".glimpse", name)


def path_of_part(path: str, number: int) -> str:
    """Give the path of a part; names of eight digits sort as their numbers do."""
    return f"{folder_of_parts(path)}/{number:08d}"


def path_of_mark(path: str, following: int, size: int) -> str:
    """Give the path of the mark of an object that will have this size and hold all parts before a number."""
    return f"{folder_of_parts(path)}/joined-{following}-{size}"


def found(entries: Sequence[Entry], size: int) -> Parts:
    """Sort out what was listed beside a log whose object has `size` bytes."""
    names = {posixpath.basename(entry.path): entry for entry in entries}
    numbered = sorted((int(name), entry) for name, entry in names.items() if _PART.fullmatch(name))
    marks = {entry.path: mark for name, entry in names.items() if (mark := _MARK.fullmatch(name))}
    # A mark of another size is that of an object that was never written.
    begun = max((int(mark[1]) for mark in marks.values() if int(mark[2]) == size), default=0)
    following = max([number + 1 for number, _ in numbered] + [begun])
    left = tuple(entry for number, entry in numbered if number >= begun)
    held = tuple(entry.path for number, entry in numbered if number < begun)
    return Parts(left, held, (*marks,), following, size)
