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
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import numba

PARALLEL_WORK = 3_000_000  # multiply-adds above which waking a thread pays
SHARES = 4  # of the work for each thread: one that starts late takes fewer


class Scratch:
    """The arrays in which calls of a kernel work, kept from call to call; no two calls share them at once.

    Parameters
    ----------
    make : callable
        Gives new ones.
    """

    def __init__(self, make: Callable[[], tuple[Any, ...]]) -> None:
        self._make = make
        self._spare: deque[tuple[Any, ...]] = deque()
        self.give_back = self._spare.append

    def take(self) -> tuple[Any, ...]:
        """Give arrays that nobody uses; :meth:`give_back` keeps them for the next call."""
        try:
            return self._spare.pop()
        except IndexError:
            return self._make()


def run(
    kernel: Any,
    arguments: tuple[Any, ...],
    scratch: Scratch,
    units: int,
    work: float,
    threads: int | None,
) -> list[Any]:
    """Call a kernel for `units` units, with threads where that pays; the result is the same.

    `scratch` has more arguments, arrays that no two threads may share; `work` is in multiply-adds; `threads` is the
    most that may be used, None for as many as Numba may. Gives the results of the calls.
    """
    if work < PARALLEL_WORK or (wanted := min(threads or units, processors(), units)) == 1:
        own = scratch.take()
        returned = kernel(*arguments, *own, 0, units)
        scratch.give_back(own)
        return [returned]
    step = -(-units // (SHARES * wanted))
    shares = deque(range(0, units, step))

    def take_shares() -> list[Any]:
        own = scratch.take()
        returned: list[Any] = []
        while True:
            try:
                first = shares.popleft()
            except IndexError:
                scratch.give_back(own)
                return returned
            returned.append(kernel(*arguments, *own, first, min(first + step, units)))

    helpers = _submitted(_pool(os.getpid(), processors()), take_shares, wanted - 1)
    try:
        returned = take_shares()
        for helper in helpers:
            if not helper.cancel():  # one that has not begun has nothing left to do
                returned += helper.result()
        return returned
    finally:  # whatever ends this, Ctrl-C too, ends it for all: the caller's arrays are its own again
        shares.clear()
        wait([helper for helper in helpers if not helper.cancel()])


def _submitted(pool: ThreadPoolExecutor, job: Callable[[], list[Any]], times: int) -> list[Future[list[Any]]]:
    """Hand a job to a pool several times, or fewer where Python is about to end: the pool then takes no more."""
    taken: list[Future[list[Any]]] = []
    try:
        taken.extend(pool.submit(job) for _ in range(times))
    except RuntimeError as error:
        if "shutdown" not in str(error):
            raise
    return taken


def processors() -> int:
    """Give the most threads that a kernel may use: the processors, or NUMBA_NUM_THREADS."""
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set at run time


@functools.cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Give the threads of a process: a forked child has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="glimpse")
