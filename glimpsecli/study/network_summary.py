"""From trained networks to numbers: figures with intervals over seeds, and differences paired over seeds."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.study import statistics
from glimpsecli.study.network_design import (
    ACCURACY,
    CONDITIONS,
    CONTRASTS,
    FEWEST,
    FLOOR,
    FOUND,
    LEARNT,
    MEASURES,
    PACE,
    Contrast,
    Measure,
)
from glimpsecli.study.network_plan import Task
from glimpsecli.study.statistics import Interval, judged

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats

    Row = dict[str, Any]


class Run(NamedTuple):
    """A trained network.

    Attributes
    ----------
    task : Task
    curve : list of dict
        Figures of its checks; the last are its own.
    windows : (N, 5) float64
        The last windows on the first scenes of all checks.
    held_out : dict of dict
        Its figures on digits of other faces and sizes.
    evaluations : int
        Glimpses of its training.
    seconds : float
        Of the processor.
    classes : int
    checks : int
        Those of a training that does not end early.
    """

    task: Task
    curve: list[dict[str, Any]]
    windows: Floats
    held_out: dict[str, dict[str, float]]
    evaluations: int
    seconds: float
    classes: int
    checks: int

    @property
    def lost(self) -> bool:
        """Whether all its windows are in one corner."""
        return bool(self.curve[-1]["lost"])

    def value(self, measure: Measure) -> float:
        """Give a figure of the trained network, or that of its training."""
        if measure is not PACE:
            return float(self.curve[-1][measure.name])
        found = [one[FOUND.name] for one in self.curve]
        return float(sum(found) + found[-1] * (self.checks - len(found))) / self.checks


class Compared(NamedTuple):
    """Two samplers under a condition, paired over the seeds that both have.

    Attributes
    ----------
    contrast : Contrast
    condition : str
    differences : dict of Interval
        The first's figure minus the second's, by the name of the measure.
    seeds : int
    lost : (int, int)
        Seeds that each has lost in a corner; they count in the differences.
    kept : dict of Interval, or None
        The differences without pairs of which one is lost; None where none is, or all are.
    idle : bool
        Whether neither learned where to look, so that they cannot differ in it.
    evaluations : (int, int)
        Glimpses of a training of each that was not lost, if there is one.
    """

    contrast: Contrast
    condition: str
    differences: dict[str, Interval]
    seeds: int
    lost: tuple[int, int]
    kept: dict[str, Interval] | None
    idle: bool
    evaluations: tuple[int, int]

    def word(self, measure: Measure) -> str:
        """Give the words that the interval of a measure allows."""
        return word(self.differences[measure.name], measure)

    @property
    def verdict(self) -> str:
        """The words for the contrast's own measure."""
        measure = self.contrast.measure
        return "neither learns where to look" if self.idle and measure is FOUND else self.word(measure)


class Learnt(NamedTuple):
    """What a sampler learned: where to look, against a window that stays in the middle, and the classes.

    Attributes
    ----------
    sampler, condition : str
    found, floor : float
        Share of digits found, and that of the window that stays.
    difference : Interval
        Of these.
    accuracy : float
    guess : Interval
        The accuracy minus that of a guess.
    lost, seeds : int
    """

    sampler: str
    condition: str
    found: float
    floor: float
    difference: Interval
    accuracy: float
    guess: Interval
    lost: int
    seeds: int

    @property
    def guesses(self) -> bool:
        """Whether it is right no more often than a guess."""
        return self.guess.high < ACCURACY.margin

    @property
    def blind(self) -> bool:
        """Whether it surely has not learned where to look."""
        return self.difference.low <= 0 and self.difference.high < FOUND.margin

    @property
    def word(self) -> str:
        """The words that the interval allows."""
        nothing = "learns nothing of where to look"
        return judged(self.difference, FOUND.margin, "learns where to look", "looks at wrong places", nothing)


def runs_of(results: Sequence[dict[str, Any]]) -> list[Run]:
    """Give the runs of the lines of a file."""
    return [
        Run(
            Task(*(line[name] for name in Task._fields)), line["curve"], np.array(line["windows"], np.float64),
            line["held_out"], line["evaluations"], line["seconds"], line["specification"]["classes"],
            1 + math.ceil(line["schedule"]["steps"] / line["schedule"]["every"]),
        )
        for line in results
    ]  # fmt: skip


