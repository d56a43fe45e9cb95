"""The output of commands: data on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from glimpsecli.jobs.products import Done


def complain(text: object, *, show: BaseException | None = None) -> None:
    """Print an error in one line on standard error, behind the traceback of `show`."""
    if show is not None:
        import traceback

        click.echo("".join(traceback.format_exception(show)), err=True, nl=False)
    click.echo(f"glimpse: error: {' '.join(str(text).split())}", err=True)


def say(text: str) -> None:
    """Print a line on standard error."""
    click.echo(f"glimpse: {' '.join(text.split())}", err=True)


@contextmanager
def progress(unit: str, *, quiet: bool, verbose: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Give a callback that takes the number of done and of all units: a bar on a terminal, lines if `verbose`."""
    if quiet or verbose or sys.stderr is None or not sys.stderr.isatty():
        yield lambda done, total: say(f"{unit} {done} of {total} done") if verbose else None
        return
    from tqdm import tqdm

    with tqdm(unit=unit, leave=False) as bar:

        def callback(done: int, total: int) -> None:
            if bar.total is None:
                bar.reset(total)
                bar.initial = bar.n = done  # the rate is that of this run
            bar.total = total
            bar.update(done - bar.n)

        yield callback


def show_done(done: Done, given: Mapping[str, Any]) -> None:
    """Print the failure of an image, and the records and notes of its products, as `given` asks for them."""
    if done.failure is not None:
        complain(done.failure, show=done.failure if given["traceback"] else None)
    for product in done.products:
        if given.get("as_json"):
            show_json(product.record)
        for note in (*product.notes, *(product.details if given["verbose"] else ())):
            if not given["quiet"]:
                say(f"{product.record['file'] or done.source}: {note}")


def show_json(record: dict[str, Any]) -> None:
    """Print a line of JSON for a product, or for each of its maps."""
    import json

    for one in record.get("maps", [{}]):
        line = {name: value for name, value in record.items() if name != "maps"} | one
        try:
            click.echo(json.dumps(line))  # in ASCII: a file name may hold bytes that are no text
        except BrokenPipeError:
            forget_output()  # the reader has had enough, the work goes on


def forget_output() -> None:
    """Drop the unwritten output, about which Python would complain again when it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
