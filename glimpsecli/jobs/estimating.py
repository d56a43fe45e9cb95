"""The estimate of a batch: a sample of its images is made in memory, and what the whole takes is reckoned from it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import islice, pairwise
from statistics import fmean, quantiles
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs import engine
from glimpsecli.jobs.batch import AHEAD
from glimpsecli.jobs.chunks import Outcome, packed
from glimpsecli.jobs.cluster import MOST, SECONDS, WINDOW
from glimpsecli.jobs.lines import line_of
from glimpsecli.jobs.pool import keep_memory
from glimpsecli.jobs.sharding import Sharding
from glimpsecli.jobs.store_requests import Requests, requests_of, tars_of
from glimpsecli.storage import is_address

if TYPE_CHECKING:
    from glimpsecli.errors import GlimpseError
    from glimpsecli.jobs.batch import Batch
    from glimpsecli.jobs.plan import Item, Plan
    from glimpsecli.jobs.products import Done
    from glimpsecli.jobs.sources import Sources

SAMPLE = 32
"""Images that are made."""
AGAIN = 20.0
"""Seconds in which they are made a second time, for the first time may hold the compilation of kernels."""
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
    problem : GlimpseError or None
        The error of the first of these.
    seconds : (float, float, float)
        Time of one core for an image: the mean, the median, and what nine of ten stay below.
    glimpse_bytes, line_bytes, outcome_bytes : float
        Means for a glimpse and its line, and for what a worker of a cluster sends back for an image.
    shards : int or None
        Their number, where there are any.
    requests : Requests
    """

    images: int
    glimpses: int
    sample: int
    drawn: int
    failed: int
    problem: GlimpseError | None
    seconds: tuple[float, float, float]
    glimpse_bytes: float
    line_bytes: float
    outcome_bytes: float
    shards: int | None
    requests: Requests

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


def estimate(batch: Batch, sources: Sources, images: int | None, tick: Callable[[], object]) -> Estimate:
    """Make a sample of the images of a batch in memory, and reckon what the whole takes.

    Each image of the sample is made twice, and the time of the second is taken, as long as there are `AGAIN` seconds
    for that: compilation is no part of it. It is the time of the processor, which is the same where other programs run,
    or a network is waited for.

    Parameters
    ----------
    batch : Batch
    sources : Sources
        Those of the batch.
    images : int, optional
        Number of the images; by default they are counted.
    tick : callable
        Is called after each image of the sample that is made, `2 * SAMPLE` times at most.

    Raises
    ------
    InvalidInputError
        There is no image to make a sample of, none of the sample can be made, or they cannot be counted.
    """
    ahead = [*islice(batch.items(), AHEAD)]
    _check(ahead, batch, sources, images)
    images = images or batch.count()
    batch.close()  # or they would be counted on while images are timed
    keep_memory()
    sample = [ahead[number] for number in _spread(len(ahead))]
    made = _made_twice(batch.plan, sample, tick)
    good = [one for one in made if one.failure is None]
    problem = next((one.failure for one in made if one.failure is not None), None)
    if not good:
        raise InvalidInputError(f"none of {len(made)} images can be made; the first: {problem}", "check the sources")
    timed = [one.seconds for one in made]
    deciles = quantiles(timed, n=10, method="inclusive") if len(timed) > 1 else timed * 9
    share = len(good) / len(made)
    glimpses = round(images * share * fmean(len(one.glimpses) for one in good))
    sizes = [size for one in good for size in one.glimpses] or [0]
    lines = [size for one in good for size in one.lines] or [0]
    sharding = batch.plan.sharding
    shards = None if sharding is None else -(-images // sharding.per_shard)
    written = glimpses if shards is None else 2 * shards
    outcomes = len(packed(Outcome(tuple(one.outcome for one in made)))) / len(made)
    return Estimate(
        images, glimpses, len(made), len(ahead), len(made) - len(good), problem,
        (fmean(timed), deciles[4], deciles[8]), fmean(sizes), fmean(lines), outcomes, shards,
        requests_of(batch, sources, ahead, images, written),
    )  # fmt: skip


class _Made(NamedTuple):
    """An image of the sample: its time, the bytes of its glimpses and lines, and its outcome without the glimpses."""

    seconds: float
    failure: GlimpseError | None
    glimpses: tuple[int, ...]
    lines: tuple[int, ...]
    outcome: Done


def _check(ahead: Sequence[Item], batch: Batch, sources: Sources, images: int | None) -> None:
    """Refuse a batch of which there is no sample, or whose images are counted only while they are read."""
    number, parts = batch.part
    if not ahead and parts > 1:
        raise InvalidInputError(f"part {number} of {parts} has no images to estimate", "leave --part out")
    if not ahead:
        raise InvalidInputError("no image has a window, and so there is nothing to estimate", "check the annotations")
    tars = [tar for tar in sources.tars if is_address(tar)]
    if images is None and tars and parts == 1 and len(ahead) >= AHEAD:
        whole = max(1, len(tars_of(ahead)) - 1)  # the last one may have more
        raise InvalidInputError(
            f"{len(tars)} tars of a store are not fetched to count their images; {whole} of them hold {AHEAD:,}",
            f"give the number of all images, such as --estimate={AHEAD * len(tars) // whole}",
        )


def _spread(count: int) -> Sequence[int]:
    """Choose numbers below `count`, one in each of equal stretches, the same ones each time."""
    stretches = min(SAMPLE, count)
    chance = random.Random(0)
    edges = [count * number // stretches for number in range(stretches + 1)]
    return [chance.randrange(start, stop) for start, stop in pairwise(edges)]


def _made_twice(plan: Plan, sample: Sequence[Item], tick: Callable[[], object]) -> list[_Made]:
    """Make images in memory: the glimpses of shards are encoded and not written."""
    plan = plan._replace(sharding=plan.sharding or Sharding(""))
    made = []
    for item in sample:
        made.append(_made(plan, item))
        tick()
    began = time.monotonic()
    for number, item in enumerate(sample):
        if time.monotonic() - began > AGAIN:
            break
        made[number] = _made(plan, item)
        tick()
    return made


def _made(plan: Plan, item: Item) -> _Made:
    began = time.process_time()
    (done,) = engine.run(plan, [item])
    seconds = time.process_time() - began
    lines = tuple(len(line_of(product.record, plan.root or "")) for product in done.products)
    sizes = tuple(len(product.content or b"") for product in done.products)
    kept = done._replace(products=tuple(product._replace(content=None) for product in done.products))
    return _Made(seconds, done.failure, sizes, lines, kept)
