"""The manifest of a batch that writes a file for each glimpse.

``metadata.jsonl`` has a line for each glimpse, in the order of the plan. ``file_name`` is relative to the folder, so
that Hugging Face's imagefolder loads the folder as it is. A part of a batch has its number in the name, and the lines
of all parts join by concatenation in the order of the names.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from glimpsecli.errors import FileProblemError, GlimpseError
from glimpsecli.jobs.engine import content_hash
from glimpsecli.jobs.lines import checksum, lines_of, read_lines
from glimpsecli.jobs.outputs import make_folder
from glimpsecli.jobs.products import Done
from glimpsecli.jobs.resuming import Entry, depth_of, entries_of, merged, size_of
from glimpsecli.jobs.run_folder import RunFolder
from glimpsecli.jobs.spool import Hashes
from glimpsecli.jobs.syncing import sync_files, vanished
from glimpsecli.storage import is_address, path_of, shown
from glimpsecli.storage.atomic import temporary_of

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Plan

GROUP = 64
"""Images after which the lines of a group are written."""
SECONDS = 1.0
"""Seconds after the last group when the next is written, however small."""
RESUMED = ".metadata-resumed.jsonl"
"""The lines of a run that is resumed, until it ends: those of the earlier run stay where they are."""
REPLACED = ".metadata-replaced.jsonl"
"""The lines of a run that is overwritten, until the new one has ended."""
MERGED = ".metadata-merged.jsonl"
"""Both of them, while they are put together."""
SOME = 1000
"""Lines that are written at a time."""
LARGEST_GROUP = 16 * GROUP
"""The most images that wait while the disk is busy with the last group: a run that is killed loses no more."""


class Manifest(RunFolder):
    """The manifest of a run that writes a file for each glimpse.

    Lines are written in groups, once the files of the group are on the disk, so that neither an interruption nor a
    power cut leaves a line without its file. A resumed run makes the images without lines again.

    Attributes
    ----------
    removed : int
        Glimpses of a run that was overwritten which this one has not made again, and has removed.
    """

    def __init__(self, folder: str, part: tuple[int, int] = (1, 1)) -> None:
        super().__init__(folder, part)
        self.removed = 0
        self._lines: str | None = None  # the path of the log that is written
        self._file: tuple[int, int] | None = None  # the file that it is
        self._count = 0  # of its lines
        self._group: list[Done] = []
        self._writing: Future[None] | None = None
        self._written_at = 0.0
        self._depth: int | None = None  # of a run that is resumed

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._held, suppress(GlimpseError):  # its error, or its cause, was raised before
            self._write_rest()
            self._settle_lines()

    def earlier(
        self, plan: Plan, parameters: Mapping[str, Any], *, resume: str | None, overwrite: bool, dry_run: bool = False
    ) -> Iterator[Entry] | None:
        """Check the folder, and give the entries of the run that is resumed; None without one.

        Parameters and errors are those of :meth:`check`; besides, another run may be writing there. In a `dry_run`
        nothing is written.
        """
        if not self._begin(plan, parameters, resume=resume, overwrite=overwrite, dry_run=dry_run):
            return None
        depth = depth_of(plan.output.name)
        if dry_run:
            return self._both(depth)
        self._depth = depth
        self._settle_lines()
        return self._entries("metadata.jsonl", self._depth)

    def start(self, plan: Plan) -> None:
        """Open the files after :meth:`earlier`, whose errors these are, and write the problems of the plan."""
        local = not is_address(self.folder)
        if self._depth is None:
            if local:
                make_folder(self.path("run.json"))
            self._lock()
        self._open(plan)
        if self._depth is not None and local:
            self._sweep()
        if self._depth is None and local:
            self._keep_replaced()
        self._storage.discard(path_of(self.path(RESUMED)))
        self._lines = path_of(self.path("metadata.jsonl" if self._depth is None else RESUMED))
        self._storage.discard(self._lines)
        if local:
            self._storage.put(self._lines, b"")
            self._file = _identity(self._lines)
        self._writer = self._held.enter_context(ThreadPoolExecutor(1, thread_name_prefix="glimpse-manifest"))
        self._written_at = time.monotonic()

    def add(self, done: Done) -> None:
        """Take an image, in the order of the plan, and write its group when that is full or a while has passed.

        Raises
        ------
        FileProblemError
            The manifest or a file of the group was removed meanwhile, or the disk refuses.
        """
        self._group.append(done)
        due = len(self._group) >= GROUP or time.monotonic() - self._written_at >= SECONDS
        if due and (self._writing is None or self._writing.done() or len(self._group) >= LARGEST_GROUP):
            self._settle()
            group, self._group = self._group, []
            self._writing = self._writer.submit(self._write_group, group)

    def finish(
        self, counting: Callable[[int], AbstractContextManager[Callable[[], None]]] = lambda _: nullcontext(_nothing)
    ) -> None:
        """Write the last group, check the files of all images, which are done, and complete ``run.json``.

        Parameters
        ----------
        counting : callable
            Takes the number of lines, and gives the context of their check, in which its value is called after each.

        Raises
        ------
        FileProblemError
            As for :meth:`add`, for all files of the run.
        """
        self._write_rest()
        self._settle_lines(complete=True)
        path, local = self.path("metadata.jsonl"), not is_address(self.folder)
        self._storage.join(path_of(path))
        count, made = 0, Hashes() if local and os.path.isfile(self.path(REPLACED)) else None

        def rows_there() -> Iterator[dict[str, Any]]:
            nonlocal count
            for count, row in enumerate(_read_back(path), 1):  # noqa: B007 - the last count is used below
                if local and size_of(os.path.join(self.folder, row["file_name"])) != row["file_bytes"]:
                    raise vanished(os.path.join(self.folder, row["file_name"]))
                checked()
                if made is not None:
                    made.add(row["file_name"])
                yield row

        with counting(self._count) as checked:
            digest = checksum(self._run, rows_there())
        if count != self._count:
            raise FileProblemError(
                f"{shown(path)} has {count} lines of the {self._count} that were written: another run wrote to it, too",
                "let one run write there at a time, and go on with --resume",
            )
        if made is not None:
            self._remove_replaced(made)
        self._complete(count, digest)

    def _keep_replaced(self) -> None:
        """Keep the lines of a run that is overwritten, to know its glimpses when this one has ended."""
        old, kept = self.path("metadata.jsonl"), self.path(REPLACED)
        if os.path.isfile(old):
            with open(old, "rb") as lines, open(kept, "ab") as file:
                shutil.copyfileobj(lines, file)

    def _remove_replaced(self, made: Hashes) -> None:
        """Remove the glimpses of a run that was overwritten, but those that this one has made again.

        Those of a part stay: another part may have made them.
        """
        path = self.path(REPLACED)
        for _, row in read_lines(path) if not self._suffix else ():
            if row is None or row["file_name"] in made:
                continue
            file = os.path.join(self.folder, row["file_name"])
            inside = os.path.realpath(file).startswith(os.path.join(os.path.realpath(self.folder), ""))
            if inside and size_of(file) == row.get("file_bytes"):
                with open(file, "rb") as stream:
                    same = content_hash(stream.read()) == row.get("file_hash")
                if same:
                    os.unlink(file)
                    self.removed += 1
        os.unlink(path)

    def _settle_lines(self, *, complete: bool = False) -> None:
        """Put the lines of a run that was resumed in the place of those before it, which follow where it has ended.

        Parameters
        ----------
        complete : bool
            Whether the run came to its end, and no earlier line is left.
        """
        self._lines = None
        if self._depth is None or not self.has_lines(RESUMED):
            if self._depth is not None and complete:  # no image was done
                self._storage.discard(path_of(self.path("metadata.jsonl")))
            return
        newer, older = path_of(self.path(RESUMED)), path_of(self.path("metadata.jsonl"))
        if not complete and self.has_lines("metadata.jsonl"):
            both = path_of(self.path(MERGED))
            self._storage.discard(both)
            if not is_address(self.folder):
                self._storage.put(both, b"")
            lines = (line.rstrip("\n") for entry in self._both(self._depth) for line in entry.lines)
            while some := [*islice(lines, SOME)]:
                self._storage.append(both, some)
            self._storage.move(both, newer)
        self._storage.move(newer, older)

    def _both(self, depth: int) -> Iterator[Entry]:
        """Give the entries of a run that was resumed and interrupted, and those before it that follow."""
        return merged(self._entries(RESUMED, depth), self._entries("metadata.jsonl", depth))

    def _entries(self, name: str, depth: int) -> Iterator[Entry]:
        return entries_of(self.path(name), depth) if self.has_lines(name) else iter(())

    def _settle(self) -> None:
        """Wait for the group that is being written, and raise its error."""
        if self._writing is not None:
            wait([self._writing])  # where a signal ends the wait, the end of the context waits again
            writing, self._writing = self._writing, None
            writing.result()

    def _write_rest(self) -> None:
        self._settle()
        group, self._group = self._group, []
        if self._lines is not None:
            self._write_group(group)

    def _write_group(self, group: list[Done]) -> None:
        """Write the lines of a group once its files are on the disk; meanwhile other images are worked on."""
        assert self._lines is not None
        if not is_address(self.folder):
            if _identity(self._lines) != self._file:
                raise vanished(self._lines)
            made = [product for done in group if done.failure is None for product in done.products]
            sync_files([product.record["file"] for product in made])
        written = "".join(
            "".join(done.lines) or lines_of(done.products, self.folder) for done in group if done.failure is None
        )
        lines = written.splitlines()
        self._storage.append(self._lines, lines)
        self._count += len(lines)
        self._note_failures(group)
        self._written_at = time.monotonic()

    def _sweep(self) -> None:
        """Remove the temporary files of the manifest that the run left when it was killed: parts may be running."""
        names = [os.path.basename(self.path(name)) for name in ("run.json", "metadata.jsonl", RESUMED)]
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if temporary_of(entry.name, names):
                    os.unlink(entry.path)


def _nothing() -> None:
    pass


def _identity(path: str) -> tuple[int, int] | None:
    """Give the device and the inode of a file; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _read_back(path: str) -> Iterator[dict[str, Any]]:
    """Read the rows that this run has written."""
    for _, row in read_lines(path):
        if row is None:
            raise vanished(path)
        yield row
