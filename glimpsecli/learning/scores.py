"""The scores of a track against the truth: overlap, success and precision as the OTB benchmark has them.

Wu, Lim and Yang 2013: success is the share of frames whose overlap with the truth exceeds a threshold, and its score
the mean over 21 thresholds from 0 to 1; precision is the share of frames whose centre is at most 20 pixels off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.window import Window, common_area, corners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats

THRESHOLDS = np.linspace(0, 1, 21)
PRECISE = 20.0
"""Pixels that a centre may be off in a frame that counts as precise."""

WRONG = 0.3
"""Overlap below which a window is wrong; so is one whose centre is half the true box's extent away, on either axis."""

LOST, RUNNING = 0.1, 10
"""Overlap under which, in so many frames running, the object counts as lost."""


class Scores(NamedTuple):
    """The scores of a track.

    Attributes
    ----------
    frames : int
        Frames that have a true window.
    overlap : float
        Mean intersection over union.
    success : float
        Area under the curve of success against threshold, 0 to 1.
    precision : float
        Share of frames with the centre within 20 pixels.
    lost_at : int or None
        Position of the first of 10 frames running with an overlap under 0.1.
    wrong, warned : int
        Frames with a wrong window, and those of them that were called doubtful or lost.
    right, false_alarms : int
        Frames with a right window, and those of them that were called doubtful or lost.
    """

    frames: int
    overlap: float
    success: float
    precision: float
    lost_at: int | None
    wrong: int
    warned: int
    right: int
    false_alarms: int


def score(windows: Floats, truth: Floats, found: Sequence[bool] | NDArray[np.bool_]) -> Scores:
    """Score a track.

    Parameters
    ----------
    windows, truth : (T, 5) float64
        cx, cy, width, height, angle; frames with a NaN in either are left out.
    found : (T,) bool
        Whether the tracker called the object found.
    """
    known = np.isfinite(np.hstack([windows, truth]).sum(axis=1))
    if not known.any():
        return Scores(0, math.nan, math.nan, math.nan, None, 0, 0, 0, 0)
    overlap = np.zeros(len(truth))
    overlap[known] = overlaps(windows[known], truth[known])
    seen = overlap[known]
    distance = np.hypot(*(windows - truth)[known, :2].T)
    wrong, sure = is_wrong(windows[known], truth[known]), np.asarray(found, bool)[known]
    return Scores(
        len(seen), float(seen.mean()), success(seen), float(np.mean(distance <= PRECISE)), _lost_at(overlap, known),
        int(wrong.sum()), int((wrong & ~sure).sum()), int((~wrong).sum()), int((~wrong & ~sure).sum()),
    )  # fmt: skip


def success(overlap: Floats) -> float:
    """Give the area under the curve of success of (T,) overlaps."""
    return float(np.mean(overlap[:, None] > THRESHOLDS))


def is_wrong(windows: Floats, truth: Floats) -> NDArray[np.bool_]:
    """Return for each of (T, 5) windows whether it is at another place than the true one."""
    far = np.abs(windows[:, :2] - truth[:, :2]) > truth[:, 2:4] / 2
    wrong: NDArray[np.bool_] = (overlaps(windows, truth) < WRONG) | far.any(axis=1)
    return wrong


def overlaps(first: Floats, second: Floats) -> Floats:
    """Give the intersection over union of pairs of windows, each (N, 5): cx, cy, width, height, angle."""
    areas = first[:, 2] * first[:, 3], second[:, 2] * second[:, 3]
    low = np.maximum(first[:, :2] - first[:, 2:4] / 2, second[:, :2] - second[:, 2:4] / 2)
    high = np.minimum(first[:, :2] + first[:, 2:4] / 2, second[:, :2] + second[:, 2:4] / 2)
    common = np.maximum(high - low, 0).prod(axis=1)
    for n in np.flatnonzero((first[:, 4] != 0) | (second[:, 4] != 0)).tolist():
        common[n] = common_area(_outline(first[n]), _outline(second[n]))
    shares: Floats = common / (areas[0] + areas[1] - common)
    return shares


def _lost_at(overlap: Floats, known: NDArray[np.bool_]) -> int | None:
    """Find the first frame of a run without overlap; frames without truth neither end a run nor count."""
    places = np.flatnonzero(known)
    away = overlap[places] < LOST
    running = min(RUNNING, len(away))
    runs = np.convolve(away, np.ones(running), "valid") == running
    return int(places[np.argmax(runs)]) if runs.any() else None


def _outline(window: Floats) -> list[tuple[float, float]]:
    """Give the corners of a window."""
    return [(x, y) for x, y in corners(Window(*window.tolist()).to_affine((1, 1)), (1, 1)).tolist()]
