"""From trials to numbers: success against offset, areas under it, times, and pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.study import statistics
from glimpsecli.study.design import Chunk
from glimpsecli.study.scenes import KINDS
from glimpsecli.study.statistics import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.study.running import Done
    from glimpsecli.study.statistics import Pairs

    Floats = NDArray[np.float64]

ALL = "all"


class Who(NamedTuple):
    """A sampler and its optimiser."""

    sampler: str
    method: str


class Runs(NamedTuple):
    """All trials of one sampler with one optimiser, under one condition and at one stride.

    Attributes
    ----------
    kinds, images : (places,) list
        Kind of each place's image, and which image it is.
    success : (places, offsets) bool
    centre, extent : (places, offsets) float64
        Errors in the end: strides, and a share.
    arrived, looks : (places, offsets) int64
    per_look : (places,) float64
        Seconds of the processor for a look, in the chunk of each place.
    """

    kinds: list[str]
    images: list[tuple[str, int]]
    success: NDArray[np.bool_]
    centre: Floats
    extent: Floats
    arrived: NDArray[np.int64]
    looks: NDArray[np.int64]
    per_look: Floats


class Cell(NamedTuple):
    """A row of the table of results.

    Attributes
    ----------
    condition, kind : str
        The kind is ``all`` where they are taken together.
    stride, offset : float
    sampler, method : str
    trials, successes : int
    share, low, high : float
        Of successes, with Wilson's 95 % interval.
    median_error, median_extent_error : float
        Of the centre, in strides, and of the extent, as a share, where there was success; NaN where there was none.
    median_looks, median_seconds : float
        To success: glimpses that were looked at, and seconds of the processor.
    """

    condition: str
    kind: str
    stride: float
    offset: float
    sampler: str
    method: str
    trials: int
    successes: int
    share: float
    low: float
    high: float
    median_error: float
    median_extent_error: float
    median_looks: float
    median_seconds: float


class Compared(NamedTuple):
    """Two samplers with one optimiser, on the same trials.

    Attributes
    ----------
    condition : str
    stride : float or None
        None: all strides together.
    first, second : Who
    area : Interval
        Of the first minus that of the second.
    pairs : Pairs
    looks : (float, float)
        Medians of the looks to success of both, in trials that both won; NaN where there were none.
    """

    condition: str
    stride: float | None
    first: Who
    second: Who
    area: Interval
    pairs: Pairs
    looks: tuple[float, float]


class Summary(NamedTuple):
    """What a run shows.

    Attributes
    ----------
    offsets : tuple of float
    runs : dict
        By condition, stride, and sampler with optimiser.
    cells : tuple of Cell
        The table of results.
    """

    offsets: tuple[float, ...]
    runs: dict[tuple[str, float, Who], Runs]
    cells: tuple[Cell, ...]

    @property
    def conditions(self) -> list[str]:
        """Names of the conditions, the main one first."""
        return list(dict.fromkeys(condition for condition, _, _ in self.runs))

    @property
    def strides(self) -> list[float]:
        """The strides, rising."""
        return sorted({stride for _, stride, _ in self.runs})

    def who(self, condition: str, method: str | None = None) -> list[Who]:
        """Name who took part in a condition, perhaps with one optimiser only."""
        there = dict.fromkeys(who for name, _, who in self.runs if name == condition)
        return [who for who in there if method in (None, who.method)]

    def area(self, condition: str, stride: float | None, who: Who) -> Interval:
        """Give the area under the curve of success, at one stride or over all."""
        values, images = self._areas(condition, stride, who)
        return _clipped(statistics.mean_over_images(values, images), 0.0, 1.0)

    def compare(self, condition: str, stride: float | None, first: Who, second: Who) -> Compared:
        """Compare two that took part in a condition."""
        strides = [one for one in self.strides if stride in (None, one)]
        one, images = self._areas(condition, stride, first)
        other, _ = self._areas(condition, stride, second)
        area = _clipped(statistics.mean_over_images(one - other, images), -1.0, 1.0)
        won, arrived = (
            [
                np.concatenate([getattr(self.runs[condition, at, who], name).ravel() for at in strides])
                for who in (first, second)
            ]
            for name in ("success", "arrived")
        )  # fmt: skip
        both = won[0] & won[1]
        looks = _median(arrived[0][both]), _median(arrived[1][both])
        return Compared(condition, stride, first, second, area, statistics.mcnemar(*won), looks)

    def _areas(self, condition: str, stride: float | None, who: Who) -> tuple[Floats, list[tuple[str, int]]]:
        values, images = [], []
        for one in self.strides:
            if stride in (None, one):
                runs = self.runs[condition, one, who]
                values.append(statistics.areas(runs.success, self.offsets))
                images += runs.images
        return np.concatenate(values), images


def summarise(done: Done) -> Summary:
    """Put the chunks of a run together."""
    parts: dict[tuple[str, float, Who], list[Runs]] = {}
    columns = len(done.design.offsets)
    for result in done.worked:
        chunk = Chunk(*result["chunk"])
        for run in result["runs"]:
            arrived, looks = (np.array(run[name], np.int64).reshape(-1, columns) for name in ("arrived", "looks"))
            centre, extent = (np.array(run[name], np.float64).reshape(-1, columns) for name in ("centre", "extent"))
            places = len(arrived)
            part = Runs(
                [chunk.kind] * places, [(chunk.kind, chunk.image)] * places, arrived >= 0, centre, extent, arrived,
                looks, np.full(places, run["seconds"] / max(int(looks.sum()), 1)),
            )  # fmt: skip
            parts.setdefault((chunk.condition, chunk.stride, Who(run["sampler"], run["method"])), []).append(part)
    order = {name: n for n, name in enumerate(done.design.conditions)}
    keys = sorted(parts, key=lambda key: (order[key[0]], key[1]))
    runs = {key: _joined(parts[key]) for key in keys}
    return Summary(done.design.offsets, runs, tuple(_cells(runs, done.design.offsets)))


def _joined(parts: Sequence[Runs]) -> Runs:
    kinds = [kind for part in parts for kind in part.kinds]
    images = [image for part in parts for image in part.images]
    arrays = [np.concatenate(some) for some in zip(*(part[2:] for part in parts), strict=True)]
    return Runs(kinds, images, *arrays)


def _cells(runs: dict[tuple[str, float, Who], Runs], offsets: Sequence[float]) -> Iterator[Cell]:
    for (condition, stride, who), mine in runs.items():
        for kind in (ALL, *KINDS):
            rows = [n for n, one in enumerate(mine.kinds) if kind in (ALL, one)]
            for column, offset in enumerate(offsets):
                if rows:
                    yield _cell((condition, kind, stride, offset, *who), mine, rows, column)


def _cell(
    name: tuple[str, str, float, float, str, str], runs: Runs, rows: list[int], column: int
) -> Cell:  # fmt: skip
    success = runs.success[rows, column]
    arrived = runs.arrived[rows, column][success]
    seconds = arrived * runs.per_look[rows][success]
    medians = (runs.centre[rows, column][success], np.abs(runs.extent[rows, column][success]), arrived, seconds)
    share = statistics.wilson(int(success.sum()), len(rows))
    return Cell(*name, len(rows), int(success.sum()), *share, *(_median(values) for values in medians))


def _median(values: NDArray[np.float64] | NDArray[np.int64]) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _clipped(one: Interval, low: float, high: float) -> Interval:
    """Keep a finite interval within what is possible."""
    if math.isinf(one.low):
        return one
    return Interval(one.value, max(one.low, low), min(one.high, high))
