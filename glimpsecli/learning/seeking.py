"""The search for an object near where it is expected: candidates by cross-correlation, then steps to each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.learning.course import FASTER
from glimpsecli.learning.nearby import Prior, nearby
from glimpsecli.learning.viewing import STEPS, Fitted

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats
    from glimpsecli.learning.course import Course
    from glimpsecli.learning.following import Tracking
    from glimpsecli.learning.judging import Judge
    from glimpsecli.learning.template import Template
    from glimpsecli.learning.viewing import Viewer

PEAKS, MORE_PEAKS = 3, 5
"""Places that are tried, and those that are where the object was not found in the frame before."""

CLEAR = 0.25
"""A place whose score is less by this much than the best one's is not tried."""

TAPS = 80
"""Greatest side of what is searched, in taps of the template."""

PRIOR, NEAR = 0.075, 0.35
"""Cost of a place at the distance `NEAR`, in square roots of the window's area, from the predicted one."""

LONG = 8
"""Frames without the object after which the whole frame is searched."""


class Area(NamedTuple):
    """A part of the frame that is searched.

    Attributes
    ----------
    radius : float
        Pixels from the predicted place, along each axis.
    prior : Prior
    """

    radius: float
    prior: Prior


def where_to_seek(viewer: Viewer, guess: Floats, size: float, course: Course, options: Tracking, *, wide: bool) -> Area:
    """Give where to look for an object.

    Parameters
    ----------
    viewer : Viewer
    guess : (4,) float64
        The predicted place.
    size : float
        Square root of the object's area, pixels.
    course : Course
    options : Tracking
    wide : bool
        Whether to search the whole frame.
    """
    farthest = float(max(viewer.frame))
    if options.motion == "none":
        return Area(farthest, Prior(guess[0], guess[1], farthest, 0.0))
    if wide:
        return Area(farthest, Prior(guess[0], guess[1], farthest / 2, PRIOR))
    reach = size * course.growth
    return Area(options.search * reach, Prior(guess[0], guess[1], NEAR * reach, PRIOR))


def seek(
    viewer: Viewer, template: Template, guess: Floats, size: float, area: Area, judge: Judge, missed: int
) -> tuple[Fitted, float]:
    """Look for a template.

    Parameters
    ----------
    viewer : Viewer
    template : Template
    guess : (4,) float64
        The predicted place.
    size : float
        Square root of the object's area, pixels.
    area : Area
    judge : Judge
    missed : int
        Frames since the object was found or measured.

    Returns
    -------
    best : Fitted
        Of ZNCC 0 where nothing is like the template.
    second : float
        ZNCC of the best other place, NaN where there is none.
    """
    window, prior = viewer.window(guess), area.prior
    peaks = nearby(
        viewer.sample, template.values, template.weights, window, area.radius, prior, viewer.frame,
        MORE_PEAKS if missed else PEAKS, TAPS,
    )  # fmt: skip
    tries: list[tuple[float, Fitted]] = []
    for peak in peaks:
        if peak.score < peaks[0].score - CLEAR:
            continue
        start = np.array([peak.x, peak.y, guess[2], guess[3]])
        fitted = viewer.align(template, start, STEPS)
        grown = abs(fitted.place[2] - guess[2]) > FASTER * (5 + min(missed, LONG))
        if not grown and np.hypot(*(fitted.place[:2] - start[:2])) <= size / 2:
            charge = float(prior.charge(fitted.place[0], fitted.place[1])) + judge.strangeness(fitted)
            tries.append((fitted.zncc - charge, fitted))
    if not tries:
        return Fitted(guess, 0.0, 1.0, viewer.look(guess)), math.nan
    tries.sort(key=lambda one: -one[0])
    best = tries[0][1]
    others = [one.zncc for _, one in tries[1:] if np.hypot(*(one.place[:2] - best.place[:2])) > size / 4]
    return best, max(others, default=math.nan)
