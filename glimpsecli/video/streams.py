"""Video files through PyAV: frames by number, and only those that are verified to be the ones asked for."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from av.video.reformatter import VideoReformatter

from glimpsecli.errors import FileProblemError
from glimpsecli.images import orientation as turning
from glimpsecli.images.picture import Picture
from glimpsecli.video.clip import KEPT, KEPT_BYTES, Clip
from glimpsecli.video.damage import Decoded
from glimpsecli.video.decoding import Decoding
from glimpsecli.video.indexing import Index, index_of_frames, survey, times_of
from glimpsecli.video.traits import traits_of
from glimpsecli.video.wholeness import missing_bytes

if TYPE_CHECKING:
    from av import VideoStream
    from av.video.frame import VideoFrame

_LEADS = (0, 1, 2, 4, 8)  # seconds before a key frame at which a seek tries to find it
_UNSOUND = 250  # frames at the start among which a key frame is looked for
_FALLBACK = Fraction(25)  # frames per second of a file that names no rate


class StreamClip(Clip):
    """A video file.

    Parameters
    ----------
    stream : BinaryIO
        The file, seekable.
    kind : str
        As `images.video_kinds.video_kind` tells it.
    label : str
        The name of the clip in messages.
    max_pixels : int
        Larger frames are refused before they are decoded.
    path : str or None
        The path of the file, if it can be opened again.

    Attributes
    ----------
    files : ExitStack
        Files that are closed with the clip.
    """

    def __init__(self, stream: BinaryIO, kind: str, label: str, max_pixels: int, *, path: str | None) -> None:
        super().__init__()
        self.label, self.files = label, ExitStack()
        self._decoding = Decoding(stream, kind, label, max_pixels)
        self._reformatters = threading.local()
        self._lead = 0  # number of the lead that helped last
        try:
            self._prepare(stream, kind)
            tracks = len(self._decoding.container.streams.audio)
            self.sound = tracks if path is not None else 0
            if tracks and path is None:
                self.notes += ("its sound is left out of films, for a pipe is read once",)
        except BaseException:
            self._decoding.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._kept.clear()
            self._decoding.close()
            self.files.close()

    def _prepare(self, stream: BinaryIO, kind: str) -> None:
        """Find the frames and their properties."""
        decoding = self._decoding
        missing = missing_bytes(stream, kind)
        problem = f"it breaks off: {missing} bytes are missing at its end" if missing else None
        decoding.open()
        found = survey(decoding.container, decoding.stream, kind, problem)
        index, problem, skipped = found.frames, found.problem, 0
        started = self._started(index)
        if index is not None:
            at = index.position(started[0].mark) or 0
            sound = not decoding.faults and not any(one.damage for one in started)
            if sound and [one.mark for one in started] != list(index.marks[at : at + len(started)]):
                index = None  # a packet is not always a frame here
            elif not index.whole:
                index, skipped = index.part(slice(at, None)), at
        if index is None:
            decoding.threaded = False
            decoding.index = Index(array("q"), array("q"))
            decoding.open()
            index = index_of_frames((one.frame for one in decoding.ahead), found)
            lost = len(found.clock) - len(index.marks) if kind == "AVI" else decoding.faults
            if lost > 0 and problem is None:
                problem = f"{lost} of its packets give no frame, and frames are numbered without them"
            started = self._started(index)
            index = index if found.whole else index.part(slice(index.position(started[0].mark), None))
        self._index = decoding.index = index
        self._keys = index.keys
        self.keys = [number for number in map(index.position, index.keys) if number is not None]
        self._base = decoding.stream.time_base or Fraction(1, 90_000)
        self.rate = _rate_of(decoding.stream)
        self.times, self.end = times_of(index, self._base, self.rate)
        self.start = (started[0].frame.pts or 0) * self._base
        self._traits = traits_of(started[0].frame, decoding.stream, self.label, alpha=decoding.alpha)
        self.size, self.alpha, self.notes = self._traits.size, self._traits.alpha, self._traits.notes
        self.grey = self._traits.layout.startswith("gray")
        if skipped:
            self.notes += (f"its first {skipped} frames depend on others that it lacks, and are left out",)
        if index.counted and index.clock:
            self.rate = Fraction(len(self)) / self.end  # a frame may be stored as one and several empty ones
        elif index.counted:
            self.notes += ("its times are not in order: each frame is timed by its number",)
        self.problem = problem
        self.weight = sum(plane.buffer_size for plane in started[0].frame.planes)
        self._most = max(2, min(KEPT, KEPT_BYTES // self.weight))
        for one in started:
            self._remember(one)

    def _started(self, index: Index | None) -> list[Decoded]:
        """Decode the first frames, from the first one that depends on none that the file lacks.

        A file may be cut out of a longer one.
        """
        decoding = self._decoding
        decoding.index = index or Index(array("q"), array("q"))
        decoding.open()
        whole, some = decoding.index.whole, islice(decoding.ahead, _UNSOUND)
        first = next((one for one in some if whole or (one.frame.key_frame and not one.damage)), None)
        if decoding.lost:
            decoding.threaded = False
            return self._started(index)
        if first is None:
            decoding.open()
            first = next(decoding.ahead, None)
        if first is None:
            raise FileProblemError(f"{self.label} holds no frame that can be decoded", "get a whole copy of the file")
        return [first, *islice(decoding.ahead, KEPT - 1)]

    def _decoded(self, index: int) -> VideoFrame:
        decoding, wanted = self._decoding, self._index.marks[index]
        before = bisect_right(self._keys, wanted) - 1
        key = self._keys[before] if before >= 0 else self._index.marks[0]
        at = decoding.at
        ahead = at is not None and at < wanted and (key <= at or at == self._index.marks[index - 1])
        found = self._forward(wanted) if ahead else self._sought(wanted, key)
        if decoding.threaded and (found is None or found.damage is not None):
            decoding.threaded = False
            decoding.open()
            found = self._sought(wanted, key)
        if found is None:
            reason = f": {decoding.ended}" if decoding.ended else ""
            raise FileProblemError(f"frame {index} of {self.label} is missing{reason}", "get a whole copy of the file")
        if found.damage is not None:
            raise FileProblemError(
                f"frame {index} of {self.label} is damaged: {found.damage}", "get a whole copy of the file"
            )
        size = found.frame.height, found.frame.width
        if size != self._traits.stored:
            height, width = self._traits.stored
            raise FileProblemError(
                f"frame {index} of {self.label} is {size[1]} x {size[0]} pixels, and the first {width} x {height}",
                "split the video where its size changes",
            )
        return found.frame

    def _sought(self, wanted: int, key: int) -> Decoded | None:
        """Find a frame by a seek to the key frame before it.

        Formats without an index lead to any place near, so it counts only where decoding really starts.
        """
        for lead in _LEADS[self._lead :]:
            target = key - round(lead / self._base)
            if target <= self._index.marks[0]:
                break
            found = self._after_key(wanted) if self._decoding.seek(target) else None
            if found is not None:
                self._lead = _LEADS.index(lead)
                return found
        else:
            self._keys = array("q")  # no seek helps in this file
        self._decoding.open()
        return self._forward(wanted)

    def _after_key(self, wanted: int) -> Decoded | None:
        """Decode up to a frame, and give it if a key frame came on the way, or is it."""
        for one in self._decoding.ahead:
            if one.mark > wanted:
                return None
            if one.frame.key_frame:
                self._remember(one)
                return one if one.mark == wanted else self._forward(wanted)
        return None

    def _forward(self, wanted: int) -> Decoded | None:
        """Decode up to a frame, and give it if it came."""
        for one in self._decoding.ahead:
            self._remember(one)
            if one.mark >= wanted:
                return one if one.mark == wanted else None
        return None

    def _remember(self, one: Decoded) -> None:
        """Keep a frame that is sound, if it is in the index."""
        index = self._index.position(one.mark)
        if index is not None and one.damage is None and (one.frame.height, one.frame.width) == self._traits.stored:
            self._keep(index, one.frame)

    def _picture(self, decoded: VideoFrame) -> Picture:
        traits = self._traits
        reformatter = getattr(self._reformatters, "own", None)
        if reformatter is None:
            reformatter = self._reformatters.own = VideoReformatter()
        pixels = reformatter.reformat(decoded, format=traits.layout).to_ndarray()
        pixels = pixels.reshape(*traits.stored, -1)
        return Picture(np.ascontiguousarray(turning.upright(pixels, traits.orientation)), traits.alpha)


def _rate_of(stream: VideoStream) -> Fraction:
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return next((Fraction(rate) for rate in rates if rate and 0 < rate <= 1000), _FALLBACK)
