"""A row for each contender, and for each case that failed, for spreadsheets and plots."""

from __future__ import annotations

import csv
import io

from glimpsecli.bench.results import Results

COLUMNS = (
    "case", "title", "stride", "sampler", "contender", "computes", "threads", "median_s", "quartile1_s", "quartile3_s",
    "fastest_s", "samples", "calls_per_sample", "ratio", "ratio_quartile1", "ratio_quartile3", "reference", "error",
    "first_call_s", "note",
)  # fmt: skip


def encode(results: Results) -> bytes:
    """Give the results as CSV, seconds everywhere."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for measured in results.cases:
        if measured.failed is not None:
            recipe = measured.recipe
            known = {"case": recipe.name, "title": recipe.title, "stride": recipe.stride, "note": measured.failed}
            writer.writerow([known.get(column) for column in COLUMNS])
    for measured, entry in results.entries():
        recipe, samples, ratio = measured.recipe, entry.samples, measured.ratio(entry)
        seconds = entry.seconds or (None, None, None)
        taken = samples.all if samples else []
        writer.writerow(
            [
                recipe.name, recipe.title, recipe.stride, entry.view, entry.contender, entry.computes,
                results.parameters.threads, *seconds, min(taken, default=None), len(taken),
                samples.calls if samples else None, *(ratio or (None, None, None)), measured.reference, entry.error,
                entry.first, entry.wrong or entry.skipped or "",
            ]
        )  # fmt: skip
    return text.getvalue().encode()
