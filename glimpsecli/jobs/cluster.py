"""A cluster: the workers of a Dask scheduler, who do the chunks of a plan, while the client keeps their order.

Chunks go out in a bounded window that begins with the oldest one whose outcome has not come, so that neither the plan
nor the outcomes pile up. Where a worker is lost its chunk is done again elsewhere; where a chunk ends its workers, its
images are tried one by one, and the one that does it fails.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError
from glimpsecli.jobs import engine
from glimpsecli.jobs.chunks import Chunk, Outcome, Terms, packed, problem_of, unpacked, work
from glimpsecli.jobs.description import versions
from glimpsecli.jobs.outputs import make_folder
from glimpsecli.jobs.plan import Item, Plan
from glimpsecli.jobs.products import Done
from glimpsecli.jobs.resuming import size_of
from glimpsecli.storage import is_address, joined, path_of, storage_of
from glimpsecli.storage.atomic import temporary_name

if TYPE_CHECKING:
    from typing_extensions import Self

SECONDS = 10.0
"""Seconds of work in a chunk: long beside the milliseconds that a task costs, short where a worker is lost."""
LAST_SECONDS = 0.5
"""The same of the last chunks, which are small so that the workers end together."""
MOST = 4000
"""Images of the largest chunk, whose outcomes are some megabytes."""
WINDOW = 4
"""Chunks that are out for each thread of the workers."""
PATIENCE = 60.0
"""Seconds between two lines about a chunk that is waited for."""


class Cluster:
    """The workers of a scheduler; as a context it holds the file by which they know the output folder.

    Parameters
    ----------
    client : distributed.Client
    name : str
        The scheduler, in messages.
    chunk : int, optional
        Images of a chunk; by default about `SECONDS` of work.
    note : callable
        Gets each fact that the user should know, a line.

    Attributes
    ----------
    lost : bool
        Whether a worker was lost, which may have left temporary files.
    """

    def __init__(self, client: Any, name: str, chunk: int | None, note: Callable[[str], object]) -> None:
        self._client, self._name, self._chunk, self._note = client, name, chunk, note
        self._run, self._sent = os.urandom(6).hex(), 0
        self._pace = SECONDS  # seconds that an image takes
        self._threads: dict[str, int] = {}  # of each worker
        self._waiting: deque[tuple[tuple[Item, ...], Any]] = deque()  # chunks, and their futures where there are any
        self._terms: Terms | None = None
        self._made: list[Path] = []  # folders that were not there
        self.lost = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terms is not None:
            with suppress(GlimpseError):
                storage_of(self._terms.token).delete(path_of(self._terms.token))
            with suppress(OSError):  # a run that was refused leaves no folder
                for folder in self._made:
                    folder.rmdir()

    def checked(self, items: Iterator[Item], plan: Plan) -> Iterator[Item]:
        """Check all workers before the first item of a plan, and give the items.

        Raises
        ------
        InvalidInputError
            A worker has other versions, cannot read the first source, or has another output folder.
        """
        assert plan.root is not None
        first = [*islice(items, 1)]
        source = first[0].source if first else ""
        name = f".glimpse/cluster-{self._run}" if is_address(plan.root) else temporary_name("run.json")
        token = joined(plan.root, name)
        if not is_address(token):
            self._made = [one for one in (Path(plan.root), *Path(plan.root).parents) if not one.exists()]
            make_folder(token)
        self._terms = Terms((*versions().items(),), token, os.urandom(16), source, size_of(source))
        self._put_token()
        self._look_at_workers()
        if not self._threads:
            self._note(f"{self._name} has no workers yet: waiting for the first")
            self._client.wait_for_workers(1)
        for worker, problem in self._client.run(problem_of, self._terms, on_error="return").items():
            if isinstance(problem, GlimpseError):
                raise InvalidInputError(f"worker {worker}: {problem.message}", problem.hint)
            if not isinstance(problem, OSError | None):  # with one of the network it is gone; chunks are checked again
                raise InvalidInputError(
                    f"worker {worker}: {type(problem).__name__}: {problem}", "install the same glimpsecli there"
                )
        return chain(first, items)

    def run(
        self, plan: Plan, items: Iterator[Item], stop: threading.Event, *, total: Callable[[], int],
        workers: int = 1, is_done: Callable[[Item], bool] | None = None,
    ) -> Iterator[Done]:  # fmt: skip
        """Run a plan in its order, as :func:`glimpsecli.jobs.engine.run` does.

        Parameters
        ----------
        plan, items, is_done
            As for that function. The items are those of :meth:`checked`.
        stop : threading.Event
            Once it is set no chunk is begun.
        total : callable
            Gives the number of items, as far as it is known.
        workers : int
            Images that each thread of a worker works on at once.

        Raises
        ------
        GlimpseError
            The scheduler is gone, a shard cannot be written, or a worker fails for a reason that is in no image.
        """
        assert self._terms is not None
        assert plan.root is not None
        self._put_token()  # a run that is resumed has removed it with what a killed one left
        # A chunk that is done again meets its own files. On a disk all were looked for when they were planned; in a
        # store, and where a run is resumed, a file of somebody else stays. A shard is replaced where the client would.
        own = plan.output.resumed if plan.sharding is not None else not (is_address(plan.root) or plan.output.resumed)
        output = plan.output._replace(overwrite=plan.output.overwrite or own, resumed=True)
        chunk = Chunk(plan._replace(output=output), (), self._terms, is_done, workers)
        chunks = self._chunks(plan, items, total)
        try:
            while True:
                self._look_at_workers()
                while not stop.is_set() and len(self._waiting) < WINDOW * self._all_threads:
                    some = next(chunks, None)
                    if some is None:
                        break
                    idle = all(item.stands for item in some)
                    self._waiting.append((some, None if idle else self._send(chunk, some)))
                if not self._waiting:
                    return
                some, future = self._waiting.popleft()
                if future is None:
                    yield from engine.run(plan, some)
                    continue
                with suppress(_StoppedError):
                    outcome = self._result(future, some, stop)
                    if outcome is None:
                        yield from self._one_by_one(chunk, some, stop)
                    else:
                        worked = sum(not done.skipped for done in outcome.done)
                        self._pace = outcome.seconds / worked if worked else self._pace
                        yield from outcome.done
        except GlimpseError:
            raise
        except Exception as error:
            if self._client.status == "running":
                raise
            raise self._gone() from error
        finally:
            with suppress(Exception):  # the scheduler may be gone
                self._client.cancel([future for _, future in self._waiting if future is not None])

    @property
    def _all_threads(self) -> int:
        return sum(self._threads.values()) or 1

    def _chunks(self, plan: Plan, items: Iterator[Item], total: Callable[[], int]) -> Iterator[tuple[Item, ...]]:
        """Cut the items into chunks; a shard is one."""
        if plan.sharding is not None:
            for _, shard in groupby(items, key=lambda item: item.shard):
                yield tuple(shard)
            return
        given = 0
        while some := tuple(islice(items, self._chunk or self._next_size(total() - given))):
            given += len(some)
            yield some

    def _next_size(self, left: int) -> int:
        """Give the size of the next chunk; the first ones are of one image, which shows how long it takes."""
        pace = max(self._pace, SECONDS / MOST)
        share = left // (2 * self._all_threads)
        return int(max(1, min(SECONDS / pace, max(share, LAST_SECONDS / pace))))

    def _send(self, chunk: Chunk, items: tuple[Item, ...]) -> Any:
        self._sent += 1
        # As bytes, for Dask searches tuples for tasks of its own. It must not be scattered: what is lost with a worker
        # could not be made again.
        content = packed(chunk._replace(items=items))
        return self._client.submit(work, content, key=f"glimpse-{self._run}-{self._sent}", pure=False, retries=2)

    def _result(self, future: Any, items: Sequence[Item], stop: threading.Event) -> Outcome | None:
        """Wait for the outcome of a chunk; None where it has ended its workers."""
        from distributed import CancelledError, KilledWorker

        try:
            outcome: Outcome = unpacked(self._content(future, items, stop))
        except KilledWorker:
            return None
        except CancelledError:
            if stop.is_set():
                raise _StoppedError from None
            raise self._gone() from None
        except GlimpseError:
            raise
        except Exception as error:
            raise FileProblemError(
                f"{self._name}: a worker failed at {items[0].name}: {error}",
                "mend it, and go on with --resume",
            ) from error
        finally:
            future.release()
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def _content(self, future: Any, items: Sequence[Item], stop: threading.Event) -> bytes:
        """Wait for a chunk; say so now and then; after a stop, call back those that no worker has begun."""
        from distributed import wait

        late = (TimeoutError, asyncio.TimeoutError)  # one and the same from Python 3.11 on

        began, lines, stopped = time.monotonic(), 0, False
        while True:
            with suppress(*late):
                wait([future], timeout=0.5)
                content: bytes = future.result(timeout=5)  # a worker that is lost meanwhile takes it along
                return content
            if self._client.status != "running":
                raise self._gone()
            if stop.is_set() and not stopped:
                stopped = True
                running = {key for keys in self._client.processing().values() for key in keys}
                out = [future, *(one for _, one in self._waiting if one is not None)]
                self._client.cancel([one for one in out if not one.done() and one.key not in running])
            waited = time.monotonic() - began
            if waited > (lines + 1) * PATIENCE:
                lines += 1
                self._look_at_workers()
                if not self._threads and self._name.startswith("local:"):
                    raise FileProblemError(f"{self._name} has no workers left", "go on with --resume")
                self._note(
                    f"{items[0].name} and {len(items) - 1} more: waited for {waited:.0f} s; {self._name} has "
                    f"{len(self._threads)} workers"
                )

    def _one_by_one(self, chunk: Chunk, items: tuple[Item, ...], stop: threading.Event) -> Iterator[Done]:
        """Work on each image of a chunk that has ended its workers alone; those that do it twice fail.

        The second time nothing of the chunk is out beside the image, so that it is the reason.
        """
        each, outcomes = chunk._replace(writes=False), list[Outcome | None]([None])
        if len(items) > 1:
            futures = [self._send(each, (item,)) for item in items]
            outcomes = [self._result(future, [item], stop) for future, item in zip(futures, items, strict=True)]
        for number, item in enumerate(items):
            if outcomes[number] is None:
                outcomes[number] = self._result(self._send(each, (item,)), [item], stop)
            if outcomes[number] is None:
                reason = FileProblemError(f"{item.name} ended its worker several times", "give workers more memory")
                items = (*items[:number], item._replace(failure=reason), *items[number + 1 :])
        if chunk.plan.sharding is not None:
            whole = self._result(self._send(chunk, items), items, stop)
            if whole is None:
                raise FileProblemError(f"shard {items[0].shard} ended its worker several times", "make shards smaller")
            yield from whole.done
            return
        for item, outcome in zip(items, outcomes, strict=True):
            yield from engine.run(chunk.plan, [item]) if outcome is None else outcome.done

    def _put_token(self) -> None:
        assert self._terms is not None
        storage_of(self._terms.token).put(path_of(self._terms.token), self._terms.content, overwrite=True)

    def _look_at_workers(self) -> None:
        """Count the threads of the workers, and notice when one is lost."""
        threads = self._client.nthreads()
        self.lost = self.lost or bool(self._threads.keys() - threads.keys())
        self._threads = threads

    def _gone(self) -> FileProblemError:
        return FileProblemError(f"the scheduler at {self._name} is gone", "start it, and go on with --resume")


class _StoppedError(Exception):
    """A chunk was called back after a stop."""
