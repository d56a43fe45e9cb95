"""The frames that a damaged part of a video spoils: all that depend on it, up to the next key frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from glimpsecli.video.indexing import Index


class Failure(NamedTuple):
    """A packet that could not be decoded: its mark in the index, and the reason."""

    mark: int | None
    reason: str


class Marked(NamedTuple):
    """A frame as it comes from the decoder, with its mark in the index."""

    mark: int
    frame: VideoFrame


class Decoded(NamedTuple):
    """A frame with its mark in the index, and the reason why it is not sound, if it is not."""

    mark: int
    frame: VideoFrame
    damage: str | None


def judged(events: Iterable[Marked | Failure], index: Index) -> Iterator[Decoded]:
    """Tell which frames are sound.

    A frame may depend on any that is decoded before it, from the last key frame on. Frames are decoded in another order
    than that in which they come, so one is held back until those have come that are decoded before it.

    Parameters
    ----------
    events : iterable of Marked or Failure
        In the order in which the decoder gives them.
    index : Index
        Frames that it does not hold are taken for sound.
    """
    failures: list[tuple[int, str]] = []
    keys: list[tuple[int, int]] = []  # place in the order of decoding, and mark, of each sound key frame
    held: deque[tuple[Marked, int]] = deque()

    def verdict(one: Marked, place: int) -> Decoded:
        since = max((at for at, mark in keys if at <= place and mark <= one.mark), default=-1)
        reasons = (reason for at, reason in failures if since < at <= place)
        return Decoded(one.mark, one.frame, next(reasons, None))

    last = 0
    for event in events:
        position = None if event.mark is None else index.position(event.mark)
        place = last if position is None else index.order[position]
        if isinstance(event, Failure):
            failures.append((place, event.reason))
            continue
        last = max(last, place)
        if event.frame.is_corrupt or event.mark in index.cut:
            failures.append((place, "a part of its data is missing"))
        elif event.frame.key_frame:
            keys = [*keys[-1:], (place, event.mark)]  # a frame that is shown before a key frame may be decoded after it
            failures = [failure for failure in failures if failure[0] > keys[0][0]]
        held.append((event, place))
        while held and index.awaited(held[0][0].mark) <= event.mark:
            yield verdict(*held.popleft())
    for one, place in held:
        yield verdict(one, place)
