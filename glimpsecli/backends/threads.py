"""Whether a compiled kernel runs on one thread or several."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numba

from glimpsecli.backends.jit import jit
from glimpsecli.errors import UnavailableError

PARALLEL_WORK = 2_000_000  # multiply-adds above which starting threads pays
TILES_PER_THREAD = 4


class _Permit:
    """Leave to start a parallel kernel: for one caller at a time, and not in a child that was forked.

    Numba's thread pools do not survive a fork, whoever started them, and one of them does not stand two callers at
    once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()

    def acquire(self) -> bool:
        return self._process == os.getpid() and self._lock.acquire(blocking=False)

    def release(self) -> None:
        self._lock.release()


_permit = _Permit()


def run(
    serial: Any, parallel: Any, arguments: tuple[Any, ...], *, windows: int, work: float, threads: int | None
) -> None:
    """Call a kernel for some windows, with threads where that pays and is safe; the result is the same.

    `work` is in multiply-adds; `threads` is the most that may be used, None for as many as Numba may.
    """
    limit = processors()
    wanted = limit if threads is None else min(threads, limit)
    if wanted == 1 or work < PARALLEL_WORK or not _permit.acquire():
        serial(*arguments, 1)
        return
    try:
        with _numba_threads(wanted):
            parallel(*arguments, math.ceil(TILES_PER_THREAD * wanted / windows))
    finally:
        _permit.release()


def processors() -> int:
    """Give the most threads that Numba may use: the processors, or NUMBA_NUM_THREADS."""
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set at run time


def threading_layer() -> str:
    """Start the threads and name the layer that runs them: tbb, omp or workqueue.

    Raises
    ------
    UnavailableError
        There is none: NUMBA_THREADING_LAYER asks for one that is not installed.
    """
    with _numba_threads(processors()):
        _start_threads(2)
    return str(numba.threading_layer())  # type: ignore[attr-defined]  # numba lists no exports


@contextmanager
def _numba_threads(count: int) -> Iterator[None]:
    """Let Numba use so many threads for a while."""
    try:
        before = numba.get_num_threads()  # starts the pool
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise UnavailableError(
            f"Numba has no threads: {reason}", "unset NUMBA_THREADING_LAYER, or use 1 thread"
        ) from None
    numba.set_num_threads(count)
    try:
        yield
    finally:
        numba.set_num_threads(before)


@jit(parallel=True)
def _start_threads(count):
    total = 0
    for i in numba.prange(count):
        total += i
    return total
