"""The estimate of a batch: a sample of its images is made in memory, and what the whole takes is reckoned from it."""

from __future__ import annotations

import pickle
import random
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise
from statistics import fmean, quantiles
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs import engine
from glimpsecli.jobs.batch import AHEAD
from glimpsecli.jobs.cluster import MOST, SECONDS, WINDOW
from glimpsecli.jobs.lines import line_of
from glimpsecli.jobs.sharding import Sharding
from glimpsecli.storage import is_address

if TYPE_CHECKING:
    from glimpsecli.jobs.batch import Batch
    from glimpsecli.jobs.plan import Item, Plan

SAMPLE = 32
"""Images that are made."""
LISTED = 1000
"""Objects that a store gives in an answer to a request for their names."""
TAR = 1024 + 2 * 256
"""Bytes that a tar takes for a glimpse and its line beside them: a header each, and the rest of a block."""


class Estimate(NamedTuple):
    """What a batch takes.

    Attributes
    ----------
    images, glimpses : int
    sample : int
        Images that were made.
    drawn : int
        Images that the sample was drawn from.
    failed : int
        Images of the sample that failed.
    seconds : (float, float, float)
        Time of one core for an image: the mean, the median, and what nine of ten stay below.
    glimpse_bytes, line_bytes, outcome_bytes : float
        Means for a glimpse and its line, and for what a worker of a cluster sends back for an image.
    shards : int or None
        Their number, where there are any.
    reads, puts, lists : int
        Requests to stores.
    """

    images: int
    glimpses: int
    sample: int
    drawn: int
    failed: int
    seconds: tuple[float, float, float]
    glimpse_bytes: float
    line_bytes: float
    outcome_bytes: float
    shards: int | None
    reads: int
    puts: int
    lists: int

    @property
    def core_seconds(self) -> float:
        """Time that one core takes."""
        return self.images * self.seconds[0]

    @property
    def files(self) -> int:
        """Files or objects that are written: glimpses and a manifest, or shards and receipts; and ``run.json``."""
        return 2 * self.shards + 1 if self.shards is not None else self.glimpses + 2

    @property
    def output_bytes(self) -> int:
        """Bytes of all of them, but for ``run.json``."""
        each = self.glimpse_bytes + self.line_bytes
        return round(self.glimpses * (each + (self.line_bytes + TAR if self.shards is not None else 0)))

    @property
    def chunk(self) -> int:
        """Images of a chunk of a cluster; see :mod:`glimpsecli.jobs.cluster`."""
        if self.shards is not None:
            return -(-self.images // self.shards)
        return max(1, min(MOST, self.images, round(SECONDS / max(self.seconds[0], 1e-9))))

    @property
    def chunks(self) -> int:
        """Chunks of a cluster."""
        return -(-self.images // self.chunk)

    def waiting_bytes(self, cores: int) -> int:
        """Give the memory that outcomes take at most which wait at the workers of a cluster for their turn."""
        return round(min(self.images, WINDOW * cores * self.chunk) * self.outcome_bytes)


def estimate(batch: Batch, images: int | None, tick: Callable[[], object]) -> Estimate:
    """Make a sample of the images of a batch in memory, and reckon what the whole takes.

    Parameters
    ----------
    batch : Batch
    images : int, optional
        Number of the images; by default they are counted.
    tick : callable
        Is called after each image of the sample.

    Raises
    ------
    InvalidInputError
        No image of the sample can be made.
    """
    ahead = [*islice(batch.items(), AHEAD)]
    images = images or batch.count()
    sample = [ahead[number] for number in _spread(len(ahead))]
    made = [*_made(batch.plan, sample, tick)]
    good = [one for one in made if one.glimpses is not None]
    if not good:
        raise InvalidInputError(f"none of {len(made)} images can be made", "run batch on some of them to see why")
    timed = sorted(one.seconds for one in (made[1:] or made))  # the first one loads compiled code
    deciles = quantiles(timed, n=10, method="inclusive") if len(timed) > 1 else [*timed] * 9
    share = len(good) / len(made)
    glimpses = round(images * share * fmean(len(one.glimpses or ()) for one in good))
    sizes = [size for one in good for size in one.glimpses or ()] or [0]
    lines = [size for one in good for size in one.lines] or [0]
    sharding, root = batch.plan.sharding, batch.plan.root or ""
    shards = None if sharding is None else -(-images // sharding.per_shard)
    written = 0 if not is_address(root) else glimpses if shards is None else 2 * shards
    reads = round(images * sum(is_address(item.source) for item in sample) / len(sample))
    return Estimate(
        images, glimpses, len(made), len(ahead), len(made) - len(good), (fmean(timed), deciles[4], deciles[8]),
        fmean(sizes), fmean(lines), fmean(one.outcome for one in made), shards, reads, written, -(-reads // LISTED),
    )  # fmt: skip


class _Made(NamedTuple):
    """An image of the sample: its time, and the bytes of its glimpses, if it has not failed, lines and outcome."""

    seconds: float
    glimpses: tuple[int, ...] | None
    lines: tuple[int, ...]
    outcome: int


def _spread(count: int) -> Sequence[int]:
    """Choose numbers below `count`, one in each of equal stretches, the same ones each time."""
    stretches = min(SAMPLE, count)
    chance = random.Random(0)
    edges = [count * number // stretches for number in range(stretches + 1)] if stretches else [0]
    return [chance.randrange(start, stop) for start, stop in pairwise(edges)]


def _made(plan: Plan, sample: Sequence[Item], tick: Callable[[], object]) -> Iterator[_Made]:
    """Make images in memory: the glimpses of shards are encoded and not written."""
    plan = plan._replace(sharding=plan.sharding or Sharding(""))
    for item in sample:
        began = time.perf_counter()
        (done,) = engine.run(plan, [item])
        seconds = time.perf_counter() - began
        lines = tuple(len(line_of(product.record, plan.root or "")) for product in done.products)
        sizes = tuple(len(product.content or b"") for product in done.products)
        kept = done._replace(products=tuple(product._replace(content=None) for product in done.products))
        yield _Made(seconds, None if done.failure is not None else sizes, lines, len(pickle.dumps(kept)))
        tick()
