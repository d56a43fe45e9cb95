"""Streams with a name: pipes of the shell, ``/dev/stdin``, FIFOs. Each can be read once."""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO

from glimpsecli.errors import InvalidInputError

WRITER_AWAITED = 5.0
"""Seconds in which another program must have opened a FIFO to write into it."""

_DESCRIPTOR = re.compile(r"/dev/stdin|(?:/dev/fd|/proc/self/fd)/([0-9]{1,9})")


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return whether a path leads to something that exists, and is neither a regular file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def check_stream(path: str | os.PathLike[str], label: str) -> None:
    """Refuse a device or a socket, which may never end, unless the shell has opened it."""
    if _DESCRIPTOR.fullmatch(os.fspath(path)) is None and not stat.S_ISFIFO(os.stat(path).st_mode):
        raise InvalidInputError(f"{label} is a device, not a file", "give a file, a FIFO, or - for standard input")


def read_bytes(path: str | os.PathLike[str], label: str | None = None) -> bytes:
    """Read a regular file or a stream to its end.

    Raises
    ------
    InvalidInputError
        The path is a device or a socket, or a FIFO that no program has written into for `WRITER_AWAITED` seconds.
    OSError
        The path cannot be opened or read.
    """
    label = label or os.fspath(path)
    if not is_stream(path):
        with open(path, "rb") as file:
            return file.read()
    check_stream(path, label)
    shell = _DESCRIPTOR.fullmatch(os.fspath(path))
    if shell is not None:  # not opened anew: a socket could not be
        with os.fdopen(os.dup(int(shell[1] or 0)), "rb") as stream:
            return stream.read()
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as fifo:
        first = _first(fifo.fileno(), label)
        os.set_blocking(fifo.fileno(), True)
        return first + fifo.readall()


def _first(fifo: int, label: str) -> bytes:
    """Wait until a program has opened a FIFO for writing, and give the first bytes."""
    until = time.monotonic() + WRITER_AWAITED
    while True:
        try:
            first = os.read(fifo, 1 << 16)
        except BlockingIOError:  # a writer is there that has written nothing yet
            return b""
        if first:
            return first
        if time.monotonic() > until:
            raise InvalidInputError(
                f"{label} is a FIFO that nothing was written into for {WRITER_AWAITED:g} s",
                "start the program that writes first",
            )
        time.sleep(0.02)


def standard_input() -> BinaryIO:
    """Give standard input as a stream of bytes, or refuse where it is closed."""
    if sys.stdin is None:
        raise InvalidInputError("standard input is closed", "name a file")
    return sys.stdin.buffer


def refuse_shared(paths: Sequence[str]) -> None:
    """Refuse two names of one stream, ``-`` for standard input among them: it can be read once."""
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        if path != "-" and not is_stream(path):
            continue
        if path == "-":
            try:
                status = os.fstat(sys.stdin.fileno())
            except (AttributeError, OSError, ValueError):  # closed, or no file of the system
                continue
        else:
            status = os.stat(path)
        identity = status.st_dev, status.st_ino
        named = "standard input" if path == "-" else path
        if identity in seen:
            twice = (
                f"{named} is named twice" if seen[identity] == named else f"{seen[identity]} and {named} are one stream"
            )
            raise InvalidInputError(twice, "it can be read once")
        seen[identity] = named
