"""The verdict about a model: how much of the way between its references it has gone. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.networks.rules import FEW

if TYPE_CHECKING:
    from glimpsecli.networks.checking import Check

LEARNED, PARTLY = 2 / 3, 0.2
"""Shares of the way from the floor to the ceiling from which a model has learned, and has partly."""

LEAST = 0.1
"""Least distance from floor to ceiling: below it there is nothing to learn, or it was not learned in time."""


class References(NamedTuple):
    """Accuracies between which a model stands, and their names.

    Attributes
    ----------
    floor, ceiling : float
    floor_name, ceiling_name : str
    """

    floor: float
    ceiling: float
    floor_name: str = "a fixed window"
    ceiling_name: str = "an oracle window"


class Verdict(NamedTuple):
    """A judgement in a word, with its reason."""

    word: str
    reason: str


def judge(found: Check, references: References) -> Verdict:
    """Say how much of the way from the floor to the ceiling a model has gone: ``learned``, ``partly`` or ``lost``."""
    if found.lost:
        return Verdict("lost", "every window is at {:.0f}, {:.0f}".format(*found.window))
    floor, ceiling = references.floor, references.ceiling
    if ceiling - floor < LEAST:
        return Verdict("lost", f"{references.ceiling_name} is no better than {references.floor_name}")
    if found.found is not None and found.found < FEW:
        return Verdict("lost", f"{found.found:.0%} of its windows are on digits")
    share = (found.accuracy - floor) / (ceiling - floor)
    names = f"from {references.floor_name} to {references.ceiling_name}"
    if share >= LEARNED:
        return Verdict("learned", f"{min(share, 1):.0%} of the way {names}")
    if share >= PARTLY:
        return Verdict("partly", f"{share:.0%} of the way {names}")
    return Verdict("lost", f"it is no better than {references.floor_name}")
