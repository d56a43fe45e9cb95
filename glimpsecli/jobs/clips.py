"""The open videos of a run, which threads share."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from glimpsecli import images
from glimpsecli.names import MAX_PIXELS

if TYPE_CHECKING:
    from fractions import Fraction

    from glimpsecli.video.clip import Clip

HELD = 16
"""Clips that are open at once, and so at least the images that may be worked on at once."""

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
        self._open: OrderedDict[str, Clip] = OrderedDict()
        self._digests: dict[str, tuple[str, int]] = {}
        self._broken: set[str] = set()
        self._told: set[str] = set()
        self.files: list[str] = []
        self.notes: list[str] = []
        self.problems: list[str] = []

    def of(self, path: str) -> Clip:
        """Give the clip of a path; the one that was not asked for the longest may be closed for it."""
        from glimpsecli.video.opening import open_clip

        with self._lock:
            if path in self._open:
                self._open.move_to_end(path)
                return self._open[path]
            clip = self._open[path] = open_clip(path, rate=self._rate, max_pixels=self._max_pixels)
            if path not in self._told:
                self._told.add(path)
                self.files += clip.files_read
                self.notes += [f"{clip.label}: {note}" for note in clip.notes]
            while len(self._open) > HELD and path != "-":
                self._open.popitem(last=False)[1].close()
            return clip

    def choose(self, clip: Clip, last: int) -> None:
        """Say why frames are missing at the end of a clip: a problem if the frames that are chosen go up to it."""
        if clip.problem is not None:
            (self.problems if last == len(clip) - 1 else self.notes).append(f"{clip.label}: {clip.problem}")

    def breaks_off(self, path: str) -> bool:
        """Return whether a video that cannot be decoded any further is met for the first time."""
        with self._lock:
            first = path not in self._broken
            self._broken.add(path)
            return first

    def digest(self, path: str) -> tuple[str, int]:
        """Give the hash of a file, as manifests hold it, and its size in bytes; it is read once."""
        with self._lock:
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
