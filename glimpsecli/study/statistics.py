"""Intervals and tests: Wilson's for shares, McNemar's for pairs, that of a mean over images, and the bootstrap.

Trials of one image are alike, and trials of one place more so. The verdicts rest on the area under the curve of success
against offset, and on differences of two areas. These are means over places, whose standard error is taken over images.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats


Z = 1.959963984540054
"""Standard deviations about the mean within which 95 % of a normal distribution lie."""

FEWEST = 5
"""Least number of images for an interval over images: fewer may agree by chance."""


RESAMPLES = 4000
"""Means that a bootstrap draws."""

FEWEST_DRAWN = 10
"""Least number of values for a bootstrap: percentiles of fewer are too narrow."""

UNDECIDED = "undecided"
"""Word for a difference of which too little is known."""


class Interval(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


class Pairs(NamedTuple):
    """McNemar's table of two samplers with the same trials.

    Attributes
    ----------
    only_first, only_second : int
        Trials in which only that one succeeded.
    p : float
        Two-sided, exact: the chance of a split at least so uneven if both were equally good.
    """

    only_first: int
    only_second: int
    p: float


def wilson(successes: int, count: int) -> Interval:
    """Give a share with Wilson's 95 % interval.

    Wilson 1927::

        (k + z^2 / 2) / (n + z^2)  ±  z / (n + z^2) sqrt(k (n - k) / n + z^2 / 4)
    """
    if count == 0:
        return Interval(math.nan, 0.0, 1.0)
    middle = (successes + Z * Z / 2) / (count + Z * Z)
    half = Z / (count + Z * Z) * math.sqrt(successes * (count - successes) / count + Z * Z / 4)
    return Interval(successes / count, max(0.0, middle - half), min(1.0, middle + half))


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Pairs:
    """Test whether two samplers are equally good, by the trials in which they differ (McNemar 1947, exact binomial)."""
    b, c = int(np.count_nonzero(first & ~second)), int(np.count_nonzero(second & ~first))
    n, fewer = b + c, min(b, c)
    tail = term = 1
    for k in range(fewer):
        term = term * (n - k) // (k + 1)  # n over k + 1
        tail += term
    return Pairs(b, c, min(1.0, 2 * tail / 2**n))


def areas(successes: NDArray[Any], offsets: Sequence[float]) -> Floats:
    """Give the area under each place's curve of success against offset, relative to the range of offsets.

    Parameters
    ----------
    successes : (places, offsets)
        Bool, or shares of successes.
    offsets : sequence of float
        Rising; of one offset the area is the success itself.

    Returns
    -------
    (places,) float64, 0 to 1
    """
    if len(offsets) == 1:
        return successes[:, 0].astype(np.float64)
    steps = np.diff(np.asarray(offsets, np.float64))
    weights = (np.append(steps, 0) + np.insert(steps, 0, 0)) / (2 * steps.sum())
    under: Floats = successes @ weights
    return under


def mean_over_images(values: Floats, images: Sequence[object], fewest: int = FEWEST) -> Interval:
    """Give the mean of places' values with its 95 % interval, places of one image not being independent.

    The variance is that of the images' sums of deviations, ``G / (G - 1) sum_g (sum_i (v_i - mean))^2 / n^2`` for G
    images, and the interval Student's for G - 1 degrees of freedom. Of fewer than `fewest` images it is infinite.
    """
    mean, names = float(values.mean()), list(dict.fromkeys(images))
    if len(names) < fewest:
        return Interval(mean, -math.inf, math.inf)
    place = {name: n for n, name in enumerate(names)}
    sums = np.bincount([place[image] for image in images], weights=values - mean)
    variance = len(names) / (len(names) - 1) * float(np.sum(sums**2)) / len(values) ** 2
    half = student(len(names) - 1) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half)


def clipped(one: Interval, low: float, high: float) -> Interval:
    """Keep a finite interval within what is possible."""
    if math.isinf(one.low):
        return one
    return Interval(one.value, max(one.low, low), min(one.high, high))


def student(freedom: int) -> float:
    """Give the 97.5 % quantile of Student's distribution, to a thousandth from 4 degrees of freedom on, to four at 3.

    The expansion in powers of 1 / freedom of Abramowitz and Stegun 1964, 26.7.5.
    """
    z, v = Z, freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )


def judged(one: Interval, margin: float, better: str, worse: str, equal: str) -> str:
    """Give the word for a difference that its interval allows.

    Parameters
    ----------
    one : Interval
        Of the difference; more is better.
    margin : float
        Difference below which it is small.
    better, worse : str
        Words where the interval leaves out 0; ``by less than`` the margin is added where all of it is small.
    equal : str
        Word where it holds 0 and all of it is small. Else it is :data:`UNDECIDED`.
    """
    little = f", by less than {margin:g}"
    if one.low > 0:
        return better + little * (one.high < margin)
    if one.high < 0:
        return worse + little * (one.low > -margin)
    return equal if one.low > -margin and one.high < margin else UNDECIDED


def bootstrap(values: Floats, groups: Sequence[object], *, seed: int = 0) -> Interval:
    """Give the mean with its 95 % interval by the bootstrap (Efron 1979): the percentiles of resampled means.

    Parameters
    ----------
    values : (N,) float64
        For a difference, that of each pair.
    groups : sequence of object
        The group of each value. Values are drawn anew within their group, so that each keeps its share.
    seed : int

    Returns
    -------
    Interval
        Infinite where there are fewer than :data:`FEWEST_DRAWN` values.
    """
    if len(values) < FEWEST_DRAWN:
        return Interval(float(values.mean()), -math.inf, math.inf)
    random, total = np.random.default_rng(seed), np.zeros(RESAMPLES)
    for group in dict.fromkeys(groups):
        mine = values[[one == group for one in groups]]
        total += mine[random.integers(len(mine), size=(RESAMPLES, len(mine)))].sum(axis=1)
    low, high = np.quantile(total / len(values), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))
