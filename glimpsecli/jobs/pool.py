"""Work in threads: bounded in number and in bytes, results in order, and a stop that lets running tasks finish."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

IN_FLIGHT = 2 << 30
"""Bytes of pictures that are in memory at once; a larger picture is worked on alone."""

KEPT = {-1: 256 << 20, -3: 32 << 20}
"""Values of glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, in bytes: more free memory at the end of a heap, and larger
arrays, go back to the system when they are freed."""

AHEAD = 4
"""Tasks that wait for each thread, so that none idles while an earlier result is slow."""


class Budget:
    """A budget of bytes that threads share."""

    def __init__(self, total: int = IN_FLIGHT) -> None:
        self._total = self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Wait for the bytes, and give them back at the end of the block."""
        amount = min(amount, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= amount)
            self._free -= amount
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()


def processors() -> int:
    """Give the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_memory() -> None:
    """Have the C library keep the memory of one image for the next.

    Else it gives large arrays back to the system, and a third of the time to decode a photo of 12 million pixels goes
    into getting them again, page by page.
    """
    if sys.platform == "linux":
        import ctypes

        with suppress(AttributeError):  # another library than glibc
            for option, value in KEPT.items():
                ctypes.CDLL(None).mallopt(option, value)


def in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], workers: int, stop: threading.Event | None = None
) -> Generator[Result, None, None]:
    """Do the tasks and give their results, in order.

    Parameters
    ----------
    work : callable
        Function that is called with each task.
    tasks : iterable
    workers : int
        Number of threads; with 1 the tasks run in the caller's.
    stop : threading.Event, optional
        Once it is set no task is begun; running tasks are finished, and their results given.
    """
    stop = stop or threading.Event()
    if workers == 1:
        for task in tasks:
            if stop.is_set():
                return
            yield work(task)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    def begin(task: Task) -> Result | None:
        return None if stop.is_set() else work(task)

    with ThreadPoolExecutor(workers, thread_name_prefix="glimpse") as pool:
        waiting: deque[Future[Result | None]] = deque()
        coming = iter(tasks)
        try:
            while True:
                while not stop.is_set() and len(waiting) < workers * AHEAD:
                    try:
                        waiting.append(pool.submit(begin, next(coming)))
                    except StopIteration:
                        break
                if not waiting:
                    return
                result = waiting.popleft().result()
                if result is not None:  # its turn came before the stop
                    yield result
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
