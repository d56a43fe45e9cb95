"""The article's claims, and what the intervals say of each: the words follow from the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from glimpsecli.learning.study.summary import Compared, Summary, Who
from glimpsecli.learning.study.working import ADAM, METHODS, NEWTON, SCORE

NONE = "no difference that 95 % intervals show"


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
    """What the trials say of a claim: a line for each pair and optimiser."""

    claim: str
    lines: tuple[str, ...]


CLAIMS = (
    Claim(
        "Gaussian attention is easier to train than the spatial transformer (each as it is)",
        (("gaussian 0.5", "bilinear"),),
    ),
    Claim(
        "It is so because each of its pixels mixes many, and not because it blurs (against a spatial transformer on an "
        "image that was blurred alike)",
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
    found = []
    for first, second in dict.fromkeys(pair for claim in CLAIMS for pair in claim.pairs):
        for one, other in _contests(first, second):
            found += [summary.compare(condition, stride, one, other) for stride in strides]
    return [one for one in found if one is not None]


def verdicts(summary: Summary) -> list[Verdict]:
    """Say of each claim what the main condition shows."""
    condition = summary.conditions[0]
    found = []
    for claim in CLAIMS:
        lines = []
        for first, second in claim.pairs:
            for one, other in _contests(first, second):
                overall = summary.compare(condition, None, one, other)
                if overall is not None:
                    lines.append(_line(summary, overall))
        if lines:
            found.append(Verdict(claim.text, tuple(lines)))
    return found


def word(one: Compared) -> str:
    """Say what an interval shows."""
    if one.area.low > 0:
        return "easier"
    if one.area.high < 0:
        return "harder"
    return NONE


def signed(one: Compared) -> str:
    """Write a difference with its interval."""
    return f"{one.area.value:+.3f} [{one.area.low:+.3f}, {one.area.high:+.3f}]"


def _contests(first: str, second: str) -> list[tuple[Who, Who]]:
    """Pair two samplers by optimiser; the score function stands beside Adam."""
    if second.startswith("hard"):
        return [(Who(first, ADAM), Who(second, SCORE))]
    return [(Who(first, method), Who(second, method)) for method in (NEWTON, ADAM)]


def _line(summary: Summary, overall: Compared) -> str:
    condition, first, second = overall.condition, overall.first, overall.second
    one, other = (summary.area(condition, None, who).value for who in (first, second))
    by_stride: dict[str, list[str]] = {}
    for stride in summary.strides:
        part = summary.compare(condition, stride, first, second)
        if part is not None:
            by_stride.setdefault(word(part), []).append(f"{stride:g}")
    strides = "; ".join(f"{said} at stride {_joined(some)}" for said, some in by_stride.items())
    return (
        f"{first.looker} against {second.looker}, {METHODS[first.method]}: {word(overall)} (area {one:.3f} against "
        f"{other:.3f}, {signed(overall)}); {strides}"
    )


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
