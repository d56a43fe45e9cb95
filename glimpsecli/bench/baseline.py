"""One run against an older one."""

from __future__ import annotations

from typing import NamedTuple

from glimpsecli.bench.cases import Recipe
from glimpsecli.bench.results import Results
from glimpsecli.bench.timing import Quartiles
from glimpsecli.errors import InvalidInputError

Key = tuple[str, str, str, str]


class Change(NamedTuple):
    """How the time of one contender changed.

    Attributes
    ----------
    case, view, contender : str
    old, new : Quartiles
        Seconds.
    """

    case: str
    view: str
    contender: str
    old: Quartiles
    new: Quartiles

    @property
    def relative(self) -> float:
        """Change of the median: 0.1 is a tenth slower."""
        return self.new.median / self.old.median - 1

    @property
    def certain(self) -> bool:
        """Whether the middle halves of the two lie apart."""
        return self.new.low > self.old.high or self.new.high < self.old.low

    def fails(self, limit: float) -> bool:
        """Tell whether it became slower by more than `limit`, and not by chance."""
        return self.relative > limit and self.certain


def changes(old: Results, new: Results) -> list[Change]:
    """Give what both runs timed: the same contender in the same view of the same case."""
    before = _medians(old)
    return [
        Change(name, view, contender, before[name, title, view, contender], now)
        for (name, title, view, contender), now in _medians(new).items()
        if (name, title, view, contender) in before
    ]


def check_comparable(old: Results, recipes: list[Recipe], label: str) -> None:
    """Refuse a baseline that has none of the cases that will run."""
    known = {(measured.recipe.name, measured.recipe.title) for measured in old.cases}
    if not any((recipe.name, recipe.title) in known for recipe in recipes):
        has = ", ".join(sorted({name for name, _ in known})) or "nothing"
        raise InvalidInputError(f"{label} has no case of this run; it holds {has}", "run the same cases")


def differences(old: Results, new: Results) -> list[str]:
    """Tell what makes the two hard to compare."""
    found = [
        f"the baseline was taken on another {what}, {old.machine.get(what)}"
        for what in ("cpu", "gpu")
        if old.machine.get(what) != new.machine.get(what)
    ]
    if old.parameters.threads != new.parameters.threads:
        found.append(f"the baseline was taken with --threads {old.parameters.threads}")
    return found


def _medians(results: Results) -> dict[Key, Quartiles]:
    return {
        (measured.recipe.name, measured.recipe.title, entry.view, entry.contender): entry.seconds
        for measured, entry in results.entries()
        if entry.seconds is not None
    }
