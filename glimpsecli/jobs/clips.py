"""The open videos of a run, which threads share."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from glimpsecli import images
from glimpsecli.names import MAX_PIXELS

if TYPE_CHECKING:
    from fractions import Fraction

    from glimpsecli.video.clip import Clip

HELD = 16
"""Clips that stay open though nobody uses them."""

_BLOCK = 1 << 20  # bytes of a video that are hashed at a time


class Clips:
    """The open videos of a run, by path; threads share them.

    Parameters
    ----------
    rate : Fraction, optional
        Frames per second of folders and patterns of frames.
    max_pixels : int
        Larger frames are refused.

    Attributes
    ----------
    files : list of str
        The files that lie in folders, or fit patterns, and are read as frames.
    notes : list of str
        Facts about the videos that the user should know, a line each.
    problems : list of str
        The reasons why frames are missing, a line each.
    """

    def __init__(self, *, rate: Fraction | None = None, max_pixels: int = MAX_PIXELS) -> None:
        self._rate, self._max_pixels = rate, max_pixels
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}  # for opening and hashing, while other videos go on
        self._open: OrderedDict[str, Clip] = OrderedDict()
        self._users: Counter[str] = Counter()
        self._digests: dict[str, tuple[str, int]] = {}
        self._known: set[str] = set()
        self.files: list[str] = []
        self.notes: list[str] = []
        self.problems: list[str] = []

    def __reduce__(self) -> tuple[Callable[[], Clips], tuple[()]]:
        """In another process the videos are opened anew."""
        return partial(Clips, rate=self._rate, max_pixels=self._max_pixels), ()

    def of(self, path: str) -> Clip:
        """Give the clip of a path, for a moment in which no other thread opens clips; see :meth:`held`."""
        with self.held(path) as clip:
            return clip

    @contextmanager
    def held(self, path: str) -> Iterator[Clip]:
        """Give the clip of a path, which is not closed before the block ends.

        Of the clips that nobody uses `HELD` stay open, those that were used last; standard input always does.
        """
        with self._lock:
            self._users[path] += 1
            busy = self._busy.setdefault(path, threading.Lock())
        try:
            with busy:
                clip = self._opened(path)
            yield clip
        finally:
            with self._lock:
                self._users[path] -= 1
                idle = [name for name in self._open if name != "-" and not self._users[name]]
                late = [self._open.pop(name) for name in idle[: max(0, len(idle) - HELD)]]
            for one in late:
                one.close()

    def _opened(self, path: str) -> Clip:
        from glimpsecli.video.opening import open_clip

        with self._lock:
            if path in self._open:
                self._open.move_to_end(path)
                return self._open[path]
        clip = open_clip(path, rate=self._rate, max_pixels=self._max_pixels)
        with self._lock:
            self._open[path] = clip
            if path not in self._known:
                self._known.add(path)
                self.files += clip.files_read
                self.notes += [f"{clip.label}: {note}" for note in clip.notes]
        return clip

    def report_end(self, clip: Clip, last: int) -> None:
        """Say why frames are missing at the end of a clip: a problem if the frames that are chosen go up to it."""
        if clip.problem is not None:
            (self.problems if last == len(clip) - 1 else self.notes).append(f"{clip.label}: {clip.problem}")

    def digest(self, path: str) -> tuple[str, int]:
        """Give the hash of a file, as manifests hold it, and its size in bytes; it is read once."""
        import hashlib

        with self._lock:
            busy = self._busy.setdefault(path, threading.Lock())
        with busy:
            if path not in self._digests:
                state, size = hashlib.sha256(), 0
                with images.opened(path) as (stream, _):
                    while block := stream.read(_BLOCK):
                        state.update(block)
                        size += len(block)
                self._digests[path] = f"sha256:{state.hexdigest()}", size
            return self._digests[path]

    def close(self) -> None:
        """Close all clips."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()
