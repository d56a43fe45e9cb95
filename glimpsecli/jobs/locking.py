"""A lock on the output of a run, which ends with the process that holds it, even with a killed one."""

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
    """Hold a lock on a file, which exists only as long as the lock.

    Where the file cannot be made or the file system has no locks, nothing is held and the work goes on.

    Raises
    ------
    InvalidInputError
        Another run holds the lock.
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
            return None  # the next write reports the reason
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
    if sys.platform == "win32":  # Windows does not remove an open file
        os.close(file)
    with suppress(OSError):
        os.unlink(path)
    if sys.platform != "win32":  # a run that opened it meanwhile must find it locked until it is gone
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
