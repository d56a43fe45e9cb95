"""Runs a plan and tells the world: data on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Plan

Step = TypeVar("Step")


def complain(text: object, *, show: BaseException | None = None) -> None:
    """Print an error in one line on standard error, behind the traceback of `show`."""
    if show is not None:
        import traceback

        click.echo("".join(traceback.format_exception(show)), err=True, nl=False)
    click.echo(f"glimpse: error: {' '.join(str(text).split())}", err=True)


def report(plan: Plan, *, dry_run: bool, as_json: bool, verbose: bool, quiet: bool, traceback: bool) -> None:
    """Run a plan, or only show it, and end with its exit code."""
    from glimpsecli.jobs import engine

    if dry_run:
        _show(plan, as_json=as_json, traceback=traceback)
        return
    if plan.output.target == "-" and (sys.stdout is None or sys.stdout.isatty()):
        state = "closed" if sys.stdout is None else "a terminal"
        raise click.UsageError(f"standard output is {state}; send it to a file or a pipe.")
    failures, done = [], 0
    for outcome in _with_progress(engine.run(plan), plan, quiet=quiet):
        if isinstance(outcome, engine.Failure):
            failures.append(outcome)
            complain(outcome.error, show=outcome.error if traceback else None)
            continue
        done += 1
        if as_json:
            click.echo(_json(outcome.record))
        name = outcome.record["file"]
        for note in (*outcome.notes, *(outcome.details if verbose else ())):
            if not quiet:
                click.echo(f"glimpse: {name}: {note}", err=True)
    if failures and plan.container is not None and len(plan.items) > 1:
        click.echo(f"glimpse: {plan.container} is not written: it holds the glimpses of all images or none", err=True)
    if done and (verbose or not (quiet or as_json or plan.output.target == "-")):
        lost = f", {len(failures)} failed" if failures else ""
        click.echo(f"glimpse: {done} glimpse{'s'[: done > 1]} written to {plan.output.target}{lost}", err=True)
    _end(engine.exit_code(failures, plan))


def _show(plan: Plan, *, as_json: bool, traceback: bool) -> None:
    """Print what a plan would do."""
    from glimpsecli.jobs import engine

    failures = []
    for row in engine.preview(plan):
        if isinstance(row, engine.Failure):
            failures.append(row)
            complain(row.error, show=row.error if traceback else None)
        elif as_json:
            click.echo(_json(row))
        else:
            size = "{width}x{height}".format(**row["size"])
            # As bytes, for file names that are no text.
            click.echo(os.fsencode(f"{row['source']} -> {row['file']} ({size}, {row['sampler']})"))
    _end(engine.exit_code(failures, plan))


def _end(code: int) -> None:
    if code:
        raise click.exceptions.Exit(code)


def _with_progress(steps: Iterable[Step], plan: Plan, *, quiet: bool) -> Iterator[Step]:
    """Show a bar for many glimpses on a terminal."""
    total = sum(len(item.targets) for item in plan.items)
    if quiet or total < 10 or not sys.stderr.isatty():
        yield from steps
        return
    from tqdm import tqdm

    yield from tqdm(steps, total=total, unit="glimpse", file=sys.stderr, leave=False)


def _json(row: object) -> str:
    import json

    return json.dumps(row)  # in ASCII: a file name may hold bytes that are no text
