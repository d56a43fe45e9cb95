"""Whether a kernel runs on one thread or several.

A kernel is compiled for one thread and without the GIL, and takes the first and the last of its units of work: several
of Python's own threads then share the units. Numba's parallel loops would cost a second compilation of everything, and
their thread pools survive no fork and, some of them, no second caller.
"""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba

PARALLEL_WORK = 3_000_000  # multiply-adds above which waking a thread pays
SHARES = 4  # of the work for each thread: one that starts late takes fewer


def run(
    kernel: Any,
    arguments: tuple[Any, ...],
    scratch: Callable[[], tuple[Any, ...]],
    *,
    units: int,
    work: float,
    threads: int | None,
) -> bool:
    """Call a kernel for so many units, with threads where that pays; the result is the same.

    `scratch` makes more arguments, arrays that no two threads may share; `work` is in multiply-adds; `threads` is the
    most that may be used, None for as many as Numba may. Tells whether all calls returned true.
    """
    limit = processors()
    wanted = min(limit if threads is None else min(threads, limit), units)
    if wanted == 1 or work < PARALLEL_WORK:
        return bool(kernel(*arguments, *scratch(), 0, units))
    step = -(-units // (SHARES * wanted))
    shares = deque(range(0, units, step))

    def take_shares() -> bool:
        own, good = scratch(), True
        while True:
            try:
                first = shares.popleft()
            except IndexError:
                return good
            good = bool(kernel(*arguments, *own, first, min(first + step, units))) and good

    helpers = [_pool(os.getpid(), limit).submit(take_shares) for _ in range(wanted - 1)]
    good = take_shares()
    for helper in helpers:
        if not helper.cancel():  # one that has not begun has nothing left to do
            good = helper.result() and good
    return good


def processors() -> int:
    """Give the most threads that a kernel may use: the processors, or NUMBA_NUM_THREADS."""
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set at run time


@functools.cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Give the threads of a process: a forked child has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="glimpse")
