"""Tables for a README or an issue."""

from __future__ import annotations

from glimpsecli.bench.machine import load_warning
from glimpsecli.bench.report import COLUMNS, IN_BRACKETS, NOT_MEASURED, heading, remarks, row_of, sweep_lines
from glimpsecli.bench.results import Results


def encode(results: Results) -> bytes:
    """Give the results as Markdown, with remarks on doubtful times."""
    lines = [f"{line}  " for line in heading(results)]
    busy = load_warning(results.load)
    lines += ["", f"Note: {busy}."] if busy else []
    for measured in results.cases:
        lines += ["", f"### {_safe(measured.recipe.name)}: {_safe(measured.recipe.title)}", ""]
        if measured.failed is not None:
            lines += [f"{NOT_MEASURED}: {measured.failed}."]
            continue
        lines += [f"| sampler | {' | '.join(COLUMNS)} |", "|---|---|" + "---:|" * 5 + "---|"]
        lines += [f"| {entry.view} | {' | '.join(map(_safe, row_of(measured, entry)))} |" for entry in measured.entries]
        lines += [line for remark in remarks(measured) for line in ("", f"Note: {_safe(remark)}.")]
    if any(entry.differs for _, entry in results.entries()):
        lines += ["", f"Note: {IN_BRACKETS}."]
    sweep = sweep_lines(results)
    if sweep:
        lines += ["", "```", *sweep, "```"]
    return ("\n".join(lines) + "\n").encode()


def _safe(cell: str) -> str:
    return cell.replace("|", "\\|")
