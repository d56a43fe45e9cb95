"""The figures of trained networks as rows of tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.study.network_design import (
    ACCURACY,
    ALIKE,
    CEILING,
    CONDITIONS,
    ERROR,
    FIGURES,
    FLOOR,
    MEASURES,
    SAMPLERS,
    WHOLE,
)
from glimpsecli.study.network_summary import over_seeds, reference, some
from glimpsecli.study.statistics import clipped

if TYPE_CHECKING:
    from glimpsecli.study.network_summary import Compared, Run
    from glimpsecli.study.statistics import Interval

    Row = dict[str, Any]


def rows(runs: Sequence[Run]) -> list[Row]:
    """Give a row for each condition and sampler."""
    return [
        _row(runs, sampler, condition)
        for condition in CONDITIONS for sampler in SAMPLERS if some(runs, sampler, condition)
    ]  # fmt: skip


def rate_rows(runs: Sequence[Run]) -> list[Row]:
    """Give a row for each condition, sampler and rate, and say which one is chosen.

    Of the rates with the fewest lost seeds it is the smallest whose share found is within
    :data:`~glimpsecli.study.network_design.ALIKE` of the greatest.
    """
    found: list[Row] = []
    for condition, sampler in dict.fromkeys(one.task[1::-1] for one in runs):
        mine = some(runs, sampler, condition)
        tried: list[Row] = []
        for rate in sorted({one.task.rate for one in mine}):
            with_it = [one for one in mine if one.task.rate == rate]
            means = {measure.name: float(np.mean([one.value(measure) for one in with_it])) for measure in MEASURES}
            counts = {"seeds": len(with_it), "lost": sum(one.lost for one in with_it)}
            tried.append({"condition": condition, "sampler": sampler, "rate": rate, **counts, **means})
        few = [row for row in tried if row["lost"] == min(row["lost"] for row in tried)]
        best = max(row["found"] for row in few)
        chosen = next(row for row in few if row["found"] >= best - ALIKE)
        found += [{**row, "chosen": row is chosen} for row in tried]
    return found


def difference_rows(compared: Sequence[Compared]) -> list[Row]:
    """Give a row for each contrast, condition and measure."""
    found = []
    for one in compared:
        for measure in MEASURES:
            kept = (one.kept or one.differences)[measure.name]
            found.append(
                {
                    "question": one.contrast.question, "condition": one.condition, "first": one.contrast.first,
                    "second": one.contrast.second, "measure": measure.name, "seeds": one.seeds,
                    **_ends("difference", one.differences[measure.name]), "first_is": one.word(measure),
                    "margin": measure.margin, "first_lost": one.lost[0], "second_lost": one.lost[1],
                    **_ends("without_lost", kept),
                }
            )  # fmt: skip
    return found


def _row(runs: Sequence[Run], sampler: str, condition: str) -> Row:
    mine = some(runs, sampler, condition)
    accuracy, floor, ceiling = (
        float(np.mean([one.value(ACCURACY) for one in found])) if found else math.nan
        for found in (mine, reference(runs, FLOOR, condition), reference(runs, CEILING, condition))
    )
    row: Row = {"condition": condition, "sampler": sampler, "rate": mine[0].task.rate, "seeds": len(mine)}
    others: Row = {}
    for measure in MEASURES:
        placed = measure is ACCURACY or sampler != WHOLE  # it has no window
        over = over_seeds([one.value(measure) if placed else math.nan for one in mine])
        row |= _ends(measure.name, clipped(over, 0.0, math.inf if measure is ERROR else 1.0))
        for kind in mine[0].held_out if measure in FIGURES else ():
            mean = float(np.mean([one.held_out[kind][measure.name] for one in mine]))
            others[f"{measure.name}_on_{kind}"] = mean if placed else math.nan
    return row | {
        "lost": sum(one.lost for one in mine),
        "share_of_the_way": (accuracy - floor) / (ceiling - floor) if ceiling > floor else math.nan,
        **others,
        "extent": float(np.mean([one.curve[-1]["window"][2] for one in mine])),
        "evaluations": float(np.mean([one.evaluations for one in mine])),
        "seconds": float(np.mean([one.seconds for one in mine])),
    }  # fmt: skip


def _ends(name: str, one: Interval) -> Row:
    return {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
