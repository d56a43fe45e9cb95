"""The file of a run: a line that identifies the experiment, and a line for each chunk that is done."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.atomic import explained
from glimpsecli.jobs.locking import HELD, lock
from glimpsecli.study.design import TUNING, Chunk, Design, chunks, condition_named, fingerprint, tuning_chunks
from glimpsecli.study.working import methods, settings_for

if TYPE_CHECKING:
    from types import TracebackType

    from glimpsecli.study.mechanisms import Mechanism

FORMAT = "glimpse study training 2"

_FIELDS = {"centre": float, "extent": float, "arrived": int, "looks": int}
"""Fields of a run that have a number for each trial."""
_LARGEST = 2**53
"""Absolute value that numbers of a line stay below."""


class TrialsFile:
    """The file of a run, open to be added to, and locked against other runs where the system keeps locks.

    Parameters
    ----------
    path : str
    design : Design
    mechanisms : sequence of Mechanism
    resume : bool
        Go on with a file of the same design. Without it there must be none.
    overwrite : bool
        Begin anew, whatever the file holds.

    Attributes
    ----------
    known : dict
        The results so far, by chunk.

    Raises
    ------
    InvalidInputError
        The file exists without `resume` or `overwrite`, or is of something else; it stays as it is.
    FileProblemError
        The file is damaged, or cannot be written.
    """

    def __init__(
        self,
        path: str,
        design: Design,
        mechanisms: Sequence[Mechanism],
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = path
        self.known: dict[Chunk, dict[str, Any]] = {}
        try:
            self._stream = _opened(path, existing=resume or overwrite)
            try:
                self._begin(design, mechanisms, overwrite=overwrite)
            except BaseException:
                self.close()
                raise
        except (FileProblemError, InvalidInputError):
            raise
        except OSError as error:
            raise explained(path, error) from None

    def __enter__(self) -> TrialsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, result: dict[str, Any]) -> None:
        """Add the result of a chunk."""
        try:
            self._write(result)
        except OSError as error:
            raise explained(self.path, error) from None
        self.known[Chunk(*result["chunk"])] = result

    def close(self) -> None:
        """Close the file, and unlock it."""
        with suppress(OSError):  # every line was flushed, or its failure raised
            self._stream.close()

    def _begin(self, design: Design, mechanisms: Sequence[Mechanism], *, overwrite: bool) -> None:
        """Read the results so far; nothing is written before all of them are understood."""
        head = {"format": FORMAT, "fingerprint": fingerprint(design), "design": design.as_dict()}
        content = b"" if overwrite else self._stream.read()
        if _line(head).startswith(content) and content != _line(head):  # empty, or killed as it began
            self._stream.seek(0)
            self._stream.truncate()
            self._write(head)
            return
        lines = content.split(b"\n")
        _check_head(self.path, lines[0], head)
        planned = [*tuning_chunks(design), *chunks(design)]
        for number, line in enumerate(lines[1:-1], 2):
            try:
                result = json.loads(line)
                chunk = _checked(result, planned, design, mechanisms)
                if chunk in self.known:
                    raise ValueError("its chunk is there twice")
            except (ValueError, RecursionError) as error:
                raise FileProblemError(
                    f"{self.path}: line {number} is damaged: {error}",
                    "delete that line to have its part done again, or begin another folder",
                ) from None
            self.known[chunk] = result
        self._stream.seek(len(content) - len(lines[-1]))  # drops half a line of a run that was killed
        self._stream.truncate()

    def _write(self, data: dict[str, Any]) -> None:
        self._stream.write(_line(data))
        self._stream.flush()


def _opened(path: str, *, existing: bool) -> BinaryIO:
    """Open a file to read and add to; make it if there is none."""
    if os.path.lexists(path) and not os.path.isfile(path):
        raise InvalidInputError(f"{path} is no regular file", "remove it, or give another folder")
    try:
        stream = open(path, "r+b" if existing and os.path.exists(path) else "x+b")  # noqa: SIM115 - open for the run
    except FileExistsError:
        raise InvalidInputError(
            f"{path} exists", "give --resume to go on with it, --overwrite to begin anew, or another folder"
        ) from None
    try:
        lock(stream.fileno())
    except OSError as error:
        if error.errno in HELD:  # some network drives keep no locks, and a run needs none to be right
            stream.close()
            raise InvalidInputError(f"another run is adding to {path}", "wait for it, or give another folder") from None
    return stream


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode() + b"\n"


def _check_head(path: str, line: bytes, head: dict[str, Any]) -> None:
    """Refuse a file of another format or experiment."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != head["format"]:
        raise InvalidInputError(f"{path} does not hold trials of this version", "give another folder")
    if found.get("fingerprint") != head["fingerprint"]:
        raise InvalidInputError(
            f"{path} is of another experiment", "give the options that it was begun with, or another folder"
        )


