"""Silence for the decoders' own warnings: those that matter become errors of glimpse."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_DECODERS = r"(PIL|imageio|tifffile|pyvips|pillow_heif)\b"


class _Silenced:
    """Ignore warnings that arise inside the decoders while at least one thread is in the block.

    ``warnings.catch_warnings`` saves and restores state of the whole process, so blocks that overlap in time must share
    one of them: the first to enter saves, the last to leave restores, and no filter is left behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=_DECODERS)
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


silenced = _Silenced()


_stderr_lock = threading.Lock()


@contextmanager
def mute_stderr() -> Iterator[None]:
    """Send standard error to nowhere, for C libraries that write to it and know no other way.

    Standard error is the whole process's, so this is for short calls: other threads' messages are lost meanwhile.
    """
    with _stderr_lock:
        try:
            saved = os.dup(2)
        except OSError:  # closed: as mute as can be
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(nowhere)
            os.close(saved)


def silence_logger(name: str) -> None:
    """Keep a library's log off stderr unless the application has asked for logs.

    Without any handler Python prints warnings to stderr; a null handler is how a library opts out of that.
    """
    logger = logging.getLogger(name)
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())
