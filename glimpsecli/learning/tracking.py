"""The tracker: it follows one object through frames, and says of each whether it is found.

In each frame it predicts the place, searches for the template around it, brings the window onto the best places by
steps of Gauss and Newton, and judges. Where nothing looks like the object, it is taken to be hidden: the window coasts
on. Where something like the object was near, and the object then leaves its way, it may have been mistaken for that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.learning.course import Course
from glimpsecli.learning.cuts import Cuts
from glimpsecli.learning.following import FREEDOMS, Tracked, Tracking
from glimpsecli.learning.grid import Grid
from glimpsecli.learning.judging import HIDDEN, LEAST, MOST, PART, Judge
from glimpsecli.learning.memory import Memory
from glimpsecli.learning.past import Past
from glimpsecli.learning.seeking import LONG, seek, where_to_seek
from glimpsecli.learning.viewing import STEPS, Fitted, Measured, View, Viewer
from glimpsecli.names import DOUBTFUL, FOUND
from glimpsecli.window import Window

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Array, Floats

__all__ = ["FREEDOMS", "Tracked", "Tracker", "Tracking", "track"]

OFTEN, CUT = 3, 9
"""Frames from one search of the whole frame to the next; those that count as missed after a cut, when one is due."""

SURE = 0.9
"""Share of the object below which, a short time ago, a jump is not believed at once."""

STILL = 0.9
"""ZNCC of a window's glimpses now and before the object came from which on the window shows a still thing."""

BEGUN = 2
"""Frames without the object after which a jump is none: it may be anywhere."""

PATIENCE, DOUBTS, GHOSTS = 12, 40, 25
"""Frames for which a jump is not followed, for which it is then doubted, and for which the place where the object would
be without it is looked at as well."""

RIVALS, ANOTHER, STOOD = "another looks like it", "it may be another", "it was here before"


