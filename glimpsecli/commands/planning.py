"""Word of a plan that takes long to make."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import click

from glimpsecli.commands.report import say

TOLD_EVERY = 10.0
"""Seconds of silence before a line says that planning goes on, and between two of them."""


def planning(*, quiet: bool) -> Callable[[], None]:
    """Tell now and then that planning goes on, until the function that is returned is called, or the command ends."""
    ended = threading.Event()
    began = time.monotonic()

    def tell() -> None:
        while not ended.wait(TOLD_EVERY):
            say(f"still planning, for {time.monotonic() - began:.0f} s")

    if not quiet:
        threading.Thread(target=tell, daemon=True).start()
        click.get_current_context().call_on_close(ended.set)
    return ended.set
