"""The tables of the report: areas, pairs, shares, times, and what was chosen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.study.scenes import KINDS
from glimpsecli.study.summary import ALL, Cell, Runs, Summary, Who
from glimpsecli.study.verdict import compared, methods_of, signed, word
from glimpsecli.study.working import LM, METHODS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.study.running import Done
    from glimpsecli.study.statistics import Interval

_WHO = ("sampler", "optimiser")
_TINY = 1e-15


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Give the lines of a table in Markdown."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def areas(summary: Summary, condition: str) -> list[str]:
    """Give the areas under success against offset, by stride."""
    strides = _strides(summary)
    rows = [
        [*_names(who), *(_interval(summary.area(condition, one, who)) for one in strides)]
        for who in summary.who(condition)
    ]
    return table([*_WHO, *("all strides" if one is None else f"stride {one:g}" for one in strides)], rows)


def areas_by_condition(summary: Summary) -> list[str]:
    """Give the areas of all strides together, by condition."""
    rows = [
        [*_names(who), *(
            _interval(summary.area(condition, None, who)) if who in summary.who(condition) else ""
            for condition in summary.conditions
        )]
        for who in summary.who(summary.conditions[0])
    ]  # fmt: skip
    return table([*_WHO, *summary.conditions], rows)


def pairs_by_condition(summary: Summary) -> list[str]:
    """Give the differences of areas of all strides together, by condition."""
    found: dict[tuple[Who, Who], dict[str, str]] = {}
    for condition in summary.conditions:
        for one in compared(summary, condition, [None]):
            found.setdefault((one.first, one.second), {})[condition] = f"{signed(one)}: {word(one)}"
    rows = [
        [first.sampler, second.sampler, methods_of(first, second), *(said.get(one, "") for one in summary.conditions)]
        for (first, second), said in found.items()
    ]
    return table(["first", "second", "optimiser", *summary.conditions], rows)


def pairs(summary: Summary, condition: str) -> list[str]:
    """Give all that pairs were compared by, by stride."""
    rows = [
        [
            one.first.sampler, one.second.sampler, methods_of(one.first, one.second),
            "all" if one.stride is None else f"{one.stride:g}", signed(one), word(one),
            *(_round(looks) for looks in one.looks), str(one.pairs.only_first), str(one.pairs.only_second),
            f"{one.pairs.p:.2g}" if one.pairs.p >= _TINY else f"< {_TINY:g}",
        ]
        for one in compared(summary, condition, [None, *summary.strides])
    ]  # fmt: skip
    head = ["first", "second", "optimiser", "stride", "difference", "first is", "looks of the first", "of the second",
            "only first", "only second", "p"]  # fmt: skip
    return table(head, rows)


def bias(summary: Summary, main: str, own: str) -> list[str]:
    """Compare what is recovered from the nearest starts with targets by average, and with a sampler's own.

    The windows are those that both have.
    """
    nearest, rows = summary.offsets.index(min(summary.offsets)), []
    for who in summary.who(own):
        row = [*_names(who)]
        for condition in (main, own):
            runs = [
                _first(summary.runs[condition, stride, who], summary.runs[own, stride, who])
                for stride in summary.strides
            ]
            near = np.concatenate([success[:, nearest] for success, _ in runs])
            errors = np.concatenate([centre[success] for success, centre in runs])
            row += [f"{100 * near.mean():.0f}", f"{np.median(errors):.3f}" if len(errors) else ""]
        rows.append(row)
    return table([*_WHO, "average: recovered", "error", "own: recovered", "error"], rows)


def success(summary: Summary, condition: str, stride: float) -> list[str]:
    """Give the shares of successes with Wilson's intervals, by offset."""
    cells = [cell for cell in summary.cells if (cell.condition, cell.kind, cell.stride) == (condition, ALL, stride)]
    rows = [
        [*_names(who), *(_share(cell) for cell in cells if (cell.sampler, cell.method) == who)]
        for who in summary.who(condition)
    ]
    return table([*_WHO, *(f"{offset:g}" for offset in summary.offsets)], rows)


