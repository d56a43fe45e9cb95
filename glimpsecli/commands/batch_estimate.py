"""The words of ``glimpse batch --estimate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands.report import say

if TYPE_CHECKING:
    from glimpsecli.jobs.batch import Batch
    from glimpsecli.jobs.estimating import Estimate

CORES = (1, 16, 256)
"""Numbers of cores that hours are given for."""


def show_estimate(batch: Batch, images: int | None, given: Mapping[str, Any]) -> None:
    """Print what a batch takes, whose images may be so many."""
    from glimpsecli.commands.running import progress
    from glimpsecli.jobs.estimating import SAMPLE, estimate

    with progress(lambda: SAMPLE, quiet=given["quiet"]) as tick:
        found = estimate(batch, images, tick)
    if not given["quiet"]:
        say(f"{found.sample} of {found.drawn:,} images were made in memory; nothing is written")
    width = max(len(name) for name, _ in rows_of(found, counted=images is None))
    for name, value in rows_of(found, counted=images is None):
        click.echo(f"{name:{width}}  {value}")


def rows_of(found: Estimate, *, counted: bool) -> list[tuple[str, str]]:
    """Give the rows of the table: a name and what is said of it."""
    mean, median, most = (1000 * seconds for seconds in found.seconds)
    times = ", ".join(f"{_time(found.core_seconds / cores)} with {cores}" for cores in CORES)
    rows = [
        ("images", f"{found.images:,}{'' if counted else ', as you say'}"),
        ("glimpses", f"{found.glimpses:,}, of {_bytes(found.glimpse_bytes)} each"),
        ("a core takes", f"{mean:.3g} ms an image; median {median:.3g}, nine of ten below {most:.3g}"),
        ("in all", f"{times} cores, where disks and networks keep up"),
        ("manifest", f"{_bytes(found.glimpses * found.line_bytes)}, {found.line_bytes:.0f} bytes a line"),
    ]
    if found.failed:
        rows.insert(1, ("damaged", f"{found.failed} of {found.sample} images of the sample fail"))
    if found.shards is None:
        rows.append(("files", f"{found.files:,}, {_bytes(found.output_bytes)}"))
    else:
        each = _bytes(found.output_bytes / found.shards)
        rows.append(("shards", f"{found.shards:,}, of {each} with their receipts; {_bytes(found.output_bytes)}"))
    if found.reads or found.puts:
        rows.append(("requests", f"{found.reads:,} GET, {found.puts:,} PUT, {found.lists:,} LIST"))
    rate = CORES[-1] / (found.chunk * found.seconds[0])
    memory = _bytes(found.waiting_bytes(CORES[-1]))
    chunks = f"{found.chunks:,} chunk{'s'[: found.chunks != 1]} of {found.chunk:,} images"
    rows.append(
        ("with Dask", f"{chunks}; {CORES[-1]} cores do {_short(rate)} a second, {memory} of outcomes wait at most")
    )
    return rows


def _time(seconds: float) -> str:
    """Write a time: 45 s, 8.2 min, 63 h."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{_short(seconds / length)} {unit}"
    return f"{_short(seconds)} s"


def _short(number: float) -> str:
    """Write a number with three digits, and no exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _bytes(number: float) -> str:
    """Write a number of bytes: 8.1 kB, 164 GB."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{_short(number)} {unit}"
