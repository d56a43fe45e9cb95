"""The words of ``glimpse batch --estimate``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands.report import say

if TYPE_CHECKING:
    from glimpsecli.jobs.batch import Batch
    from glimpsecli.jobs.estimating import Estimate
    from glimpsecli.jobs.sources import Sources

CORES = (1, 16, 256)
"""Numbers of cores that hours are given for."""


def show_estimate(
    batch: Batch, sources: Sources, images: int | None, given: Mapping[str, Any], planned: Callable[[], object]
) -> None:
    """Print what a batch takes, whose images may be so many; `planned` is called when the sample is begun."""
    from glimpsecli.commands.running import progress
    from glimpsecli.jobs.estimating import SAMPLE, estimate

    with progress(lambda: 2 * SAMPLE, quiet=given["quiet"]) as tick:
        found = estimate(batch, sources, images, lambda: (planned(), tick()))
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
        ("in all", f"{times} cores, if disks and networks keep up"),
        ("manifest", f"{_bytes(found.glimpses * found.line_bytes)}, {found.line_bytes:.0f} bytes a line"),
    ]
    if found.failed:
        failed = f"{found.failed} of {found.sample} images of the sample fail; the first: {found.problem}"
        rows.insert(1, ("damaged", failed))
    if found.shards is None:
        rows.append(("files", f"{found.files:,}, {_bytes(found.output_bytes)}"))
    else:
        each = _bytes(found.output_bytes / found.shards)
        rows.append(("shards", f"{found.shards:,}, of {each} with their receipts; {_bytes(found.output_bytes)}"))
    requests = found.requests
    if any(requests):
        rows.append(("requests", f"{requests.reads:,} GET, {requests.puts:,} PUT, {requests.lists:,} LIST"))
    if requests.tars:
        rows.append(("tars", f"{requests.tars:,}, each of them fetched whole, and anew by each worker of a cluster"))
    chunks = f"{found.chunks:,} chunk{'s'[: found.chunks != 1]} of {found.chunk:,} images"
    if found.chunks > CORES[-1]:
        rate = _short(CORES[-1] / (found.chunk * found.seconds[0]))
        memory = _bytes(found.waiting_bytes(CORES[-1]))
        chunks += f"; {CORES[-1]} workers finish {rate} chunks a second"
        chunks += f", and up to {memory} of lines wait in their memory to be written"
    rows.append(("with Dask", chunks))
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
