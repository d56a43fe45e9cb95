"""The comparison of a run with an older one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from glimpsecli.bench.cases import Recipe
from glimpsecli.bench.results import Results
from glimpsecli.bench.timing import FEWEST, Quartiles, Samples, quartiles
from glimpsecli.errors import InvalidInputError

Key = tuple[str, str, str]
"""Case, view and contender."""

MADE_OF = {"source": "image", "seed": "seed", "size": "size", "many": "count", "windows": "windows", "title": "title"}
"""Fields of a recipe, and their names in messages."""


class Change(NamedTuple):
    """How the time of one contender changed.

    Attributes
    ----------
    case, view, contender : str
    before, after : Samples
        Seconds.
    """

    case: str
    view: str
    contender: str
    before: Samples
    after: Samples

    @property
    def old(self) -> Quartiles:
        """The median and the quartiles of the older rounds' medians, seconds: samples of one round are alike."""
        return _of_rounds(self.before)

    @property
    def new(self) -> Quartiles:
        """The same of the newer rounds."""
        return _of_rounds(self.after)

    @property
    def relative(self) -> float:
        """Change of the median: 0.1 is a tenth slower."""
        return self.new.median / self.old.median - 1

    @property
    def enough(self) -> bool:
        """Whether both have rounds enough to tell a change from chance."""
        return min(len(self.before.rounds), len(self.after.rounds)) >= FEWEST

    @property
    def certain(self) -> bool:
        """Whether both have rounds enough, and their middle halves do not overlap."""
        old, new = self.old, self.new
        return self.enough and (new.low > old.high or new.high < old.low)

    def fails(self, limit: float) -> bool:
        """Whether the contender became slower by more than `limit`, and not by chance."""
        return self.relative > limit and self.certain


def check_comparable(old: Results, recipes: Sequence[Recipe], wanted: Iterable[tuple[str, str]], label: str) -> None:
    """Refuse a baseline that has no time in common with a run.

    Parameters
    ----------
    old : Results
        The baseline.
    recipes : sequence of Recipe
        The cases that will run.
    wanted : iterable of (view, contender)
        Contenders that will be timed in them.
    label : str
        What an error calls the baseline.
    """
    before = {measured.recipe.name: measured.recipe for measured in old.cases}
    same = {recipe.name for recipe in recipes if recipe == before.get(recipe.name)}
    if not same:
        has = ", ".join(sorted(before)) or "nothing"
        other = next(
            (difference for recipe in recipes if (difference := _otherwise(before, recipe))), f"it holds {has}"
        )
        raise InvalidInputError(f"{label} has no case of this run: {other}", "run the same cases")
    timed = {(view, contender) for case, view, contender in _samples(old) if case in same}
    if not timed & set(wanted):
        has = ", ".join(sorted({contender for _, contender in timed})) or "nobody"
        views = ", ".join(sorted({view for view, _ in timed})) or "no sampler"
        raise InvalidInputError(
            f"{label} has no times of what this run compares; it timed {has} with {views}",
            "time the same samplers and backends",
        )


def changes(old: Results, new: Results) -> list[Change]:
    """Give the changes that both runs timed: of the same contender in the same view of the same case."""
    before = _samples(old)
    return [
        Change(*key, before[key], now)
        for key, now in _samples(new).items()
        if key in before and key[0] in _same_cases(old, new)
    ]


def differences(old: Results, new: Results) -> list[str]:
    """Describe the differences that make two runs hard to compare, and name contenders that only one of them has."""
    found = [
        f"the baseline was taken on another {what}, {old.machine.get(what)}"
        for what in ("cpu", "gpu")
        if old.machine.get(what) != new.machine.get(what)
    ]
    if old.parameters.threads != new.parameters.threads:
        found.append(f"the baseline was taken with --threads {old.parameters.threads}")
    recipes = {measured.recipe.name: measured.recipe for measured in old.cases}
    for measured in new.cases:
        if measured.recipe.name not in recipes:
            found.append(f"the baseline has no case {measured.recipe.name}")
        elif difference := _otherwise(recipes, measured.recipe):
            found.append(f"the baseline says nothing of case {measured.recipe.name}: {difference}")
    same, before, now = _same_cases(old, new), _samples(old), _samples(new)
    absent: dict[tuple[str, str], list[str]] = {}
    for lacking, keys, others in (("the baseline", now, before), ("this run", before, now)):
        for case, view, contender in keys:
            if (case, view, contender) in others or case not in same:
                continue
            if lacking == "this run" and not _was_asked(new, view, contender):
                continue
            absent.setdefault((lacking, contender), []).append(f"{view} of case {case}")
    found += [f"{who} lacks {contender}: {', '.join(where)}" for (who, contender), where in absent.items()]
    return found


def _was_asked(results: Results, view: str, contender: str) -> bool:
    """Whether a run was to time a contender; one that nobody asked for is not missed."""
    timed = {entry.contender for _, entry in results.entries()}
    return view in results.parameters.views and any(
        contender in timed or contender in measured.missing for measured in results.cases
    )


def _same_cases(old: Results, new: Results) -> set[str]:
    before = {measured.recipe.name: measured.recipe for measured in old.cases}
    return {one.recipe.name for one in new.cases if one.recipe == before.get(one.recipe.name)}


def _otherwise(before: Mapping[str, Recipe], recipe: Recipe) -> str | None:
    """Describe how the older case of a name differs; None where there was none, or it is the same."""
    old = before.get(recipe.name)
    if old is None or old == recipe:
        return None
    field = next((one for one in MADE_OF if getattr(old, one) != getattr(recipe, one)), "title")
    if field in ("source", "seed"):
        return f"its case {recipe.name} has the {MADE_OF[field]} {getattr(old, field)}, not {getattr(recipe, field)}"
    return f"its case {recipe.name} has another {MADE_OF[field]}: {old.title}"


def _samples(results: Results) -> dict[Key, Samples]:
    return {
        (measured.recipe.name, entry.view, entry.contender): entry.samples
        for measured, entry in results.entries()
        if entry.samples is not None
    }


def _of_rounds(samples: Samples) -> Quartiles:
    return quartiles([quartiles(one).median for one in samples.rounds])
