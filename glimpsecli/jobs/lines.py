"""The lines of ``metadata.jsonl`` and the object in ``run.json``: how they are written, read and checked.

The files may have been edited, cut or joined: each field is checked here, and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import fields
from typing import Any

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.jobs.products import Product
from glimpsecli.names import BACKENDS, BORDERS, DEPTHS, FORMATS, SAMPLERS
from glimpsecli.storage import is_address, path_of, shown, storage_of
from glimpsecli.window import GaussianParams, Window

Check = Callable[[Any], bool]
Row = dict[str, Any]

LARGEST_WHOLE = 2**53 - 1
"""The largest integer that every reader of JSON gives exactly."""
LARGEST_NUMBER = 1e300
SHOWN = 40
"""Characters of a wrong value that a message shows."""


def _text(value: Any) -> bool:
    """Return whether a value is a text that can name a file."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST_NUMBER


def _whole(least: int, most: int = LARGEST_WHOLE) -> Check:
    return lambda value: type(value) is int and least <= value <= most


def _one_of(names: Iterable[str]) -> Check:
    known = tuple(names)
    return lambda value: isinstance(value, str) and value in known


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _listed(check: Check, *lengths: int) -> Check:
    return lambda value: isinstance(value, list) and len(value) in lengths and all(map(check, value))


