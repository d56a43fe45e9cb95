"""How a batch is run: its record is begun before the first image, and kept while they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from glimpsecli.commands.report import say
from glimpsecli.commands.running import Batched, end, run_plan
from glimpsecli.errors import ExitCode

if TYPE_CHECKING:
    from glimpsecli.jobs.batch import Batch
    from glimpsecli.jobs.manifest import Manifest
    from glimpsecli.jobs.plan import Item
    from glimpsecli.jobs.resuming import Entry
    from glimpsecli.jobs.shards import Shards


def run_batch(
    batch: Batch,
    manifest: Manifest,
    parameters: Mapping[str, Any],
    given: Mapping[str, Any],
    planned: Callable[[], object],
) -> None:
    """Run a batch, keep its manifest, and end with the exit code; `planned` is called when its first image is."""
    from glimpsecli.jobs.resuming import Earlier, is_done, refuse_left

    plan, resume = batch.plan, given["resume"]
    with manifest, closing(batch):
        entries = manifest.earlier(plan, parameters, resume=resume, overwrite=given["overwrite"])
        earlier = None
        if entries is not None:

            def stranger(entry: Entry) -> None:
                if batch.part == (1, 1):  # another part may have it
                    refuse_left(entry, plan.output.target, batch.makes)

            earlier = Earlier(entries, stranger)
        items = begun(batch.items(earlier), planned)
        manifest.start(plan)
        check = partial(is_done, plan=plan, quick=resume == "quick")
        batched = Batched(items, lambda: batch.total, check, manifest.finish)
        code = run_plan(plan, given, keep=manifest.add, batched=batched)
    _end_batch(code)


def run_shards(
    batch: Batch,
    shards: Shards,
    parameters: Mapping[str, Any],
    given: Mapping[str, Any],
    planned: Callable[[], object],
) -> None:
    """Run a batch into shards, and end with the exit code; `planned` is called when its first image is."""
    plan = batch.plan
    with shards, closing(batch):
        shards.earlier(plan, parameters, resume=given["resume"], overwrite=given["overwrite"])
        items = begun(batch.shards(shards), planned)
        shards.start(plan)
        batched = Batched(items, lambda: batch.total, finish=lambda: shards.finish(batch.shard_numbers))
        code = run_plan(plan, given, keep=shards.add, batched=batched)
    _end_batch(code)


def _end_batch(code: ExitCode) -> None:
    if code == ExitCode.INTERRUPTED:
        say("give --resume to go on")
    end(code)


def begun(items: Iterator[Item], planned: Callable[[], object]) -> Iterator[Item]:
    """Plan the first item of a batch, and so whatever is refused before anything is written."""
    first = [*islice(items, 1)]
    planned()
    return chain(first, items)
