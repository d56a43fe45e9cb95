"""Chunks: consecutive items of a plan that a worker of a cluster works on, in a process or on a machine of its own.

This is the worker's side, which knows nothing of the cluster: a chunk comes and its outcome goes as bytes, a tenth of
what they would be without compression. A chunk may be worked on twice, where a worker was lost; its files are then
written again, with the same bytes.
"""

from __future__ import annotations

import pickle
import platform
import time
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.jobs import engine
from glimpsecli.jobs.description import versions
from glimpsecli.jobs.plan import Item, Plan
from glimpsecli.jobs.pool import keep_memory
from glimpsecli.jobs.products import Done
from glimpsecli.jobs.resuming import size_of
from glimpsecli.jobs.shard_writing import digest_of, write_shard
from glimpsecli.jobs.syncing import sync_files
from glimpsecli.storage import is_address, path_of, shown, storage_of
from glimpsecli.storage.members import distrust_tars


class Terms(NamedTuple):
    """What must hold on a worker, so that its files are those that the client would write.

    Attributes
    ----------
    versions : tuple of (str, str or None)
        Of glimpse and of the packages that the bytes depend on.
    token : str
        The path of a file that the client has written into the output folder.
    content : bytes
        The content of that file.
    source : str
        The first source.
    size : int or None
        Its size in bytes, where the client can read it.
    """

    versions: tuple[tuple[str, str | None], ...]
    token: str
    content: bytes
    source: str
    size: int | None


class Chunk(NamedTuple):
    """Consecutive items of a plan.

    Attributes
    ----------
    plan : Plan
        Without its items.
    items : tuple of Item
        Of a plan of shards, all those of one shard.
    terms : Terms
    is_done : callable, optional
        As for :func:`glimpsecli.jobs.engine.run`.
    workers : int
        Images that are worked on at once by each thread of a worker: several where they come from a store.
    writes : bool
        Whether a shard is written, and not only tried.
    """

    plan: Plan
    items: tuple[Item, ...]
    terms: Terms
    is_done: Callable[[Item], bool] | None = None
    workers: int = 1
    writes: bool = True


class Outcome(NamedTuple):
    """The outcome of a chunk.

    Attributes
    ----------
    done : tuple of Done
        That of each item; of a shard that was written, the last one holds the receipt.
    seconds : float
    error : GlimpseError, optional
        The reason why the run cannot go on.
    """

    done: tuple[Done, ...]
    seconds: float = 0.0
    error: GlimpseError | None = None


def packed(value: Chunk | Outcome) -> bytes:
    """Turn a chunk or an outcome into bytes."""
    return zlib.compress(pickle.dumps(value), 1)


def unpacked(content: bytes) -> Any:
    """Turn what :func:`packed` gives back into a chunk or an outcome."""
    return pickle.loads(zlib.decompress(content))


def work(content: bytes) -> bytes:
    """Work on a packed chunk, and give its packed outcome."""
    began = time.perf_counter()
    keep_memory()
    try:
        chunk: Chunk = unpacked(content)
        check(chunk.terms)
        return packed(Outcome(_run(chunk), time.perf_counter() - began))
    except GlimpseError as error:
        return packed(Outcome((), error=error))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    raise RuntimeError(reason)  # alone: for an error that it cannot unpickle the client would wait for ever


@lru_cache(maxsize=64)
def check(terms: Terms) -> None:
    """Check the terms of a run on this worker, once; what a worker keeps of an earlier run may be outdated.

    Raises
    ------
    InvalidInputError
        They do not hold.
    """
    distrust_tars()
    here, node = versions(), platform.node()
    for name, version in terms.versions:
        if here.get(name) != version:
            raise InvalidInputError(f"{node} has {name} {here.get(name)} and not {version}", "install the same version")
    if terms.size is not None and size_of(terms.source) != terms.size:
        raise InvalidInputError(
            f"{shown(terms.source)} is not on {node}, or another file",
            "give absolute paths of a disk that all machines share, or addresses that all of them may read",
        )
    try:
        same = storage_of(terms.token).read(path_of(terms.token)) == terms.content
    except InvalidInputError:
        same = False
    if not same:
        raise InvalidInputError(
            f"the output folder of {node} is another one",
            "give the absolute path of a folder that all machines share",
        )


def problem_of(terms: Terms) -> GlimpseError | None:
    """Give the reason why this worker cannot work under the terms of a run."""
    try:
        check(terms)
    except GlimpseError as error:
        return error
    return None


def _run(chunk: Chunk) -> tuple[Done, ...]:
    plan = chunk.plan
    done = tuple(engine.run(plan, chunk.items, workers=chunk.workers, is_done=chunk.is_done))
    if plan.sharding is None:
        files = [product.record["file"] for one in done for product in one.products if one.failure is None]
        if plan.root is not None and not is_address(plan.root):
            sync_files(files)  # this machine may have them in its memory alone
        return done
    receipt = None
    if chunk.writes:
        number = chunk.items[0].shard or 0
        receipt = write_shard(
            plan.sharding, number, done, digest_of(chunk.items, plan), overwrite=plan.output.overwrite
        )
    done = tuple(_without_content(one) for one in done)
    return (*done[:-1], done[-1]._replace(receipt=receipt))


def _without_content(done: Done) -> Done:
    return done._replace(products=tuple(product._replace(content=None) for product in done.products))