def _object(*later: str, **checks: Check) -> Check:
    """Give the check of an object with just these fields, of which `later` may be missing."""
    needed = checks.keys() - set(later)
    return lambda value: (
        isinstance(value, dict)
        and needed <= value.keys() <= checks.keys()
        and all(checks[name](value[name]) for name in value)
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _hash(value: Any) -> bool:
    digest = value.removeprefix("sha256:") if isinstance(value, str) else ""
    return len(digest) == 64 and all(letter in "0123456789abcdef" for letter in digest)


_SIZE = _object(width=_whole(1), height=_whole(1))
_HOW = _object(
    "max_pixels",
    sampler=_one_of(SAMPLERS),
    blur=_optional(_number),
    border=_optional(_one_of(BORDERS)),
    fill=_optional(_text),
    backend=_one_of(BACKENDS),
    frame=_whole(0),
    fast_decode=lambda value: isinstance(value, bool),
    max_pixels=_whole(1),
)
_OUTPUT = _object(
    format=_one_of(FORMATS),
    depth=_optional(_one_of(DEPTHS)),
    quality=_optional(_whole(1, 100)),
    compress=_optional(_whole(0, 9)),
)

LINE: dict[str, Check] = {
    "file_name": _text,
    "source": _text,
    "index": _whole(0),
    "label": lambda value: value is None or isinstance(value, str),
    "scale": _whole(1),
    "size": _SIZE,
    "image_size": _SIZE,
    "window": _optional(_object(**{field.name: _number for field in fields(Window)})),
    "quad": _optional(_listed(_listed(_number, 2), 4)),
    "matrix": _listed(_listed(_number, 3), 2, 3),
    "sampler": _one_of(SAMPLERS),
    "gaussian": _optional(_object(**{field.name: _number for field in fields(GaussianParams)})),
    "backend": _one_of(BACKENDS),
    "decoded": _text,
    "outside": _number,
    "source_hash": _hash,
    "source_bytes": _whole(0),
    "of": _whole(1),
    "file_hash": _hash,
    "file_bytes": _whole(0),
}
"""The fields of a line, with the check of each value."""

FRAME: dict[str, Check] = {"frame": _whole(0), "time": _number}
"""The fields that the line of a video's frame has besides: its number, and its time in seconds."""

RUN: dict[str, Check] = {
    "glimpse": _text,
    "folder": _text,
    "packages": _is_object,
    "parameters": _is_object,
    "how": _HOW,
    "output": _OUTPUT,
    "lines": _optional(_whole(0)),
    "checksum": _optional(_hash),
}
"""The fields of a run that are read again. ``lines`` and ``checksum`` are null until the run is finished."""

LATER = frozenset({"file_hash", "file_bytes", "lines", "checksum"})
"""Fields that earlier versions did not write."""


def line_of(record: Mapping[str, Any], folder: str) -> str:
    """Write the line of a glimpse's record."""
    row = dict(record)
    file_name = os.path.relpath(row.pop("file"), folder).replace(os.sep, "/")
    return json.dumps({"file_name": file_name, **row}) + "\n"


def lines_of(products: Iterable[Product], folder: str) -> str:
    """Write the lines of some glimpses."""
    return "".join(line_of(product.record, folder) for product in products)


def key_of(row: Row) -> tuple[str, int | None]:
    """Give the source of a row, and the number of its frame where that is a video: the key of the row's item."""
    return row["source"], row.get("frame")


def is_line(line: str) -> bool:
    """Return whether a line is one of a batch, by the fields that no other table has together."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and row.keys() >= {"file_name", "source", "matrix"}


def read_lines(path: str) -> Iterator[tuple[str, Row | None]]:
    """Read the lines of a ``metadata.jsonl``, each with its row; None where it is no whole line of a batch."""
    for line, _, row in _read(path):
        yield line, row


def read_metadata(path: str) -> list[Row]:
    """Read the rows of a ``metadata.jsonl``.

    Raises
    ------
    InvalidInputError
        The file is not there, or a line is no whole line of a batch.
    """
    rows = []
    try:
        for number, (_, reason, row) in enumerate(_read(path), 1):
            if row is None:
                hint = "put the old file back, or mend it with `glimpse batch` and --resume"
                raise InvalidInputError(f"{path}, line {number} is damaged: {reason}", hint)
            rows.append(row)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}", _ANEW) from None
    return rows


def read_run(path: str) -> dict[str, Any]:
    """Read a ``run.json``.

    Raises
    ------
    InvalidInputError
        The file cannot be read, or a value in it is of the wrong type.
    """
    _check_regular(path)
    try:
        run = json.loads(storage_of(path).read(path_of(path)))
    except (GlimpseError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"{shown(path)} cannot be read: {_short(str(error))}", _ANEW) from None
    reason = _wrong(run, RUN)
    if reason is not None:
        hint = "put the old file back, or start anew with --overwrite"
        raise InvalidInputError(f"{shown(path)} is damaged: {reason}", hint)
    return dict(run)


def checksum(run: Mapping[str, Any], rows: Iterable[Row]) -> str:
    """Give the hash of a run's rows and of how they were made; fields that were added to them do not count."""
    digest = hashlib.sha256(json.dumps([run["how"], run["output"]], sort_keys=True).encode())
    for row in rows:
        names = [*LINE, *(name for name in FRAME if name in row)]
        digest.update(json.dumps([row.get(name) for name in names], sort_keys=True).encode())
    return f"sha256:{digest.hexdigest()}"


_ANEW = "name the output folder of a batch, or start it anew with --overwrite"


def _read(path: str) -> Iterator[tuple[str, str, Row | None]]:
    """Give each line, the reason why it is damaged, and its row, None where it is damaged."""
    _check_regular(path)
    with ExitStack() as held:
        lines: Iterable[str]
        if is_address(path):
            lines = (f"{line}\n" for line in storage_of(path).log(path_of(path)))
        else:
            lines = held.enter_context(open(path, encoding="utf-8", errors="surrogateescape", newline="\n"))
        for line in lines:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                yield line, f"{_short(line)} is not JSON", None
                continue
            checks = LINE | (FRAME if isinstance(row, dict) and not FRAME.keys().isdisjoint(row) else {})
            reason = "its end is missing" if not line.endswith("\n") else _wrong(row, checks)
            yield line, reason or "", row if reason is None else None


def _check_regular(path: str) -> None:
    """Refuse a FIFO, which would be waited for."""
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise InvalidInputError(f"{path} is no regular file", _ANEW)


def _wrong(value: Any, checks: Mapping[str, Check]) -> str | None:
    """Give the reason why an object is damaged; None where it is not."""
    if not isinstance(value, dict):
        return f"{_short(json.dumps(value))} is no object"
    for name, check in checks.items():
        if name not in value:
            if name not in LATER:
                return f"it has no {name!r}"
        elif not check(value[name]):
            return f"{name} cannot be {_short(json.dumps(value[name]))}"
    return None


def _short(text: str) -> str:
    text = " ".join(text.encode(errors="backslashreplace").decode().split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
