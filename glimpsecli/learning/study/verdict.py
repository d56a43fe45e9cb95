"""The article's claims, and what the intervals say of each: the words follow from the numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from glimpsecli.learning.study.design import condition_named
from glimpsecli.learning.study.statistics import FEWEST
from glimpsecli.learning.study.summary import Compared, Summary, Who
from glimpsecli.learning.study.working import ADAM, LM, METHODS, SCORE

MARGIN = 0.05
"""Differences of areas below this are small, and two whose interval lies within it are equal; set before any run."""

_LITTLE, _EQUAL = f"by less than {MARGIN:g}", f"equal within {MARGIN:g}"
_UNDECIDED = "undecided"


class Claim(NamedTuple):
    """Something that can be true or not.

    Attributes
    ----------
    text : str
    pairs : tuple of (str, str)
        Samplers; the claim is that the first is easier to train than the second.
    """

    text: str
    pairs: tuple[tuple[str, str], ...]


class Verdict(NamedTuple):
    """What the trials say of a claim.

    Attributes
    ----------
    claim, answer : str
    lines : tuple of str
        What the main condition shows, for each pair and optimiser.
    """

    claim: str
    answer: str
    lines: tuple[str, ...]


CLAIMS = (
    Claim(
        "Gaussian attention is easier to train than the spatial transformer, each as it is",
        (("gaussian 0.5", "bilinear"),),
    ),
    Claim(
        "It is easier to train, too, than a spatial transformer that looks at an image blurred alike",
        (
            ("gaussian 0.5", "bilinear, blurred 0.5"),
            ("gaussian 1", "bilinear, blurred 1"),
            ("gaussian 2", "bilinear, blurred 2"),
            ("gaussian annealed", "bilinear, blur annealed"),
        ),
    ),
    Claim(
        "Blurring the image first makes the spatial transformer easier to train",
        (("bilinear, blurred 0.5", "bilinear"), ("bilinear, blur annealed", "bilinear")),
    ),
    Claim(
        "Wider Gaussians are easier to train",
        (("gaussian 0.5", "gaussian 0.35"), ("gaussian 1", "gaussian 0.5"), ("gaussian 2", "gaussian 0.5")),
    ),
    Claim("Wide first and narrow later is easier to train", (("gaussian annealed", "gaussian 0.5"),)),
    Claim(
        "A gradient helps: the spatial transformer is easier to train than hard attention with the score function",
        (("bilinear", "hard"), ("bilinear", "hard, 10 times the looks")),
    ),
)


def compared(summary: Summary, condition: str, strides: Sequence[float | None]) -> list[Compared]:
    """Compare the pairs of all claims, in their order."""
    pairs = dict.fromkeys(pair for claim in CLAIMS for pair in claim.pairs)
    return [one for pair in pairs for one in _contests(summary, condition, pair, strides)]


def verdicts(summary: Summary) -> list[Verdict]:
    """Answer each claim.

    The lines are of the main condition. The answer counts every condition but those whose target is the sampler's own
    glimpse, all strides together: yes, if the first is easier wherever they are compared; no, if it nowhere is and all
    is decided; in part, if it is somewhere.
    """
    main = summary.conditions[0]
    others = [name for name in summary.conditions if not condition_named(name).own]
    found = []
    for claim in CLAIMS:
        lines = [_line(summary, one) for pair in claim.pairs for one in _contests(summary, main, pair, [None])]
        if lines:
            contests = [
                one
                for condition in others for pair in claim.pairs for one in _contests(summary, condition, pair, [None])
            ]  # fmt: skip
            found.append(Verdict(claim.text, _answer(contests), tuple(lines)))
    return found


def word(one: Compared) -> str:
    """Say what an interval shows of the first."""
    low, high = one.area.low, one.area.high
    if low > 0:
        return "easier" if high >= MARGIN else f"easier, {_LITTLE}"
    if high < 0:
        return "harder" if low <= -MARGIN else f"harder, {_LITTLE}"
    return _EQUAL if low > -MARGIN and high < MARGIN else _UNDECIDED


def signed(one: Compared) -> str:
    """Write a difference with its interval."""
    if math.isinf(one.area.low):
        return f"{one.area.value:+.3f}"
    return f"{one.area.value:+.3f} [{one.area.low:+.3f}, {one.area.high:+.3f}]"


def _answer(contests: Sequence[Compared]) -> str:
    if any(math.isinf(one.area.low) for one in contests):
        return f"{_UNDECIDED}, for intervals need {FEWEST} images or more"
    words = [word(one) for one in contests]
    counts = Counter(words)
    easier = sum(count for said, count in counts.items() if said.startswith("easier"))
    if easier == len(words):
        answer = "yes"
    elif easier:
        answer = "in part"
    else:
        answer = _UNDECIDED if counts[_UNDECIDED] else "no"
    parts = ", ".join(f"{said} in {count}" for said, count in counts.most_common())
    return f"{answer} (of {len(words)} comparison{'s' if len(words) > 1 else ''}: {parts})"


def _contests(
    summary: Summary, condition: str, pair: tuple[str, str], strides: Sequence[float | None]
) -> list[Compared]:
    """Compare two samplers by each optimiser, where both took part; the score function stands beside Adam."""
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
    methods = list(dict.fromkeys((METHODS[one.first.method], METHODS[one.second.method])))
    return (
        f"{one.first.sampler} against {one.second.sampler}, {' and '.join(methods)}: {word(one)}; "
        f"area {first:.3f} against {second:.3f}, {signed(one)}"
    )