def some(runs: Sequence[Run], sampler: str, condition: str) -> list[Run]:
    """Give the runs of a sampler under a condition, by their seeds."""
    return [one for one in runs if one.task[:2] == (sampler, condition)]


def reference(runs: Sequence[Run], sampler: str, condition: str) -> list[Run]:
    """Give the runs of a reference that hold for a condition: its own, or those of the condition it is like."""
    while condition:
        if found := some(runs, sampler, condition):
            return found
        condition = CONDITIONS[condition].like
    return []


def over_seeds(values: Sequence[float]) -> Interval:
    """Give the mean with Student's 95 % interval over seeds; it is infinite where they are too few."""
    return statistics.mean_over_images(np.array(values, np.float64), range(len(values)), FEWEST)


def word(difference: Interval, measure: Measure) -> str:
    """Give the words for the first of two samplers that an interval allows."""
    value, low, high = difference
    better = difference if measure.sign > 0 else Interval(-value, -high, -low)
    return judged(
        better, measure.margin, measure.better, measure.worse, f"no difference of more than {measure.margin:g}"
    )


def compare(runs: Sequence[Run]) -> list[Compared]:
    """Compare the samplers of each contrast under every condition that has both."""
    blind = {(one.sampler, one.condition) for one in learnt(runs) if one.blind}
    found = [
        _compared(runs, contrast, condition, blind)
        for contrast in CONTRASTS for condition in CONDITIONS
    ]  # fmt: skip
    return [one for one in found if one is not None]


def learnt(runs: Sequence[Run]) -> list[Learnt]:
    """Compare each sampler that learns with a window that stays in the middle."""
    found = []
    for condition in CONDITIONS:
        floors = {one.task.seed: one.value(FOUND) for one in reference(runs, FLOOR, condition)}
        for sampler in LEARNT:
            mine = [one for one in some(runs, sampler, condition) if one.task.seed in floors]
            if mine:
                found.append(_learnt(mine, [floors[one.task.seed] for one in mine]))
    return found


def _learnt(runs: Sequence[Run], floors: Sequence[float]) -> Learnt:
    """Compare the runs of a sampler with the share that a window finds which stays in the middle, seed by seed."""
    places, right = [one.value(FOUND) for one in runs], [one.value(ACCURACY) for one in runs]
    ahead = over_seeds([place - floor for place, floor in zip(places, floors, strict=True)])
    guess = over_seeds([one.value(ACCURACY) - 1 / one.classes for one in runs])
    lost = sum(one.lost for one in runs)
    found, floor, accuracy = (float(np.mean(values)) for values in (places, floors, right))
    return Learnt(*runs[0].task[:2], found, floor, ahead, accuracy, guess, lost, len(runs))


def _compared(
    runs: Sequence[Run], contrast: Contrast, condition: str, blind: Collection[tuple[str, str]]
) -> Compared | None:
    """Compare two samplers over the seeds that both have; None where there are none."""
    one, other = ({run.task.seed: run for run in some(runs, name, condition)} for name in contrast[1:3])
    pairs = [(one[seed], other[seed]) for seed in one if seed in other]
    if not pairs:
        return None
    kept = [pair for pair in pairs if not any(run.lost for run in pair)]
    lost = sum(first.lost for first, _ in pairs), sum(second.lost for _, second in pairs)
    without = _differences(kept) if 0 < len(kept) < len(pairs) else None
    idle = all((name, condition) in blind for name in contrast[1:3])
    many = max(first.evaluations for first, _ in pairs), max(second.evaluations for _, second in pairs)
    return Compared(contrast, condition, _differences(pairs), len(pairs), lost, without, idle, many)


def _differences(pairs: Sequence[tuple[Run, Run]]) -> dict[str, Interval]:
    return {
        measure.name: over_seeds([first.value(measure) - second.value(measure) for first, second in pairs])
        for measure in MEASURES
    }
