"""Connecting to a scheduler of Dask, which is loaded for it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

from glimpsecli.errors import FileProblemError, InvalidInputError, UnavailableError, extra
from glimpsecli.jobs.cluster import Cluster

ANSWER = "10s"
"""How long a scheduler has to answer at first."""

_FORMS = "write tcp://HOST:8786, tls://HOST:8786 or local:4"


@contextmanager
def cluster_at(
    scheduler: str, *, name: str, chunk: int | None, note: Callable[[str], object]
) -> Iterator[Cluster]:  # fmt: skip
    """Connect to a scheduler, or start workers on this machine.

    Parameters
    ----------
    scheduler : str
        The address that :func:`address_of` or :func:`address_in` gives.
    name : str
        The scheduler in messages, as it was given.
    chunk : int, optional
        Images of a chunk; by default about `SECONDS` of work.
    note : callable
        Gets each fact that the user should know, a line.

    Raises
    ------
    InvalidInputError
        The scheduler does not answer.
    UnavailableError
        distributed is not installed.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise UnavailableError(f"--scheduler {name} needs Dask", extra("dask")) from error
    _silence()
    with ExitStack() as held:
        # Dask keeps the last 1,000 messages for its developers, and ours hold the items of chunks.
        held.enter_context(dask.config.set({"distributed.admin.low-level-log-length": 10}))
        address: Any = scheduler
        if scheduler.startswith("local:"):
            local_manners = {
                # A chunk waits at the scheduler, where the death of a worker does not touch it.
                "distributed.scheduler.worker-saturation": 1.0,
                # A worker that ends again and again, for the image does it, is started again and again: by default it
                # is given up where it happens to be away 15 seconds after one of its ends.
                "distributed.deploy.lost-worker-timeout": "1 day",
            }
            held.enter_context(dask.config.set(local_manners))
            count = int(scheduler.removeprefix("local:"))
            with _uninterrupted():
                try:
                    local = distributed.LocalCluster(
                        n_workers=count, threads_per_worker=1, host="127.0.0.1", silence_logs=logging.CRITICAL,
                        dashboard_address="127.0.0.1:0", memory_limit=0,  # no worker is ended for its share, as with -j
                    )  # fmt: skip
                except (OSError, RuntimeError) as error:
                    raise FileProblemError(f"--scheduler {name}: no workers could be started: {error}") from error
                address = held.enter_context(local)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                client = held.enter_context(distributed.Client(address, timeout=ANSWER))
        except (OSError, asyncio.TimeoutError, ValueError) as error:  # on 3.10 its timeout is no OSError
            raise InvalidInputError(
                f"no scheduler answers at {address}", "start one with `dask scheduler`, or check the address"
            ) from error
        if any("versions" in str(one.message) for one in caught):
            note(f"{name} and its workers do not have the versions of Dask and Python that are here")
        yield held.enter_context(Cluster(client, name, chunk, note))


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C until the block ends, and keep it from the processes that are started there, now or later.

    It reaches all processes of a terminal, and is for the client alone. A thread has the signals blocked that were when
    it was started, and so have its processes: those of Dask's own thread.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it would unblock the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _silence() -> None:
    """Keep Dask from writing to standard error: what matters comes as an error, or as a note."""
    for name in ("distributed", "tornado", "asyncio"):
        for logger in (name, *(one for one in logging.root.manager.loggerDict if one.startswith(f"{name}."))):
            logging.getLogger(logger).setLevel(logging.CRITICAL + 1)


def address_of(scheduler: str) -> str:
    """Check the value of ``--scheduler``: ``tcp://host:port``, ``tls://host:port``, or ``local:N`` for N workers here.

    Raises
    ------
    InvalidInputError
        It is none of them.
    """
    if scheduler.startswith("local:"):
        if re.fullmatch("local:[1-9][0-9]{0,3}", scheduler) is None:
            raise InvalidInputError(f"--scheduler {scheduler} is no number of workers", "write local:4")
    elif re.fullmatch(r"(tcp|tls)://[^/]+:[0-9]+", scheduler) is None:
        file = ", or give a scheduler file by --scheduler-file" if scheduler and "://" not in scheduler else ""
        raise InvalidInputError(f"--scheduler {scheduler or repr(scheduler)} is no address", _FORMS + file)
    return scheduler


def address_in(file: str) -> str:
    """Read the address of a scheduler from a file that the scheduler has written.

    Raises
    ------
    InvalidInputError
        The file is none.
    """
    try:
        with open(file, encoding="utf-8") as content:
            address = str(json.load(content)["address"])
        if "://" not in address:
            raise ValueError(address)
        return address
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{file or repr(file)} is no scheduler file",
            "give the one that `dask scheduler --scheduler-file` writes, or an address by --scheduler",
        ) from error
