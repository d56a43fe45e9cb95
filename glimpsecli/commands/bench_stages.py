"""``glimpse bench --stages``: where the time of an extract goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import click
from click.core import ParameterSource

from glimpsecli.commands.bench_requests import EXPORTS, check_image, check_threads, targets


def time_stages(
    image: str, given: dict[str, Any], status: Callable[[Any], AbstractContextManager[Callable[[str], None]]]
) -> None:
    """Time the stages and print them; `status` shows the current step."""
    import json

    from glimpsecli import __version__
    from glimpsecli.bench import exporters, isolated, jsonable, machine, report
    from glimpsecli.bench.stages import FORMAT, Job

    also = [f"--export-{kind}" for kind in EXPORTS if kind != "json" and given[f"export_{kind}"] is not None]
    if also:
        raise click.UsageError(f"--stages with {also[0]}; --export-json FILE takes its times.")
    also = [
        f"--{option}" for option, name in (
            ("case", "names"), ("image", "image"), ("count", "count"), ("stride", "strides"), ("rotated", "rotated"),
            ("gradients", "gradients"), ("peers", "peers"), ("baseline", "baseline"), ("fail-above", "fail_above"),
        ) if given[name] not in (None, False, [])
    ]  # fmt: skip
    if click.get_current_context().get_parameter_source("seed") is not ParameterSource.DEFAULT:
        also.append("--seed")
    if also:
        raise click.UsageError(f"--stages with {also[0]}, which is for timing contenders; leave it out.")
    for option in ("samplers", "backends"):
        if given[option] and len(given[option]) > 1:
            raise click.UsageError(f"--stages takes one of --{option[:-1]}, not {len(given[option])}.")
    check_threads(given["threads"])
    check_image(image)
    target = targets(given, [image]).get("json")
    asked = {name: given[f"{name}s"][0] for name in ("sampler", "backend") if given[f"{name}s"]}
    job = Job(image, options=asked, runs=given["runs"], min_time=given["min_time"], threads=given["threads"])
    job = job._replace(**{name: given[name] for name in ("box", "size") if given[name] is not None})
    with status(given) as progress:
        found = isolated.split_isolated(job, progress)
    found |= {"format": FORMAT, "machine": machine.describe(), "versions": {"glimpse": __version__} | found["versions"]}
    found |= {"job": jsonable.to_jsonable(job)}
    click.echo("\n".join(report.stage_heading(found)))
    click.echo("\n" + "\n".join(report.stage_lines(found)))
    if target is not None:
        exporters.write(target, (json.dumps(found, indent=1) + "\n").encode(), overwrite=given["overwrite"])
