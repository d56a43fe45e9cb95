"""An earlier run of a batch: the images that it has done need not be made again."""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.jobs.decoding import decoded_as, upright_size_of
from glimpsecli.jobs.engine import content_hash, frame_of, identity_of, origin_of, placements_of
from glimpsecli.jobs.groups import Key, Order, folder_of, order_of
from glimpsecli.jobs.lines import key_of, line_of, read_lines
from glimpsecli.jobs.records import planned
from glimpsecli.storage import is_stored, joined, name_of, path_of, storage_of

if TYPE_CHECKING:
    from glimpsecli.jobs.groups import Source
    from glimpsecli.jobs.plan import Item, Plan


COUNTED = 5000
"""Images after the first glimpse that is left, among which others are counted."""


class Entry(NamedTuple):
    """The lines of an image in a manifest.

    Attributes
    ----------
    order : Order
        What manifests are sorted by.
    key : (str, int or None)
    folder : str
        The relative folder of the image.
    lines : tuple of str
    """

    order: Order
    key: Key
    folder: str
    lines: tuple[str, ...]


class Left(NamedTuple):
    """A glimpse whose image is not among the sources any more.

    Attributes
    ----------
    file, source : str
    """

    file: str
    source: str


class Earlier:
    """The lines of an earlier run, given to the images of this one as they come, in the same order.

    Parameters
    ----------
    entries : iterator of Entry
        Sorted by their order; those that are not are passed over, and their images made again.
    glimpse_left : callable
        Gives a glimpse that is left of an image that is not in the plan, if any.
    """

    def __init__(self, entries: Iterator[Entry], glimpse_left: Callable[[Entry], Left | None]) -> None:
        self._entries, self._glimpse_left = entries, glimpse_left
        self._left: Left | None = None  # the first one
        self._images = self._since = 0  # of which some are left, and that came since the first of them
        self._next = next(entries, None)
        self._order: Order | None = None
        self._same: dict[Key, Entry] = {}  # those of the order of the last source

    def lines_of(self, source: Source) -> tuple[str, ...]:
        """Give the lines of a source, which comes after the last one.

        Raises
        ------
        InvalidInputError
            A while ago glimpses were left of images that are not among the sources any more.
        """
        self._since += self._left is not None
        if self._since > COUNTED:
            self._refuse("at least ")
        order = source.order
        if order != self._order:
            self._pass_same()
            while self._next is not None and self._next.order < order:
                self._pass(self._next)
                self._next = next(self._entries, None)
            while self._next is not None and self._next.order == order:
                self._same[self._next.key] = self._next
                self._next = next(self._entries, None)
            self._order = order
        found = self._same.pop(source.key, None)
        return () if found is None else found.lines

    def end(self) -> None:
        """Pass over the lines that come after the last source.

        Raises
        ------
        InvalidInputError
            Glimpses are left of images that are not among the sources any more.
        """
        self._pass_same()
        while self._next is not None:
            self._pass(self._next)
            self._next = next(self._entries, None)
        self._refuse()

    def _pass_same(self) -> None:
        for entry in self._same.values():
            self._pass(entry)
        self._same = {}

    def _pass(self, entry: Entry) -> None:
        """Note an image that is not among the sources, if a glimpse of it is left."""
        found = self._glimpse_left(entry)
        self._left = self._left or found
        self._images += found is not None

    def _refuse(self, least: str = "") -> None:
        if self._left is not None:
            more = self._images - 1
            others = f"; glimpses of {least}{more} more such image{'s'[: more != 1]} are left" if more else ""
            raise InvalidInputError(
                f"{self._left.file} was made of {self._left.source}, which is not among the images any more{others}",
                "put images back, remove such glimpses, or start anew with --overwrite",
            )


def entries_of(path: str, depth: int) -> Iterator[Entry]:
    """Generate the entries of a ``metadata.jsonl`` that may be damaged; lines that are not whole are left out.

    Parameters
    ----------
    path : str
    depth : int
        Number of folders that the names of files have below the relative folder of their image.
    """
    rows = ((line, row) for line, row in read_lines(path) if row is not None)
    for key, mine in groupby(rows, key=lambda pair: key_of(pair[1])):
        lines, (row, *_) = zip(*mine, strict=True)
        relative = row.get("relative")
        if not isinstance(relative, str):
            folder = folder_of(row["file_name"])
            for _ in range(depth):
                folder = folder_of(folder)
            relative = f"{folder}/{name_of(key[0])}".lstrip("/")
        yield Entry(order_of(relative, key[1]), key, folder_of(relative), lines)


