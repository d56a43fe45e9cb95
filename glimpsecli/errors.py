"""Errors that a person can act on, and the exit codes they become.

Every error of the library is a :class:`GlimpseError`. Its text is one line that names the offending value; its hint
is the way out. ``str(error)`` joins the two.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """The exit codes of the process."""

    DONE = 0
    FAILED = 1  # at least one item failed: unreadable, unwritable, disk full
    USAGE = 2  # found before any work began: options, missing inputs, existing or colliding outputs
    UNAVAILABLE = 3  # a backend or a format that this installation does not have
    INTERRUPTED = 130


class GlimpseError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message : str
        The problem, with the value that causes it. No full stop.
    hint : str, optional
        The way out.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.message}; {self.hint}" if self.hint else self.message
        return " ".join(text.split())


class InvalidInputError(GlimpseError, ValueError):
    """A value that cannot mean anything here: a wrong shape, a NaN, an option that contradicts another."""

    exit_code = ExitCode.USAGE


class FileProblemError(GlimpseError, OSError):
    """A file that could not be read or written, found while working on it."""

    exit_code = ExitCode.FAILED

    # OSError would otherwise format itself from errno and strerror.
    __str__ = GlimpseError.__str__


class DiskFullError(FileProblemError):
    """No space is left for a file. That is the fault of no image: a run ends with it."""


class FrameProblemError(FileProblemError):
    """A frame of a video that cannot be had. Where one is missing others mostly are, and the screen shows the first."""


class UnavailableError(GlimpseError, RuntimeError):
    """A backend or a file format that this installation does not have."""

    exit_code = ExitCode.UNAVAILABLE


def extra(name: str) -> str:
    """Give the hint that names the ways to install an extra of this package: from an index, or from a clone."""
    return f"`pip install 'glimpsecli[{name}]'`, or in a clone `pip install '.[{name}]'`"
