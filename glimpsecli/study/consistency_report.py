"""The report on consistency: numbers as JSON and CSV, verdicts in Markdown, and a chart, in one folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.annotations.tables import table_of
from glimpsecli.learning.scores import THRESHOLDS
from glimpsecli.pictures.charts import Line
from glimpsecli.pictures.multiples import Panel, Row, panel_grid
from glimpsecli.study import statistics
from glimpsecli.study.consistency import (
    ALL,
    CLAIMS,
    CONDITIONS,
    LITTLE,
    SEEN,
    Condition,
    Difference,
    Plan,
    Run,
    differences,
    rows,
    success_of,
)
from glimpsecli.study.report import about, as_json, as_png, place_all, rounded, ruled
from glimpsecli.study.statistics import Interval

if TYPE_CHECKING:
    from glimpsecli.arrays import Colour, Figure

FILES = (
    "consistency.json", "consistency.csv", "differences.csv", "sequences.csv", "consistency.md", "consistency.png",
)  # fmt: skip

_COLOURS: dict[str, Colour] = {"none": (150, 150, 150), "near": (204, 92, 18), "velocity": (31, 95, 168)}
_ROWS = (
    ("It can be seen all the time", ("translation", "scale", "turn", "light", "blur")),
    ("It is hidden, or mistaken, or gone", ("partial", "still hider", "moving hider", "lookalike", "leaving")),
)
_SHOWN = slice(2, 21, 4)  # of the thresholds


def export(runs: Sequence[Run], plan: Plan, folder: str, *, overwrite: bool) -> list[str]:
    """Write the reports, all or none, and give their names."""
    found, compared = rows(runs, plan.kinds), differences(runs, plan.kinds)
    data = about() | {"plan": plan._asdict(), "conditions": rounded(found), "differences": _rows_of(compared)}
    contents = [
        as_json(data), table_of(rounded(found)), table_of(_rows_of(compared)),
        table_of(rounded([_row_of(one) for one in runs])), markdown(runs, plan, data).encode(),
        as_png(draw(runs, plan)),
    ]  # fmt: skip
    return place_all(FILES, contents, folder, overwrite=overwrite)


def lines(runs: Sequence[Run], plan: Plan) -> list[str]:
    """Give the differences for the terminal."""
    compared = differences(runs, plan.kinds)
    found = []
    for claim, pairs in CLAIMS.items():
        found.append(f"{claim}:")
        for first, second in pairs:
            some = [one for one in compared if (one.claim, one.first, one.second) == (claim, first, second)]
            found.append(f"  {_sentence(some)}")
    return found


def markdown(runs: Sequence[Run], plan: Plan, about: dict[str, Any]) -> str:
    """Give the verdicts and tables; `about` holds the machine and the versions."""
    compared, versions = differences(runs, plan.kinds), about["versions"]
    parts = [
        "# What is consistency worth?",
        f"{about['machine']['cpu']}; glimpse {versions['glimpse']}, numpy {versions['numpy']}, numba "
        f"{versions['numba']}; {plan.sequences} sequences of each kind, seeds {plan.seed} to "
        f"{plan.seed + plan.sequences - 1}.",
        "One tracker followed one object in every sequence, six times. It expected the object anywhere (none), near "
        "its last place (near), or where its velocity leads (velocity); and it could say that the object is not there, "
        "and wait, or had to take the best place for the object (no verdict). Success is the area under the curve of "
        "overlap (21 thresholds, as OTB has it) over the frames in which at least "
        f"{SEEN:.0%} of the object is visible. Intervals: 95 %, by {statistics.RESAMPLES} bootstraps over sequences, "
        f"if there are {statistics.FEWEST_DRAWN} or more. Sequences share a few photos, and intervals are not "
        "corrected for their number. A part helps or harms where its interval leaves out 0, unless all of it is nearer "
        f"to 0 than {LITTLE:g}.",
        "## Claims",
        *(
            f"**{claim}**\n\n"
            + "\n".join(
                f"- {_sentence([one for one in compared if (one.claim, one.first, one.second) == (claim, *pair)])}"
                for pair in pairs
            )
            for claim, pairs in CLAIMS.items()
        ),
        "## Success",
        _success_table(runs, plan),
        "## What each part adds",
        _difference_table(compared, plan),
        "## Verdicts",
        "Of frames with the window at a wrong place (overlap under 0.3, or the centre over half a box away), the share "
        "called doubtful or lost; and of frames with it at the right place. The object may be hidden in either.",
        _verdict_table(runs, plan),
    ]
    return "\n\n".join(parts) + "\n"


def draw(runs: Sequence[Run], plan: Plan) -> Figure:
    """Draw success against the threshold of overlap, a panel for each kind of sequence: (H, W, 3) uint8."""
    known = [
        Row(
            title, [Panel(kind, [_line(runs, one, kind) for one in CONDITIONS]) for kind in kinds if kind in plan.kinds]
        )
        for title, kinds in _ROWS
    ]
    panels = [row for row in known if row.panels]
    if len({len(row.panels) for row in panels}) > 1:
        panels = [Row("", [panel for row in panels for panel in row.panels])]
    return panel_grid(
        panels,
        title="What consistency is worth: success of one tracker that expects more and more of it",
        note=f"{plan.sequences} sequences a panel, the same for all; frames in which the object is visible; dashed and "
        "hollow: it may not say that the object is not there. Upright lines: 95 % intervals over sequences.",
        legend=[(one.name, _COLOURS[one.motion], not one.verdict) for one in CONDITIONS],
        x_axis="overlap that is demanded",
        y_axis="share of frames",
    )


def _line(runs: Sequence[Run], condition: Condition, kind: str) -> Line:
    curves = np.array([one.curve for one in runs if one.condition == condition and one.kind == kind])
    intervals = [statistics.bootstrap(column, [kind] * len(curves)) for column in curves[:, _SHOWN].T]
    known = [one if math.isfinite(one.low) else Interval(*[one.value] * 3) for one in intervals]
    value, low, high = zip(*known, strict=True)
    colour, strong = _COLOURS[condition.motion], condition == Condition("velocity", True)
    return Line(
        condition.name, THRESHOLDS[_SHOWN].tolist(), value, low, high, colour, strong, not condition.verdict
    )  # fmt: skip


def _sentence(some: Sequence[Difference]) -> str:
    """Tell a difference over all kinds, and the kinds in which it helps or harms."""
    whole = next(one for one in some if one.kind == ALL)
    parts = [f"{whole.first.name} against {whole.second.name}: {whole.word}, success {_signed(whole)}"]
    for word in ("helps", "harms"):
        kinds = [f"{one.kind} {one.success.value:+.2f}" for one in some if one.kind != ALL and one.word == word]
        if kinds:
            parts.append(f"it {word} in {', '.join(kinds)}")
    return "; ".join(parts)


def _signed(one: Difference) -> str:
    value, low, high = one.success
    return f"{value:+.3f}" + (f" [{low:+.3f}, {high:+.3f}]" if math.isfinite(low) else "")


def _unsigned(one: Interval) -> str:
    return f"{one.value:.3f}" + (f" [{one.low:.2f}, {one.high:.2f}]" if math.isfinite(one.low) else "")


def _success_table(runs: Sequence[Run], plan: Plan) -> str:
    head = ["kind", *(one.name for one in CONDITIONS)]
    table = []
    for kind in (ALL, *plan.kinds):
        intervals = [success_of(runs, one, kind) for one in CONDITIONS]
        table.append([kind, *map(_unsigned, intervals)])
    return ruled(head, table)


def _difference_table(compared: Sequence[Difference], plan: Plan) -> str:
    pairs = list(dict.fromkeys((one.first, one.second) for one in compared))
    head = ["kind", *(f"{first.name} − {second.name}" for first, second in pairs)]
    table = []
    for kind in (ALL, *plan.kinds):
        mine = {(one.first, one.second): one for one in compared if one.kind == kind}
        table.append([kind, *(_signed(mine[pair]) for pair in pairs)])
    return ruled(head, table)


def _verdict_table(runs: Sequence[Run], plan: Plan) -> str:
    head = ["kind", *(f"{one.motion}: wrong, right" for one in CONDITIONS if one.verdict)]
    found = {(row["motion"], row["kind"]): row for row in rows(runs, plan.kinds) if row["verdict"]}
    table = []
    for kind in (ALL, *plan.kinds):
        mine = [found[one.motion, kind] for one in CONDITIONS if one.verdict]
        table.append([kind, *(f"{_share(row, 'wrong')}, {_share(row, 'right')}" for row in mine)])
    return ruled(head, table)


def _share(row: dict[str, Any], word: str) -> str:
    return f"{row[f'{word}_warned']:.0%} of {row[word]}" if row[word] else "none"


def _rows_of(compared: Sequence[Difference]) -> list[dict[str, Any]]:
    return rounded(
        [
            {
                "claim": one.claim, "first": one.first.name, "second": one.second.name, "kind": one.kind,
                "difference": one.success.value, "low": one.success.low, "high": one.success.high,
                "it": one.word,
            }
            for one in compared
        ]
    )  # fmt: skip


def _row_of(one: Run) -> dict[str, Any]:
    """Give the row of a sequence under a condition."""
    row = {name: value for name, value in one._asdict().items() if name not in ("condition", "curve")}
    return {"motion": one.condition.motion, "verdict": one.condition.verdict, **row}
