"""The contest of places for a target: candidates are followed to the end, and so are the winner's rivals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.learning.model import Level
from glimpsecli.learning.places import Found, Range, are_distinct, distinct
from glimpsecli.learning.refine import State, refine
from glimpsecli.learning.search import SIDE, candidates, rivals
from glimpsecli.learning.verdict import LEAST_ZNCC, is_as_good

if TYPE_CHECKING:
    from glimpsecli.arrays import Array
    from glimpsecli.sampling import Sampling

    Watch = Callable[[int, int], object]

HOPELESS = 4.0
"""Cost of a place, relative to the first's at the coarse level, above which it is followed no further."""

FAINT = 0.45
"""Coarse ZNCC below which only the first place is followed: noise is averaged away there, and a match has far more."""

ROUNDS = 3
"""Times that a rival may beat the winner; after them the search counts as not converged."""

_COARSE = 1.0  # softness of the coarse level


class Search(NamedTuple):
    """A search of an image for a target.

    Attributes
    ----------
    target : (h, w, C) float32
    image : (H, W, C) float32
    strides : Range
    free : frozenset of str
    sampling : Sampling
        Gaussian or bilinear.
    watch : callable, optional
        Called with the number of places that have been followed, and of all so far.
    """

    target: Array
    image: Array
    strides: Range
    free: frozenset[str]
    sampling: Sampling
    watch: Watch | None = None


def contest(search: Search) -> tuple[list[Found], list[State]]:
    """Search an image for a target.

    The coarse search may miss rivals of the best place, which look like it: it sees little of a fine pattern, and keeps
    few of many equal places. So the glimpse of the best place, in full sharpness, is searched for once more, and each
    rival is followed to the end like every other place.

    Returns
    -------
    starts : list of Found
        The candidates of the coarse search, the likeliest first; empty where the image is constant.
    states : list of State
        Places followed to the end, the best first, then those that were given up; all distinct.
    """
    target, image, strides, free = search[:4]
    starts = candidates(target, image, strides, free)
    if not starts:
        return [], []
    tally = _Tally(search.watch, len(starts))
    coarse, fine = _levels(target.shape, search.sampling.sampler, strides)
    warm = sorted((tally.count(_follow(search, start.place, coarse)) for start in starts), key=lambda one: -one.zncc)
    places = [*distinct(warm)]
    hopeful = sum(one.cost <= HOPELESS * places[0].cost for one in places) if places[0].zncc >= FAINT else 1
    ends = _to_the_end(search, places[:hopeful], fine, tally)
    if ends[0].zncc >= LEAST_ZNCC:  # a soft ZNCC bounds the sharp one: a place that comes near is not hopeless
        more = [one for one in places[hopeful:] if is_as_good(one.zncc, ends[0].zncc)]
        ends += _to_the_end(search, more, fine, tally)
        hopeful += len(more)
    ends.sort(key=lambda one: -one.zncc)
    for _ in range(ROUNDS):
        best = ends[0]
        if best.zncc < LEAST_ZNCC or any(_is_rival(one, best) for one in ends[1:]):
            break
        others = rivals(target - best.residual, image, best.place, free)
        tally.expect(len(others))
        for other in others:
            ends.append(tally.count(_follow(search, other.place, fine)))
            if _is_rival(ends[-1], best):
                break
        ends.sort(key=lambda one: -one.zncc)
        if not are_distinct(ends[0].place, best.place):
            break
    else:
        ends[0] = ends[0]._replace(converged=False)
    return starts, [*distinct(ends), *places[hopeful:]]


class _Tally:
    """Count of the places that have been followed."""

    def __init__(self, watch: Watch | None, total: int) -> None:
        self.watch, self.done, self.total = watch, 0, total

    def expect(self, more: int) -> None:
        self.total += more

    def count(self, state: State) -> State:
        self.done += 1
        if self.watch is not None:
            self.watch(self.done, self.total)
        return state


def _follow(search: Search, place: Array, levels: list[Level]) -> State:
    return refine(search.target, search.image, place, levels, search.free, search.sampling)


def _to_the_end(search: Search, states: list[State], levels: list[Level], tally: _Tally) -> list[State]:
    """Follow places from the coarse level on, and give the best first."""
    tally.expect(len(states))
    ends = []
    for state in states:
        last = tally.count(_follow(search, state.place, levels))
        ends.append(last._replace(steps=state.steps + last.steps))
    return sorted(ends, key=lambda one: -one.zncc)


def _is_rival(one: State, best: State) -> bool:
    return are_distinct(one.place, best.place) and is_as_good(one.zncc, best.zncc)


def _levels(shape: tuple[int, ...], sampler: str, strides: Range) -> tuple[list[Level], list[Level]]:
    """Give the levels for all candidates, and those that lead to the end, with the target as it is."""
    reduction = 2 ** max(0, math.floor(math.log2(max(shape[:2]) / SIDE)))
    coarse = [Level(reduction, _COARSE)]
    fine = [Level(2**power, 0.6) for power in reversed(range(reduction.bit_length()))]
    if sampler == "bilinear":  # it reads few pixels of a stride, so its way needs smaller steps
        fine += [Level(1, 0.6 / 2**halving) for halving in range(1, 1 + max(0, math.ceil(math.log2(strides.high))))]
    return coarse, [*fine, Level(1, 0.0)]
