"""Standard output and standard error: letters that they cannot show, readers that leave early, disks that are full."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from glimpsecli.commands.report import forget_output
from glimpsecli.errors import ExitCode

_OF_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors that only a write raises; one of a file would have been explained with its name."""


def prepare() -> None:
    """Make both streams take every text, and standard error outlive its reader."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error has it from the start
    if isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr.fileno() == 2:
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_Unheard(2, "w", closefd=False)),
            encoding=sys.stderr.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )


class _Unheard(io.FileIO):
    """A stream that may lose its reader: messages are lost then, and the work goes on."""

    def write(self, data: object) -> int:
        """Write, or drop the bytes if the reader has left."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """End the command as done where the reader of its output has had enough; click would call it a failure."""
    try:
        yield
    except BrokenPipeError:
        forget_output()
        raise click.exceptions.Exit(ExitCode.DONE) from None


def explain(error: OSError) -> tuple[str, ExitCode]:
    """Explain an error of the system that no command has explained: give one line, and the exit code."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        return f"{error.filename}: {reason}; check the path", ExitCode.FAILED
    try:
        os.getcwd()
    except OSError as gone:
        return f"the current folder is gone: {gone.strerror}; change to another", ExitCode.USAGE
    if error.errno in _OF_WRITING or _is_stuck():
        forget_output()
        place = "standard output could not be written"
        return f"{place}: {reason}; free some space, or send it elsewhere", ExitCode.FAILED
    return f"the system refused: {reason}; --traceback shows where", ExitCode.FAILED


def _is_stuck() -> bool:
    """Return whether the buffer of standard output holds text that could not be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        return True
    return False
