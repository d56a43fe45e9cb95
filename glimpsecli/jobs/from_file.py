"""Lists of images: files with a path on each line."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO

from glimpsecli.annotations.text import decoded, read_bytes
from glimpsecli.encodings import encoding_of
from glimpsecli.errors import InvalidInputError
from glimpsecli.images.streams import is_stream, standard_input
from glimpsecli.jobs.folders import NamesOnDisk
from glimpsecli.storage import is_address, is_stored, path_of, storage_of

MISSING = "missing"
"""What sources are counted as that are not there, and may be."""


def lines_of(name: str, missing: Counter[str] | None = None) -> Iterator[str]:
    """Read the paths of a list, one on each line; those that are not there are counted as `missing`, or refused."""
    names = NamesOnDisk()
    with _opened_list(name) as lines:
        for number, line in enumerate(lines, 1):
            bare = line.removesuffix(b"\n").removesuffix(b"\r")
            if not bare.strip():
                continue
            path = os.fsdecode(bare).strip() if is_address(os.fsdecode(bare).strip()) else names.find(os.fsdecode(bare))
            if is_address(path):
                pass  # it fails alone where it is not there: asking for each would take too long
            elif missing is not None and not (os.path.lexists(path) or is_stored(path) or is_shut_off(path)):
                missing[MISSING] += 1
                continue
            elif is_stored(path):
                if storage_of(path).stat(path_of(path)) is None:
                    raise InvalidInputError(f"{name}, line {number}: {path} does not exist", "give members of the tar")
            elif path.lower().endswith(".tar"):
                raise InvalidInputError(
                    f"{name}, line {number}: {path} is a tar", "give it as a source, or its members, x.tar/NAME"
                )
            elif not os.path.isfile(path) and not is_shut_off(path):
                problem = (
                    "is a folder"
                    if os.path.isdir(path)
                    else "is no regular file"
                    if is_stream(path)
                    else "does not exist"
                )
                raise InvalidInputError(f"{name}, line {number}: {path} {problem}", "give files")
            yield path


@contextmanager
def _opened_list(name: str) -> Iterator[Iterable[bytes]]:
    """Give the lines of a list, in UTF-8 or as any bytes; of a file they are read one by one."""
    hint = "give a file with a path on each line"
    if name != "-" and not os.path.isfile(name):  # a FIFO, or the reason why it cannot be read
        file: BinaryIO = io.BytesIO(read_bytes(name, hint))
    elif name == "-":
        file = standard_input()
    else:
        try:
            file = open(name, "rb")  # noqa: SIM115 - closed below
        except OSError as error:
            raise InvalidInputError(f"{name}: {error.strerror or error}", hint) from None
    try:
        head = file.readline()
        if encoding_of(head) == "utf-8":  # then any bytes are a path
            yield chain([head], file)
        else:
            yield os.fsencode(decoded(head + file.read(), "standard input" if name == "-" else name)).splitlines(True)
    finally:
        if name != "-":
            file.close()


def is_shut_off(path: str) -> bool:
    """Return whether a path is in a folder that may not be searched: only opening the file shows whether it exists."""
    try:
        os.stat(path)
    except PermissionError:
        return True
    except (OSError, ValueError):
        pass
    return False
