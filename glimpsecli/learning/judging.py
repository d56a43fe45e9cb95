"""The judgement on a frame by appearance: whether the window shows what was followed so far."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.names import DOUBTFUL, FOUND, LOST

if TYPE_CHECKING:
    from glimpsecli.learning.viewing import Fitted, Measured

LEAST, DROP, DIM = 0.6, 0.2, 0.45
"""ZNCC below which an object is not found, fall below the usual one likewise, and ZNCC below which it is not there."""

ALIKE, AGAIN, WIDE = (0.8, 0.15), (0.9, 0.03), (0.7, 0.05)
"""Least ZNCC under all taps, and largest fall below the usual one, at which the object is found however few taps show
it: if it was found in the frame before, if it was not, and if the whole frame is searched."""

HALF, PART, MOST = 0.5, 0.35, 0.7
"""Least share of the taps that show the object where it is found, where it is measured, and where it is found again."""

CONTRAST, STRANGE, USED = 0.6, 0.2, 0.2
"""Cost of a change of contrast beyond `STRANGE`, both in logarithms, and share of a frame in the usual contrast."""

RECENT, RIVAL = 6, 0.75
"""Frames in which a rival counts, and its ZNCC as a part of the object's."""

USUAL, GONE = 30, 5
"""Frames over which the usual ZNCC is taken, and after which an object that is not found is lost."""

HIDDEN, DIFFERENT, NOWHERE = "half of it is hidden", "it looks different", "nothing looks like it"


class Judge:
    """What is usual of an object, and the judgement by it."""

    def __init__(self) -> None:
        self._likenesses: deque[float] = deque(maxlen=USUAL)
        self._contrast = 0.0  # logarithm of the gain
        self._rivals: deque[float] = deque([0.0], maxlen=RECENT)

    @property
    def is_contested(self) -> bool:
        """Whether something looked like the object a short time ago."""
        return max(self._rivals) > RIVAL

    @property
    def usual(self) -> float:
        """The usual ZNCC."""
        return float(np.median(self._likenesses)) if self._likenesses else LEAST + DROP

    def note(self, second: float) -> None:
        """Take note of the ZNCC of something else that looks like the object, NaN where nothing does."""
        self._rivals.append(0.0 if math.isnan(second) else second / max(self.usual, LEAST))

    def forget(self) -> None:
        """Forget what else looked like the object."""
        self._rivals.extend([0.0] * RECENT)

    def learn(self, measured: Measured) -> None:
        """Take up how much the object looks like itself where it is found."""
        self._likenesses.append(measured.view.fitted.zncc)
        self._contrast += USED * (_log_gain(measured.now.fitted) - self._contrast)

    def strangeness(self, fitted: Fitted) -> float:
        """Give the cost of a contrast that is not the usual one."""
        return CONTRAST * max(0.0, abs(_log_gain(fitted) - self._contrast) - STRANGE)

    def likeness(self, measured: Measured, missed: int, *, wide: bool, far: bool) -> tuple[str, str]:
        """Give state and reason.

        Parameters
        ----------
        measured : Measured
        missed : int
            Frames since the object was found or measured.
        wide : bool
            Whether the whole frame was searched.
        far : bool
            Whether the place is farther from the predicted one than an object moves in the frames that it was missed.
        """
        usual = self.usual
        least = max(LEAST, usual - DROP)
        share, zncc = measured.view.seen.share, measured.view.fitted.zncc
        if measured.whole >= (max(AGAIN[0], usual - AGAIN[1]) if missed else max(ALIKE[0], usual - ALIKE[1])):
            return FOUND, ""
        if (
            zncc >= least
            and share >= HALF
            and (missed == 0 or ((wide or not far) and self._is_again(measured, least, usual, wide=wide)))
        ):
            return FOUND, ""
        if zncc >= least and share >= PART and missed == 0:
            return DOUBTFUL, HIDDEN
        if measured.whole >= DIM and missed < GONE:
            return DOUBTFUL, DIFFERENT
        return LOST, NOWHERE

    def _is_again(self, measured: Measured, least: float, usual: float, *, wide: bool) -> bool:
        """Whether it is the object again, which was not found in the frame before."""
        if self.strangeness(measured.now.fitted) > 2 * STRANGE * CONTRAST:
            return False
        if wide:
            return measured.whole > max(WIDE[0], usual - WIDE[1])
        return measured.whole > least or (measured.view.seen.share > MOST and measured.whole > DIM)


def _log_gain(fitted: Fitted) -> float:
    return math.log(max(fitted.gain, 1e-3))
