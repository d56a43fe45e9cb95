"""Objects followed through the frames of a video: one decoding for all of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.jobs.frames import backward_through, forward_through
from glimpsecli.jobs.plan import How
from glimpsecli.jobs.starts import Start, check_shows
from glimpsecli.jobs.storing import flat
from glimpsecli.learning.scores import is_wrong
from glimpsecli.learning.tracking import Tracked, Tracker, Tracking
from glimpsecli.names import DOUBTFUL, FOUND, LOST

if TYPE_CHECKING:
    from glimpsecli.images import Picture
    from glimpsecli.jobs.at import At
    from glimpsecli.video.clip import Clip


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
        Whether to both, and in each direction there and back: an object is followed back from where it was found
        last, and where that does not lead to the start, it is doubtful.
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
        return _before(frames, starts) if self.backward else _after(frames, starts)


def _raise(error: InvalidInputError) -> None:
    raise error


def follow(
    clip: Clip,
    frames: Sequence[At],
    starts: Sequence[Start],
    following: Following,
    *,
    pictures: bool,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], object] = lambda done, total: None,
    refuse: Callable[[InvalidInputError], object] = _raise,
) -> Iterator[Step]:
    """Follow objects.

    Parameters
    ----------
    clip : Clip
    frames : sequence of At
        As `Following.frames` gives them.
    starts : sequence of Start
        Their frames are among `frames`.
    following : Following
    pictures : bool
        Whether the steps need their pictures, which may be decoded again for that.
    stopped : callable
        Once it returns True, no more frames are looked at; the steps that are known are still given, without pictures.
    progress : callable
        Takes the number of done and of all frames.
    refuse : callable
        Takes the error of an object that cannot be followed, for there is nothing in its window; by default raises it.

    Yields
    ------
    Step
        In the order of time.

    Raises
    ------
    FileProblemError
        The video breaks off; the steps before were given.
    InvalidInputError
        See `refuse`.
    """
    if not (following.backward or following.both_ways):
        reading = _counted(forward_through(clip, frames), progress, len(frames))
        yield from _run(reading, starts, following.options, following.patience, stopped, refuse)
        return
    whole = _Whole(clip, frames, starts, following, stopped, progress)
    broken: GlimpseError | None = None
    try:
        whole.follow(refuse)
    except GlimpseError as error:
        broken = error
    for at in frames:
        if at.number in whole.found:
            picture = clip.frame(at.index).picture if pictures and not stopped() else None
            yield Step(at, whole.seen(at.number), picture)
    if broken is not None:
        raise broken


class _Whole:
    """Objects that are followed to the end before anything is given; parameters as of :func:`follow`.

    Attributes
    ----------
    found : dict
        What is known of the objects, by their names, by the number of the frame.
    """

    def __init__(
        self,
        clip: Clip,
        frames: Sequence[At],
        starts: Sequence[Start],
        following: Following,
        stopped: Callable[[], bool],
        progress: Callable[[int, int], object],
    ) -> None:
        self._clip, self._starts, self._following, self._stopped = clip, starts, following, stopped
        self._parts = {True: _before(frames, starts)}
        if following.both_ways:
            self._parts[False] = _after(frames, starts)
        total, done = sum(map(len, self._parts.values())) * (1 + following.both_ways), itertools.count()
        self._progress: Callable[[], object] = lambda: progress(next(done), total)
        self._progress()
        self.found: dict[int, dict[str, Tracked]] = {}

    def seen(self, number: int) -> tuple[Seen, ...]:
        """Give the objects in a frame, in the order of their starts."""
        there = self.found[number]
        return tuple(Seen(start.name, there[start.name]) for start in self._starts if start.name in there)

    def follow(self, refuse: Callable[[InvalidInputError], object]) -> None:
        """Follow all objects, in each direction there and back; what is known is kept, whatever happens."""
        for backward in sorted(self._parts):
            there: dict[int, dict[str, Tracked]] = {}
            try:
                for step in self._way(self._starts, backward, backward, refuse):
                    there[step.at.number] = {seen.name: seen.tracked for seen in step.seen}
                if self._following.both_ways and not self._stopped():
                    self._doubt(there, backward)
            finally:
                for number, known in there.items():
                    self.found.setdefault(number, {}).update(known)
            if self._stopped():
                return

    def _way(
        self, starts: Sequence[Start], part: bool, backward: bool, refuse: Callable[[InvalidInputError], object]
    ) -> Iterator[Step]:
        """Go once through the frames before the starts, or those behind them."""
        frames, following = self._parts[part], self._following
        ordered = backward_through(self._clip, frames) if backward else forward_through(self._clip, frames)
        return _run(self._counting(ordered), starts, following.options, following.patience, self._stopped, refuse)

    def _counting(self, frames: Iterator[tuple[At, Picture]]) -> Iterator[tuple[At, Picture]]:
        for one in frames:
            yield one
            self._progress()

    def _doubt(self, there: dict[int, dict[str, Tracked]], backward: bool) -> None:
        """Follow objects back from where they were found last, and doubt what is not confirmed by that."""
        last = {
            name: Start(name, number, tracked.window)
            for number, known in there.items()
            for name, tracked in known.items()
            if tracked.state == FOUND
        }
        back: dict[int, dict[str, Tracked]] = {}
        for step in self._way([*last.values()], backward, not backward, lambda error: None):
            back[step.at.number] = {seen.name: seen.tracked for seen in step.seen}
        for name in last:
            mine = [number for number in there if name in there[number]]  # from the start on
            ways = {
                number: (there[number][name], back[number][name]) for number in mine if name in back.get(number, {})
            }
            for number in _unconfirmed(ways):
                there[number][name] = there[number][name]._replace(
                    state=DOUBTFUL, reason="its way back leads elsewhere"
                )


def _unconfirmed(ways: Mapping[int, tuple[Tracked, Tracked]]) -> list[int]:
    """Give the frames in which an object was found and is not confirmed by its way back.

    A way back that ends at the start passes over any frames in which the two ways part: one of them is wrong there.
    Otherwise what was followed in the end is another thing, from the last frame on in which they part.

    Parameters
    ----------
    ways : mapping of int to (Tracked, Tracked)
        The object on its way there and on its way back by the number of the frame, from the start on.
    """
    both = [number for number, ways_of in ways.items() if all(one.state == FOUND for one in ways_of)]
    apart = [number for number in both if _is_apart(*ways[number])]
    if not apart or apart[0] != both[0]:
        return apart
    found = [number for number, (one, _) in ways.items() if one.state == FOUND]
    return found[found.index(apart[-1]) + 1 :]


def _is_apart(one: Tracked, other: Tracked) -> bool:
    """Return whether two windows are at different places."""
    return bool(is_wrong(np.array([other.window.row]), np.array([one.window.row]))[0])


def _after(frames: Sequence[At], starts: Sequence[Start]) -> Sequence[At]:
    return [at for at in frames if at.number >= min(start.frame for start in starts)]


def _before(frames: Sequence[At], starts: Sequence[Start]) -> Sequence[At]:
    return [at for at in frames if at.number <= max(start.frame for start in starts)]


def _run(
    frames: Iterator[tuple[At, Picture]],
    starts: Sequence[Start],
    options: Tracking,
    patience: int | None,
    stopped: Callable[[], bool],
    refuse: Callable[[InvalidInputError], object],
) -> Iterator[Step]:
    """Follow objects once, in the order in which the frames come."""
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
            if missed[name] == patience:
                del trackers[name]
        for start in waiting.pop(at.number, ()):
            try:
                check_shows(pixels, start.window, options)
                trackers[start.name] = Tracker(pixels, start.window, options)
                seen.append(Seen(start.name, Tracked.given(start.window)))
            except InvalidInputError as error:
                refuse(InvalidInputError(f"{start.name}, frame {start.frame}: {error.message}", error.hint))
        yield Step(at, tuple(seen), picture)
        if stopped() or not (trackers or waiting):
            return


def _counted(
    frames: Iterator[tuple[At, Picture]], progress: Callable[[int, int], object], total: int
) -> Iterator[tuple[At, Picture]]:
    for done, one in enumerate(frames):
        progress(done, total)
        yield one
    progress(total, total)