def depth_of(template: str | None) -> int:
    """Give the number of folders that a template of names adds."""
    return 0 if template is None else len([part for part in template.split("/") if part != "."]) - 1


def merged(newer: Iterator[Entry], older: Iterator[Entry]) -> Iterator[Entry]:
    """Merge two sorted runs; where both have an image, the newer entry stands."""
    last: Entry | None = None
    for entry in heapq.merge(newer, older, key=lambda one: one.order):
        if last is None or last.key != entry.key:
            yield entry
        last = entry


def glimpse_left(entry: Entry, folder: str, makes: Callable[[str, str], bool]) -> Left | None:
    """Give a glimpse that is still there of an image that is gone, unless another image makes it now.

    Parameters
    ----------
    entry : Entry
        Lines of an image that is not among the sources any more.
    folder : str
        The output folder.
    makes : callable
        Says whether a file is the target of an image of a relative folder.
    """
    for line in entry.lines:
        row = json.loads(line)
        file = joined(folder, row["file_name"])
        if size_of(file) is not None and not makes(os.path.normpath(file), entry.folder):
            return Left(file, row["source"])
    return None


def size_of(path: str) -> int | None:
    """Give the size of a regular file or an object in bytes; None where there is none."""
    try:
        if is_stored(path):
            found = storage_of(path).stat(path_of(path))
            return None if found is None else found.size
        return os.stat(path).st_size if os.path.isfile(path) else None
    except (OSError, GlimpseError):
        return None


def is_done(item: Item, plan: Plan, *, quick: bool) -> bool:
    """Return whether the lines of an item are those that the plan would write for the files on disk.

    Parameters
    ----------
    item : Item
    plan : Plan
    quick : bool
        Whether sources and glimpses are compared with the lines by their size alone, without opening them; otherwise
        the hash of their content must be the same, too.
    """
    lines, rows = item.lines, [json.loads(line) for line in item.lines]
    try:
        records = _from_lines(item, rows[0], plan) if quick else _from_files(item, plan)
        return len(records) == len(rows) and all(
            (file := _file_of(record["file"], row, quick=quick)) is not None
            and line == line_of(record | file, plan.output.target)
            for line, row, record in zip(lines, rows, records, strict=True)
        )
    except (GlimpseError, OSError):  # the image is worked on again, and its failure is recorded then
        return False


def _from_files(item: Item, plan: Plan) -> list[dict[str, Any]]:
    """Give the records of an image as it is now."""
    with origin_of(item, plan) as origin:
        image_size = upright_size_of(origin, plan.how)
        placements = placements_of(item, plan, image_size)
        decoded = decoded_as(origin, placements, image_size, plan.how)
        records = planned(item, placements, image_size, plan.how, backend=plan.how.sampling.backend, decoded=decoded)
        known = {**identity_of(item, origin, plan), "of": len(records)}
    return [record | known for record in records]


def _from_lines(item: Item, row: dict[str, Any], plan: Plan) -> list[dict[str, Any]]:
    """Give the records of an image from its first line; none where the size of the image in bytes has changed."""
    if size_of(item.source) != row["source_bytes"]:
        return []
    image_size = row["image_size"]["height"], row["image_size"]["width"]
    placements = placements_of(item, plan, image_size)
    records = planned(item, placements, image_size, plan.how, backend=plan.how.sampling.backend, decoded=row["decoded"])
    known = {
        "source_hash": row["source_hash"],
        "source_bytes": row["source_bytes"],
        **frame_of(item),
        **dict(item.fields),
        "of": len(records),
    }
    return [record | known for record in records]


def _file_of(path: str, row: dict[str, Any], *, quick: bool) -> dict[str, Any] | None:
    """Give the hash and the size of a glimpse's file; None where the size is not that of its line."""
    size = size_of(path)
    if size is None or size != row.get("file_bytes"):
        return None
    if quick:
        return {"file_hash": row.get("file_hash"), "file_bytes": size}
    content = storage_of(path).read(path_of(path))
    return {"file_hash": content_hash(content), "file_bytes": len(content)}
