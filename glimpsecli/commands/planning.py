"""Messages while a plan is made, where that takes long."""

from __future__ import annotations

import threading
import time

import click

from glimpsecli.commands.report import say

SAID_EVERY = 10.0
"""Seconds before the first line that says that planning goes on, and between two of them."""


class Planning:
    """Planning that takes long; a call ends it.

    Attributes
    ----------
    doing : str
        The word for what goes on.
    """

    def __init__(self) -> None:
        self.doing = "planning"
        self._ended = threading.Event()
        self._began = time.monotonic()

    def __call__(self) -> None:
        """End it."""
        self._ended.set()

    def say_so(self) -> None:
        """Say now and then that planning goes on, until it ends."""
        while not self._ended.wait(SAID_EVERY):
            say(f"still {self.doing}, for {time.monotonic() - self._began:.0f} s")


def planning(*, quiet: bool) -> Planning:
    """Say now and then that planning goes on, until what is returned is called or the command ends."""
    made = Planning()
    if not quiet:
        threading.Thread(target=made.say_so, daemon=True).start()
        click.get_current_context().call_on_close(made)
    return made
