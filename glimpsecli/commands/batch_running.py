"""How a batch is run: its record is begun before the first image, and kept while they come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from glimpsecli.commands.report import say
from glimpsecli.commands.running import Batched, end, progress, run_plan, show_plan
from glimpsecli.errors import ExitCode

if TYPE_CHECKING:
    from glimpsecli.jobs.batch import Batch
    from glimpsecli.jobs.cluster import Cluster
    from glimpsecli.jobs.manifest import Manifest
    from glimpsecli.jobs.plan import Item, Plan
    from glimpsecli.jobs.products import Done
    from glimpsecli.jobs.resuming import Earlier, Entry, Left
    from glimpsecli.jobs.shards import Shards


def run_batch(
    batch: Batch,
    manifest: Manifest,
    parameters: Mapping[str, Any],
    given: Mapping[str, Any],
    planned: Callable[[], object],
    cluster: Cluster | None = None,
) -> None:
    """Run a batch, keep its manifest, and end with the exit code; `planned` is called when its first image is."""
    from glimpsecli.jobs.resuming import is_done

    plan, resume = batch.plan, given["resume"]
    with manifest, closing(batch):
        entries = manifest.earlier(plan, parameters, resume=resume, overwrite=given["overwrite"])
        items = begun(batch.items(_earlier(batch, entries)), planned)
        check = partial(is_done, plan=plan, quick=resume == "quick")

        def finish() -> None:
            manifest.finish(lambda lines: progress(lambda: lines, quiet=given["quiet"], unit="line"))
            if manifest.removed and not given["quiet"]:
                say(f"{manifest.removed} glimpses of the run before were removed")

        code = _run(batch, items, manifest, given, cluster, check, finish)
    _end_batch(code, manifest, given)


def run_shards(
    batch: Batch,
    shards: Shards,
    parameters: Mapping[str, Any],
    given: Mapping[str, Any],
    planned: Callable[[], object],
    cluster: Cluster | None = None,
) -> None:
    """Run a batch into shards, and end with the exit code; `planned` is called when its first image is."""
    plan = batch.plan
    with shards, closing(batch):
        shards.earlier(plan, parameters, resume=given["resume"], overwrite=given["overwrite"])
        items = begun(batch.shards(shards), planned)
        code = _run(batch, items, shards, given, cluster, None, lambda: shards.finish(batch.shard_numbers))
    _end_batch(code, shards, given)


def show_batch(
    batch: Batch,
    record: Manifest | Shards,
    parameters: Mapping[str, Any],
    given: Mapping[str, Any],
    planned: Callable[[], object],
) -> None:
    """Print the files that a batch would make, and end with the exit code; nothing is written."""
    from glimpsecli.jobs.resuming import is_done
    from glimpsecli.jobs.shards import Shards

    plan, resume = batch.plan, given["resume"]
    with closing(batch):
        if isinstance(record, Shards):
            record.earlier(plan, parameters, resume=resume, overwrite=given["overwrite"], dry_run=True)
            items = batch.shards(record)
        else:
            entries = record.earlier(plan, parameters, resume=resume, overwrite=given["overwrite"], dry_run=True)
            items = batch.items(_earlier(batch, entries), sweep=False)
        check = partial(is_done, plan=plan, quick=resume == "quick")
        code = show_plan(plan, given, begun(items, planned), lambda: batch.total, check)
    end(code)


def _earlier(batch: Batch, entries: Iterator[Entry] | None) -> Earlier | None:
    """Give the lines of the run that is resumed, if any; a glimpse that is left of an image that is gone is refused."""
    from glimpsecli.jobs.resuming import Earlier, glimpse_left

    def left(entry: Entry) -> Left | None:
        alone = batch.part == (1, 1)  # else another part may have it
        return glimpse_left(entry, batch.plan.output.target, batch.makes) if alone else None

    return None if entries is None else Earlier(entries, left)


def _run(
    batch: Batch, items: Iterator[Item], record: Manifest | Shards, given: Mapping[str, Any], cluster: Cluster | None,
    is_done: Callable[[Item], bool] | None, finish: Callable[[], object],
) -> ExitCode:  # fmt: skip
    """Run the items of a batch, here or on a cluster, and keep their record."""

    def total() -> int:
        return batch.total

    batched = Batched(items, total, is_done, finish=finish)
    if cluster is not None:
        checked = cluster.checked(items, batch.plan)

        def run(plan: Plan, stop: threading.Event) -> Iterator[Done]:
            return cluster.run(plan, checked, stop, total=total, workers=given["jobs"] or 1, is_done=is_done)

        def finish_and_sweep() -> None:
            finish()
            if cluster.lost:
                record.sweep_all()

        batched = batched._replace(run=run, finish=finish_and_sweep)
    record.start(batch.plan)
    return run_plan(batch.plan, given, keep=record.add, batched=batched)


def _end_batch(code: ExitCode, record: Manifest | Shards, given: Mapping[str, Any]) -> None:
    if record.outdated and not given["quiet"]:
        say(f"exports in {record.folder} are of other glimpses; run `glimpse export {record.folder} --overwrite` again")
    if code == ExitCode.INTERRUPTED:
        say("give --resume to go on")
    end(code)


def begun(items: Iterator[Item], planned: Callable[[], object]) -> Iterator[Item]:
    """Plan the first item of a batch, and so whatever is refused before anything is written."""
    first = [*islice(items, 1)]
    planned()
    return chain(first, items)
