"""The manifest of a batch: its glimpses, its failures, and the parameters of its run.

``metadata.jsonl``
    A line for each glimpse, in the order of the plan. ``file_name`` is relative to the folder, so that Hugging Face's
    imagefolder loads the folder as it is.
``failures.jsonl``
    A line for each image that failed, and for each problem of the annotations.
``run.json``
    The parameters, versions and backend; and, once the run is finished, the number of lines and a checksum of them.

A part of a batch has its number in these names, and the lines of all parts join by concatenation in the order of the
names. No file holds a time, so that the same run gives the same bytes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.jobs.description import check_same, description
from glimpsecli.jobs.lines import checksum, lines_of, read_lines, read_run
from glimpsecli.jobs.locking import locked
from glimpsecli.jobs.products import Done
from glimpsecli.jobs.resuming import Entry, depth_of, entries_of, merged, size_of
from glimpsecli.jobs.syncing import sync_files, vanished
from glimpsecli.storage.atomic import explained, place, temporary_of

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Plan

GROUP = 64
"""Images after which the lines of a group are written."""
SECONDS = 1.0
"""Seconds after the last group when the next is written, however small."""
RESUMED = ".metadata-resumed.jsonl"
"""The lines of a run that is resumed, until it ends: those of the earlier run stay where they are."""
LARGEST_GROUP = 16 * GROUP
"""The most images that wait while the disk is busy with the last group: a run that is killed loses no more."""


class Manifest:
    """The manifest of a run, or of a part of one; as a context it holds the lock on its files.

    Lines are written in groups, once the files of the group are on the disk, so that neither an interruption nor a
    power cut leaves a line without its file. A resumed run makes the images without lines again.

    Parameters
    ----------
    folder : str
        The output folder.
    part : (int, int)
        The number of the part, and of all parts.
    """

    def __init__(self, folder: str, part: tuple[int, int] = (1, 1)) -> None:
        self.folder = folder
        digits = max(5, len(str(part[1])))
        self._suffix = "" if part[1] == 1 else f"-{part[0]:0{digits}d}-of-{part[1]:0{digits}d}"
        self._held = ExitStack()
        self._metadata: IO[str] | None = None
        self._failures: IO[str] | None = None
        self._group: list[Done] = []
        self._writing: Future[None] | None = None
        self._written_at = 0.0
        self._depth: int | None = None  # of a run that is resumed
        self._run: dict[str, Any] = {}

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._held, suppress(GlimpseError):  # its error, or its cause, was raised before
            self._write_rest()
            self._settle_lines()

    def path(self, name: str) -> str:
        """Give the path of ``metadata.jsonl``, ``failures.jsonl`` or ``run.json``."""
        stem, suffix = os.path.splitext(name)
        return os.path.join(self.folder, f"{stem}{self._suffix}{suffix}")

    def check(
        self, plan: Plan, parameters: Mapping[str, Any], *, resume: str | None, overwrite: bool
    ) -> dict[str, Any]:
        """Give the content of ``run.json``, and write nothing; the parameters are those of :meth:`earlier`.

        Raises
        ------
        InvalidInputError
            The folder holds a run already, and it is neither resumed nor overwritten; or the run to be resumed had
            other parameters or is damaged.
        """
        run, run_path, metadata = description(plan, parameters), self.path("run.json"), self.path("metadata.jsonl")
        for path in (run_path, metadata, self.path("failures.jsonl")):
            if os.path.islink(path) or (os.path.lexists(path) and not os.path.isfile(path)):
                raise InvalidInputError(f"{path} is no regular file", "remove it, or choose another output folder")
            if os.path.abspath(path) in map(os.path.abspath, parameters.get("inputs", ())):
                raise InvalidInputError(f"{path} is an input", "choose another output folder")
        if os.path.lexists(run_path):
            if resume:
                check_same(read_run(run_path), run, run_path)
            elif not overwrite:
                raise InvalidInputError(f"{self.folder} holds a run already", "give --resume or --overwrite")
        elif not overwrite and os.path.lexists(metadata):
            raise InvalidInputError(f"{metadata} exists", "give --overwrite to replace it")
        return run

    def earlier(
        self, plan: Plan, parameters: Mapping[str, Any], *, resume: str | None, overwrite: bool
    ) -> Iterator[Entry] | None:
        """Check the folder, and give the entries of the run that is resumed, whose lock is taken; None without one.

        Parameters
        ----------
        plan : Plan
        parameters : mapping
            Parameters of the command line, for ``run.json``.
        resume : str or None
            ``full`` or ``quick``: whether an earlier run is resumed.
        overwrite : bool
            Whether an earlier run is replaced.

        Raises
        ------
        InvalidInputError
            As for :meth:`check`; or another run is writing there.
        """
        self._asked = partial(self.check, plan, parameters, resume=resume, overwrite=overwrite)
        self._asked()
        if not resume or not os.path.lexists(self.path("run.json")):
            return None
        self._lock()
        self._depth = depth_of(plan.output.name)
        self._settle_lines()
        lines = self.path("metadata.jsonl")
        return entries_of(lines, self._depth) if os.path.lexists(lines) else iter(())

    def start(self, plan: Plan) -> None:
        """Open the files after :meth:`earlier`, and write the problems of the plan.

        Raises
        ------
        InvalidInputError
            As for :meth:`earlier`, for a run that began meanwhile.
        """
        if self._depth is None:
            with _explained(self.folder):
                os.makedirs(self.folder, exist_ok=True)
            self._lock()
        self._run = self._asked()
        if self._depth is not None:
            self._sweep()
        elif os.path.lexists(self.path(RESUMED)):
            os.unlink(self.path(RESUMED))
        self._write_run()
        self._lines = self.path("metadata.jsonl" if self._depth is None else RESUMED)
        _write_text(self._lines, "")
        with _explained(self.folder):
            if os.path.lexists(self.path("failures.jsonl")):
                os.unlink(self.path("failures.jsonl"))
            self._metadata = self._opened(self._lines)
        self._writer = self._held.enter_context(ThreadPoolExecutor(1, thread_name_prefix="glimpse-manifest"))
        for problem in plan.problems:
            self._fail({"source": None, "error": problem})
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

    def finish(self) -> None:
        """Write the last group, check the files of all images, which are done, and complete ``run.json``.

        Raises
        ------
        FileProblemError
            As for :meth:`add`, for all files of the run.
        """
        self._write_rest()
        self._settle_lines(complete=True)
        path = self.path("metadata.jsonl")
        count = 0

        def rows_there() -> Iterator[dict[str, Any]]:
            nonlocal count
            for count, row in enumerate(_read_back(path), 1):  # noqa: B007 - the last count is used below
                file = os.path.join(self.folder, row["file_name"])
                if size_of(file) != row["file_bytes"]:
                    raise vanished(file)
                yield row

        self._run["checksum"] = checksum(self._run, rows_there())
        self._run["lines"] = count
        self._write_run()

    def _lock(self) -> None:
        self._held.enter_context(locked(self.path(".run.lock")))

    def _settle_lines(self, *, complete: bool = False) -> None:
        """Put the lines of a run that was resumed in the place of those before it, which follow where it has ended.

        Parameters
        ----------
        complete : bool
            Whether the run came to its end, and no earlier line is left.
        """
        newer, older = self.path(RESUMED), self.path("metadata.jsonl")
        if self._depth is None or not os.path.lexists(newer):
            return
        if self._metadata is not None:
            self._metadata.close()
            self._metadata = None
        if not complete and os.path.lexists(older):
            entries = merged(entries_of(newer, self._depth), entries_of(older, self._depth))
            _write_lines(newer, (line for entry in entries for line in entry.lines))
        with _explained(older):
            os.replace(newer, older)

    def _settle(self) -> None:
        """Wait for the group that is being written, and raise its error."""
        if self._writing is not None:
            wait([self._writing])  # where a signal ends the wait, the end of the context waits again
            writing, self._writing = self._writing, None
            writing.result()

    def _write_rest(self) -> None:
        self._settle()
        group, self._group = self._group, []
        if self._metadata is not None:
            self._write_group(group)

    def _write_group(self, group: list[Done]) -> None:
        """Write the lines of a group once its files are on the disk; meanwhile other images are worked on."""
        assert self._metadata is not None
        path = self._lines
        with _explained(path):
            try:
                same = os.path.samestat(os.fstat(self._metadata.fileno()), os.stat(path))
            except FileNotFoundError:
                same = False
            if not same:
                raise vanished(path)
            made = [product for done in group if done.failure is None for product in done.products]
            sync_files([product.record["file"] for product in made])
            for done in group:
                if done.failure is None:
                    self._metadata.writelines(done.lines or [lines_of(done.products, self.folder)])
            self._metadata.flush()
            os.fsync(self._metadata.fileno())
        for done in group:
            if done.failure is not None:
                self._fail({"source": done.source, "error": str(done.failure)})
        self._written_at = time.monotonic()

    def _opened(self, path: str) -> IO[str]:
        file = open(path, "a", encoding="ascii")  # noqa: SIM115 - open for the run

        def close() -> None:
            with suppress(OSError):  # every line was flushed, or its failure raised
                file.close()

        self._held.callback(close)
        return file

    def _write_run(self) -> None:
        _write_text(self.path("run.json"), json.dumps(self._run, indent=1, sort_keys=True) + "\n")

    def _sweep(self) -> None:
        """Remove the temporary files of the manifest that the run left when it was killed: parts may be running."""
        names = [os.path.basename(self.path(name)) for name in ("metadata.jsonl", "run.json", RESUMED)]
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if temporary_of(entry.name, names):
                    os.unlink(entry.path)

    def _fail(self, row: Mapping[str, Any]) -> None:
        path = self.path("failures.jsonl")
        with _explained(path):
            if self._failures is None:
                self._failures = self._opened(path)
            self._failures.write(json.dumps(row) + "\n")
            self._failures.flush()


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise explained(path, error) from None


def _read_back(path: str) -> Iterator[dict[str, Any]]:
    """Read the rows that this run has written."""
    for _, row in read_lines(path):
        if row is None:
            raise vanished(path)
        yield row


def _write_text(path: str, text: str) -> None:
    _write_lines(path, [text])


def _write_lines(path: str, lines: Iterable[str]) -> None:
    def write(stream: BinaryIO) -> None:
        for line in lines:
            stream.write(line.encode("ascii"))
        stream.flush()
        os.fsync(stream.fileno())

    place(path, write, overwrite=True)
