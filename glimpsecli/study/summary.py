"""From trials to numbers: success against offset, areas under it, times, and pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.study import statistics
from glimpsecli.study.design import Chunk
from glimpsecli.study.scenes import KINDS
from glimpsecli.study.statistics import Interval, clipped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.study.running import Done
    from glimpsecli.study.statistics import Pairs


ALL = "all"


class Who(NamedTuple):
    """A sampler and its optimiser."""

    sampler: str
    method: str


class Runs(NamedTuple):
    """All trials of one sampler with one optimiser, under one condition and at one stride.

    Attributes
    ----------
    images : (places,) list of (str, int)
        Kind and number of each place's image.
    success : (places, offsets) bool
    centre, extent : (places, offsets) float64
        Final errors, in strides and as a share.
    arrived, evaluations : (places, offsets) int64
    per_evaluation : (places,) float64
        Seconds of the processor for an evaluation, in the chunk of each place.
    """

    images: list[tuple[str, int]]
    success: NDArray[np.bool_]
    centre: Floats
    extent: Floats
    arrived: NDArray[np.int64]
    evaluations: NDArray[np.int64]
    per_evaluation: Floats


class Compared(NamedTuple):
    """Two samplers with one optimiser, on the same trials.

    Attributes
    ----------
    condition : str
    stride : float or None
        None: all strides together.
    first, second : Who
    area : Interval
        The first's area minus the second's.
    pairs : Pairs
    evaluations : (float, float)
        Median evaluations to success of each, in trials in which both succeeded; NaN where there are none.
    """

    condition: str
    stride: float | None
    first: Who
    second: Who
    area: Interval
    pairs: Pairs
    evaluations: tuple[float, float]


class Summary(NamedTuple):
    """The trials of a run, sorted.

    Attributes
    ----------
    offsets : tuple of float
    runs : dict
        By condition, stride, and sampler with optimiser.
    """

    offsets: tuple[float, ...]
    runs: dict[tuple[str, float, Who], Runs]

    @property
    def conditions(self) -> list[str]:
        """Names of the conditions, the main one first."""
        return list(dict.fromkeys(condition for condition, _, _ in self.runs))

    @property
    def strides(self) -> list[float]:
        """The strides, rising."""
        return sorted({stride for _, stride, _ in self.runs})

    def who(self, condition: str) -> list[Who]:
        """Give the samplers, with their optimisers, of a condition."""
        return list(dict.fromkeys(who for name, _, who in self.runs if name == condition))

    def pooled(self, condition: str, stride: float | None, who: Who) -> Runs:
        """Give the trials at one stride, or with None at all of them."""
        return _joined([self.runs[condition, one, who] for one in self.strides if stride in (None, one)])

    def area(self, condition: str, stride: float | None, who: Who) -> Interval:
        """Give the area under the curve of success, at one stride or over all."""
        runs = self.pooled(condition, stride, who)
        values = statistics.areas(runs.success, self.offsets)
        return clipped(statistics.mean_over_images(values, runs.images), 0.0, 1.0)

    def compare(self, condition: str, stride: float | None, first: Who, second: Who) -> Compared:
        """Compare two samplers of a condition."""
        one, other = (self.pooled(condition, stride, who) for who in (first, second))
        ahead = statistics.areas(one.success, self.offsets) - statistics.areas(other.success, self.offsets)
        area = clipped(statistics.mean_over_images(ahead, one.images), -1.0, 1.0)
        both = one.success & other.success
        evaluations = _median(one.arrived[both]), _median(other.arrived[both])
        pairs = statistics.mcnemar(one.success, other.success)
        return Compared(condition, stride, first, second, area, pairs, evaluations)


def summarise(done: Done) -> Summary:
    """Put the chunks of a run together."""
    parts: dict[tuple[str, float, Who], list[Runs]] = {}
    columns = len(done.design.offsets)
    for result in done.worked:
        chunk = Chunk(*result["chunk"])
        for run in result["runs"]:
            arrived, evaluations = (np.array(run[name], np.int64).reshape(-1, columns) for name in ("arrived", "looks"))
            centre, extent = (np.array(run[name], np.float64).reshape(-1, columns) for name in ("centre", "extent"))
            places = len(arrived)
            per_evaluation = np.full(places, run["seconds"] / max(int(evaluations.sum()), 1))
            part = Runs(
                [(chunk.kind, chunk.image)] * places, arrived >= 0, centre, extent, arrived, evaluations, per_evaluation
            )
            parts.setdefault((chunk.condition, chunk.stride, Who(run["sampler"], run["method"])), []).append(part)
    order = {name: n for n, name in enumerate(done.design.conditions)}
    keys = sorted(parts, key=lambda key: (order[key[0]], key[1]))
    return Summary(done.design.offsets, {key: _joined(parts[key]) for key in keys})


def cells(summary: Summary) -> Iterator[dict[str, Any]]:
    """Generate a row for each condition, stride, sampler with optimiser, kind of image and offset."""
    for (condition, stride, who), runs in summary.runs.items():
        for kind in (ALL, *KINDS):
            rows = np.array([kind in (ALL, one) for one, _ in runs.images])
            for column, offset in enumerate(summary.offsets if rows.any() else ()):
                won = np.zeros_like(runs.success)
                won[rows, column] = runs.success[rows, column]
                trials, successes = int(rows.sum()), int(won.sum())
                share, low, high = statistics.wilson(successes, trials)
                yield {
                    "condition": condition, "kind": kind, "stride": stride, "offset": offset, **who._asdict(),
                    "trials": trials, "successes": successes, "share": share, "low": low, "high": high,
                    **medians(runs, won),
                }  # fmt: skip


def medians(runs: Runs, where: NDArray[np.bool_]) -> dict[str, float]:
    """Give medians over the trials for which `where`, (places, offsets), is true; NaN where it is nowhere.

    Errors of the centre, in strides, and of the extent, as a share; evaluations to success, named ``looks``; and
    seconds of the processor.
    """
    seconds = runs.arrived * runs.per_evaluation[:, None]
    values = {"error": runs.centre, "extent_error": np.abs(runs.extent), "looks": runs.arrived, "seconds": seconds}
    return {f"median_{name}": _median(some[where]) for name, some in values.items()}


def _joined(parts: Sequence[Runs]) -> Runs:
    images = [image for part in parts for image in part.images]
    return Runs(images, *(np.concatenate(some) for some in zip(*(part[1:] for part in parts), strict=True)))


def _median(values: NDArray[np.float64] | NDArray[np.int64]) -> float:
    return float(np.median(values)) if len(values) else math.nan
