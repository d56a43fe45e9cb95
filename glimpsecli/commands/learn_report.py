"""The words of ``glimpse learn``, as it goes and in the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands.report import say, show_json

if TYPE_CHECKING:
    from glimpsecli.networks.checking import Check
    from glimpsecli.networks.learning import Task

MOST = 5
"""Most classes with numbers in a film that are listed."""


@contextmanager
def course(*, quiet: bool, verbose: bool) -> Iterator[tuple[Callable[[int, int], object], Callable[[Check], object]]]:
    """Give functions that show steps and checks: a bar on a terminal with the latest figures, else a line a check."""
    if quiet:
        yield lambda done, total: None, lambda check: None
        return
    if verbose or sys.stderr is None or not sys.stderr.isatty():
        yield lambda done, total: None, lambda check: say(f"step {check.step}: {words_of(check._asdict())}")
        return
    from tqdm import tqdm

    with tqdm(unit="step", leave=False) as bar:

        def step(done: int, total: int) -> None:
            if bar.total is None:
                bar.reset(total)
                bar.initial = bar.n = done - 1  # the rate is that of this run
            bar.update(done - bar.n)

        yield step, lambda check: bar.set_postfix_str(words_of(check._asdict()), refresh=False)


def words_of(figures: dict[str, Any]) -> str:
    """Put the figures of a check into words."""
    words = f"accuracy {figures['accuracy']:.1%}"
    if figures["found"] is None:
        return words
    return f"{words}, {figures['found']:.0%} found, {figures['error']:.2f} digits off"


def say_outcome(figures: dict[str, Any], task: Task, given: dict[str, Any]) -> None:
    """Print the outcome on standard output, and more about it on standard error."""
    if given["as_json"]:
        show_json({"model": task.path, **figures})
    else:
        between = figures["references"]
        words = f"{figures['verdict']}: {figures['reason']}; {words_of(figures)}"
        if between is not None:
            words += (
                f"; {between['floor_name']} {between['floor']:.1%}, {between['ceiling_name']} {between['ceiling']:.1%}"
            )
        click.echo(words)
    if given["quiet"]:
        return
    for name, one in figures["held_out"].items():
        say(f"{_HELD_OUT.get(name, name)}: {words_of(one)}")
    beside = f"{task.path.removesuffix('.safetensors')}.jsonl"
    say(f"written: {', '.join(filter(None, (task.path, beside, task.film)))}")
    if task.film is not None:
        _say_numbered(task)


def _say_numbered(task: Task) -> None:
    """Say which classes have numbers in the film, for want of letters."""
    from glimpsecli.networks.filming import film_names

    classes = task.origin.classes
    numbered = [
        f"{number} for {name}"
        for number, (name, shown) in enumerate(zip(classes, film_names(classes), strict=True))
        if name != shown
    ]
    if numbered:
        more = f" and {len(numbered) - MOST} more" if len(numbered) > MOST else ""
        say(f"the font lacks letters of classes, which have numbers in {task.film}: {', '.join(numbered[:MOST])}{more}")


_HELD_OUT = {
    "faces": "with digits that it never saw",
    "smaller": "with smaller digits than it ever saw",
    "larger": "with larger digits than it ever saw",
}
