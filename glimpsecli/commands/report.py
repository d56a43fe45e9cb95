"""Runs a plan and tells the world: data on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from glimpsecli.errors import ExitCode

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Plan

Step = TypeVar("Step")


def complain(text: object, *, show: BaseException | None = None) -> None:
    """Print an error in one line on standard error, behind the traceback of `show`."""
    if show is not None:
        import traceback

        click.echo("".join(traceback.format_exception(show)), err=True, nl=False)
    click.echo(f"glimpse: error: {' '.join(str(text).split())}", err=True)


def say(text: str) -> None:
    """Print a line on standard error."""
    click.echo(f"glimpse: {' '.join(text.split())}", err=True)


def report(plan: Plan, given: Mapping[str, Any], *, dry_run: bool) -> None:
    """Run a plan, or only show it, and end with its exit code; `given` holds the manners and ``as_json``."""
    from glimpsecli.jobs import engine

    as_json, verbose, quiet, traceback = (given[name] for name in ("as_json", "verbose", "quiet", "traceback"))
    if dry_run:
        show(plan, as_json=as_json, traceback=traceback)
        return
    if plan.output.target == "-" and (sys.stdout is None or sys.stdout.isatty()):
        state = "closed" if sys.stdout is None else "a terminal"
        raise click.UsageError(f"standard output is {state}; send it to a file or a pipe.")
    for problem in plan.problems:
        complain(problem)
    failures, written = [], 0
    for done in _with_progress(engine.run(plan), plan, quiet=quiet):
        for product in done.products:
            if as_json:
                show_json(product.record)
            for note in (*product.notes, *(product.details if verbose else ())):
                if not quiet:
                    say(f"{product.record['file'] or done.source}: {note}")
        written += len(done.products)
        if done.failure is not None:
            failures.append(done)
            complain(done.failure, show=done.failure if traceback else None)
    if failures and plan.container is not None and len(plan.items) > 1:
        click.echo(f"glimpse: {plan.container} is not written: it holds the glimpses of all images or none", err=True)
    if written and plan.output.target and (verbose or not (quiet or as_json or plan.output.target == "-")):
        lost = f", {len(failures)} failed" if failures else ""
        click.echo(
            f"glimpse: {written} {plan.noun}{'s'[: written > 1]} written to {plan.output.target}{lost}", err=True
        )
    end(engine.exit_code(failures, plan))


def show(plan: Plan, *, as_json: bool, traceback: bool) -> None:
    """Print what a plan would do."""
    from glimpsecli.jobs import engine

    failures = []
    for row in engine.preview(plan):
        if isinstance(row, engine.Done):
            failures.append(row)
            complain(row.failure, show=row.failure if traceback else None)
        elif as_json:
            show_json(row)
        else:
            told = " ({size[width]}x{size[height]}, {sampler})".format(**row) if "size" in row else ""
            # As bytes, for file names that are no text.
            click.echo(os.fsencode(f"{row['source']} -> {row['file']}{told}"))
    end(engine.exit_code(failures, plan))


def end(code: int) -> None:
    """End the command with an exit code."""
    if code:
        raise click.exceptions.Exit(code)


def _with_progress(steps: Iterable[Step], plan: Plan, *, quiet: bool) -> Iterator[Step]:
    """Show a bar for many images on a terminal."""
    total = len(plan.items)
    if quiet or total < 10 or not sys.stderr.isatty():
        yield from steps
        return
    from tqdm import tqdm

    yield from tqdm(steps, total=total, unit="image", file=sys.stderr, leave=False)


def show_json(record: dict[str, Any]) -> None:
    """Print a line of JSON for a product, or for each of its maps."""
    import json

    for one in record.get("maps", [{}]):
        told = {name: value for name, value in record.items() if name != "maps"} | one
        try:
            click.echo(json.dumps(told))  # in ASCII: a file name may hold bytes that are no text
        except BrokenPipeError:
            forget_output()  # whoever read it has had enough; click would call it a failure
            raise click.exceptions.Exit(ExitCode.DONE) from None


def forget_output() -> None:
    """Drop what is still to be written, of which Python would complain again when it closes standard output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
