"""The report on networks: numbers as JSON and CSV, verdicts and tables in Markdown, charts as PNG, in one folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from glimpsecli.annotations.tables import table_of
from glimpsecli.networks.rules import FEW, SPREAD
from glimpsecli.networks.rules import FOUND as NEAR
from glimpsecli.study.network_charts import curves, factors, places
from glimpsecli.study.network_design import (
    CONDITIONS,
    CONTRASTS,
    COURSE,
    FEWEST,
    MEASURES,
    SPARE,
)
from glimpsecli.study.network_plan import Design, fingerprint
from glimpsecli.study.network_summary import compare, learnt, runs_of
from glimpsecli.study.network_tables import difference_rows, rate_rows, rows
from glimpsecli.study.network_verdict import sentence, sentence_of_learnt, short, warning
from glimpsecli.study.report import about, as_json, as_png, place_all, rounded, ruled

if TYPE_CHECKING:
    from glimpsecli.study.network_design import Measure
    from glimpsecli.study.network_summary import Run
    from glimpsecli.study.running import Result

    Cells = dict[str, Any]

RUNS = "runs.jsonl"
"""Name of the file to which a run adds its networks."""

RATES_FILES = ["rates.csv"]


def network_files(design: Design) -> list[str]:
    """Name the files that :func:`export_network` writes."""
    charts = ["curves.png", "places.png", *(["conditions.png"] if len(design.conditions) > 1 else [])]
    return ["network.json", "network.csv", "network_differences.csv", "network.md", *charts]


def export_network(
    results: Sequence[Result], design: Design, folder: str, *, overwrite: bool
) -> tuple[list[str], list[str]]:
    """Write the reports, all or none; give their names, and the verdicts for the terminal."""
    runs = runs_of(results)
    found, differences = rounded(rows(runs)), rounded(difference_rows(compare(runs)))
    data = about("torch") | {
        "design": design.as_dict(), "fingerprint": fingerprint(design), "rows": found, "differences": differences,
        "learned": [sentence_of_learnt(one) for one in learnt(runs)],
        "verdicts": [sentence(one) for one in compare(runs)],
    }  # fmt: skip
    contents = [
        as_json(data), table_of(found), table_of(differences), markdown(runs, design, data).encode(),
        as_png(curves(runs)), as_png(places(runs, design)),
        *([as_png(factors(runs))] if len(design.conditions) > 1 else []),
    ]  # fmt: skip
    return place_all(network_files(design), contents, folder, overwrite=overwrite), short(runs)


def export_rates(
    results: Sequence[Result], design: Design, folder: str, *, overwrite: bool
) -> tuple[list[str], list[str]]:
    """Write the figures of each rate, and give the names of the files and the table for the terminal."""
    found = rate_rows(runs_of(results))
    shown = [
        [
            row["condition"], row["sampler"], f"{row['rate']:g}", f"{row['lost']} of {row['seeds']}",
            *(_number(row[measure.name], ".3f") for measure in MEASURES), "chosen" if row["chosen"] else "",
        ]
        for row in found
    ]  # fmt: skip
    head = ["condition", "sampler", "rate", "lost", *(measure.words for measure in MEASURES), ""]
    written = place_all(RATES_FILES, [table_of(rounded(found))], folder, overwrite=overwrite)
    return written, ruled(head, shown).splitlines()


def markdown(runs: Sequence[Run], design: Design, about: dict[str, Any]) -> str:
    """Give the verdicts and tables; `about` holds the machine, the versions and the rows."""
    compared, versions, caution = compare(runs), about["versions"], warning(runs)
    conditions = list(dict.fromkeys(one.task.condition for one in runs))
    parts = [
        "# Which sampler learns where to look?",
        f"{about['machine']['cpu']}, one thread a network; glimpse {versions['glimpse']}, torch {versions['torch']}, "
        f"numpy {versions['numpy']}, numba {versions['numba']}; seed"
        + (f"s {design.seed} to {design.seed + design.seeds - 1}." if design.seeds > 1 else f" {design.seed}."),
        *_method(design),
        "\n".join(f"- {name}: {CONDITIONS[name].words}" for name in conditions),
        "## Verdicts",
        *([f"{caution[:1].upper()}{caution[1:]}."] if caution else []),
        "**Does it learn where to look?**\n\n" + "\n".join(f"- {sentence_of_learnt(one)}" for one in learnt(runs)),
    ]
    for contrast in CONTRASTS:
        mine = [f"- {sentence(one)}" for one in compared if one.contrast == contrast]
        parts += ["\n".join([f"**{contrast.question}**\n", *mine])] if mine else []
    parts += [_rule(), "## Figures", _legend()]
    for name in conditions:
        words = f"{name[:1].upper()}{name[1:]}: {CONDITIONS[name].words}"
        parts += [f"**{words}**", _table([row for row in about["rows"] if row["condition"] == name])]
    return "\n\n".join(parts) + "\n"


def _method(design: Design) -> list[str]:
    """Describe the networks and what they learn from."""
    scenes = design.scenes
    return [
        f"Scenes of {scenes.canvas}x{scenes.canvas} pixels: a digit of {scenes.sizes[0]:g} to {scenes.sizes[1]:g} "
        f"pixels somewhere, among {scenes.clutter} scraps of others and in noise. A network says where to look, "
        "another one what the glimpse shows; both learn from the classes alone. All samplers of a seed begin with the "
        f"same weights and see the same scenes, {COURSE['batch']} a step, {design.steps} steps in the main condition. "
        "References always look at the whole image (fixed window), always look at the digit (oracle), or have "
        "convolutions over all pixels (whole image).",
        f"Figures are of {design.checked} other scenes, the same for all. A digit is found if the centre of the window "
        f"is within {NEAR:g} of its longer side. A seed is lost if the windows of all scenes are in one place (their "
        f"centres differ by less than {SPREAD:g} pixel) that is not the start, and find less than {FEW:.0%}: no "
        "gradient brings them back, and its training ends early.",
        "Measures, margins, samplers, conditions, rates, steps and seeds were fixed before the run. Rates were chosen "
        f"for each sampler on some of the seeds 0 to {SPARE - 1}, which are in no comparison.",
    ]


def _rule() -> str:
    margins = ", ".join(f"{measure.margin:g} for {measure.words}" for measure in MEASURES)
    return (
        "Differences are paired over seeds, with Student's 95 % intervals, if there are "
        f"{FEWEST} or more; lost seeds count. The verdict is that of the share found: better or worse where the "
        "interval leaves out 0, *by less than* the margin where all of it is nearer to 0 than that; no difference, "
        f"where it holds 0 and lies within the margin; all else is undecided. Margins: {margins}. Intervals are not "
        "corrected for their number."
    )


def _legend() -> str:
    return (
        "Means over seeds, with their 95 % intervals. Place error: the median distance from the centre of the window "
        "to that of the digit, in its longer sides. On the way: the share found, its mean over all checks of a "
        "training. Gap closed: the share of the way from the fixed window's accuracy to the oracle's. Held out: "
        "accuracy on digits of other faces, of smaller and of larger ones. Glimpses: of one training, in thousands. "
        "Seconds: of one processor. More is in network.csv; the differences are in network_differences.csv, the "
        "networks in runs.jsonl."
    )


def _table(some: Sequence[Cells]) -> str:
    kinds = [name.removeprefix("accuracy_on_") for name in some[0] if name.startswith("accuracy_on_")]
    head = [
        "sampler", "rate", "found", "place error", "accuracy", "on the way", "lost", "gap closed",
        *(f"held out: {kind}" for kind in kinds), "glimpses", "seconds",
    ]  # fmt: skip
    body = [
        [
            row["sampler"], f"{row['rate']:g}" if row["rate"] else "", *(_with_ends(row, one) for one in MEASURES),
            f"{row['lost']} of {row['seeds']}", _number(row["share_of_the_way"], ".2f"),
            *(_number(row[f"accuracy_on_{kind}"], ".3f") for kind in kinds),
            f"{row['evaluations'] / 1000:.0f}", f"{row['seconds']:.0f}",
        ]
        for row in some
    ]  # fmt: skip
    return ruled(head, body)


def _with_ends(row: Cells, measure: Measure) -> str:
    value, low, high = (row[f"{measure.name}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return ""
    return f"{value:.3f}" + (f" [{low:.3f}, {high:.3f}]" if low is not None and math.isfinite(low) else "")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
