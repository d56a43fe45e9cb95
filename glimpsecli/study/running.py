"""The run: chunks in processes of one thread each, and a file of finished chunks, so that a run can be resumed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, NamedTuple

from glimpsecli.bench.machine import THREADS
from glimpsecli.errors import GlimpseError
from glimpsecli.study import working
from glimpsecli.study.design import Design, chunks, tuning_chunks
from glimpsecli.study.mechanisms import MECHANISMS, Mechanism
from glimpsecli.study.trials_file import TrialsFile

Progress = Callable[[int, int], None]
Result = dict[str, Any]

_MOST_ON_WINDOWS = 61
"""Most processes on Windows, which cannot wait for more at a time."""


class Done(NamedTuple):
    """The results of a run.

    Attributes
    ----------
    design : Design
    tuned, worked : list of dict
        Results of :func:`~glimpsecli.study.working.tune` and ``work``, in the order of the design.
    """

    design: Design
    tuned: list[Result]
    worked: list[Result]

    @property
    def settings(self) -> dict[working.Key, working.Setting]:
        """The settings chosen on the images that were held out."""
        return working.choose(self.tuned, self.design.offsets)


def run(
    design: Design, path: str, *, jobs: int, mechanisms: Sequence[Mechanism] = MECHANISMS, resume: bool = False,
    overwrite: bool = False, progress: Progress = lambda done, count: None,
) -> Done:  # fmt: skip
    """Run an experiment, or the rest of it.

    Parameters
    ----------
    design : Design
        One whose trials can be drawn, see :func:`~glimpsecli.study.trials.check`.
    path : str
        The file to which each chunk is added when it is done.
    jobs : int
        Processes, at most.
    mechanisms : sequence of Mechanism
        Samplers under test; they are pickled.
    resume, overwrite : bool
        Go on with the file, which must be of the same design; or replace it. Without either there must be none.
    progress : callable
        Called with the number of chunks that are done, and of all.

    Raises
    ------
    GlimpseError
        The file exists or is damaged, see :class:`~glimpsecli.study.trials_file.TrialsFile`; or a process was ended
        from outside.
    """
    first, second = tuning_chunks(design), chunks(design)
    total = len(first) + len(second)
    with TrialsFile(path, design, mechanisms, resume=resume, overwrite=overwrite) as file:
        known = file.known

        def do(pool: ProcessPoolExecutor, work: Callable[..., Result], tasks: Sequence[tuple[Any, ...]]) -> None:
            for future in as_completed([pool.submit(work, *task) for task in tasks]):
                file.add(future.result())
                progress(len(known), total)

        progress(len(known), total)
        if len(known) < total:
            busy = max(sum(one not in known for one in some) for some in (first, second))
            with processes(min(jobs, busy), "give fewer with -j, and --resume to go on") as pool:
                do(pool, working.tune, [(design, one, mechanisms) for one in first if one not in known])
                settings = working.choose([known[one] for one in first], design.offsets)
                do(pool, working.work, [(design, one, settings, mechanisms) for one in second if one not in known])
    return Done(design, [known[one] for one in first], [known[one] for one in second])


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Limit libraries in processes that are started now to one thread: threads that share a core slow each other."""
    before = {name: os.environ[name] for name in THREADS if name in os.environ}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name in THREADS:
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def processes(jobs: int, hint: str = "close other programs, and try again") -> Iterator[ProcessPoolExecutor]:
    """Start processes, and end them whatever happens, even if this process is killed.

    Parameters
    ----------
    jobs : int
    hint : str
        What to do when a process is ended from outside.

    Raises
    ------
    GlimpseError
        A process was ended from outside.
    """
    others = {process.pid for process in multiprocessing.active_children()}
    context = multiprocessing.get_context("spawn")  # threads and forks do not mix
    jobs = min(jobs, _MOST_ON_WINDOWS) if os.name == "nt" else jobs
    with one_thread_each():
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)
        try:
            with _deaf():
                for _ in range(jobs):  # each starts a process, for none is idle yet
                    pool.submit(os.getpid)
            yield pool
        except BaseException as error:
            for process in multiprocessing.active_children():
                if process.pid not in others:
                    process.terminate()
            pool.shutdown(cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                raise GlimpseError("a process was ended, perhaps for want of memory", hint) from None
            raise
        pool.shutdown()


@contextmanager
def _deaf() -> Iterator[None]:
    """Delay a Ctrl-C, and hide it from processes that are started now: this process ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Prepare a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