class Tracker:
    """An object that is followed from frame to frame.

    Parameters
    ----------
    image : array_like, (H, W, C)
        The frame of the start: uint8, uint16 or float32.
    window : Window
        Where the object is in it.
    options : Tracking, optional

    Raises
    ------
    InvalidInputError
        The window's centre lies outside the frame; the window shows one colour, or numbers that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from glimpsecli import Window
    >>> from glimpsecli.learning.tracking import Tracker
    >>> frames = np.random.default_rng(0).integers(0, 99, (3, 60, 90, 3), np.uint8)
    >>> thing = np.kron(np.random.default_rng(1).integers(100, 255, (5, 5, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    >>> for k, frame in enumerate(frames):
    ...     frame[20 + k : 40 + k, 30 + 3 * k : 50 + 3 * k] = thing
    >>> tracker = Tracker(frames[0], Window.from_box(30, 20, 20, 20))
    >>> for frame in frames[1:]:
    ...     tracked = tracker(frame)
    ...     print(tracked.state, round(tracked.window.cx), round(tracked.window.cy))
    found 43 31
    found 46 32
    """

    def __init__(self, image: ArrayLike, window: Window, options: Tracking | None = None) -> None:
        self._options = options = Tracking() if options is None else options
        pixels = _checked(image)
        self._kind = pixels.shape, pixels.dtype
        height, width = pixels.shape[:2]
        if not (0 <= window.cx <= width and 0 <= window.cy <= height):
            raise InvalidInputError(
                f"the window's centre ({window.cx:g}, {window.cy:g}) lies outside the frame of {width} x {height}",
                "give a window on the object",
            )
        self._grid = Grid.over(window, options.side, options.context, options.free)
        self._viewer = Viewer(pixels, self._grid, options.sampling)
        self._course = Course(np.array([window.cx, window.cy, 0.0, window.angle]), options.motion)
        values = self._viewer.look(self._course.place)
        if not np.isfinite(values).all():
            raise InvalidInputError("the window shows NaN or infinity", "give frames of finite numbers")
        self._memory = Memory(values, self._grid)
        if self._memory.template.flat:
            raise InvalidInputError(
                "the window shows nothing but one colour", "give a window on something that stands out"
            )
        self._past = Past()
        self._past.keep(pixels, self._course.place)
        self._cuts = Cuts()
        self._cuts(pixels)
        self._judge = Judge()
        self._doubts = 0
        self._ghost: Course | None = None

    def __call__(self, image: ArrayLike) -> Tracked:
        """Follow the object into the next frame.

        Parameters
        ----------
        image : array_like, of the shape of the first

        Returns
        -------
        Tracked

        Raises
        ------
        InvalidInputError
            The frame has another shape, or type.
        """
        pixels = _checked(image)
        shape, dtype = self._kind
        if (pixels.shape, pixels.dtype) != self._kind:
            raise InvalidInputError(
                f"a frame of shape {pixels.shape}, {pixels.dtype}, after frames of {shape}, {dtype}",
                "follow the object in each part alone",
            )
        self._viewer = Viewer(pixels, self._grid, self._options.sampling)
        if self._options.verdict and self._cuts(pixels):
            self._course.forget(CUT)
            self._past, self._ghost = Past(), None
        guess = self._course.predict(self._viewer.frame)
        measured, guess = self._meet(self._measure(guess), guess)
        state, reason = self._verdict(measured, guess)
        view = measured.view
        if state == FOUND or reason in (HIDDEN, ANOTHER):
            self._course.measured(measured.place, guess, sure=state == FOUND)
            self._memory.hide(view)
        else:
            self._course.coast(guess)
            self._memory.hide(None)
        if state == FOUND:
            self._learn(measured)
        self._past.keep(pixels, self._course.place)
        if not self._course.missed:
            spread = view.template.spread(view.fitted.zncc, self._grid.strides(self._course.place))
            return Tracked(self._window(), state, reason, view.fitted.zncc, measured.second, spread)
        zncc = self._memory.template.fit(self._viewer.look(self._course.place)).zncc
        return Tracked(self._window(), state, reason, zncc, view.fitted.zncc, (math.nan, math.nan))

    def _measure(self, guess: Floats) -> Measured:
        """Find the object: near the predicted place rather than far away, where both places look like it."""
        best, second = self._best(guess)
        if not self._is_wide():  # rivals are near
            self._judge.note(second)
        measured = self._compare(best, second)
        if not self._is_doubted() or not self._course.is_jump(measured.place, guess, self._size()):
            return measured
        near = self._compare(self._viewer.align(self._memory.visible, guess, STEPS), best.zncc)
        seen = near.view.fitted.zncc >= LEAST and near.view.seen.share >= PART
        if not seen or self._course.is_jump(near.place, guess, self._size()):
            return measured
        self._judge.note(best.zncc)
        return near

    def _is_doubted(self) -> bool:
        """Whether a jump could lead to another thing, because one was near a short time ago."""
        return self._judge.is_contested or (self._course.missed == 0 and self._memory.least_share < SURE)

    def _best(self, guess: Floats) -> tuple[Fitted, float]:
        """Give the best place by the template of now, and the ZNCC of the second."""
        options, size = self._options, self._size()
        area = where_to_seek(self._viewer, guess, size, self._course, options, wide=self._is_wide())
        return seek(self._viewer, self._memory.template, guess, size, area, self._judge, self._course.missed)

    def _is_wide(self) -> bool:
        """Whether this frame is searched as a whole, because the object is lost."""
        missed = self._course.missed
        return self._options.redetect and missed >= LONG and missed % OFTEN == 0

    def _compare(self, best: Fitted, second: float) -> Measured:
        return self._memory.compare(self._viewer, best, second)

    def _meet(self, measured: Measured, guess: Floats) -> tuple[Measured, Floats]:
        """Go back to where the object would be, had no jump been followed, if it is there."""
        ghost = self._ghost
        if ghost is None:
            return measured, guess
        where = ghost.predict(self._viewer.frame)
        ghost.coast(where, 1.0)
        if ghost.missed > GHOSTS:
            self._ghost = None
            return measured, guess
        other = self._compare(self._viewer.align(self._memory.template, where, STEPS), measured.whole)
        distinct = np.hypot(*(other.place[:2] - measured.place[:2])) >= self._size() / 3
        likely = self._likeness(other, where)[0] == FOUND and other.view.seen.share > MOST
        if not (distinct and likely) or ghost.is_jump(other.place, where, self._size()):
            return measured, guess
        self._course, self._ghost = ghost, None
        ghost.missed = 0
        return other, where

    def _verdict(self, measured: Measured, guess: Floats) -> tuple[str, str]:
        """Give state and reason."""
        if not self._options.verdict:
            return FOUND, ""
        state, reason = self._likeness(measured, guess)
        if state != FOUND:
            return state, reason
        if self._stood(measured.view):
            return DOUBTFUL, STOOD
        missed = self._course.missed
        if missed > PATIENCE:
            self._doubts = 0  # it was gone, not taken for another
            self._judge.forget()
        begun = missed < BEGUN or self._doubts == DOUBTS
        jump = begun and self._judge.is_contested and self._course.is_jump(measured.place, guess, self._size())
        if jump and missed < PATIENCE:
            self._doubts = DOUBTS
            return DOUBTFUL, RIVALS
        if self._doubts == DOUBTS:
            self._ghost = self._course.forked(guess)
        self._doubts = max(0, self._doubts - 1)
        return (DOUBTFUL, ANOTHER) if self._doubts else (FOUND, "")

    def _likeness(self, measured: Measured, guess: Floats) -> tuple[str, str]:
        """Give state and reason by appearance, which must be better where the object was not expected."""
        far = self._course.is_far(measured.place, guess, self._size())
        return self._judge.likeness(measured, self._course.missed, wide=self._is_wide(), far=far)

    def _stood(self, view: View) -> bool:
        """Whether the window shows what was there before the object came."""
        window = self._grid.window(view.fitted.place)
        now, before = self._past.there(self._viewer.image, window, self._grid.size, self._options.sampling)
        return any(view.template.likeness(now, one) > STILL for one in before)

    def _learn(self, measured: Measured) -> None:
        """Take up the look of the object where it is found."""
        self._judge.learn(measured)
        fitted = measured.view.fitted
        there = np.array_equal(self._course.place, fitted.place)  # not if the scale would change too fast
        glimpse = fitted.glimpse if there else self._viewer.look(self._course.place)
        self._memory.learn(measured, glimpse, self._options.update)

    def _size(self) -> float:
        """Give the square root of the object's area, pixels."""
        return self._grid.reach(self._course.place) / self._options.context

    def _window(self) -> Window:
        cx, cy, width, height, angle = self._grid.window(self._course.place).tolist()
        context = self._options.context
        return Window(cx, cy, width / context, height / context, angle)


def track(images: Iterable[ArrayLike], window: Window, options: Tracking | None = None) -> Iterator[Tracked]:
    """Follow an object through frames.

    Parameters
    ----------
    images : iterable of array_like, (H, W, C)
        The frame of the start first.
    window : Window
        Where the object is in the first.
    options : Tracking, optional

    Yields
    ------
    Tracked
        For each frame; in the first it is found where the window says.

    Raises
    ------
    InvalidInputError
        As :class:`Tracker`.
    """
    tracker = None
    for image in images:
        if tracker is None:
            tracker = Tracker(image, window, options)
            yield Tracked.given(window)
        else:
            yield tracker(image)


def _checked(image: ArrayLike) -> Array:
    pixels = np.asarray(image)
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise InvalidInputError(f"a frame of shape {pixels.shape}", "give frames of height, width and channels")
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise InvalidInputError(f"a frame of {pixels.dtype}", "give uint8, uint16 or float32")
    return np.ascontiguousarray(pixels)
