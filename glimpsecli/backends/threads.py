"""Whether a compiled kernel runs on one thread or several."""

from __future__ import annotations

import math
import os
import threading
from typing import Any

import numba

from glimpsecli.backends.jit import jit
from glimpsecli.errors import InvalidInputError

PARALLEL_WORK = 2_000_000  # multiply-adds above which starting threads pays
TILES_PER_THREAD = 4


class _Permit:
    """Leave to start a parallel kernel: for one caller at a time, in the process that started the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: int | None = None

    def acquire(self) -> bool:
        if self._process not in (None, os.getpid()) or not self._lock.acquire(blocking=False):
            return False
        self._process = os.getpid()
        return True

    def release(self) -> None:
        self._lock.release()


_permit = _Permit()


def run(serial: Any, parallel: Any, arguments: tuple[Any, ...], work: float, threads: int | None) -> None:
    """Call a kernel, with threads where that pays and is safe.

    Numba's thread pools do not survive a fork, and one of them does not stand two callers at once; such calls run
    serially, with the same result.
    """
    threads = checked_threads(threads)
    if threads == 1 or work < PARALLEL_WORK or not _permit.acquire():
        serial(*arguments, 1)
        return
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(threads)
        parallel(*arguments, math.ceil(TILES_PER_THREAD * threads / len(arguments[-1])))
    finally:
        numba.set_num_threads(before)
        _permit.release()


def checked_threads(threads: int | None) -> int:
    """Return the number of threads to use, all that Numba may by default, or raise."""
    limit = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set at run time
    if threads is None:
        return int(numba.get_num_threads())
    if not 1 <= threads <= limit:
        raise InvalidInputError(f"{threads} threads", f"this process can use 1 to {limit}")
    return threads


@jit(parallel=True)
def _start_threads(count):
    total = 0
    for i in numba.prange(count):
        total += i
    return total


def threading_layer() -> str:
    """Start the threads and name the layer that runs them: tbb, omp or workqueue."""
    _start_threads(2)
    return str(numba.threading_layer())  # type: ignore[attr-defined]  # numba lists no exports
