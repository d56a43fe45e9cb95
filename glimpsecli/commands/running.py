"""Runs a plan of many images: threads, progress, Ctrl-C, and a summary."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands.report import complain, end, say, show_json
from glimpsecli.errors import ExitCode

if TYPE_CHECKING:
    from glimpsecli.jobs.engine import Done
    from glimpsecli.jobs.plan import Item, Plan

LOG_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


def run_batch(
    plan: Plan,
    parameters: Mapping[str, Any],
    *,
    part: tuple[int, int],
    jobs: int | None,
    resume: bool,
    overwrite: bool,
    given: Any,
) -> None:
    """Run a batch and keep its manifest."""
    from glimpsecli.jobs.manifest import Manifest

    manifest = Manifest(plan.output.target, part)
    todo = manifest.begin(plan, parameters, resume=resume, overwrite=overwrite)
    for problem in plan.problems:
        complain(problem)
    try:
        end(run_plan(plan, todo, manifest.add, jobs=jobs, given=given))
    finally:
        manifest.finish(plan, resumed=resume)


def run_plan(
    plan: Plan, todo: Sequence[Item], keep: Callable[[Done], None] | None, *, jobs: int | None, given: Any
) -> ExitCode:
    """Work through items of a plan, hand them to `keep`, tell of them, and give the exit code."""
    from glimpsecli.jobs import engine

    began = time.perf_counter()
    failures, written, images, too_small = [], 0, 0, 0
    with _stoppable() as stop, _progress(len(todo), quiet=given["quiet"]) as tick:
        for done in engine.run(plan, todo, workers=jobs or _processors(), stop=stop):
            if keep is not None:
                keep(done)
            images += 1
            written += len(done.products)
            too_small += done.too_small
            tick(images)
            _tell(done, given)
            if done.failure is not None:
                failures.append(done)
    if not given["quiet"]:
        seconds = time.perf_counter() - began
        skipped = len(plan.items) - len(todo)
        told = [f"{written} {'measured' if todo and not todo[0].targets else 'written'}"]
        told += [f"{skipped} skipped" if keep is not None else ""]
        told += [f"{too_small} too small" if too_small else "", f"{len(failures) + len(plan.problems)} failed"]
        text = ", ".join(one for one in told if one)
        click.echo(f"glimpse: {text} in {seconds:.1f} s, {images / max(seconds, 1e-9):.1f} images/s", err=True)
    if stop.is_set():
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if failures or plan.problems else ExitCode.DONE


def _tell(done: Done, given: Any) -> None:
    if done.failure is not None:
        complain(done.failure, show=done.failure if given["traceback"] else None)
    for product in done.products if given.get("as_json") else ():
        show_json(product.record)
    for product in done.products if not given["quiet"] else ():
        for note in (*product.notes, *(product.details if given["verbose"] else ())):
            say(f"{product.record['file'] or done.source}: {note}")


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Let a first Ctrl-C finish what runs, and a second one stop at once."""
    stop = threading.Event()

    def interrupt(number: int, frame: object) -> None:
        if stop.is_set():
            os._exit(ExitCode.INTERRUPTED)
        stop.set()
        click.echo("glimpse: finishing the running images; Ctrl-C again stops at once", err=True)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Any]:
    """Give a function to be told how many images are done: a bar on a terminal, a line now and then elsewhere."""
    if quiet or total < 2:
        yield lambda images: None
    elif sys.stderr is not None and sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(total=total, unit="image", file=sys.stderr, leave=False) as bar:
            yield lambda images: bar.update(1)
    else:
        told = time.perf_counter()

        def line(images: int) -> None:
            nonlocal told
            if time.perf_counter() - told > LOG_EVERY:
                told = time.perf_counter()
                click.echo(f"glimpse: {images} of {total} images", err=True)

        yield line


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
