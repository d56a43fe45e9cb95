"""The one runner of plans, for one image or a million: threads, progress, Ctrl-C, a summary and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from glimpsecli.commands.report import complain, say, show_done, show_json
from glimpsecli.errors import ExitCode, FrameProblemError
from glimpsecli.jobs import pool

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Item, Plan
    from glimpsecli.jobs.products import Done

LOG_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""
RATED = 1.0
"""Seconds of the shortest run whose rate is printed."""


def carry_out(plan: Plan, given: Mapping[str, Any]) -> None:
    """Run a plan, or only show it where ``dry_run`` is given, and end with its exit code.

    Parameters
    ----------
    plan : Plan
    given : mapping
        The options of the command that say how it is run: the manners, ``jobs``, ``dry_run`` and ``as_json``.
    """
    jobs, threads = given.get("jobs"), plan.how.sampling.threads
    if (jobs or 1) > 1 and (threads or 1) > 1:
        raise click.UsageError(f"-j {jobs} with --threads {threads}: several images at once, or several threads each.")
    end(show_plan(plan, given, plan.items, lambda: len(plan.items)) if given.get("dry_run") else run_plan(plan, given))


class Batched(NamedTuple):
    """The images of a batch, which come while it runs.

    Attributes
    ----------
    items : iterable of Item
    total : callable
        Gives their number, as far as it is known.
    is_done : callable
        Returns whether an earlier run has done an item.
    run : callable, optional
        Runs the items in place of the engine, given the plan and the event that stops it.
    finish : callable
        Is called after the last image, unless the run was stopped; an error that it raises comes in place of the
        summary.
    """

    items: Iterable[Item]
    total: Callable[[], int]
    is_done: Callable[[Item], bool] | None = None
    run: Callable[[Plan, threading.Event], Iterator[Done]] | None = None
    finish: Callable[[], object] = lambda: None


def run_plan(
    plan: Plan,
    given: Mapping[str, Any],
    *,
    keep: Callable[[Done], None] | None = None,
    batched: Batched | None = None,
) -> ExitCode:
    """Work through a plan and give the exit code.

    Parameters
    ----------
    plan : Plan
    given : mapping
        As for :func:`carry_out`.
    keep : callable, optional
        Takes the outcome of each image, in the order of the plan.
    batched : Batched, optional
        Items in place of those of the plan.
    """
    if plan.output.target == "-" and (sys.stdout is None or sys.stdout.isatty()):
        state = "closed" if sys.stdout is None else "a terminal"
        raise click.UsageError(f"standard output is {state}; send it to a file or a pipe.")
    for problem in plan.problems:
        complain(problem)
    for note in plan.notes if not given["quiet"] else ():
        say(note)
    batched = batched or Batched(plan.items, plan.items.__len__)
    total, many = batched.total, batched.total() > 1
    if many and batched.run is None:
        pool.keep_memory()
    workers, plan = _shared_out(plan, total(), given)
    began, images, failed_whole = time.perf_counter(), 0, False
    counts: Counter[str] = Counter()
    codes: Counter[ExitCode] = Counter()
    missing: Counter[str] = Counter()
    words = "finishing the running images; Ctrl-C again stops at once" if many else None
    with stoppable(words) as stop, progress(total, quiet=given["quiet"]) as tick:
        run = batched.run or partial(_run_here, batched, workers)
        for done in run(plan, stop):
            if keep is not None:
                keep(done)
            written, skipped = len(done.products), done.skipped
            counts.update({"written": written, "skipped": int(skipped)})
            plan.dropped.update(done.dropped)
            worked = done.source != plan.container and not skipped
            counts.update({"worked": worked, "made": worked and done.failure is None})
            if done.failure is not None:
                codes[done.failure.exit_code] += 1
            if isinstance(done.failure, FrameProblemError):
                missing[done.source] += 1
            if not isinstance(done.failure, FrameProblemError) or missing[done.source] == 1:
                show_done(done, given)
            if done.source == plan.container:
                failed_whole = done.failure is not None
            else:
                images += 1
                tick()
    for source, frames in missing.items():
        if frames > 1:
            complain(f"{source}: {frames - 1} more frame{'s'[: frames != 2]} could not be read")
    if not stop.is_set():
        batched.finish()
    if plan.container is not None and not counts["written"] and total() > 1:
        reason = "the run was stopped" if stop.is_set() else "it holds the glimpses of all images or none"
        if plan.film is None or stop.is_set():
            say(f"{plan.container} is not written: {reason}")
    failed = codes.total() + len(plan.problems)
    known_to_fail = plan.film is not None or (not counts["skipped"] and not plan.dropped and failed == 1)
    if _is_heard(plan, given) and (counts["written"] or not known_to_fail):
        _summarise(plan, counts, failed, time.perf_counter() - began)
    _say_left_out(plan, given)
    return ExitCode.INTERRUPTED if stop.is_set() else exit_code(codes, plan, failed_whole or codes.total() >= images)


def _run_here(batched: Batched, workers: int, plan: Plan, stop: threading.Event) -> Iterator[Done]:
    from glimpsecli.jobs import engine

    return engine.run(plan, batched.items, workers=workers, stop=stop, is_done=batched.is_done)


def show_plan(
    plan: Plan,
    given: Mapping[str, Any],
    items: Iterable[Item],
    total: Callable[[], int],
    is_done: Callable[[Item], bool] | None = None,
) -> ExitCode:
    """Print the files that items of a plan would be written to, and its problems, and give the exit code."""
    from glimpsecli.jobs import engine
    from glimpsecli.jobs.products import Done
    from glimpsecli.jobs.records import OUTSIDE

    for problem in plan.problems:
        complain(problem)
    codes: Counter[ExitCode] = Counter()
    for row in engine.preview(plan, items, is_done):
        if isinstance(row, Done):
            assert row.failure is not None
            codes[row.failure.exit_code] += 1
            show_done(row, given)
            continue
        if given.get("as_json"):
            show_json(row)
        else:
            size = " ({size[width]}x{size[height]}, {sampler})".format(**row) if "size" in row else ""
            # As bytes, for file names that are no text.
            click.echo(os.fsencode(f"{row['source']} -> {row['file']}{size}"))
        if row.get("outside") == 1 and not given["quiet"]:
            say(f"{row['file']}: {OUTSIDE}")
    _say_left_out(plan, given)
    return exit_code(codes, plan, codes.total() >= total())


def exit_code(codes: Counter[ExitCode], plan: Plan, everything: bool) -> ExitCode:
    """Give the exit code of a run: that of the failures where all images failed alike, else 1 for any failure.

    Parameters
    ----------
    codes : Counter of ExitCode
        Of the failures.
    plan : Plan
    everything : bool
        Whether all images failed; one file for all images fails for all of them.
    """
    if not codes and not plan.problems:
        return ExitCode.DONE
    return next(iter(codes)) if len(codes) == 1 and not plan.problems and everything else ExitCode.FAILED


def end(code: int) -> None:
    """End the command with an exit code."""
    if code:
        raise click.exceptions.Exit(code)


def _shared_out(plan: Plan, images: int, given: Mapping[str, Any]) -> tuple[int, Plan]:
    """Give the number of images that are worked on at once, and the plan with the threads that each then has."""
    sampling = plan.how.sampling
    at_once = given.get("jobs") or (pool.processors() if sampling.threads in (None, 1) else 1)
    workers = min(images, at_once) or 1
    if workers == 1:
        return workers, plan
    return workers, plan._replace(how=plan.how._replace(sampling=replace(sampling, threads=1)))


def _is_heard(plan: Plan, given: Mapping[str, Any]) -> bool:
    """Return whether a person reads standard error, and not a program the output."""
    return bool(given["verbose"] or not (given["quiet"] or given.get("as_json") or plan.output.target == "-"))


def _summarise(plan: Plan, counts: Counter[str], failed: int, seconds: float) -> None:
    """Print the outcome of the images, in one line; where some were skipped, the others are counted, too."""
    where = f"written to {plan.output.target}" if plan.output.target else "measured"
    skipped, images = counts["skipped"], counts["worked"]
    of = f" of {_many(counts['made'], 'image')}" if skipped and counts["made"] else ""
    parts = [f"{_many(counts['written'], plan.noun)}{of} {where}"]
    parts += [f"{_many(skipped, 'image')} skipped"] if skipped else []
    parts += [f"{failed} failed"] if failed else []
    rate = f" in {seconds:.1f} s, {images / seconds:.1f} images/s" if seconds > RATED and images > 1 else ""
    click.echo(f"glimpse: {', '.join(parts)}{rate}", err=True)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s'[: count != 1]}"


def _say_left_out(plan: Plan, given: Mapping[str, Any]) -> None:
    """Print the counts of files in folders that were not taken, of windows without a glimpse, and of split images."""
    if plan.dropped and not given["quiet"]:
        say(f"dropped: {', '.join(f'{count} {reason}' for reason, count in sorted(plan.dropped.items()))}")
    if +plan.left_out and not given["quiet"]:
        from glimpsecli.jobs.sources import counted

        say(f"left out: {counted(plan.left_out)}")
    if plan.splits and not given["quiet"]:
        splits = [f"{name} {_many(count, 'image')}" for name, count in sorted(plan.splits.items())]
        say(f"splits: {', '.join(splits)}")


@contextmanager
def stoppable(words: str | None) -> Iterator[threading.Event]:
    """Let a first Ctrl-C set the event and say `words`, a second one stop at once; without words the first does."""
    from glimpsecli.storage.atomic import discard_unfinished

    stop = threading.Event()
    if words is None:
        yield stop
        return

    def interrupt(number: int, frame: object) -> None:
        if stop.is_set():
            discard_unfinished()
            os._exit(ExitCode.INTERRUPTED)
        stop.set()
        click.echo(f"glimpse: {words}", err=True)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress(total: Callable[[], int], *, quiet: bool, unit: str = "image") -> Iterator[Callable[[], None]]:
    """Give a function to call after each image, or other unit: a bar on a terminal, a line now and then elsewhere."""
    if quiet or total() < 2:
        yield lambda: None
    elif sys.stderr is not None and sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(total=total(), unit=unit, file=sys.stderr, leave=False) as bar:

            def advance() -> None:
                bar.total = total()
                bar.update(1)

            yield advance
    else:
        shown, done = time.perf_counter(), 0

        def line() -> None:
            nonlocal shown, done
            done += 1
            if time.perf_counter() - shown > LOG_EVERY:
                shown = time.perf_counter()
                click.echo(f"glimpse: {done} of {total()} {unit}s", err=True)

        yield line
