"""The course of an object: where it is, how fast it moves, and how far from there it has ever been found."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats
    from glimpsecli.window import Size

GAIN, UNSURE = 0.25, 0.08
"""Share of a surprise that changes the velocity, and that of one where half of the object is hidden."""

DECAY = 0.99
"""Factor of the velocity in a frame without a measurement."""

FASTER, FARTHEST = 0.03, math.log(8)
"""Largest change of the logarithm of scale from frame to frame, and since the start."""

JUMP, USUAL = 0.08, 1.5
"""A surprise is a jump where it differs from the usual one by more than this share of the window and this multiple of
the usual length together."""

FAR = 0.5
"""Share of the window from which on a place is far, one frame after the object was found."""

STEADY = 0.2
"""Share of a frame in the usual surprise, which is not 0 where the object gains speed."""

GROWTH, LONGEST = 0.15, 40
"""Growth of what may be expected in each frame without a measurement, and the frames after which it stops."""

_FRAMES = 30


class Course:
    """The way of an object.

    Parameters
    ----------
    place : (4,) float64
        See ``grid``.
    motion : str
        One of :data:`glimpsecli.names.MOTIONS`.
    """

    def __init__(self, place: Floats, motion: str) -> None:
        self.place = place
        self.velocity = np.zeros(2)
        self.missed = 0
        self._motion = motion
        self._surprise = np.zeros(2)  # the usual one
        self._surprises: deque[float] = deque(maxlen=_FRAMES)  # their lengths

    @property
    def growth(self) -> float:
        """How much farther than usual the object may be by now."""
        return 1 + GROWTH * min(self.missed, LONGEST)

    def predict(self, frame: Size) -> Floats:
        """Give the place at which the object is expected; its centre lies in the frame."""
        guess = self.place.copy()
        if self._motion == "velocity":
            guess[:2] += self.velocity
        guess[:2] = np.clip(guess[:2], 0, frame[::-1])
        return guess

    def is_jump(self, place: Floats, guess: Floats, size: float) -> bool:
        """Whether a place is farther from the predicted one than the object's way lets expect."""
        usual = float(np.median(self._surprises)) if self._surprises else size
        expected = 0.0 if self.missed else self._surprise
        far = float(np.hypot(*(place[:2] - guess[:2] - expected)))
        return self._motion != "none" and far > (JUMP * size + USUAL * usual) * self.growth

    def is_far(self, place: Floats, guess: Floats, size: float) -> bool:
        """Whether an object that was missed would have to be fast to be at a place by now."""
        return self._motion != "none" and float(np.hypot(*(place[:2] - guess[:2]))) > FAR * size * self.growth

    def measured(self, place: Floats, guess: Floats, *, sure: bool) -> None:
        """Go on to a place that was measured."""
        there = place.copy()
        there[2] = min(max(there[2], self.place[2] - FASTER, -FARTHEST), self.place[2] + FASTER, FARTHEST)
        surprise = there[:2] - guess[:2]
        if self.missed == 0:
            self.velocity = self.velocity + (GAIN if sure else UNSURE) * surprise
            self._surprise = self._surprise + STEADY * (surprise - self._surprise)
            self._surprises.append(float(np.hypot(*surprise)))
        self.place, self.missed = there, 0

    def coast(self, guess: Floats, decay: float = DECAY) -> None:
        """Go on to the predicted place."""
        self.velocity = self.velocity * decay
        self.place = guess
        self.missed += 1

    def forget(self, missed: int) -> None:
        """Forget how the object moved, as if it had been missed for so many frames."""
        self.velocity = np.zeros(2)
        self.missed = missed

    def forked(self, guess: Floats) -> Course:
        """Give a course of its own that goes on from a predicted place."""
        other = Course(guess, self._motion)
        other.velocity = self.velocity.copy()
        other._surprises = self._surprises.copy()
        return other
