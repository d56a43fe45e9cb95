"""Many things in bounded memory: sorted on disk, and compared by their hashes."""

from __future__ import annotations

import heapq
import pickle
import tempfile
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import IO, Any, Generic, TypeVar

import numpy as np

from glimpsecli.errors import FileProblemError

T = TypeVar("T")

HELD = 50_000
"""Things that are held in memory before they go to disk: some 30 MB of paths with their keys."""
BLOCK = 250
"""Things that are read from disk at a time, from each run."""


class Spool(Generic[T]):
    """Things that can be read again and again, in the order of a key; on disk where they are many.

    They are sorted in runs of `HELD`, which are merged as they are read: things with equal keys stay in the order in
    which they came. Iterators of one spool share a file, and so belong to one thread.

    Parameters
    ----------
    key : callable, optional
        Gives what they are sorted by. Without it they stay in the order in which they come.
    """

    def __init__(self, key: Callable[[T], Any] | None = None, things: Iterable[T] = ()) -> None:
        self._key = key
        self._newest: list[T] = []
        self._sorted = True
        self._runs: list[tuple[int, int]] = []  # the start of each in the file, and its number of blocks
        self._file: IO[bytes] | None = None
        self._count = 0
        for thing in things:
            self.add(thing)

    def add(self, thing: T) -> None:
        """Add a thing."""
        if len(self._newest) == HELD:
            self._spill()
        self._newest.append(thing)
        self._sorted = False
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        self._sort()
        runs = [self._read(*run) for run in self._runs]
        if not runs:
            return iter(self._newest)
        every = [*runs, iter(self._newest)]
        return chain.from_iterable(every) if self._key is None else heapq.merge(*every, key=self._key)

    def _sort(self) -> None:
        if self._key is not None and not self._sorted:
            self._newest.sort(key=self._key)
        self._sorted = True

    def _spill(self) -> None:
        self._sort()
        try:
            self._write_run()
        except OSError as error:
            raise FileProblemError(
                f"{tempfile.gettempdir()} cannot hold the sorted names: {error.strerror or error}",
                "free some space there, or set TMPDIR to another folder",
            ) from None
        self._newest = []

    def _write_run(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the spool
            weakref.finalize(self, self._file.close)
        start = self._file.seek(0, 2)
        for first in range(0, len(self._newest), BLOCK):
            pickle.dump(self._newest[first : first + BLOCK], self._file, pickle.HIGHEST_PROTOCOL)
        self._file.flush()
        self._runs.append((start, -(-len(self._newest) // BLOCK)))

    def _read(self, start: int, blocks: int) -> Iterator[T]:
        file = self._file
        assert file is not None
        for _ in range(blocks):
            file.seek(start)
            block: list[T] = pickle.load(file)
            start = file.tell()
            yield from block


class Hashes:
    """Texts of which 8 bytes are kept: enough to find those that may have come twice."""

    def __init__(self) -> None:
        self._all = array("q")
        self._sorted = 0  # number of those that were sorted

    def add(self, text: str) -> None:
        """Add a text."""
        self._all.append(hash(text))

    def repeated(self) -> Hashes:
        """Give the texts that may have come more than once: texts that differ have equal hashes hardly ever."""
        self._sort()
        found, values = Hashes(), np.array([], np.int64) if not self._all else np.frombuffer(self._all, np.int64)
        again = values[1:] == values[:-1]
        found._all = array("q", np.unique(values[1:][again]).tobytes())
        return found

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, text: str) -> bool:
        """Return whether a text may be among them."""
        self._sort()
        value = hash(text)
        place = bisect_left(self._all, value)
        return place < len(self._all) and self._all[place] == value

    def _sort(self) -> None:
        """Sort them in their place: a copy of as many would be most of the memory of a plan."""
        if self._sorted != len(self._all):
            np.frombuffer(self._all, np.int64).sort()
            self._sorted = len(self._all)
