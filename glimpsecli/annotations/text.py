"""Text of files from other programs: UTF-8, or UTF-16 and UTF-32 with the byte order mark that Windows writes."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

from glimpsecli import storage
from glimpsecli.encodings import encoding_of
from glimpsecli.errors import InvalidInputError
from glimpsecli.images import streams

if TYPE_CHECKING:
    from pathlib import Path

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def shown(value: object) -> str:
    """Quote a value from a file for a message: on one line, and not too long."""
    return _SHORT.repr(value)


def listed(names: list[str]) -> str:
    """Quote the first three of some names for a message."""
    return ", ".join(map(shown, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def decoded(data: bytes, name: str, hint: str | None = None) -> str:
    """Decode a file, without its byte order mark; `name` and `hint` are for the message where it is no text."""
    try:
        text = data.decode(encoding_of(data))
    except UnicodeDecodeError:
        raise InvalidInputError(f"{name} is not UTF-8 text", hint or "save it as UTF-8") from None
    if "\0" in text:  # UTF-16 without a mark is valid UTF-8, with a NUL beside each letter
        raise InvalidInputError(
            f"{name} holds NUL characters: it is no text, or UTF-16 without a mark", "save as UTF-8"
        )
    return text


def from_json(text: str, subject: str = "") -> Any:
    """Read JSON; `subject` begins the message where it is none, as ``a.json is``, with a space behind."""
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInputError(f"{subject}not JSON: {error}") from None
    except RecursionError:
        raise InvalidInputError(f"{subject}nested too deeply") from None


def as_object(value: object) -> dict[str, Any]:
    """Give a value of JSON that must be an object."""
    if not isinstance(value, dict):
        raise InvalidInputError(f"{shown(value)} is not an object")
    return value


def read_object(path: str | Path, file_format: str, listed: str) -> dict[str, Any]:
    """Read a JSON file that is an object with a list called `listed`, as all files of the format are."""
    whole = from_json(read_text(path), f"{path} is ")
    if not isinstance(whole, dict) or not isinstance(whole.get(listed), list):
        raise InvalidInputError(f"{path} is no {file_format} file", f"it has no list of {listed}")
    return whole


def read_bytes(path: str | Path, hint: str | None = None) -> bytes:
    """Read a file or what an address names, or standard input where the path is ``-``.

    Errors have the reason on one line, and `hint`. Many of a table's own name it, so that it may have no signature.
    """
    if isinstance(path, str) and storage.is_address(path):
        if storage.shown(path) != path:
            raise InvalidInputError(f"{storage.shown(path)} is given with a query", "save it as a file first")
        return storage.storage_of(path).read(storage.path_of(path))
    try:
        return streams.standard_input().read() if path == "-" else streams.read_bytes(path)
    except InvalidInputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InvalidInputError(f"{path or repr(path)}: {getattr(error, 'strerror', None) or error}", hint) from None


def read_text(path: str | Path, hint: str | None = None) -> str:
    """Read a text file; see :func:`read_bytes` and :func:`decoded`."""
    return decoded(read_bytes(path, hint), "standard input" if path == "-" else str(path), hint)
