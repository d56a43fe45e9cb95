"""A video as its frames, each with its number, its time and its pixels."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from glimpsecli.errors import GlimpseError, InvalidInputError

if TYPE_CHECKING:
    from types import TracebackType

    from glimpsecli.images.picture import Picture
    from glimpsecli.window import Size

KEPT = 16
"""Decoded frames that a clip keeps, so that threads may ask for neighbouring frames in any order."""

KEPT_BYTES = 1 << 28
"""Bytes of decoded frames that a clip keeps, if they are as large as that; never fewer than two frames."""

TURNED_BYTES = 1 << 28
"""Bytes of decoded frames that are held at once on the way from the last frame to the first."""


@dataclass(frozen=True)
class Frame:
    """A frame of a video.

    Attributes
    ----------
    index : int
        From 0.
    time : Fraction
        Seconds from the first frame.
    picture : Picture
        Upright.
    """

    index: int
    time: Fraction
    picture: Picture


class Clip(ABC):
    """An open video; a context that closes it. Threads may share it.

    Frames that are asked for in their order are decoded one after another; any other is sought, and it is verified that
    the frame that came is the one that was asked for.

    Attributes
    ----------
    label : str
        Its name in messages.
    size : (int, int)
        Height and width of the upright frames, in pixels.
    times : sequence of Fraction
        Time of each frame, in seconds from the first; ascending.
    end : Fraction
        Time at which the last frame ends.
    rate : Fraction
        Frames per second: nominal, where the rate varies.
    start : Fraction
        Time of the first frame on the clock that the file's sound shares, in seconds.
    alpha, grey : bool
        Whether frames have alpha, and whether they have no colours.
    keys : sequence of int
        Numbers of the frames from which decoding can start, ascending, as far as they are known.
    weight : int
        Bytes of a decoded frame that is kept.
    sound : int
        Number of tracks of sound, of which a film may keep the first.
    problem : str or None
        The reason why frames are missing at the end, where the file shows it before they are decoded.
    files_read : sequence of str
        The files of frames that lie in a folder or fit a pattern.
    notes : tuple of str
        Facts about the file that the user should know, such as pixels that are not square.
    """

    label: str
    size: Size
    times: Sequence[Fraction]
    end: Fraction
    rate: Fraction
    start: Fraction = Fraction(0)
    alpha: bool = False
    grey: bool = False
    keys: Sequence[int] = ()
    weight: int = 1
    sound: int = 0
    problem: str | None = None
    files_read: Sequence[str] = ()
    notes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._most = KEPT

    def __len__(self) -> int:
        return len(self.times)

    def __enter__(self) -> Clip:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def frame(self, index: int) -> Frame:
        """Give a frame by its number, from 0.

        Raises
        ------
        InvalidInputError
            There is no such frame.
        FileProblemError
            The video breaks off before it, or it cannot be decoded.
        """
        if not 0 <= index < len(self.times):
            many = f"{len(self.times)} frame{'s'[: len(self.times) != 1]}, numbers 0 to {len(self.times) - 1}"
            raise InvalidInputError(f"{self.label} has no frame {index}", f"it holds {many}")
        return Frame(index, self.times[index], self._picture(self._got(index)))

    def backward(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Give frames, whose numbers ascend, from the last to the first.

        They are decoded in parts, each in the order of time, for decoding leads from a key frame on.

        Raises
        ------
        FileProblemError
            As for :meth:`frame`; the frames behind it were given.
        """
        end = len(indices)
        while end:
            begin = self._part(indices[:end])
            held: deque[tuple[int, Any]] = deque()
            problem: GlimpseError | None = None
            for index in indices[begin:end]:
                try:
                    held.append((index, self._got(index)))
                except GlimpseError as error:
                    problem = error
                    held.clear()
            while held:
                index, decoded = held.pop()
                yield Frame(index, self.times[index], self._picture(decoded))
            if problem is not None:
                raise problem
            end = begin

    def _part(self, indices: Sequence[int]) -> int:
        """Give the place from which on frames are held at once: that of a key frame, if one is near enough."""
        begin = max(0, len(indices) - max(1, TURNED_BYTES // self.weight))
        key = bisect_left(self.keys, indices[begin])
        if begin and key < len(self.keys) and self.keys[key] <= indices[-1]:
            return bisect_left(indices, self.keys[key])
        return begin

    def _got(self, index: int) -> Any:
        """Give a decoded frame."""
        with self._lock:
            decoded = self._kept.get(index)
            if decoded is None:
                decoded = self._decoded(index)
                self._keep(index, decoded)
        return decoded

    def _keep(self, index: int, decoded: Any) -> None:
        """Keep a decoded frame, and let the oldest go."""
        self._kept[index] = decoded
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    @abstractmethod
    def close(self) -> None:
        """Close the files."""

    @abstractmethod
    def _decoded(self, index: int) -> Any:
        """Decode a frame, in a form that is cheap to keep; frames on the way to it may be given to `_keep`."""

    @abstractmethod
    def _picture(self, decoded: Any) -> Picture:
        """Convert a decoded frame; several threads may do so at once."""
