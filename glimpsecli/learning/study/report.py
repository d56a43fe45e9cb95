"""The results in Markdown: verdicts first, then the tables that they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from glimpsecli.learning.study.design import condition_named
from glimpsecli.learning.study.running import Done
from glimpsecli.learning.study.statistics import Interval
from glimpsecli.learning.study.summary import ALL, Cell, Summary
from glimpsecli.learning.study.verdict import compared, signed, verdicts, word
from glimpsecli.learning.study.working import METHODS

REFERENCE = (
    "Jiang, Sun, Tagliasacchi, Trulls and Yi, Linearized Multi-Sampling for Differentiable Image Transformation, ICCV "
    "2019, https://arxiv.org/abs/1901.07124, met the same limits of bilinear gradients."
)


def markdown(done: Done, summary: Summary, about: dict[str, Any]) -> str:
    """Give the report; `about` tells the machine and the versions."""
    main = summary.conditions[0]
    parts = [
        ["# Is Gaussian attention easier to train?"],
        _heading(done, about),
        ["## Verdicts", *_verdicts(summary)],
        [f"## Area under success against offset, {main}", _area_note(), *_areas(summary, main)],
        ["## Area in each condition, all strides together", *_conditions(summary)],
        ["## Bias check: targets by exact average, and by each sampler's own output", *_bias(summary)],
        [f"## Success against offset, {main}, per cent with Wilson's 95 % intervals", *_success(summary, main)],
        [f"## Success by kind of image, {main}, per cent of all offsets", *_kinds(summary, main)],
        [f"## Where it succeeded, {main}: medians of all offsets", *_costs(summary, main)],
        [f"## Pairs, {main}", *_pairs(summary, main)],
        ["## Rates of Adam, chosen on images that were held out", *_rates(done)],
    ]
    return "\n\n".join("\n".join(_spaced(part)) for part in parts) + "\n"


def short(summary: Summary) -> list[str]:
    """Give the verdicts for the terminal."""
    return [line for one in verdicts(summary) for line in (one.claim + ":", *(f"  {text}" for text in one.lines))]


def _spaced(lines: Sequence[str]) -> list[str]:
    """Put an empty line between paragraphs, and none between the rows of a table or list."""
    out = list(lines[:1])
    for before, line in pairwise(lines):
        together = (before[:1] == "|" and line[:1] == "|") or (before[:2] == "- " and line[:2] == "- ")
        out += [line] if together else ["", line]
    return out


def _heading(done: Done, about: dict[str, Any]) -> list[str]:
    design = done.design
    images = len({tuple(result["chunk"][2:4]) for result in done.worked})
    offsets = ", ".join(f"{offset:g}" for offset in design.offsets)
    return [
        f"{about['machine']['cpu']}; glimpse {about['versions']['glimpse']}, numpy {about['versions']['numpy']}, numba "
        f"{about['versions']['numba']}; seed {design.seed}.",
        f"A window of 16x16 taps is recovered from a displaced start by minimising the mean squared error to a target, "
        f"the exact average over each cell. The centre must be within 0.25 strides in the end, and the extent within "
        f"2 %. {images} images; starts {offsets} windows away; Adam had {design.adam_looks} looks, Levenberg-Marquardt "
        f"{design.newton_looks}, and every sampler the same trials.",
        REFERENCE,
    ]


def _verdicts(summary: Summary) -> list[str]:
    lines = []
    for one in verdicts(summary):
        lines += [f"**{one.claim}.**", *(f"- {text}" for text in one.lines)]
    return lines


def _area_note() -> str:
    return (
        "1 is success at every offset. In brackets the 95 % interval of the mean over places, its standard error taken "
        "over images."
    )


def _areas(summary: Summary, condition: str) -> list[str]:
    strides: list[float | None] = [*summary.strides, None]
    head = ["sampler", "optimiser", *("all strides" if one is None else f"stride {one:g}" for one in strides)]
    rows = [
        [who.looker, METHODS[who.method], *(_interval(summary.area(condition, one, who)) for one in strides)]
        for who in summary.who(condition)
    ]
    return _table(head, rows)


def _conditions(summary: Summary) -> list[str]:
    everyone = summary.who(summary.conditions[0])
    rows = [
        [who.looker, METHODS[who.method], *(
            _interval(summary.area(condition, None, who)) if who in summary.who(condition) else ""
            for condition in summary.conditions
        )]
        for who in everyone
    ]  # fmt: skip
    return _table(["sampler", "optimiser", *summary.conditions], rows)


def _bias(summary: Summary) -> list[str]:
    own = next((name for name in summary.conditions if condition_named(name).own), None)
    if own is None:
        return ["It was not made in this run."]
    main, nearest = summary.conditions[0], min(summary.offsets)
    rows = []
    for who in summary.who(own):
        row = [who.looker, METHODS[who.method]]
        for condition in (main, own):
            runs = [summary.runs[condition, stride, who] for stride in summary.strides]
            near = np.concatenate([one.success[:, summary.offsets.index(nearest)] for one in runs])
            errors = np.concatenate([one.centre[one.success] for one in runs])
            row += [f"{100 * near.mean():.0f}", f"{np.median(errors):.3f}" if len(errors) else ""]
        rows.append(row)
    note = (
        f"All strides together: per cent recovered from {nearest:g} windows away, and the median error of the centre, "
        "in strides, where it was recovered at all. A sampler that is worse with the average looks for something that "
        "it does not see itself: its optimum lies elsewhere."
    )
    head = ["sampler", "optimiser", "average: recovered", "error", "own: recovered", "error"]
    return [note, *_table(head, rows)]


def _success(summary: Summary, condition: str) -> list[str]:
    cells = [cell for cell in summary.cells() if (cell.condition, cell.kind) == (condition, ALL)]
    lines: list[str] = []
    for stride in summary.strides:
        count = next(cell.trials for cell in cells if cell.stride == stride)
        lines.append(f"Stride {stride:g}, {count} trials for each number:")
        rows = []
        for who in summary.who(condition):
            mine = [cell for cell in cells if (cell.stride, cell.looker, cell.method) == (stride, *who)]
            rows.append([who.looker, METHODS[who.method], *map(_share, mine)])
        lines += _table(["sampler", "optimiser", *(f"{offset:g}" for offset in summary.offsets)], rows)
    return lines


def _kinds(summary: Summary, condition: str) -> list[str]:
    kinds = [kind for kind in dict.fromkeys(cell.kind for cell in summary.cells()) if kind != ALL]
    rows = []
    for who in summary.who(condition):
        mine = [cell for cell in summary.cells() if (cell.condition, cell.looker, cell.method) == (condition, *who)]
        row = [who.looker, METHODS[who.method]]
        for kind in kinds:
            some = [cell for cell in mine if cell.kind == kind]
            row.append(f"{100 * sum(cell.successes for cell in some) / sum(cell.trials for cell in some):.0f}")
        rows.append(row)
    return _table(["sampler", "optimiser", *kinds], rows)


def _costs(summary: Summary, condition: str) -> list[str]:
    rows = []
    for who in summary.who(condition):
        row = [who.looker, METHODS[who.method]]
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
    titles = [f"{name}, {stride:g}" for stride in summary.strides for name in ("error", "looks", "ms")]
    note = "Error of the centre in strides, looks and milliseconds of one processor until it was close, by stride."
    return [note, *_table(["sampler", "optimiser", *titles], rows)]


def _pairs(summary: Summary, condition: str) -> list[str]:
    strides: list[float | None] = [None, *summary.strides]
    rows = [
        [
            one.first.looker, one.second.looker, METHODS[one.first.method],
            "all" if one.stride is None else f"{one.stride:g}", signed(one), word(one), str(one.pairs.only_first),
            str(one.pairs.only_second), f"{one.pairs.p:.2g}",
        ]
        for one in compared(summary, condition, strides)
    ]  # fmt: skip
    note = (
        "Difference of areas with its 95 % interval, and what it shows; trials that only one of them won, and "
        "McNemar's exact p of these, which takes trials for independent and is not corrected for their number."
    )
    head = ["first", "second", "optimiser", "stride", "difference", "first is", "only first", "only second", "p"]
    return [note, *_table(head, rows)]


def _rates(done: Done) -> list[str]:
    strides = sorted(done.design.strides)
    settings = done.settings
    rows = []
    for name in dict.fromkeys(name for name, _ in settings):
        row = [name]
        for stride in strides:
            rate, sigma = settings[name, stride]
            row.append(f"{rate:g}" + (f", sigma {sigma:g}" if sigma else ""))
        rows.append(row)
    note = f"In strides; tried were {', '.join(f'{rate:g}' for rate in done.design.rates)}, falling along a cosine."
    return [note, *_table(["sampler", *(f"stride {stride:g}" for stride in strides)], rows)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def _interval(one: Interval) -> str:
    return f"{one.value:.2f} [{max(one.low, 0):.2f}, {min(one.high, 1):.2f}]"


def _share(cell: Cell) -> str:
    return f"{100 * cell.share:.0f} [{100 * cell.low:.0f}, {100 * cell.high:.0f}]"
