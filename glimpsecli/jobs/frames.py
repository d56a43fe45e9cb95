"""The frames of videos as sources: each with its number and its time, and the clips that are held open for them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from glimpsecli import images
from glimpsecli.errors import GlimpseError
from glimpsecli.images.streams import is_stream
from glimpsecli.images.suffixes import IMAGES
from glimpsecli.jobs.at import At
from glimpsecli.names import MAX_PIXELS

if TYPE_CHECKING:
    from fractions import Fraction

    from glimpsecli.jobs.sources import Source
    from glimpsecli.video.clip import Clip
    from glimpsecli.video.selection import Selection

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


def frames_of(
    sources: Sequence[Source],
    clips: Clips,
    *,
    frame: int = 0,
    selection: Selection | None = None,
    named: Collection[int] = (),
    every: bool = False,
) -> tuple[list[Source], dict[str, GlimpseError]]:
    """Give each video its frames, a source for each; other sources stay as they are.

    Parameters
    ----------
    sources : sequence of Source
    clips : Clips
        Opens the videos.
    frame : int
        The one frame that is taken of a video by default, as of an animation; the first one with a note.
    selection : Selection, optional
        The frames that are chosen; all sources are then videos, a photo one of a single frame.
    named : collection of int
        The frames that are chosen where there is no selection.
    every : bool
        Whether all frames are chosen where nothing else is.

    Returns
    -------
    sources : list of Source
    failures : dict of str to GlimpseError
        The error of each source that cannot be read or has no such frame, by path; it stays as it is.
    """
    found: list[Source] = []
    failures: dict[str, GlimpseError] = {}
    for source in sources:
        if selection is None and not named and not every and not is_footage(source.path):
            found.append(source)
            continue
        try:
            clip = clips.of(source.path)
            if selection is not None:
                chosen: Collection[int] = selection.indices(clip)
            elif named or (every and not frame):
                chosen = named or range(len(clip))
            else:
                chosen = [frame]
                if frame == 0 and len(clip) > 1:
                    clips.notes.append(f"{clip.label} has {len(clip)} frames: the first is taken; choose with --frames")
            frames = at_frames(clip, chosen)
            clips.choose(clip, frames[-1].index)
            found += [source._replace(at=at) for at in frames]
        except GlimpseError as error:
            failures[source.path] = error
            found.append(source)
    return found, failures


def at_frames(clip: Clip, chosen: Collection[int]) -> list[At]:
    """Give the frames of a clip by their numbers, in the order of time."""
    indices = sorted({*chosen})
    if indices[-1] >= len(clip):
        clip.frame(indices[-1])  # says that there is none
    ends = [*(clip.times[index] for index in indices[1:]), clip.end]
    if indices[-1] + 1 < len(clip):  # the last one lasts as long as the one before it
        last = clip.times[indices[-1]]
        ends[-1] = last + (last - clip.times[indices[-2]] if len(indices) > 1 else 1 / clip.rate)
    return [
        At(index, clip.times[index], end - clip.times[index], index) for index, end in zip(indices, ends, strict=True)
    ]


def is_footage(path: str) -> bool:
    """Return whether a path is a video, or a folder, which stands for the frames that lie in it."""
    if path == "-" or is_stream(path):  # it can be read once
        return False
    if os.path.isdir(path):
        return True
    if os.path.splitext(path)[1][1:].lower() in IMAGES:  # a batch has many, and opening each takes time
        return False
    from glimpsecli.video.opening import is_video

    return is_video(path)
