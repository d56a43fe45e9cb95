"""Objects followed through the frames of a video: one decoding for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.plan import How
from glimpsecli.jobs.starts import Start, check_shows
from glimpsecli.jobs.storing import flat
from glimpsecli.learning.scores import overlaps
from glimpsecli.learning.tracking import Tracked, Tracker, Tracking
from glimpsecli.names import DOUBTFUL, FOUND, LOST

if TYPE_CHECKING:
    from glimpsecli.images import Picture
    from glimpsecli.jobs.at import At

    Refuse: TypeAlias = Callable[[Start, InvalidInputError], object]
    """Takes an object that cannot be followed, for there is nothing in its window, and the error that says so."""


DISTINCT, SAME = 0.3, 0.6
"""Overlap (IoU) below which two windows are two places, and above which they are one."""


class Seen(NamedTuple):
    """An object in a frame."""

    name: str
    tracked: Tracked


class Step(NamedTuple):
    """A frame, and the objects that are followed in it.

    Attributes
    ----------
    at : At
    seen : tuple of Seen
    picture : Picture, optional
        Not there where nobody asked for it.
    """

    at: At
    seen: tuple[Seen, ...]
    picture: Picture | None = None


class Following(NamedTuple):
    """The way in which objects are followed.

    Attributes
    ----------
    options : Tracking
    backward : bool
        Whether to the first frame, and not to the last.
    both_ways : bool
        Whether to both, and in each direction there and back; see :func:`glimpsecli.jobs.ways.unconfirmed`.
    patience : int, optional
        Frames for which an object may be lost before it is given up.
    """

    options: Tracking = Tracking()
    backward: bool = False
    both_ways: bool = False
    patience: int | None = None

    def frames(self, frames: Sequence[At], starts: Sequence[Start]) -> Sequence[At]:
        """Give the frames, in the order of time, in which an object may be followed."""
        if self.both_ways:
            return frames
        return before(frames, starts) if self.backward else after(frames, starts)


def after(frames: Sequence[At], starts: Sequence[Start]) -> Sequence[At]:
    """Give the frames from the first start on."""
    return [at for at in frames if at.number >= min(start.frame for start in starts)]


def before(frames: Sequence[At], starts: Sequence[Start]) -> Sequence[At]:
    """Give the frames up to the last start."""
    return [at for at in frames if at.number <= max(start.frame for start in starts)]


def follow_once(
    frames: Iterable[tuple[At, Picture]],
    starts: Sequence[Start],
    following: Following,
    stopped: Callable[[], bool],
    refuse: Refuse,
) -> Iterator[Step]:
    """Follow objects once, in the order in which the frames come, from the first one that can be followed on."""
    options, begun = following.options, False
    distinct: set[tuple[str, str]] = set()
    waiting: dict[int, list[Start]] = {}
    for start in starts:
        waiting.setdefault(start.frame, []).append(start)
    trackers: dict[str, Tracker] = {}
    missed: dict[str, int] = {}
    for at, picture in frames:
        pixels = flat(picture, How()).pixels
        seen = []
        for name, tracker in [*trackers.items()]:
            tracked = tracker(pixels)
            seen.append(Seen(name, tracked))
            missed[name] = missed.get(name, 0) + 1 if tracked.state == LOST else 0
            if missed[name] == following.patience:
                del trackers[name]
        for start in waiting.pop(at.number, ()):
            try:
                check_shows(pixels, start.window, options)
                trackers[start.name] = Tracker(pixels, start.window, options)
                seen.append(Seen(start.name, Tracked.given(start.window)))
            except InvalidInputError as error:
                refuse(start, InvalidInputError(f"{start.name}, frame {start.frame}: {error.message}", error.hint))
        begun = begun or bool(seen)
        if begun:
            yield Step(at, _unmistaken(seen, distinct) if options.verdict else tuple(seen), picture)
        if stopped() or not (trackers or waiting):
            return


def _unmistaken(seen: Sequence[Seen], distinct: set[tuple[str, str]]) -> tuple[Seen, ...]:
    """Doubt objects that are found in one place, for at least one of them is mistaken for the other.

    Parameters
    ----------
    seen : sequence of Seen
        The objects of a frame.
    distinct : set of (str, str)
        Pairs of objects that had places of their own in a frame before; those of this frame are added.
    """
    rows = np.array([one.tracked.window.row for one in seen if one.tracked.state == FOUND])
    found = [number for number, one in enumerate(seen) if one.tracked.state == FOUND]
    others: dict[int, str] = {}
    for first, number in enumerate(found[:-1]):
        shares = overlaps(np.broadcast_to(rows[first], rows[first + 1 :].shape), rows[first + 1 :])
        for other, share in zip(found[first + 1 :], shares.tolist(), strict=True):
            pair = seen[number].name, seen[other].name
            if share < DISTINCT:
                distinct.add(pair)
            elif share > SAME and pair in distinct:
                others |= {number: pair[1], other: pair[0]}
    return tuple(
        one._replace(tracked=one.tracked._replace(state=DOUBTFUL, reason=f"{others[number]} is found here, too"))
        if number in others
        else one
        for number, one in enumerate(seen)
    )
