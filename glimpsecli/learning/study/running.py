"""The run: chunks in processes of one thread each, and a file that keeps what is done, so that a run can go on."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from glimpsecli.bench.machine import THREADS
from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.learning.study import working
from glimpsecli.learning.study.design import Chunk, Design, chunks, fingerprint, tuning_chunks

Task = TypeVar("Task")
Tell = Callable[[int, int], None]

FORMAT = "glimpse study training 1"


class Done(NamedTuple):
    """All that a run found.

    Attributes
    ----------
    design : Design
    tuned, worked : list of dict
        What :func:`~glimpsecli.learning.study.working.tune` and ``work`` gave, in the order of the design.
    """

    design: Design
    tuned: list[dict[str, Any]]
    worked: list[dict[str, Any]]

    @property
    def settings(self) -> dict[tuple[str, float], working.Setting]:
        """What was chosen on the images that were held out."""
        return working.choose(self.tuned, self.design.offsets)


def run(design: Design, path: str, *, jobs: int, resume: bool = False, tell: Tell = lambda done, count: None) -> Done:
    """Do an experiment, or what is left of it.

    Parameters
    ----------
    design : Design
    path : str
        The file that each chunk is added to when it is done.
    jobs : int
        Processes.
    resume : bool
        Go on with the file; it must be of the same design. Without it there must be no file.
    tell : callable
        Told how many chunks are done, of how many.
    """
    known = _opened(path, design, resume=resume)
    first, second = tuning_chunks(design), chunks(design)
    total = len(first) + len(second)

    def note(result: dict[str, Any]) -> None:
        with open(path, "a", encoding="ascii") as stream:
            stream.write(json.dumps(result) + "\n")
        known[Chunk(*result["chunk"])] = result
        tell(len(known), total)

    tell(len(known), total)
    with processes(jobs) as pool:
        for result in _each(pool, working.tune, [(design, one) for one in first if one not in known]):
            note(result)
        settings = working.choose([known[one] for one in first], design.offsets)
        for result in _each(pool, working.work, [(design, one, settings) for one in second if one not in known]):
            note(result)
    return Done(design, [known[one] for one in first], [known[one] for one in second])


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that are started now give their libraries one thread: two that share a core slow each other."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes when they are needed, and end them whatever happens."""
    others = {process.pid for process in multiprocessing.active_children()}
    context = multiprocessing.get_context("spawn")  # threads and forks do not mix
    with one_thread_each():
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_on_interrupt)
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                if process.pid not in others:
                    process.terminate()
            raise
        pool.shutdown()


def _each(
    pool: ProcessPoolExecutor, do: Callable[..., dict[str, Any]], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[dict[str, Any]]:
    """Give the results of tasks as they come."""
    for future in as_completed([pool.submit(do, *task) for task in tasks]):
        yield future.result()


def _end_on_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # quietly: the parent says what is to be said


def _opened(path: str, design: Design, *, resume: bool) -> dict[Chunk, dict[str, Any]]:
    """Give what a file holds already, or begin a new one; half a line at its end, of a run that was killed, goes."""
    if not os.path.exists(path):
        _begin(path, design)
        return {}
    if not resume:
        raise InvalidInputError(f"{path} exists", "give --resume to go on with it, or another folder")
    with open(path, "rb") as stream:
        whole, newline, half = stream.read().rpartition(b"\n")
    lines = whole.splitlines()
    if not lines:
        _begin(path, design)
        return {}
    if half:
        os.truncate(path, len(whole) + len(newline))
    try:
        head, *rest = (json.loads(line) for line in lines)
        same = head["format"] == FORMAT and head["fingerprint"] == fingerprint(design)
        known = {Chunk(*one["chunk"]): one for one in rest}
    except (ValueError, KeyError, TypeError) as error:
        raise FileProblemError(
            f"{path} is damaged: {type(error).__name__} at {error}", "begin another folder"
        ) from None
    if not same:
        raise InvalidInputError(
            f"{path} is of another experiment", "give the options that it was begun with, or another folder"
        )
    return known


def _begin(path: str, design: Design) -> None:
    head: Mapping[str, Any] = {"format": FORMAT, "fingerprint": fingerprint(design), "design": design.plain()}
    with open(path, "w", encoding="ascii") as stream:
        stream.write(json.dumps(head) + "\n")
