"""The article's claims, and the answers that follow from the intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from glimpsecli.study.statistics import FEWEST, UNDECIDED, judged
from glimpsecli.study.summary import Compared, Summary, Who
from glimpsecli.study.working import ADAM, LM, METHODS, SCORE

MARGIN = 0.05
"""Difference of areas below which it is small; two samplers whose interval lies within it are equal.

It was set before the run that ``glimpse help study`` shows.
"""

_EQUAL = f"equal within {MARGIN:g}"


class Verdict(NamedTuple):
    """The answer of the trials to a claim.

    Attributes
    ----------
    claim, answer : str
    lines : tuple of str
        What the main condition shows, for each pair and optimiser.
    """

    claim: str
    answer: str
    lines: tuple[str, ...]


CLAIMS = {
    "Gaussian attention is easier to train than the spatial transformer, each as it is": (
        ("gaussian 0.5", "bilinear"),
    ),
    "It is easier to train, too, than a spatial transformer that looks at an image blurred alike": (
        ("gaussian 0.5", "bilinear, blurred 0.5"),
        ("gaussian 1", "bilinear, blurred 1"),
        ("gaussian 2", "bilinear, blurred 2"),
        ("gaussian annealed", "bilinear, blur annealed"),
    ),
    "Blurring the image first makes the spatial transformer easier to train": (
        ("bilinear, blurred 0.5", "bilinear"),
        ("bilinear, blur annealed", "bilinear"),
    ),
    "Wider Gaussians are easier to train": (
        ("gaussian 0.5", "gaussian 0.35"),
        ("gaussian 1", "gaussian 0.5"),
        ("gaussian 2", "gaussian 0.5"),
    ),
    "Wide first and narrow later is easier to train": (("gaussian annealed", "gaussian 0.5"),),
    "A gradient helps: the spatial transformer is easier to train than hard attention with the score function": (
        ("bilinear", "hard"),
        ("bilinear", "hard, 10 times the looks"),
    ),
}
"""Pairs of samplers by claim, of which the first is claimed to be easier to train."""


def compared(summary: Summary, condition: str, strides: Sequence[float | None]) -> list[Compared]:
    """Compare the pairs of all claims, in their order."""
    distinct = dict.fromkeys(pair for pairs in CLAIMS.values() for pair in pairs)
    return [one for pair in distinct for one in _contests(summary, condition, pair, strides)]


def verdicts(summary: Summary) -> list[Verdict]:
    """Answer each claim by the main condition, all strides together; the other conditions are counted.

    Yes, if the first is easier in every comparison; in part, if in some; no, if in none and harder in some, or equal in
    all; else it is undecided.
    """
    main, *others = summary.conditions
    found = []
    for claim, pairs in CLAIMS.items():
        contests = [one for pair in pairs for one in _contests(summary, main, pair, [None])]
        elsewhere = [
            one for condition in others for pair in pairs for one in _contests(summary, condition, pair, [None])
        ]
        if contests:
            lines = tuple(_line(summary, one) for one in contests)
            found.append(Verdict(claim, _answer(contests, elsewhere), lines))
    return found


def short(summary: Summary) -> list[str]:
    """Give the verdicts for the terminal."""
    return [
        line
        for one in verdicts(summary)
        for line in (f"{one.claim}: {one.answer}", *(f"  {text}" for text in one.lines))
    ]


def word(one: Compared) -> str:
    """Give the word for the first sampler that an interval allows."""
    return judged(one.area, MARGIN, "easier", "harder", _EQUAL)


def _answer(contests: Sequence[Compared], elsewhere: Sequence[Compared]) -> str:
    if any(math.isinf(one.area.low) for one in contests):
        return f"{UNDECIDED}, for intervals need {FEWEST} images or more"
    words = [word(one) for one in contests]
    easier, harder = (sum(said.startswith(start) for said in words) for start in ("easier", "harder"))
    if easier:
        answer = "yes" if easier == len(words) else "in part"
    else:
        answer = "no" if harder or UNDECIDED not in words else UNDECIDED
    sentence = f"{answer} ({_counted(contests)}"
    return sentence + (f"; in other conditions {_counted(elsewhere)})" if elsewhere else ")")


def _counted(contests: Sequence[Compared]) -> str:
    counts = Counter(word(one) for one in contests)
    return ", ".join(f"{said} in {count} of {len(contests)}" for said, count in counts.most_common())


def _contests(
    summary: Summary, condition: str, pair: tuple[str, str], strides: Sequence[float | None]
) -> list[Compared]:
    """Compare two samplers by each optimiser, where both have it; the score function counts as Adam."""
    there = summary.who(condition)
    sampled = {who.sampler for who in there if who.method == SCORE}
    found = []
    for method in (LM, ADAM):
        first, second = (Who(name, SCORE if name in sampled and method == ADAM else method) for name in pair)
        if first in there and second in there:
            found += [summary.compare(condition, stride, first, second) for stride in strides]
    return found


def _line(summary: Summary, one: Compared) -> str:
    first, second = (summary.area(one.condition, one.stride, who).value for who in (one.first, one.second))
    methods = " and ".join(dict.fromkeys(METHODS[who.method] for who in (one.first, one.second)))
    value, low, high = one.area
    return (
        f"{one.first.sampler} against {one.second.sampler}, {methods}: {word(one)}; area {first:.3f} against "
        f"{second:.3f}, {value:+.3f}" + ("" if math.isinf(low) else f" [{low:+.3f}, {high:+.3f}]")
    )
