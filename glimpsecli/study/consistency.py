"""The claim about consistency: an object of a video is near where it was, goes on as it went, and does not vanish.

One tracker follows objects in sequences with known truth, each part of consistency taken away from it in turn. Success
is that of the OTB benchmark; see :mod:`glimpsecli.learning.scores`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.learning.scores import THRESHOLDS, overlaps, score
from glimpsecli.learning.tracking import Tracker, Tracking
from glimpsecli.names import FOUND, MOTIONS
from glimpsecli.study import patches, statistics
from glimpsecli.study.running import processes
from glimpsecli.study.sequences import KINDS, sequence
from glimpsecli.study.statistics import Interval
from glimpsecli.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glimpsecli.arrays import Floats
    from glimpsecli.study.sequences import Frame

SEEN = 0.5
"""Share of the object that is to be visible in a frame that counts for success; hidden ones are counted apart."""

LITTLE = 0.01
"""Difference of success below which it is nothing: an interval that lies within it is called equal."""

EQUAL = f"equal within {LITTLE:g}"
ALL = "all"


class Condition(NamedTuple):
    """A tracker: its motion, and whether it may say that the object is not there."""

    motion: str
    verdict: bool

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self.motion + ("" if self.verdict else ", no verdict")


CONDITIONS = tuple(Condition(motion, verdict) for verdict in (False, True) for motion in MOTIONS[::-1])

CLAIMS: dict[str, tuple[tuple[Condition, Condition], ...]] = {
    "It is near where it was": tuple(
        (Condition("near", verdict), Condition("none", verdict)) for verdict in (True, False)
    ),
    "It goes on as it went": tuple(
        (Condition("velocity", verdict), Condition("near", verdict)) for verdict in (True, False)
    ),
    "It does not vanish": tuple((Condition(motion, True), Condition(motion, False)) for motion in MOTIONS),
    "All of it": ((Condition("velocity", True), Condition("none", False)),),
}
"""Pairs of conditions by claim: the first has the part of consistency that the second lacks."""


class Plan(NamedTuple):
    """The sequences of a run: so many of each kind, from a seed on.

    Attributes
    ----------
    kinds : tuple of str
    sequences : int
    seed : int
    photos : str
        The folder of the photos that they are made of.
    """

    kinds: tuple[str, ...] = KINDS
    sequences: int = 60
    seed: int = 100
    photos: str = "sample_images"

    @property
    def all(self) -> list[tuple[str, int]]:
        """Kind and seed of each sequence."""
        return [(kind, self.seed + number) for number in range(self.sequences) for kind in self.kinds]


QUICK = 3
"""Sequences of each kind in a run within two minutes."""


class Run(NamedTuple):
    """A sequence under a condition.

    Attributes
    ----------
    kind : str
    seed : int
    condition : Condition
    curve : tuple of float
        Share of the frames in which the object is visible whose overlap exceeds each threshold.
    success : float
        The mean of the curve.
    hidden : float
        The same where the object is hidden and yet inside the frame; NaN where it never is.
    kept : float
        Share of the frames before the object was lost.
    error : float
        Median distance of the centre where it was called found, in pixels.
    wrong, warned, right, false_alarms : int
        See :class:`glimpsecli.learning.scores.Scores`.
    milliseconds : float
        Of the processor, for a frame.
    """

    kind: str
    seed: int
    condition: Condition
    curve: tuple[float, ...]
    success: float
    hidden: float
    kept: float
    error: float
    wrong: int
    warned: int
    right: int
    false_alarms: int
    milliseconds: float


class Difference(NamedTuple):
    """What a part of consistency adds to success, in sequences of a kind."""

    claim: str
    first: Condition
    second: Condition
    kind: str
    success: Interval

    @property
    def word(self) -> str:
        """The word that the interval allows."""
        if max(abs(self.success.low), abs(self.success.high)) < LITTLE:
            return EQUAL
        if self.success.low > 0:
            return "helps"
        return "harms" if self.success.high < 0 else "undecided"


def check(plan: Plan) -> None:
    """Read the photos, so that those that are missing are known before the run.

    Raises
    ------
    InvalidInputError
        The folder does not hold the sample photos.
    """
    for name in patches.PHOTOS:
        patches.photo(name, plan.photos)


def run(plan: Plan, *, jobs: int, progress: Callable[[int, int], object]) -> list[Run]:
    """Follow the object of each sequence under every condition, in processes; in the order of the plan."""
    tasks, found = plan.all, {}
    progress(0, len(tasks))
    with processes(min(jobs, len(tasks)), "give fewer with -j") as pool:
        futures = {pool.submit(work, kind, seed, plan.photos): (kind, seed) for kind, seed in tasks}
        for future in as_completed(futures):
            found[futures[future]] = future.result()
            progress(len(found), len(tasks))
    return [one for task in tasks for one in found[task]]


def work(kind: str, seed: int, photos: str) -> list[Run]:
    """Follow the object of one sequence under every condition."""
    shown = sequence(kind, seed, photos)
    frames = [*shown.frames()]
    return [judge(kind, seed, one, frames, shown.windows, shown.visible) for one in CONDITIONS]


def judge(
    kind: str, seed: int, condition: Condition, frames: Sequence[Frame], truth: Floats, visible: Floats
) -> Run:  # fmt: skip
    """Follow an object under a condition, and compare with the truth; the first frame does not count.

    Parameters
    ----------
    kind : str
    seed : int
    condition : Condition
    frames : sequence of (H, W, 3) uint8
    truth : (T, 5) float64
    visible : (T,) float64
    """
    options = Tracking(motion=condition.motion, verdict=condition.verdict)
    if kind == "turn":  # as `glimpse track` does it
        options = replace(options, free=options.free | {"angle"}, sampler="bilinear")
    tracker = Tracker(frames[0], Window(*truth[0]), options)
    began = time.process_time()
    seen = [tracker(frame) for frame in frames[1:]]
    milliseconds = 1000 * (time.process_time() - began) / len(seen)
    windows = np.array([one.window.row for one in seen])
    found, truth, visible = np.array([one.state == FOUND for one in seen]), truth[1:], visible[1:]
    scores, overlap = score(windows, truth, found), overlaps(windows, truth)
    height, width = frames[0].shape[:2]
    inside = np.all((truth[:, :2] > 0) & (truth[:, :2] < [width, height]), axis=1)
    curve, hidden = _curve(overlap[visible >= SEEN]), _curve(overlap[(visible < SEEN) & inside])
    distance = np.hypot(*(windows - truth)[found & (visible >= SEEN), :2].T)
    return Run(
        kind, seed, condition, tuple(curve.tolist()), float(curve.mean()), float(hidden.mean()),
        1.0 if scores.lost_at is None else scores.lost_at / len(truth),
        float(np.median(distance)) if len(distance) else math.nan,
        scores.wrong, scores.warned, scores.right, scores.false_alarms, milliseconds,
    )  # fmt: skip


def success_of(runs: Sequence[Run], condition: Condition, kind: str) -> Interval:
    """Give the success of a condition in sequences of a kind, or of all, with its interval over sequences."""
    some = _some(runs, condition, kind)
    return statistics.bootstrap(np.array([one.success for one in some]), [one.kind for one in some])


def differences(runs: Sequence[Run], kinds: Sequence[str]) -> list[Difference]:
    """Compare the conditions of each claim, paired over sequences: of all kinds, and of each."""
    return [
        Difference(claim, first, second, kind, _paired(runs, first, second, kind))
        for claim, pairs in CLAIMS.items()
        for first, second in pairs
        for kind in (ALL, *kinds)
    ]


def rows(runs: Sequence[Run], kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Give a row for each condition and kind of sequence."""
    return [_row(runs, condition, kind) for condition in CONDITIONS for kind in (ALL, *kinds)]


