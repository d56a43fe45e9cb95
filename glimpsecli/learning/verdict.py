"""The verdict on a match: how well it fits, given its noise; whether it is the only one; how sharply it is placed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.learning.places import to_window, window_slopes
from glimpsecli.window import Window, share_outside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpsecli.arrays import Floats
    from glimpsecli.learning.places import Range
    from glimpsecli.learning.refine import State
    from glimpsecli.window import Size


LEAST_ZNCC = 0.7
"""ZNCC below which more than half of the target is not explained."""

LEAST_LIKENESS = 0.98
"""ZNCC, less white noise, that a true match has and a similar scene has not."""

LEAST_ODDS = 12.0
"""Natural logarithm of how much likelier the best place must be than the next."""

LEAST_MARGIN = 1.25
"""Least ratio of the share of the target that the next best place leaves unexplained to that of the best."""

LEAST_GAP = 0.005
"""Share of the target that it must leave in addition: copies in an image differ as much by rounding alone."""

MOST_STRIDES = 0.025
"""Standard deviation of the position, in strides, above which a place is not known."""

GAINS = (0.4, 2.5)
"""Contrast of the target, relative to the glimpse's, outside which it is taken for another scene."""

MOST_OUTSIDE = 0.02  # share of a window outside the image


class Spread(NamedTuple):
    """Standard deviations of a window: pixels and degrees; 0 where not searched."""

    cx: float
    cy: float
    width: float
    height: float
    angle: float


class Noise(NamedTuple):
    """The noise in a residual.

    Attributes
    ----------
    variance : float
        Of the residual, not below that of rounding.
    scene : float
        The part of it that neighbours share: not noise, but structure that the glimpse lacks.
    independent : float
        Number of independent values that the residual is worth.
    """

    variance: float
    scene: float
    independent: float


def noise_of(residual: Floats, free: int, rounding: float) -> Noise:
    """Measure an (h, w, C) residual of `free` searched numbers; `rounding` is the step between grey levels."""
    values = residual - residual.mean(axis=(0, 1))
    count = values.size
    floor = rounding**2 / 12
    variance = max(float(np.sum(values**2)) / max(count - free - values.shape[2] - 1, 1), floor, 1e-18)
    shared = [_shared(values, axis) for axis in (0, 1)]
    inflation = math.prod(
        (1 + share / variance) / (1 - share / variance) for share in (min(one, 0.98 * variance) for one in shared)
    )
    inflation *= 1 + (values.shape[2] - 1) * _between_channels(values)
    return Noise(variance, max(shared), max(count / inflation, 4.0))


def spread_of(state: State, indices: Sequence[int], noise: Noise, size: Size) -> Spread:
    """Give ``sqrt(diag(variance (J^T J)^-1))``, carried to the window's numbers.

    Values that are not independent count for less: the variance grows by the ratio of all values to independent ones.
    """
    full = np.zeros((5, 5))
    try:
        inverse = np.linalg.inv(state.normal)
    except np.linalg.LinAlgError:
        inverse = np.diag(np.full(len(indices), np.inf))
    full[np.ix_(indices, indices)] = inverse * noise.variance * (state.residual.size / noise.independent)
    with np.errstate(invalid="ignore"):
        slopes = window_slopes(state.place, size)
        variances = np.diag(slopes @ full @ slopes.T)
    return Spread(*np.sqrt(np.where(np.isnan(variances), np.inf, np.maximum(variances, 0))).tolist())


def judge(
    state: State, next_best: float, noise: Noise, spread: Spread, size: Size, image_size: Size, strides: Range
) -> tuple[str, str]:
    """Give the verdict, ``found``, ``doubtful`` or ``lost``, and the reason in words.

    Parameters
    ----------
    state : State
        The best place.
    next_best : float
        ZNCC of the best other place.
    noise : Noise
    spread : Spread
    size, image_size : (int, int)
    strides : Range
        The strides that were searched.
    """
    if state.zncc < LEAST_ZNCC:
        return "lost", f"the best place has a ZNCC of {state.zncc:.3f}, and below {LEAST_ZNCC:g} it is not the target"
    explained = state.zncc**2 * noise.variance / max(1 - state.zncc**2, 1e-12)
    likeness = math.sqrt(explained / (explained + noise.scene))
    if likeness < LEAST_LIKENESS:
        return "lost", (
            f"the best place leaves another scene unexplained, and not noise: without noise its ZNCC is "
            f"{likeness:.3f}, and a match has {LEAST_LIKENESS:g}"
        )
    if not state.converged:
        return "doubtful", "the search did not come to rest"
    odds = noise.independent / 2 * math.log(_left(next_best) / _left(state.zncc))
    if odds < LEAST_ODDS or is_as_good(next_best, state.zncc):
        return "doubtful", f"another place fits as well, with a ZNCC of {next_best:.3f}"
    stride = math.exp(state.place[2])
    worst = max(spread.cx, spread.cy)
    if worst > MOST_STRIDES * stride:
        return "doubtful", f"its position is known to {worst:.2g} px only: there is too little to hold on to"
    if not GAINS[0] <= state.gain <= GAINS[1]:
        return "doubtful", f"the target would have {state.gain:.2g} times the contrast of the image there"
    window = Window(*to_window(state.place, size))
    outside = share_outside(window.to_affine(size), size, image_size)
    if outside > MOST_OUTSIDE:
        return "doubtful", f"{outside:.0%} of the window lies outside the image"
    if not strides.low / 1.1 <= stride <= strides.high * 1.1:
        return (
            "doubtful",
            f"its stride, {stride:.3g}, is not among those searched, {strides.low:.3g} to {strides.high:.3g}",
        )
    if next_best <= 0:
        return "found", "no other place is like it"
    return "found", f"the next best place has a ZNCC of {next_best:.3f}"


def is_as_good(zncc: float, best: float) -> bool:
    """Whether a place of some ZNCC is so near the best that either could be the target's."""
    return _left(zncc) < LEAST_MARGIN * _left(best) + LEAST_GAP


def _left(zncc: float) -> float:
    """Give the share of the target that a place leaves unexplained."""
    return max(1 - max(zncc, 0) ** 2, 1e-9)


def _shared(values: Floats, axis: int) -> float:
    """Give the mean product of neighbours on an axis: 0 for white noise."""
    if values.shape[axis] < 2:
        return 0.0
    ahead, behind = np.delete(values, 0, axis), np.delete(values, -1, axis)
    return max(float(np.mean(ahead * behind)), 0.0)


def _between_channels(values: Floats) -> float:
    """Give the mean correlation of two channels, 0 where there is one."""
    channels = values.shape[2]
    flat = values.reshape(-1, channels)
    power = np.sqrt(np.sum(flat**2, axis=0))
    if channels == 1 or not power.all():
        return 0.0
    likeness = (flat / power).T @ (flat / power)
    return max(float((likeness.sum() - channels) / (channels * (channels - 1))), 0.0)
