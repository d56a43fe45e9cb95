"""Messages while a plan is made, where that takes long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import click

from glimpsecli.commands.report import say

SAID_EVERY = 10.0
"""Seconds before the first line that says that planning goes on, and between two of them."""


def planning(*, quiet: bool) -> Callable[[], None]:
    """Say now and then that planning goes on, until the function that is returned is called or the command ends."""
    ended = threading.Event()
    began = time.monotonic()

    def say_so() -> None:
        while not ended.wait(SAID_EVERY):
            say(f"still planning, for {time.monotonic() - began:.0f} s")

    if not quiet:
        threading.Thread(target=say_so, daemon=True).start()
        click.get_current_context().call_on_close(ended.set)
    return ended.set