def _row(runs: Sequence[Run], condition: Condition, kind: str) -> dict[str, Any]:
    some = _some(runs, condition, kind)
    success = success_of(runs, condition, kind)
    wrong, right = sum(one.wrong for one in some), sum(one.right for one in some)
    return {
        "motion": condition.motion, "verdict": condition.verdict, "kind": kind, "sequences": len(some),
        "success": success.value, "low": success.low, "high": success.high,
        "success_hidden": _mean(one.hidden for one in some), "kept": _mean(one.kept for one in some),
        "median_error": _median(one.error for one in some), "wrong": wrong,
        "wrong_warned": sum(one.warned for one in some) / wrong if wrong else math.nan, "right": right,
        "right_warned": sum(one.false_alarms for one in some) / right if right else math.nan,
        "milliseconds": _median(one.milliseconds for one in some),
    }  # fmt: skip


def _paired(runs: Sequence[Run], first: Condition, second: Condition, kind: str) -> Interval:
    one, other = _some(runs, first, kind), _some(runs, second, kind)
    ahead = np.array([a.success - b.success for a, b in zip(one, other, strict=True)])
    return statistics.bootstrap(ahead, [run.kind for run in one])


def _some(runs: Sequence[Run], condition: Condition, kind: str) -> list[Run]:
    return [one for one in runs if one.condition == condition and kind in (ALL, one.kind)]


def _curve(overlap: Floats) -> Floats:
    """Give the success at each threshold; NaN where there are no frames."""
    if not len(overlap):
        return np.full(len(THRESHOLDS), math.nan)
    curve: Floats = np.mean(overlap[:, None] > THRESHOLDS, axis=0)
    return curve


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _median(values: Iterable[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.median(known)) if known else math.nan
