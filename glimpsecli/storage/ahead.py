"""Reading ahead, in other threads: requests that wait for the network run side by side, and results come in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

AT_ONCE = 8
"""Requests at once, and results that are held in memory besides the one in use."""


def ahead(read: Callable[[str], bytes], paths: Iterable[str]) -> Iterator[bytes]:
    """Read files in order, the next few before they are asked for."""
    left = iter(paths)
    first = [*islice(left, AT_ONCE)]
    if not first:
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(first)), "glimpse-read") as pool:
        waiting: deque[Future[bytes]] = deque(pool.submit(read, path) for path in first)
        try:
            while waiting:
                content = waiting.popleft().result()
                waiting.extend(pool.submit(read, path) for path in islice(left, 1))
                yield content
        finally:
            for future in waiting:
                future.cancel()


def elsewhere(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Run an iterator in a thread of its own: obstore asks for the pieces of an object where no request can be made."""
    with ThreadPoolExecutor(1, "glimpse-read") as thread:
        while (piece := thread.submit(next, pieces, None).result()) is not None:
            yield piece
