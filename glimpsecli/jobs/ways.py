"""The ways on which objects are followed through a video: forward, backward, and both, each of them there and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.jobs.frames import backward_through, forward_through
from glimpsecli.jobs.starts import Start
from glimpsecli.jobs.tracking import Following, Seen, Step, after, before, follow_once
from glimpsecli.learning.scores import is_wrong
from glimpsecli.names import DOUBTFUL, FOUND, LOST

if TYPE_CHECKING:
    from glimpsecli.images import Picture
    from glimpsecli.jobs.at import At
    from glimpsecli.jobs.tracking import Refuse
    from glimpsecli.learning.tracking import Tracked
    from glimpsecli.video.clip import Clip


def follow(
    clip: Clip,
    frames: Sequence[At],
    starts: Sequence[Start],
    following: Following,
    *,
    pictures: bool,
    refuse: Refuse,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], object] = lambda done, total: None,
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
    refuse : callable
        Takes an object that cannot be followed, for there is nothing in its window, and the error; each once.
    stopped : callable
        Once it returns True, no more frames are looked at; the steps that are known are still given, without pictures.
    progress : callable
        Takes the number of done and of all frames.

    Yields
    ------
    Step
        In the order of time, from the first frame in which an object can be followed.

    Raises
    ------
    FileProblemError
        The video breaks off; all that could be followed was given.
    """
    if not (following.backward or following.both_ways):
        ticking = _Ticking(progress, len(frames))
        yield from follow_once(ticking(forward_through(clip, frames)), starts, following, stopped, refuse)
        return
    whole = _Whole(clip, frames, starts, following, refuse, stopped, progress)
    broken = whole.follow()
    for at in frames:
        if at.number in whole.found:
            picture = clip.frame(at.index).picture if pictures and not stopped() else None
            yield Step(at, whole.seen(at.number), picture)
    if broken is not None:
        raise broken


class _Ticking:
    """The progress of a run: frames that are passed on are counted."""

    def __init__(self, progress: Callable[[int, int], object], total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        progress(0, total)

    def __call__(self, frames: Iterator[tuple[At, Picture]]) -> Iterator[tuple[At, Picture]]:
        for one in frames:
            yield one
            self._done += 1
            self._progress(self._done, self._total)


Known = dict[int, dict[str, "Tracked"]]
"""The objects in each frame, by their names, by the number of the frame."""


class _Whole:
    """Objects that are followed to the end before anything is given; parameters as of :func:`follow`.

    Attributes
    ----------
    found : Known
    """

    def __init__(
        self,
        clip: Clip,
        frames: Sequence[At],
        starts: Sequence[Start],
        following: Following,
        refuse: Refuse,
        stopped: Callable[[], bool],
        progress: Callable[[int, int], object],
    ) -> None:
        self._clip, self._starts, self._following = clip, [*starts], following
        self._refuse, self._stopped = refuse, stopped
        self._parts = {True: before(frames, starts)}
        if following.both_ways:
            self._parts[False] = after(frames, starts)
        self._ticking = _Ticking(progress, sum(map(len, self._parts.values())) * (1 + following.both_ways))
        self.found: Known = {}

    def seen(self, number: int) -> tuple[Seen, ...]:
        """Give the objects in a frame, in the order of their starts."""
        there = self.found[number]
        return tuple(Seen(start.name, there[start.name]) for start in self._starts if start.name in there)

    def follow(self) -> GlimpseError | None:
        """Follow all objects in each direction; give the first error that ended one of them early."""
        first: GlimpseError | None = None
        for backward in sorted(self._parts):
            there, broken = self._go(self._starts, self._parts[backward], self._turned_away, backward=backward)
            first = first or broken
            if self._following.both_ways and not self._stopped():
                first = self._doubt(there, backward=backward) or first
            for number, known in there.items():
                self.found.setdefault(number, {}).update(known)
            if self._stopped():
                break
        return first

    def _turned_away(self, start: Start, error: InvalidInputError) -> None:
        """Pass an object over, in the other direction too."""
        self._starts.remove(start)
        self._refuse(start, error)

    def _go(
        self, starts: Sequence[Start], frames: Sequence[At], refuse: Refuse, *, backward: bool
    ) -> tuple[Known, GlimpseError | None]:
        """Go once through frames; give what is known of the objects, and the error that ended it early."""
        ordered = backward_through(self._clip, frames) if backward else forward_through(self._clip, frames)
        known: Known = {}
        try:
            for step in follow_once(self._ticking(ordered), starts, self._following, self._stopped, refuse):
                known[step.at.number] = {seen.name: seen.tracked for seen in step.seen}
        except GlimpseError as error:
            return known, error
        return known, None

    def _doubt(self, there: Known, *, backward: bool) -> GlimpseError | None:
        """Follow objects back from where they were found last, and doubt what is not confirmed by that."""
        last = {
            name: Start(name, number, tracked.window)
            for number, known in there.items()
            for name, tracked in known.items()
            if tracked.state == FOUND
        }
        if not last:
            return None
        frames = (after if backward else before)(self._parts[backward], [*last.values()])
        back, broken = self._go([*last.values()], frames, lambda start, error: None, backward=not backward)
        if self._stopped():
            return broken
        for name, end in last.items():
            mine = [number for number in there if name in there[number]]  # from the start on
            ways = {n: (there[n][name], back.get(n, {}).get(name)) for n in mine[: mine.index(end.frame) + 1]}
            for number in unconfirmed(ways):
                there[number][name] = there[number][name]._replace(
                    state=DOUBTFUL, reason="its way back leads elsewhere"
                )
        return broken


def unconfirmed(ways: Mapping[int, tuple[Tracked, Tracked | None]]) -> list[int]:
    """Give the frames in which an object was found and is not confirmed by its way back.

    Where the way back ends at the start, those in which it was elsewhere; otherwise all beyond the last one in which it
    was elsewhere or lost.

    Parameters
    ----------
    ways : mapping of int to (Tracked, Tracked or None)
        The object on its way there and on its way back by the number of the frame, from the start to where it was found
        last; None where it was given up.
    """
    found = [number for number, (there, _) in ways.items() if there.state == FOUND]
    lost = {number for number in found if (back := ways[number][1]) is None or back.state == LOST}
    parted = [number for number in found if number in lost or _is_elsewhere(*ways[number])]
    if found[0] not in parted:
        return [number for number in parted if number not in lost]
    return found[found.index(parted[-1]) + 1 :]


def _is_elsewhere(there: Tracked, back: Tracked | None) -> bool:
    """Return whether the way back found the object at another place."""
    if back is None or back.state != FOUND:
        return False
    return bool(is_wrong(np.array([back.window.row]), np.array([there.window.row]))[0])
