"""The frames that the user chooses from a video, by number or by time."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.video.clip import Clip
from glimpsecli.video.clock import parse_time

ROUNDING = Fraction(1, 2000)
"""Seconds by which a time may come before the frame that it names: times are printed to the millisecond."""

_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_FRAMES_HINT = "write numbers from 0 and slices, such as 3, 0:100:5 or 7,9,-1"
_TIMES_HINT = "write times and spans, such as 1.5, 0..10..0.5 or 00:01:02.5..00:01:04"


class Span(NamedTuple):
    """A span of times, as `start..end..step` in seconds; None where it is left open."""

    start: Fraction | None
    end: Fraction | None
    step: Fraction | None


class Selection(NamedTuple):
    """The frames that are chosen; all of them by default.

    Attributes
    ----------
    numbers : tuple of int or slice, optional
        Numbers from 0, negative from the end, and slices as in Python.
    times : tuple of Fraction or Span, optional
        Times in seconds from the first frame, negative from the end.
    """

    numbers: tuple[int | slice, ...] | None = None
    times: tuple[Fraction | Span, ...] | None = None

    @classmethod
    def parse(cls, frames: str | None = None, times: str | None = None) -> Selection:
        """Read the words of ``--frames`` or of ``--times``.

        Frames are numbers and Python's slices, with commas between them: ``3``, ``0:100:5``, ``7,9,-1``, ``:``.

        Times are seconds or clocks, ``1.5`` or ``00:01:02.5``, and spans of them with two dots, because a clock holds
        colons: ``2..4`` is each frame from 2 s to before 4 s, and ``0..10..0.5`` the frame shown at every half second.
        Either end may be left open.

        Raises
        ------
        InvalidInputError
            Both are given, or one cannot be read.
        """
        if frames is not None and times is not None:
            raise InvalidInputError("--frames and --times both choose frames", "give one of them")
        if frames is not None:
            return cls(numbers=tuple(_number_or_slice(word) for word in frames.split(",")))
        if times is not None:
            return cls(times=tuple(_time_or_span(word) for word in times.split(",")))
        return cls()

    def indices(self, clip: Clip) -> list[int]:
        """Give the numbers of the chosen frames, from 0, in the order in which they are chosen, each once.

        Raises
        ------
        InvalidInputError
            A single number or time lies outside the clip, or no frame is chosen.
        """
        if self.numbers is not None:
            chosen = [index for part in self.numbers for index in _of_number(part, clip)]
        elif self.times is not None:
            chosen = [index for part in self.times for index in _of_time(part, clip)]
        else:
            chosen = list(range(len(clip)))
        if not chosen:
            option = "--frames" if self.numbers is not None else "--times"
            raise InvalidInputError(f"{option} chooses no frame of {clip.label}", _extent(clip))
        return list(dict.fromkeys(chosen))


def _number_or_slice(word: str) -> int | slice:
    parts = word.strip().split(":")
    if not all(_NUMBER.fullmatch(part.strip()) or (len(parts) > 1 and not part.strip()) for part in parts):
        raise InvalidInputError(f"--frames holds {word!r}, which is no frame", _FRAMES_HINT)
    bounds = [int(part) if part.strip() else None for part in parts]
    if len(bounds) == 1 and bounds[0] is not None:
        return bounds[0]
    if len(bounds) > 3 or (len(bounds) == 3 and bounds[2] == 0):
        what = "has a step of 0" if len(bounds) == 3 else "is no slice"
        raise InvalidInputError(f"--frames holds {word!r}, which {what}", _FRAMES_HINT)
    return slice(*bounds)


def _time_or_span(word: str) -> Fraction | Span:
    parts = word.strip().split("..")
    if len(parts) == 1:
        try:
            return parse_time(word, "--times")
        except InvalidInputError as error:
            raise InvalidInputError(error.message, _TIMES_HINT) from error
    if len(parts) > 3:
        raise InvalidInputError(f"--times holds {word!r}, which is no span", _TIMES_HINT)
    span = Span(*[parse_time(part, "--times") if part.strip() else None for part in [*parts, ""][:3]])
    if span.step is not None and span.step <= 0:
        raise InvalidInputError(f"--times holds {word!r}, whose step is not above 0", _TIMES_HINT)
    return span


def _of_number(part: int | slice, clip: Clip) -> Iterator[int]:
    count = len(clip)
    if isinstance(part, slice):
        yield from range(count)[part]
    elif -count <= part < count:
        yield part % count
    else:
        raise InvalidInputError(f"{clip.label} has no frame {part}", _extent(clip))


def _of_time(part: Fraction | Span, clip: Clip) -> Iterator[int]:
    rounding = min(ROUNDING, 1 / (4 * clip.rate))
    if not isinstance(part, Span):
        time = part + clip.end if part < 0 else part
        if not -rounding <= time < clip.end:
            raise InvalidInputError(f"{clip.label} shows nothing at {_seconds(part)}", _extent(clip))
        yield _shown_at(time + rounding, clip)
        return
    start, end = (
        open_end if bound is None else max(Fraction(0), bound + clip.end) if bound < 0 else bound
        for bound, open_end in ((part.start, Fraction(0)), (part.end, clip.end))
    )
    if part.step is None:
        yield from range(bisect_left(clip.times, start - rounding), bisect_left(clip.times, end - rounding))
        return
    time, end = start, min(end, clip.end)
    while time < end:
        index = _shown_at(time + rounding, clip)
        yield index
        later = clip.times[index + 1] - rounding if index + 1 < len(clip) else end
        time += part.step * max(1, -((time - later) // part.step))  # steps within one frame are passed over


def _shown_at(time: Fraction, clip: Clip) -> int:
    """Return the number of the last frame that starts at a time or before it."""
    return max(0, bisect_right(clip.times, time) - 1)


def _extent(clip: Clip) -> str:
    many = "1 frame, number 0" if len(clip) == 1 else f"{len(clip)} frames, numbers 0 to {len(clip) - 1}"
    return f"it holds {many}, and ends at {_seconds(clip.end)}"


def _seconds(time: Fraction) -> str:
    return f"{float(time):.6g} s"