def kinds(summary: Summary, condition: str) -> list[str]:
    """Give the shares of successes by kind of image, strides and offsets together."""
    there = [kind for kind in KINDS if any(cell.kind == kind for cell in summary.cells)]
    rows = []
    for who in summary.who(condition):
        mine = [cell for cell in summary.cells if (cell.condition, cell.sampler, cell.method) == (condition, *who)]
        row = [*_names(who)]
        for kind in there:
            some = [cell for cell in mine if cell.kind == kind]
            row.append(f"{100 * sum(cell.successes for cell in some) / sum(cell.trials for cell in some):.0f}")
        rows.append(row)
    return table([*_WHO, *there], rows)


def costs(summary: Summary, condition: str) -> list[str]:
    """Give errors where there was success, and what it took, by stride."""
    rows = []
    for who in summary.who(condition):
        row = [*_names(who)]
        for stride in summary.strides:
            runs = summary.runs[condition, stride, who]
            if not runs.success.any():
                row += ["", "", ""]
                continue
            arrived = runs.arrived[runs.success]
            seconds = (runs.arrived * runs.per_look[:, None])[runs.success]
            error = np.median(runs.centre[runs.success])
            row += [f"{error:.3f}", f"{np.median(arrived):.0f}", f"{1e3 * np.median(seconds):.2g}"]
        rows.append(row)
    return table([*_WHO, *(f"{name}, {stride:g}" for stride in summary.strides for name in ("error", "looks", "ms"))],
                 rows)  # fmt: skip


def failures(summary: Summary, conditions: Sequence[str]) -> list[str]:
    """Give the looks that Levenberg and Marquardt's method used where it failed, by condition and stride."""
    rows = []
    for who in summary.who(conditions[0]):
        if who.method == LM:
            missed = [
                runs.looks[~runs.success]
                for condition in conditions for stride in summary.strides
                for runs in [summary.runs[condition, stride, who]]
            ]  # fmt: skip
            rows.append([who.sampler, *(f"{np.median(looks):.0f}" if len(looks) else "" for looks in missed)])
    return table(["sampler", *(f"{one}, {stride:g}" for one in conditions for stride in summary.strides)], rows)


def extents(summary: Summary, conditions: Sequence[str]) -> list[str]:
    """Give the median errors of the extent where it was searched, in per cent, of successes."""
    rows = []
    for who in summary.who(conditions[0]):
        row = [*_names(who)]
        for condition in conditions:
            runs = [summary.runs[condition, stride, who] for stride in summary.strides]
            errors = np.concatenate([np.abs(one.extent[one.success]) for one in runs])
            row.append(f"{100 * np.median(errors):.2f}" if len(errors) else "")
        rows.append(row)
    return table([*_WHO, *conditions], rows)


def rates(done: Done, *, scaled: bool) -> list[str]:
    """Give what was chosen for each sampler and stride, where a scale is searched or where it is not."""
    strides = sorted(done.design.strides)
    settings = {
        (name, stride): one for (name, stride, with_scale), one in done.settings.items() if with_scale == scaled
    }
    rows = []
    for name in dict.fromkeys(name for name, _ in settings):
        row = [name]
        for stride in strides:
            rate, sigma = settings[name, stride]
            row.append(f"{rate:g}" + (f", sigma {sigma:g}" if sigma else ""))
        rows.append(row)
    return table(["sampler", *(f"stride {stride:g}" for stride in strides)], rows)


def _first(runs: Runs, fewer: Runs) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Give successes and errors in the windows of each image that were tried in `fewer`, too: its first."""
    counts, seen, rows = Counter(fewer.images), Counter[tuple[str, int]](), []
    for row, image in enumerate(runs.images):
        seen[image] += 1
        if seen[image] <= counts[image]:
            rows.append(row)
    return runs.success[rows], runs.centre[rows]


def _strides(summary: Summary) -> list[float | None]:
    return [*summary.strides, None]


def _names(who: Who) -> tuple[str, str]:
    return who.sampler, METHODS[who.method]


def _round(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.0f}"


def _interval(one: Interval) -> str:
    return f"{one.value:.2f}" + ("" if math.isinf(one.low) else f" [{one.low:.2f}, {one.high:.2f}]")


def _share(cell: Cell) -> str:
    return f"{100 * cell.share:.0f} [{100 * cell.low:.0f}, {100 * cell.high:.0f}]"
