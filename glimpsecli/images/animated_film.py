"""Animations that are written frame by frame, so that memory does not grow with their length."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import BinaryIO, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.picture import Array


class Box(NamedTuple):
    """A rectangle of whole pixels; `bottom` and `right` lie outside."""

    top: int
    left: int
    bottom: int
    right: int


class AnimationFilm(ABC):
    """An animation in the making; see :class:`glimpsecli.video.film.Film`, whose methods it has.

    A frame is held back until the next one shows how long it stays; the first stays from the start. Times are rounded
    one by one, so that errors do not add up.

    Parameters
    ----------
    stream : binary stream
        Seekable; it stays open.

    Attributes
    ----------
    title : str
        Name of the format in messages.
    ticks : int
        Ticks of a second in which the format counts durations.
    least : int
        The fewest ticks that a frame stays.
    longest_side : int
        The most pixels along a side.
    """

    title: str
    ticks: int
    least: int = 1
    longest_side: int

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._held: Array | None = None
        self._began, self._time = 0, Fraction(0)
        self._shown: Array | None = None
        self._alpha = False
        self.frames = 0

    def add(self, pixels: Array, time: Fraction, *, alpha: bool = False) -> None:
        """Append a frame; see :meth:`glimpsecli.video.film.Film.add`."""
        if self._held is None:
            height, width, channels = pixels.shape
            self.check(height, width, dtype=pixels.dtype.name, channels=channels, alpha=alpha)
            self._alpha = alpha
            self._start(height, width)
        else:
            if pixels.shape != self._held.shape or pixels.dtype != self._held.dtype or alpha != self._alpha:
                raise InvalidInputError(
                    f"a frame of the shape {pixels.shape} in a film of the shape {self._held.shape}",
                    "the frames of a film are of one size and kind",
                )
            if time <= self._time:
                raise InvalidInputError(
                    f"a frame at {float(time):g} s after one at {float(self._time):g} s", "times ascend"
                )
            self._flush(time)
        self._held, self._time = pixels.copy(), time

    def finish(self, end: Fraction) -> None:
        """Encode what is left and write the end of the file."""
        if self._held is None:
            raise InvalidInputError("a film of no frames", "give it one at least")
        self._flush(end)
        self._end()

    def close(self) -> None:
        """Give up a film that is not finished."""
        self._held = self._shown = None

    def _flush(self, until: Fraction) -> None:
        """Write the frame that is held, which stays until a time."""
        assert self._held is not None
        ends = max(round(until * self.ticks), self._began + self.least)
        self._page(self._held, ends - self._began)
        self._began, self._shown = ends, self._held
        self.frames += 1

    @classmethod
    def check(cls, height: int, width: int, *, dtype: str, channels: int, alpha: bool) -> None:
        """Refuse frames that the format cannot hold.

        Raises
        ------
        InvalidInputError
        """
        if dtype != "uint8":
            raise InvalidInputError(
                f"a film in {cls.title} cannot hold {dtype}", "use `--depth 8`, or .mkv with `--lossless`"
            )
        if channels - alpha not in (1, 3):
            raise InvalidInputError(f"{cls.title} cannot hold {channels} channels", "frames are grey or RGB")
        if not (0 < height <= cls.longest_side and 0 < width <= cls.longest_side):
            raise InvalidInputError(
                f"{cls.title} cannot hold {width} x {height} pixels", f"a side has 1 to {cls.longest_side}"
            )

    def _changed(self, pixels: Array, *, even: bool = False) -> Box:
        """Give the smallest box that holds the pixels that changed since the last frame; one pixel where none did.

        Parameters
        ----------
        even : bool
            Whether its top and left must be even.
        """
        height, width = pixels.shape[:2]
        if self._shown is None:
            return Box(0, 0, height, width)
        differ = np.any(pixels != self._shown, axis=2)
        rows, columns = np.flatnonzero(differ.any(axis=1)), np.flatnonzero(differ.any(axis=0))
        if not rows.size:
            return Box(0, 0, 1, 1)
        top, left = int(rows[0]), int(columns[0])
        if even:
            top, left = top // 2 * 2, left // 2 * 2
        return Box(top, left, int(rows[-1]) + 1, int(columns[-1]) + 1)

    @abstractmethod
    def _start(self, height: int, width: int) -> None:
        """Write the head of the file."""

    @abstractmethod
    def _page(self, pixels: Array, ticks: int) -> None:
        """Write a frame that stays for a number of ticks."""

    @abstractmethod
    def _end(self) -> None:
        """Write the end of the file."""
