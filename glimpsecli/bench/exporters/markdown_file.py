"""Tables for a README or an issue."""

from __future__ import annotations

from glimpsecli.bench.report import COLUMNS, heading, row_of, sweep_lines
from glimpsecli.bench.results import Results


def encode(results: Results) -> bytes:
    """Give the results as Markdown."""
    lines = [f"{line}  " for line in heading(results)]
    for measured in results.cases:
        lines += ["", f"### {_safe(measured.recipe.name)}: {_safe(measured.recipe.title)}", ""]
        lines += [f"| sampler | {' | '.join(COLUMNS)} |", "|---|---|" + "---:|" * 5 + "---|"]
        lines += [f"| {entry.view} | {' | '.join(map(_safe, row_of(measured, entry)))} |" for entry in measured.entries]
    sweep = sweep_lines(results)
    if sweep:
        lines += ["", "```", *sweep, "```"]
    return ("\n".join(lines) + "\n").encode()


def _safe(cell: str) -> str:
    return cell.replace("|", "\\|")
