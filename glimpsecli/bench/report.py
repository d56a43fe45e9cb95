"""The results as text: tables of cases, remarks and changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from glimpsecli.bench import timing
from glimpsecli.bench.baseline import Change
from glimpsecli.bench.measuring import Entry, Measured
from glimpsecli.bench.results import Results
from glimpsecli.bench.stages import STAGES
from glimpsecli.bench.timing import Quartiles

COLUMNS = ("contender", "median", "quartiles", "ratio", "error", "first call", "computes")
UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
NAMED = 5
"""Greatest number of contenders that a warning names."""
IN_BRACKETS = "an error in brackets is of another filter, or of derivatives that jump: so much do they differ from ours"
"""Note on tables in which such an error stands."""
NOT_MEASURED = "not measured"
_LEFT = {"contender", "computes"}


def heading(results: Results) -> list[str]:
    """Describe the machine, the versions and the parameters."""
    machine, parameters = results.machine, results.parameters
    threads = parameters.threads
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return [
        machine_line(machine),
        f"{versions}, Python {machine['python']}",
        f"{threads} thread{'s'[: threads > 1]} for everyone; {parameters.runs} round{'s'[: parameters.runs > 1]} in "
        f"random order, at least {parameters.min_time:g} s each",
    ]


def machine_line(machine: Mapping[str, Any]) -> str:
    """Describe the machine."""
    cores = f"{machine['cores']} core{'s'[: machine['cores'] > 1]}, " if machine["cores"] else ""
    memory = f", {machine['memory'] / 2**30:.0f} GiB" if machine["memory"] else ""
    count, gpu = machine["processors"], f", {machine['gpu']}" if machine["gpu"] else ""
    return f"{machine['cpu']}, {cores}{count} processor{'s'[: count > 1]}{memory}{gpu}"


def table_of(measured: Measured) -> list[str]:
    """Lay out the table of a case: for each view its contenders, in their order."""
    lines = [f"{measured.recipe.name}: {measured.recipe.title}"]
    if measured.failed is not None:
        return [*lines, f"    {NOT_MEASURED}: {measured.failed}"]
    views = list(dict.fromkeys(entry.view for entry in measured.entries))
    rows: list[Sequence[str]] = [COLUMNS]
    for view in views:
        rows += [row_of(measured, entry) for entry in measured.entries if entry.view == view]
    widths = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    body = [_aligned(row, widths) for row in rows]
    lines.append("    " + body.pop(0))
    for view in views:
        entries = [entry for entry in measured.entries if entry.view == view]
        text = next((entry.checked for entry in entries if entry.checked), "nothing")
        lines.append(f"  {view}, {text} checked")
        lines += ["    " + body.pop(0) for _ in entries]
    return lines


def row_of(measured: Measured, entry: Entry) -> tuple[str, ...]:
    """Give the cells of a contender."""
    seconds, ratio = entry.seconds, measured.ratio(entry)
    text = f"WRONG: {entry.wrong}" if entry.wrong else entry.computes
    if entry.skipped is not None:
        text += f"; not timed: {entry.skipped}"
    # The difference of another filter from ours is no error, and stands in brackets.
    error = "-" if entry.error is None else f"({entry.error:.0e})" if entry.differs else f"{entry.error:.0e}"
    return (
        entry.contender,
        duration(seconds.median) if seconds else "-",
        f"{duration(seconds.low, bare=seconds.median)} to {duration(seconds.high, bare=seconds.median)}"
        if seconds
        else "-",
        ratio_text(ratio, itself=entry.contender == measured.reference),
        error,
        "-" if entry.first is None else duration(entry.first),
        text,
    )


def ratio_text(ratio: Quartiles | None, *, itself: bool = False) -> str:
    """Write a ratio with its quartiles."""
    if ratio is None:
        return "-"
    return "1" if itself else f"{number(ratio.median)} ({number(ratio.low)} to {number(ratio.high)})"


def number(value: float) -> str:
    """Write a number with three digits, without powers of ten."""
    value = float(f"{value:.3g}")  # so that 9.999 becomes 10.0
    places = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:.{places}f}"


def duration(seconds: float, *, bare: float | None = None) -> str:
    """Write seconds in a unit that suits them; with `bare`, in the unit of that duration, which is left out."""
    size = float(f"{seconds if bare is None else bare:.3g}")
    unit, scale = next((one for one in UNITS if size >= one[1]), UNITS[-1])
    return number(seconds / scale) + ("" if bare is not None else f" {unit}")


def remarks(measured: Measured) -> list[str]:
    """Warn, with advice, of doubtful times in a case: a line for each kind of doubt."""
    found: dict[str, list[str]] = {kind: [] for kind in timing.ADVICE}
    for entry in measured.entries:
        if entry.samples is not None:
            for kind, how in timing.doubts(entry.samples, (entry.compiles and entry.first) or 0.0).items():
                found[kind].append(f"{entry.contender} {entry.view} ({how})")
    lines = []
    for kind, names in found.items():
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            text = f"{', '.join(names[:NAMED])}{more}"
            lines.append(f"case {measured.recipe.name}, {kind}: {text}; {timing.ADVICE[kind]}")
    return lines


def sweep_lines(results: Results) -> list[str]:
    """Lay out for each stride the ratio of the Gaussian sampler's time to the bilinear one's, both ours."""
    rows = [("stride", "gaussian", "bilinear", "gaussian / bilinear")]
    for measured in results.cases:
        pair = measured.find("gaussian", measured.reference), measured.find("bilinear", measured.reference)
        if measured.recipe.stride is None or pair[0] is None or pair[1] is None:
            continue
        times, ratio = [one.seconds for one in pair if one], measured.ratio(pair[0], "bilinear")
        if times[0] and times[1]:
            cells = duration(times[0].median), duration(times[1].median), ratio_text(ratio)
            rows.append((f"{measured.recipe.stride:g}", *cells))
    if len(rows) == 1:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]


def change_lines(found: Sequence[Change], limit: float | None) -> list[str]:
    """Say how the times changed since the baseline."""
    rows = []
    for change in found:
        verdict = "" if change.certain else "within the spread" if change.enough else "too few rounds to tell"
        if limit is not None and change.fails(limit):
            verdict = f"SLOWER by more than {limit:.0%}"
        name = f"{change.case}, {change.view}, {change.contender}"
        rows.append(
            (name, duration(change.old.median), "->", duration(change.new.median), f"{change.relative:+.1%}", verdict)
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(f"{row[k]:>{widths[k]}}" for k in range(1, 5)), row[5]]).rstrip()
        for row in rows
    ]


def stage_heading(found: Mapping[str, Any]) -> list[str]:
    """Describe the machine, the versions and the glimpse whose stages were timed."""
    glimpse, job, versions = found["glimpse"], found["job"], found["versions"]
    size, image = ("{width}x{height}".format(**glimpse[name]) for name in ("size", "image_size"))
    threads, count = job["threads"], len(found["stages"]["read"])
    return [
        machine_line(found["machine"]),
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"{glimpse['source']}, {image}, decoded: {glimpse['decoded']}; one glimpse of {size}, {glimpse['sampler']} on "
        f"{glimpse['backend']}, {threads} thread{'s'[: threads > 1]}, written as {found['written']}; "
        f"{count} run{'s'[: count > 1]}",
    ]


def stage_lines(found: Mapping[str, Any]) -> list[str]:
    """Lay out the stages of an extract: medians, quartiles and shares."""
    times = {name: timing.quartiles(found["stages"][name]) for name in STAGES}
    total = sum(one.median for one in times.values())
    rows = [("stage", "median", "quartiles", "share", "first run")]
    for name, one in times.items():
        spread = f"{duration(one.low, bare=one.median)} to {duration(one.high, bare=one.median)}"
        rows.append((name, duration(one.median), spread, f"{one.median / total:.0%}", duration(found["first"][name])))
    rows.append(("together", duration(total), "", "100%", duration(sum(found["first"].values()))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(f"{row[k]:>{widths[k]}}" for k in range(1, 5))]).rstrip() for row in rows
    ]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if name in _LEFT else cell.rjust(width)
        for name, cell, width in zip(COLUMNS, row, widths, strict=True)
    ]
    return "  ".join(cells).rstrip()
