"""The view of an object in a frame: templates brought to where they fit best, and taps that are hidden left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.sampling import Sampler

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Floats
    from glimpsecli.learning.appearance import Appearance, Seen
    from glimpsecli.learning.grid import Grid
    from glimpsecli.learning.template import Template
    from glimpsecli.sampling import Sampling
    from glimpsecli.window import Size

STEPS, MORE = 8, 5
"""Most steps of Gauss and Newton from a place that was searched, and from one that is nearly right."""

WHOLE, LITTLE = 0.95, 0.25
"""Share of the object from which on nothing is taken to hide it, and below which too little is seen to measure it."""

ASTRAY = 1 / 3
"""Distance, in windows, by which the taps that are seen may move the window at most; twice the change of log scale."""


class Fitted(NamedTuple):
    """A place to which a template was brought.

    Attributes
    ----------
    place : (4,) float64
        See ``grid``.
    zncc, gain : float
        As in :class:`~glimpsecli.learning.template.Fit`.
    glimpse : (h, w, C) float32
    """

    place: Floats
    zncc: float
    gain: float
    glimpse: Array


class View(NamedTuple):
    """An object as one of its appearances shows it.

    Attributes
    ----------
    fitted : Fitted
        Under the taps that are seen.
    seen : Seen
    template : Template
        Without the taps that are hidden.
    """

    fitted: Fitted
    seen: Seen
    template: Template


class Measured(NamedTuple):
    """The measurement of a frame.

    Attributes
    ----------
    view : View
        That by which the object is placed: one of the two below.
    now : View
    first : View or None
        By the appearance of the start, where that still fits.
    whole : float
        ZNCC under all taps.
    second : float
        ZNCC of the best other place, NaN where there is none.
    """

    view: View
    now: View
    first: View | None
    whole: float
    second: float

    @property
    def place(self) -> Floats:
        """The place, (4,) float64."""
        return self.view.fitted.place


class Viewer:
    """A frame, and how it is looked at.

    Parameters
    ----------
    image : (H, W, C)
    grid : Grid
    sampling : Sampling
    """

    def __init__(self, image: Array, grid: Grid, sampling: Sampling) -> None:
        self.image = image
        self._grid = grid
        self._sampling = sampling

    @property
    def frame(self) -> Size:
        """Height and width of the frame."""
        return self.image.shape[0], self.image.shape[1]

    def window(self, place: Floats) -> Floats:
        """Give the window, (5,), of a place."""
        return self._grid.window(place)

    def sample(self, window: Floats, size: Size) -> Array:
        """Give the glimpse, (h, w, C), of a window, (5,)."""
        glimpse: Array = Sampler(window[None], size, self.image.shape, self._sampling)(self.image)[0]
        return glimpse

    def look(self, place: Floats) -> Array:
        """Give the glimpse of a place."""
        return self.sample(self._grid.window(place), self._grid.size)

    def align(self, template: Template, place: Floats, steps: int = MORE) -> Fitted:
        """Bring a template to where it fits best, from a place nearby."""
        best = None
        for _ in range(steps):
            glimpse = self.look(place)
            fit = template.fit(glimpse)
            if best is None or fit.zncc > best.zncc:
                best = Fitted(place, fit.zncc, fit.gain, glimpse)
            place, last = self._grid.stepped(place, fit.step)
            if last:
                break
        assert best is not None  # there is one step at least
        return best

    def view(self, appearance: Appearance, best: Fitted, hidden: Array | None) -> View:
        """Find the taps that are hidden, and bring the template without them to where it fits best.

        Parameters
        ----------
        appearance : Appearance
        best : Fitted
            Where its template fits best with all taps.
        hidden : (h, w), optional
            0 where a tap was hidden in the frame before.

        Returns
        -------
        View
            Of share 0, and at the place of `best`, if too little is seen.
        """
        template, fitted = appearance.template, best
        if hidden is not None:
            template = appearance.masked(hidden)
            fitted = self.align(template, best.place)
        seen = appearance.seen(template, fitted.glimpse, self._grid.inside(fitted.place, self.frame))
        if hidden is None and seen.share >= WHOLE:
            return View(fitted, seen, template)
        for _ in range(2):
            if seen.share < LITTLE:
                break
            template = appearance.masked(seen.mask)
            fitted = self.align(template, fitted.place)
            seen = appearance.seen(template, fitted.glimpse, self._grid.inside(fitted.place, self.frame))
        way = fitted.place - best.place
        astray = np.hypot(*way[:2]) > ASTRAY * self._grid.reach(best.place) or abs(way[2]) > ASTRAY / 2
        if seen.share < LITTLE or astray:
            return View(best, seen._replace(share=0.0), appearance.template)
        return View(fitted, seen, template)
