"""The states of objects that were followed, counted, and their scores against the truth."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.learning.scores import Scores, score
from glimpsecli.names import FOUND, LOST

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from glimpsecli.annotations.tracks import Track
    from glimpsecli.arrays import Floats
    from glimpsecli.jobs.tracking import Seen, Step
    from glimpsecli.window import Size


NOWHERE = (-1e9, -1e9, 1.0, 1.0, 0.0)
"""A window that overlaps nothing."""


class Tally:
    """The states of an object over the frames, and its scores against the truth.

    Attributes
    ----------
    counts : Counter of str
        Frames by state.
    lost_since : int or None
        The first frame of those at the end in which it is lost.
    lost_until : int or None
        The last frame of those at the beginning in which it is lost, having been followed back to there.
    first, last : int
        The first and the last frame in which it was followed.
    """

    def __init__(self, truth: Track | None, image_size: Size) -> None:
        self.counts: Counter[str] = Counter()
        self.lost_since: int | None = None
        self.lost_until: int | None = None
        self.first = self.last = 0
        self._true: Mapping[int, Floats] = {}
        if truth is not None:
            assert truth.frames is not None
            self._true = dict(zip(truth.frames, truth.windows(image_size), strict=True))
        self._state = FOUND
        self._seen: dict[int, tuple[tuple[float, ...], bool]] = {}

    def add(self, step: Step, seen: Seen) -> bool:
        """Count a frame; return whether the state is another one than before."""
        state = seen.tracked.state
        changed, self._state = state != self._state, state
        self.last = step.at.number
        if not self.counts:
            self.first = self.last
        self.counts[state] += 1
        if state == LOST and self.counts.total() == self.counts[LOST]:
            self.lost_until = step.at.number
        if state != LOST:
            self.lost_since = None
        elif self.lost_since is None:
            self.lost_since = step.at.number
        if step.at.number in self._true:
            self._seen[step.at.number] = seen.tracked.window.row, state == FOUND
        return changed

    def end(self, numbers: Collection[int]) -> None:
        """Count those of the frames, in which it should have been followed, that came after it was given up.

        The benchmark of the scores takes all frames from the first on: giving up is no way to be right more often.
        """
        self._seen = {number: (NOWHERE, False) for number in numbers if number in self._true} | self._seen

    def scores(self) -> tuple[Scores, int | None]:
        """Give the scores, and the number of the frame in which it was lost by them."""
        frames = sorted(self._seen)
        truth = np.array([self._true[frame] for frame in frames]).reshape(-1, 5)
        windows = np.array([self._seen[frame][0] for frame in frames]).reshape(-1, 5)
        scores = score(windows, truth, [self._seen[frame][1] for frame in frames])
        return scores, None if scores.lost_at is None else frames[scores.lost_at]


def scores_record(name: str, tally: Tally) -> dict[str, Any]:
    """Give the record of an object's scores."""
    scores, lost_at = tally.scores()
    return {
        "id": name,
        "frames": scores.frames,
        **{key: _rounded(value) for key, value in (
            ("iou", scores.overlap), ("auc", scores.success), ("p20", scores.precision),
        )},
        "lost_at": lost_at,
        "wrong": scores.wrong,
        "wrong_warned": scores.warned,
        "right": scores.right,
        "right_warned": scores.false_alarms,
    }  # fmt: skip


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
