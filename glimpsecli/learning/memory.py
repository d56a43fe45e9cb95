"""The memory of an object that is followed: its appearance of now and of the start, and which taps are hidden."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.learning.appearance import Appearance
from glimpsecli.learning.judging import PART, RECENT
from glimpsecli.learning.viewing import WHOLE, Measured

if TYPE_CHECKING:
    from glimpsecli.arrays import Array
    from glimpsecli.learning.grid import Grid
    from glimpsecli.learning.template import Template
    from glimpsecli.learning.viewing import Fitted, View, Viewer

ANCHORED = 0.8
"""ZNCC with the look of the start from which on that look keeps the window from drifting."""

CREEP, STEADY = 0.2, 0.15
"""Share at which hidden taps are learnt all the same, and the fall of the share of taps seen from which on not."""


class Memory:
    """The appearance of an object as it is now, and as it was at the start.

    Parameters
    ----------
    glimpse : (h, w, C) float32
        Of the object at the start.
    grid : Grid

    Attributes
    ----------
    template : Template
        Of the object as it is now.
    """

    def __init__(self, glimpse: Array, grid: Grid) -> None:
        self._grid = grid
        self._now, self._first = Appearance(glimpse, grid), Appearance(glimpse, grid)
        self._shares: deque[float] = deque([1.0], maxlen=RECENT)
        self._hidden: Array | None = None  # the taps of the frame before

    @property
    def template(self) -> Template:
        """The template of now."""
        return self._now.template

    @property
    def visible(self) -> Template:
        """The template of now, without the taps that were hidden in the frame before."""
        return self._now.template if self._hidden is None else self._now.masked(self._hidden)

    @property
    def least_share(self) -> float:
        """The least share of the object that was seen a short time ago."""
        return min(self._shares)

    def compare(self, viewer: Viewer, best: Fitted, second: float) -> Measured:
        """Compare the object at a place with its look of now, and with that of the start, which does not drift."""
        now = viewer.view(self._now, best, self._hidden)
        start = viewer.align(self._first.template, now.fitted.place)
        first = viewer.view(self._first, start, self._hidden)
        far = np.hypot(*(first.fitted.place[:2] - now.fitted.place[:2]))
        if first.fitted.zncc < ANCHORED or far > 2 * max(self._grid.strides(best.place)) or first.seen.share < PART:
            return Measured(now, now, None, best.zncc, second)
        view = first if first.seen.share >= now.seen.share - 0.1 else now
        return Measured(view, now, first, max(best.zncc, start.zncc), second)

    def hide(self, view: View | None) -> None:
        """Remember the taps that a view found hidden; none where it is None, or shows the whole object."""
        self._hidden = None if view is None or view.seen.share >= WHOLE else view.seen.mask

    def learn(self, measured: Measured, glimpse: Array, update: float) -> None:
        """Take up the glimpse of the place at which the object was found; `update` is its share in the template."""
        view, now = measured.view, measured.now
        rate = view.seen.rate(CREEP if view.seen.share >= max(self._shares) - STEADY else 0.0)
        self._shares.append(view.seen.share)
        self._now.learn(glimpse, now.template, rate, update)
        if measured.first is not None:
            self._first.learn(glimpse, measured.first.template, rate, 0.0)
