"""A smooth curve through points that never leaves the range of its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats


def monotone(knots: Floats, values: Floats, at: Floats) -> Floats:
    """Interpolate by piecewise cubics that keep the order of their knots (Fritsch and Butland 1984).

    The slope at an inner knot is the weighted harmonic mean of the slopes on both sides, and 0 where those differ in
    sign; at the ends it is that of the outermost piece.

    Parameters
    ----------
    knots : (K,) float64
        Ascending.
    values : (K, C) float64
    at : (N,) float64
        Within the knots.

    Returns
    -------
    (N, C) float64
    """
    steps = np.diff(knots)
    secants = np.diff(values, axis=0) / steps[:, None]
    slopes = np.concatenate([secants[:1], np.zeros((len(knots) - 2, values.shape[1])), secants[-1:]])
    before, after = secants[:-1], secants[1:]
    longer, shorter = (2 * steps[1:] + steps[:-1])[:, None], (steps[1:] + 2 * steps[:-1])[:, None]
    same = before * after > 0
    weighted = longer * after + shorter * before  # the harmonic mean's denominator, times both slopes
    slopes[1:-1][same] = ((longer + shorter) * before * after)[same] / weighted[same]
    piece = np.clip(np.searchsorted(knots, at, "right") - 1, 0, len(steps) - 1)
    step = steps[piece, None]
    u = (at - knots[piece])[:, None] / step
    start, end = values[piece], values[piece + 1]
    return (
        start
        + (end - start) * u**2 * (3 - 2 * u)
        + step * u * (1 - u) * (slopes[piece] * (1 - u) - slopes[piece + 1] * u)
    )
