"""The comparison of networks in words: a sentence for each contrast and condition, which follows from its intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from glimpsecli.study.network_design import CONTRASTS, FEWEST, FOUND, MAIN, MEASURES
from glimpsecli.study.network_summary import Compared, Learnt, compare, learnt

if TYPE_CHECKING:
    from glimpsecli.study.network_summary import Run
    from glimpsecli.study.statistics import Interval

ONE = "one seed decides nothing: seeds differ by more than samplers do"
FEW = f"{FEWEST - 1} seeds or fewer decide nothing: they have no intervals"


def short(runs: Sequence[Run]) -> list[str]:
    """Give the verdicts for the terminal."""
    compared = compare(runs)
    found = [sentence_of_learnt(one) for one in learnt(runs) if one.condition == MAIN]
    for contrast in CONTRASTS:
        mine = [one for one in compared if one.contrast == contrast]
        if mine:
            found += [f"{contrast.question}:", *(f"  {sentence(one)}" for one in mine)]
    if caution := warning(runs):
        found.append(caution[:1].upper() + caution[1:])
    return found


def warning(runs: Sequence[Run]) -> str:
    """Say that the seeds are too few for verdicts; nothing where they are not."""
    seeds = len({one.task.seed for one in runs})
    return "" if seeds >= FEWEST else ONE if seeds == 1 else FEW


def sentence(one: Compared) -> str:
    """Tell a comparison: the verdict, and all differences with their intervals."""
    first, second = one.contrast.first, one.contrast.second
    main = one.contrast.measure
    parts = [
        f"{measure.words} {signed(one.differences[measure.name])}"
        + f" ({one.word(measure)})" * (measure is not main and not _unknown(one.differences[measure.name]))
        for measure in MEASURES
        if _known(one, measure.name)
    ]
    where = "" if one.condition == MAIN else f"{one.condition}: "
    lost = f"; lost in a corner: {one.lost[0]} and {one.lost[1]} of {one.seeds} seeds" if any(one.lost) else ""
    if one.kept is not None:
        lost += f", without which {main.words} {signed(one.kept[main.name])}"
    few, many = one.evaluations
    if few != many:
        lost = f"; glimpses of a training: {few / 1000:.0f} k and {many / 1000:.0f} k" + lost
    return f"{where}{first} against {second}: {one.verdict}; {', '.join(parts)}{lost}"


def sentence_of_learnt(one: Learnt) -> str:
    """Tell whether a sampler learned where to look."""
    where = "" if one.condition == MAIN else f"{one.condition}: "
    lost = f"; {one.lost} of {one.seeds} seeds lost in a corner" if one.lost else ""
    guess = f", and guesses: right in {one.accuracy:.0%}" if one.guesses else ""
    return (
        f"{where}{one.sampler}: {one.word}; it finds {one.found:.0%} of the digits, a window that stays in the middle "
        f"{one.floor:.0%}{guess}{lost}"
    )


def signed(one: Interval) -> str:
    """Write a difference with its interval, if it has one."""
    value, low, high = one
    return f"{value:+.3f}" + ("" if _unknown(one) else f" [{low:+.3f}, {high:+.3f}]")


def _unknown(one: Interval) -> bool:
    return math.isinf(one.low)


def _known(one: Compared, measure: str) -> bool:
    """Whether both samplers have windows, or the measure needs none."""
    return one.contrast.measure.name in (measure, FOUND.name)
