"""Shards: the glimpses of a fixed number of images in one tar, as WebDataset and Hugging Face read them.

A shard is known from the plan alone, so that it can be made on any machine, and again. Beside its tar it has a receipt,
a file of the same name that ends in ``.jsonl``: the lines of its glimpses, and a last line about the shard itself. The
receipt is written after the tar; without it the shard is not done.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.jobs.engine import content_hash, origin_of
from glimpsecli.jobs.lines import key_of
from glimpsecli.jobs.outputs import make_folder
from glimpsecli.jobs.pool import processors
from glimpsecli.jobs.resuming import size_of
from glimpsecli.jobs.run_folder import RunFolder
from glimpsecli.jobs.shard_writing import LARGE, bound_of, digest_of, write_shard
from glimpsecli.jobs.sharding import SUFFIX, Receipt
from glimpsecli.storage import is_address, joined, name_of, path_of, shown
from glimpsecli.storage.atomic import is_temporary, target_of

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Item, Plan
    from glimpsecli.jobs.products import Done
    from glimpsecli.jobs.sharding import Sharding


class Shards(RunFolder):
    """The shards of a run, each written when its last image is done.

    Parameters
    ----------
    sharding : Sharding
    part : (int, int)
        The number of the part, and of all parts.
    note : callable
        Takes a line that the user should know: that shards are large.
    """

    record = "run.json"

    def __init__(
        self, sharding: Sharding, part: tuple[int, int] = (1, 1), note: Callable[[str], object] = lambda line: None
    ) -> None:
        super().__init__(sharding.folder, part)
        self._sharding, self._part, self._warn = sharding, part, note
        self._warned = False
        self._replace = self._resumed = self._quick = False
        self._plans: dict[int, str] = {}  # of the shards that are to be made
        self._done: dict[int, Receipt] = {}  # of those that are
        self._group: list[Done] = []
        self._number: int | None = None  # of the shard whose outcomes come
        self._writing: Future[None] | None = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._held, suppress(GlimpseError):  # its error, or its cause, was raised before
            self._settle()

    def earlier(
        self, plan: Plan, parameters: Mapping[str, Any], *, resume: str | None, overwrite: bool, dry_run: bool = False
    ) -> bool:
        """Check the folder; return whether a run is resumed.

        Parameters and errors are those of :meth:`check`; besides, another run may be writing there. In a `dry_run`
        nothing is written.
        """
        self._resumed = self._begin(plan, parameters, resume=resume, overwrite=overwrite, dry_run=dry_run)
        self._quick, self._replace = resume == "quick", overwrite or self._resumed
        if not self._replace and self._part == (1, 1):
            for name in self._there():
                raise InvalidInputError(f"{shown(joined(self.folder, name))} exists", "give --overwrite to replace it")
        return self._resumed

    def planned(self, number: int, items: Sequence[Item], plan: Plan) -> Iterator[Item]:
        """Give the items of a shard, marked where an earlier run has made it.

        Raises
        ------
        InvalidInputError
            The shard exists, and is not to be replaced.
        """
        stands = self._resumed and self._stands(number, items, plan)
        if not self._replace and self._part != (1, 1):
            for path in (self._sharding.path(number), self._sharding.receipt(number)):
                if self._storage.stat(path_of(path)) is not None:
                    raise InvalidInputError(f"{shown(path)} exists", "give --overwrite to replace it")
        if not stands:
            self._plans[number] = digest_of(items, plan)
            self._check_size("may have", bound_of(items, plan) or 0)
        return (item._replace(stands=stands) for item in items)

    def start(self, plan: Plan) -> None:
        """Write the record of the run, and the problems of the plan."""
        if not self._resumed:
            if not is_address(self.folder):
                make_folder(self.path("run.json"))
            self._lock()
        self._open(plan)
        if self._resumed and not is_address(self.folder):
            self._sweep()
        self._writer = self._held.enter_context(ThreadPoolExecutor(1, thread_name_prefix="glimpse-shards"))

    def add(self, done: Done) -> None:
        """Take an image, in the order of the plan; the shard before its own is written meanwhile.

        Raises
        ------
        GlimpseError
            The disk or the store refuses.
        """
        if done.shard != self._number:
            self._flush()
            self._number = done.shard
        if not done.skipped:
            self._group.append(done)

    def finish(self, numbers: range) -> None:
        """Write the last shard, and those of some numbers that have no glimpse, and complete ``run.json``."""
        self._flush()
        self._settle()
        for number in numbers:
            if number not in self._done:
                self._plans.setdefault(number, "")
                self._write(number, [])
        if self._replace and self._part[0] == self._part[1]:
            self._remove_from(numbers.stop)
        digest, lines = hashlib.sha256(), 0
        for number in numbers:
            lines += self._done[number].glimpses
            digest.update(self._done[number].sha256.encode())
        self._complete(lines, f"sha256:{digest.hexdigest()}")

    def _remove_from(self, number: int) -> None:
        """Remove the shards of an earlier run that had more of them; a tar without a receipt is perhaps none."""
        there = {name for name in self._there() if (self._sharding.number_of(name) or 0) >= number}
        for name in sorted(there):
            path = joined(self.folder, name)
            if name.endswith(SUFFIX) and f"{name.removesuffix(SUFFIX)}.jsonl" not in there:
                self._warn(f"{shown(path)} has no receipt and stays; remove it if it is in the way")
            else:
                self._storage.delete(path_of(path))

    def _flush(self) -> None:
        """Begin to write the shard whose outcomes have come, once the one before it is written."""
        self._settle()
        number, group, self._group = self._number, self._group, []
        if group and group[-1].receipt is not None:
            self._note(group[-1].receipt, group)
        elif number in self._plans and number not in self._done:
            self._writing = self._writer.submit(self._write, number, group)

    def _write(self, number: int, group: Sequence[Done]) -> None:
        receipt = write_shard(self._sharding, number, group, self._plans[number], overwrite=self._replace)
        self._note(receipt, group)

    def _note(self, receipt: Receipt, group: Sequence[Done]) -> None:
        self._done[receipt.shard] = receipt
        self._note_failures(group)
        self._check_size("has", receipt.bytes)

    def _check_size(self, verb: str, size: int) -> None:
        """Warn of a large shard, once."""
        if size > LARGE and not self._warned:
            self._warned = True
            fewer = max(1, self._sharding.per_shard * LARGE // size)
            self._warn(
                f"a shard {verb} {size / 1e9:.1f} GB, and is held in memory while it is made; "
                f"--per-shard {fewer} makes smaller ones"
            )

    def _settle(self) -> None:
        if self._writing is not None:
            wait([self._writing])  # where a signal ends the wait, the end of the context waits again
            writing, self._writing = self._writing, None
            writing.result()

    def _stands(self, number: int, items: Sequence[Item], plan: Plan) -> bool:
        """Return whether an earlier run has made a shard of these items, without a failure, and all is as it was."""
        tar, receipt = (path_of(path) for path in (self._sharding.path(number), self._sharding.receipt(number)))
        try:
            *lines, last = self._storage.read(receipt).splitlines(keepends=True)
            mark = Receipt(**json.loads(last))
            found = self._storage.stat(tar)
            same = (mark.plan, mark.failed) == (digest_of(items, plan), 0)
            if not same or hashlib.sha256(b"".join(lines)).hexdigest() != mark.lines:
                return False
            if found is None or found.size != mark.bytes:
                return False
            if not self._quick and hashlib.sha256(self._storage.read(tar)).hexdigest() != mark.sha256:
                return False
            rows = {key_of(row): row for row in map(json.loads, lines)}
            with ThreadPoolExecutor(processors()) as pool:
                same_source = partial(_is_same_source, quick=self._quick)
                if not all(pool.map(same_source, [(item, rows[item.key], plan) for item in items if item.key in rows])):
                    return False
        except (GlimpseError, ValueError, KeyError, TypeError, RecursionError):  # there is none, or it is damaged
            return False
        self._done[number] = mark
        return True

    def _there(self) -> list[str]:
        """Give the names of shards and receipts in the folder."""
        try:
            found = [name_of(entry.path) for entry in self._storage.list(path_of(self.folder), deep=False)]
        except InvalidInputError:  # the folder is not there yet
            return []
        return sorted(name for name in found if self._sharding.number_of(name) is not None)

    def _sweep(self) -> None:
        """Remove the temporary files that the run left when it was killed; those of other parts may be in use."""
        with os.scandir(self.folder) as entries:
            left = [entry.path for entry in entries if is_temporary(entry.name)]
        for path in left:
            target = target_of(os.path.basename(path))
            number = self._sharding.number_of(target)
            mine = self._part == (1, 1) or number in self._plans or number in self._done
            if target == os.path.basename(self.path("run.json")) or (number is not None and mine):
                os.unlink(path)


def _is_same_source(known: tuple[Item, dict[str, Any], Plan], *, quick: bool) -> bool:
    """Return whether the source of an item is as it was when its line was written."""
    item, row, plan = known
    if quick or item.at is not None:
        return bool(size_of(item.source) == row["source_bytes"])
    with origin_of(item, plan) as origin:
        return bool(content_hash(origin.content or b"") == row["source_hash"])
