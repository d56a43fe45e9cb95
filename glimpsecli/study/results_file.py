"""A file of results: a line that identifies the experiment, and a line for each part of it that is done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.jobs.locking import HELD, lock
from glimpsecli.storage.atomic import explained

if TYPE_CHECKING:
    from types import TracebackType

Key = TypeVar("Key", bound=Hashable)

_LARGEST = 2**53
"""Absolute value that numbers of a line stay below."""


class ResultsFile(Generic[Key]):
    """The file of a run, open to be added to, and locked against other runs where the system keeps locks.

    Parameters
    ----------
    path : str
    head : dict
        The first line. Its ``format`` and ``fingerprint`` must be those of a file to go on with.
    key : callable
        Gives the part of the experiment to which a result belongs.
    check : callable
        Raises a ValueError for a line that is no result of this experiment.
    resume : bool
        Go on with a file of the same experiment. Without it there must be none.
    overwrite : bool
        Begin anew, whatever the file holds.

    Attributes
    ----------
    known : dict
        The results so far, by their part.

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
        head: dict[str, Any],
        key: Callable[[dict[str, Any]], Key],
        check: Callable[[Any], object],
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = path
        self.known: dict[Key, dict[str, Any]] = {}
        self._key, self._check = key, check
        try:
            self._stream = _opened(path, existing=resume or overwrite)
            try:
                self._begin(head, overwrite=overwrite)
            except BaseException:
                self.close()
                raise
        except (FileProblemError, InvalidInputError):
            raise
        except OSError as error:
            raise explained(path, error) from None

    def __enter__(self) -> ResultsFile[Key]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, result: dict[str, Any]) -> None:
        """Add a result."""
        try:
            self._write(result)
        except OSError as error:
            raise explained(self.path, error) from None
        self.known[self._key(result)] = result

    def close(self) -> None:
        """Close the file, and unlock it."""
        with suppress(OSError):  # every line was flushed, or its failure raised
            self._stream.close()

    def _begin(self, head: dict[str, Any], *, overwrite: bool) -> None:
        """Read the results so far; nothing is written before all of them are understood."""
        content = b"" if overwrite else self._stream.read()
        if as_line(head).startswith(content) and content != as_line(head):  # empty, or killed as it began
            self._stream.seek(0)
            self._stream.truncate()
            self._write(head)
            return
        lines = content.split(b"\n")
        _check_head(self.path, lines[0], head)
        for number, line in enumerate(lines[1:-1], 2):
            try:
                result = json.loads(line)
                self._check(result)
                key = self._key(result)
                if key in self.known:
                    raise ValueError("it is there twice")
            except (ValueError, RecursionError) as error:
                raise FileProblemError(
                    f"{self.path}: line {number} is damaged: {error}",
                    "delete that line to have its part done again, or begin another folder",
                ) from None
            self.known[key] = result
        self._stream.seek(len(content) - len(lines[-1]))  # drops half a line of a run that was killed
        self._stream.truncate()

    def _write(self, data: dict[str, Any]) -> None:
        self._stream.write(as_line(data))
        self._stream.flush()


def as_line(data: dict[str, Any]) -> bytes:
    """Encode a line."""
    return json.dumps(data).encode() + b"\n"


def is_number(value: Any, kind: type) -> bool:
    """Whether a value is a finite number, for int a whole one; true and false are none."""
    return type(value) in (int, kind) and -_LARGEST < value < _LARGEST


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


def _check_head(path: str, line: bytes, head: dict[str, Any]) -> None:
    """Refuse a file of another format or experiment."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != head["format"]:
        raise InvalidInputError(f"{path} does not hold results of this version", "give another folder")
    if found.get("fingerprint") != head["fingerprint"]:
        raise InvalidInputError(
            f"{path} is of another experiment", "give the options that it was begun with, or another folder"
        )