def _checked(result: Any, planned: Sequence[Chunk], design: Design, mechanisms: Sequence[Mechanism]) -> Chunk:
    """Give the chunk of a line whose every part is as ``tune`` and ``work`` give it; else raise ValueError."""
    if not isinstance(result, dict):
        raise ValueError("it is no object")
    if result.get("chunk") not in [list(chunk) for chunk in planned]:
        raise ValueError("its chunk is not of this experiment")
    chunk = Chunk(*result["chunk"])
    if condition_named(chunk.condition) not in TUNING:
        _check_runs(result.get("runs"), chunk, design, mechanisms)
    else:
        _check_tried(result.get("tried"), chunk, design, mechanisms)
    return chunk


def _check_tried(tried: Any, chunk: Chunk, design: Design, mechanisms: Sequence[Mechanism]) -> None:
    """Refuse successes that are not of each setting that is tried."""
    there = [mechanism for mechanism in mechanisms if methods(mechanism, chunk)]
    if not isinstance(tried, dict) or list(tried) != [mechanism.name for mechanism in there]:
        raise ValueError("what was tried is not there for each sampler")
    for mechanism in there:
        rows, settings = tried[mechanism.name], settings_for(mechanism, design)
        if not isinstance(rows, list) or len(rows) != len(settings):
            raise ValueError(f"{mechanism.name} has not {len(settings)} settings")
        for row, setting in zip(rows, settings, strict=True):
            right = isinstance(row, list) and row[:-2] == list(setting) and row[-1] == design.count(chunk)
            if not right or not _are_counts(row[-2], len(design.offsets), design.count(chunk)):
                raise ValueError(f"{mechanism.name} has not the successes of each setting at each offset")


def _check_runs(runs: Any, chunk: Chunk, design: Design, mechanisms: Sequence[Mechanism]) -> None:
    """Refuse runs that are not those of every sampler and optimiser, or lack a number for each trial."""
    asked = [(mechanism.name, method) for mechanism in mechanisms for method in methods(mechanism, chunk)]
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise ValueError("its runs are not there")
    if [(run.get("sampler"), run.get("method")) for run in runs] != asked:
        raise ValueError("its runs are not one for each sampler and optimiser")
    count = design.count(chunk) * len(design.offsets)
    for run in runs:
        for name, kind in _FIELDS.items():
            values = run.get(name)
            if not isinstance(values, list) or len(values) != count or not all(_is_number(one, kind) for one in values):
                raise ValueError(f"{name} of {run['sampler']} is not {count} finite numbers")
        if not all(
            -1 <= arrived <= evaluations for arrived, evaluations in zip(run["arrived"], run["looks"], strict=True)
        ):
            raise ValueError(f"{run['sampler']} arrived after more looks than it had")
        if not _is_number(run.get("seconds"), float) or run["seconds"] < 0:
            raise ValueError(f"seconds of {run['sampler']} is no time")


def _are_counts(values: Any, count: int, most: int) -> bool:
    """Whether a value is a list of `count` whole numbers from 0 to `most`."""
    return isinstance(values, list) and len(values) == count and all(
        _is_number(one, int) and 0 <= one <= most for one in values
    )  # fmt: skip


def _is_number(value: Any, kind: type) -> bool:
    """Whether a value is a finite number, for int a whole one; true and false are none."""
    return type(value) in (int, kind) and -_LARGEST < value < _LARGEST
