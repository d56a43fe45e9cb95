"""The index of a video: its frames and the time of each, found without decoding them where that can be."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from av.error import FFmpegError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_HIDDEN = {"vp8"}  # codecs whose packets may hold a frame that is never shown
_UNTIMED = {"AVI"}  # formats that say in which order frames are decoded, and not when they are shown
_PARSED = {"MPEG program stream", "MPEG transport stream"}  # where a block is cut short, all in it say so
_ENOUGH = 4  # frames that show whether the rate is constant
_SLACK = Fraction(1, 4)  # seconds by which an FLV may end before it says

FAILURES = (FFmpegError, OSError, ValueError)
"""Exceptions of FFmpeg and of the file that it reads."""


class Index(NamedTuple):
    """The frames of a video.

    Attributes
    ----------
    marks : array of int
        The mark by which each frame is recognised when it is decoded, ascending: its time in units of the stream's time
        base, or, if `counted`, its number in the order of decoding.
    keys : array of int
        Marks of the frames from which decoding can start, ascending.
    duration : int
        Of the last frame, in the same unit; 0 if it is not known.
    counted : bool
        Whether times cannot be relied on, so that only decoding from the start finds a frame.
    cut : frozenset of int
        Marks of the frames whose data are not whole.
    order : sequence of int
        The place of each frame in the order of decoding.
    latest : sequence of int
        The latest mark of the frames decoded before each frame, and of itself.
    clock : sequence of int
        The time of each frame in units of the time base, if `counted`, and if they can be had.
    whole : bool
        Whether the first frame can be decoded, and so all others: the file was not cut out of another one.
    """

    marks: array[int]
    keys: array[int]
    duration: int = 0
    counted: bool = False
    cut: frozenset[int] = frozenset()
    order: Sequence[int] = ()
    latest: Sequence[int] = ()
    clock: Sequence[int] = ()
    whole: bool = False

    def position(self, mark: int) -> int | None:
        """Return the number of the frame with a mark, or None."""
        number = bisect_left(self.marks, mark)
        return number if number < len(self.marks) and self.marks[number] == mark else None

    def awaited(self, mark: int) -> int:
        """Return the mark by which all frames have come that are decoded before one."""
        number = self.position(mark)
        return mark if number is None or not self.latest else self.latest[number]

    def part(self, frames: slice) -> Index:
        """Return the index of some frames."""
        return self._replace(
            marks=self.marks[frames], order=self.order[frames], latest=self.latest[frames], clock=self.clock[frames]
        )


class Survey(NamedTuple):
    """The packets of a file.

    Attributes
    ----------
    frames : Index or None
        None where packets do not tell what frames there are.
    problem : str or None
        The reason why frames are missing at the end.
    whole : bool
        Whether the first packet is that of a key frame.
    clock : array of int
        The times at which frames are decoded, in units of the stream's time base.
    """

    frames: Index | None
    problem: str | None
    whole: bool
    clock: array[int]


def survey(container: InputContainer, stream: VideoStream, kind: str, problem: str | None) -> Survey:
    """Read the packets of a file of a kind, and decode none.

    Parameters
    ----------
    container, stream
        PyAV's.
    kind : str
        As `images.video_kinds.video_kind` tells it.
    problem : str or None
        The reason why frames are missing, if it is known before.
    """
    marks, keys, cut = array("q"), array("q"), set[int]()
    usable = stream.codec_context.name not in _HIDDEN
    begin: int | None = None  # of the key frame that comes first, also where an edit list cuts it off
    latest: int | None = None
    packets, duration, reached = 0, 0, Fraction(0)
    clock = array("q")
    try:
        for packet in container.demux():
            if packet.pts is not None and packet.time_base:
                reached = max(reached, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if packet.stream_index != stream.index or (packet.size == 0 and packet.dts is None):
                continue  # of another stream, or the mark of the end
            packets += 1
            if packets == 1 and packet.is_keyframe:
                begin = packet.pts
            if packet.size == 0 or packet.is_discard:  # a frame that is shown again, or that an edit list cuts off
                continue
            if packet.dts is not None:
                usable = usable and (not clock or packet.dts >= clock[-1])
                clock.append(packet.dts)
            if packet.pts is None or (kind in _UNTIMED and not packet.is_keyframe):
                usable = False
            elif usable:
                if latest is None or packet.pts > latest:
                    latest, duration = packet.pts, packet.duration or 0
                marks.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
                if kind in _PARSED:
                    cut.clear()
                if packet.is_corrupt:
                    cut.add(packet.pts)
    except FAILURES as error:
        problem = problem or f"it breaks off: {reason_of(error)}"
    if kind == "MP4" and stream.duration and latest is not None:  # packets there last until the next is decoded
        end = (stream.start_time or 0) + stream.duration
        duration = min(duration, end - latest) if end > latest else duration
    length = Fraction(container.duration or 0, 1_000_000)
    if problem is None and kind == "FLV" and reached + _SLACK < length:
        problem = f"it breaks off: it names a length of {float(length):.6g} s, and holds {float(reached):.6g} s"
    if not usable or not marks or len(set(marks)) != len(marks):
        return Survey(None, problem, begin is not None, clock)
    index = _in_order_of_time(marks)._replace(keys=array("q", sorted(keys)), duration=duration, cut=frozenset(cut))
    index = index._replace(whole=begin is not None and begin <= index.marks[0])
    if problem is not None:  # frames after a gap would be numbered wrongly
        index = index.part(slice(0, _gap_at_the_end(index.marks, clock)))
    return Survey(index, problem, index.whole, clock)


def _in_order_of_time(marks: array[int]) -> Index:
    """Make an index of marks in the order of decoding."""
    stored = np.array(marks)
    order = np.argsort(stored)
    ascending, latest = (array("q", part.tolist()) for part in (stored[order], np.maximum.accumulate(stored)[order]))
    return Index(ascending, array("q"), order=array("q", order.tolist()), latest=latest)


def _gap_at_the_end(marks: array[int], clock: array[int]) -> int | None:
    """Return the number of the first frame after a gap at the end of a video of constant rate, or None.

    Frames are stored in the order of decoding, so that where a file breaks off, some may be lost that come before the
    last one. Each frame that is shown before the last packet is decoded has come.
    """
    whole = bisect_right(marks, clock[-1]) if clock else len(marks)
    steps = np.diff(np.array(marks))
    if whole < _ENOUGH or whole == len(marks):
        return None
    usual, varied = np.median(steps[: whole - 1]), np.ptp(steps[: whole - 1])
    late = np.flatnonzero(steps[whole - 1 :] > 1.5 * usual)
    return whole + int(late[0]) if varied <= max(2, usual / 10) and late.size else None


def reason_of(error: BaseException) -> str:
    """Give the reason of a failure in a few words."""
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__


def index_of_frames(frames: Iterable[VideoFrame], found: Survey) -> Index:
    """Make the index by decoding every frame, where a survey has found that packets do not tell enough."""
    marks, keys = array("q"), array("q")
    timed, number, duration = True, 0, 0
    for frame in frames:
        number += 1
        timed = timed and frame.pts is not None and (not marks or frame.pts > marks[-1])
        if timed and frame.pts is not None:
            marks.append(frame.pts)
            if frame.key_frame:
                keys.append(frame.pts)
            duration = frame.duration or 0
    if timed:
        return _in_order_of_time(marks)._replace(keys=keys, duration=duration, whole=found.whole)
    clock = found.clock  # frames are decoded as often as they are shown, in another order
    usable = len(clock) == number and all(sooner < later for sooner, later in pairwise(clock))
    index = _in_order_of_time(array("q", range(number)))
    return index._replace(counted=True, clock=clock if usable else (), whole=found.whole)


def times_of(index: Index, base: Fraction, rate: Fraction) -> tuple[list[Fraction], Fraction]:
    """Give the time of each frame in seconds from the first, and the time at which the last ends."""
    ticks = index.clock or index.marks
    unit = 1 / rate if index.counted and not index.clock else base
    times = [(tick - ticks[0]) * unit for tick in ticks]
    last = index.duration * unit
    if last <= 0:
        gaps = sorted(later - sooner for sooner, later in pairwise(times[-9:]))
        last = gaps[len(gaps) // 2] if gaps else 1 / rate
    return times, times[-1] + last
