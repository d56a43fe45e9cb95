"""The clock: contenders in random order, blocks of calls, and statistics of their times."""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

SAMPLE = 1e-3
"""Seconds that one sample lasts at least: quicker calls are timed several at a time."""
NOISY = 0.1
"""Spread of the middle half, relative to the median, above which times are called noisy."""
FEWEST = 3
"""Rounds from which times can be called noisy."""

ADVICE = {
    "noisy": "the middle half of the samples spans that share of the median: close other programs, or raise --min-time "
    "and --runs",
    "outliers": "that number of samples lies far above the rest: look for programs that wake now and then",
    "slow start": "the first round took that much of the median: the processor may have been asleep, raise --min-time",
    "slow first call": "it may have been compiled, and the next process will find it in the cache, see glimpse info",
}
"""Doubts about times: the meaning of each, and the remedy."""

Run = Callable[[], Any]
Clock = Callable[[], float]


class Samples(NamedTuple):
    """The times of one contender.

    Attributes
    ----------
    calls : int
        Calls in each sample, whose time is divided by them.
    rounds : list of list of float
        The samples of each round, seconds a call.
    """

    calls: int
    rounds: list[list[float]]

    @property
    def all(self) -> list[float]:
        """All samples."""
        return [sample for block in self.rounds for sample in block]

    @property
    def sound(self) -> bool:
        """Whether these can be times: some in each round, all of them positive."""
        return self.calls > 0 and bool(self.rounds) and all(self.rounds) and min(self.all) > 0


class Quartiles(NamedTuple):
    """The median and the quartiles of some numbers."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """How wide the middle half is, relative to the median."""
        return (self.high - self.low) / self.median if self.median else 0.0


def time_all(
    runs: Mapping[Any, Run],
    *,
    rounds: int,
    min_time: float,
    seed: int,
    clock: Clock = time.perf_counter,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[Any, Samples]:
    """Time some contenders against each other.

    In each round every one has its turn, in an order drawn anew, so that disturbances of the machine hit all alike. A
    turn is a block of samples that lasts at least ``min_time / rounds``; a sample is as many calls as last a
    millisecond. So all but the first calls of a turn find their data in the caches. The garbage collector rests.

    Parameters
    ----------
    runs : mapping of name to callable
        Each has been called before, so that nothing is compiled now.
    rounds : int
    min_time : float
        Seconds for each contender, all rounds together.
    seed : int
        Of the order.
    clock : callable
        Gives seconds.
    progress : callable
        Called with the number of rounds that are done.
    """
    order = random.Random(seed)
    calls = {name: _calls_in_a_sample(run, clock) for name, run in runs.items()}
    found = {name: Samples(calls[name], []) for name in runs}
    with _no_garbage_collection():
        for done in range(rounds):
            names = list(runs)
            order.shuffle(names)
            for name in names:
                found[name].rounds.append(_block(runs[name], calls[name], min_time / rounds, clock))
            gc.collect()
            progress(done + 1)
    return found


def quartiles(numbers: Sequence[float]) -> Quartiles:
    """Give the median and the quartiles, interpolated as ``numpy.quantile`` does."""
    ordered = sorted(numbers)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        below = math.floor(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (place - below) * (ordered[above] - ordered[below])

    return Quartiles(at(0.5), at(0.25), at(0.75))


def ratio(samples: Samples, reference: Samples) -> Quartiles:
    """Give the ratio of times to those of a reference: the quartiles of the rounds' ratios.

    Both were timed in the same round, a moment apart, so a slow phase of the machine leaves the ratio alone.
    """
    pairs = zip(samples.rounds, reference.rounds, strict=True)
    return quartiles([quartiles(one).median / quartiles(other).median for one, other in pairs])


def doubts(samples: Samples, first: float) -> dict[str, str]:
    """Find reasons to doubt the times of one contender.

    Parameters
    ----------
    samples : Samples
    first : float
        Seconds of the first call, where something is compiled in it; else 0.

    Returns
    -------
    dict
        Which of :data:`ADVICE` applies, and how badly.
    """
    seen = samples.all
    middle = quartiles(seen)
    found = {}
    if len(samples.rounds) >= FEWEST and middle.spread > NOISY:
        found["noisy"] = f"{middle.spread:.0%}"
    far = middle.high + 3 * (middle.high - middle.low) + 0.05 * middle.median
    outliers = sum(sample > far for sample in seen)
    if outliers > max(1, 0.05 * len(seen)):
        found["outliers"] = f"{outliers} of {len(seen)}"
    begin = quartiles(samples.rounds[0]).median
    if len(samples.rounds) >= FEWEST and begin > 2 * middle.median:
        found["slow start"] = f"{begin / middle.median:.1f} times"
    if first > 1 and first > 10 * middle.median:
        found["slow first call"] = f"{first:.1f} s"
    return found


def _calls_in_a_sample(run: Run, clock: Clock) -> int:
    """Find how many calls last as long as a sample should."""
    calls = 1
    while True:
        seconds = _sample(run, calls, clock) * calls
        if seconds >= SAMPLE or calls >= 2**20:
            return calls
        calls = max(2 * calls, min(math.ceil(1.2 * calls * SAMPLE / max(seconds, 1e-9)), 100 * calls))


def _block(run: Run, calls: int, seconds: float, clock: Clock) -> list[float]:
    samples = [_sample(run, calls, clock)]
    spent = samples[0] * calls
    while spent < seconds:
        samples.append(_sample(run, calls, clock))
        spent += samples[-1] * calls
    return samples


def _sample(run: Run, calls: int, clock: Clock) -> float:
    begin = clock()
    for _ in range(calls):
        run()
    return (clock() - begin) / calls


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
