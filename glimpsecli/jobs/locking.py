"""A lock on what a run writes, which ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from glimpsecli.errors import InvalidInputError

HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""Numbers of the errors that :func:`lock` raises where another process holds the lock."""


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock that a file stands for; the file is there only as long.

    Where the file cannot be made or the file system has no locks, nothing is held and the work goes on.

    Raises
    ------
    InvalidInputError
        Another run holds it.
    """
    file = _acquire(path)
    try:
        yield
    finally:
        if file is not None:
            _remove(path, file)


def _acquire(path: str) -> int | None:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    while True:
        try:
            file = os.open(path, flags, 0o666)
        except OSError:
            return None  # what is written next says why
        try:
            lock(file)
            if os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        except FileNotFoundError:
            pass  # another run ended just now and took its file with it
        except OSError as error:
            if error.errno not in HELD:
                _remove(path, file)
                return None
            os.close(file)
            folder = os.path.dirname(path) or "."
            raise InvalidInputError(
                f"another run is writing to {folder}", "wait until it has ended, or choose another output folder"
            ) from None
        os.close(file)


def _remove(path: str, file: int) -> None:
    if sys.platform == "win32":  # which does not remove an open file
        os.close(file)
    with suppress(OSError):
        os.unlink(path)
    if sys.platform != "win32":  # whoever opened it meanwhile must find it locked until it is gone
        os.close(file)


if sys.platform == "win32":
    import msvcrt

    def lock(file: int) -> None:
        """Lock a file that is open until it is closed, or raise OSError."""
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock(file: int) -> None:
        """Lock a file that is open until it is closed, or raise OSError."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
