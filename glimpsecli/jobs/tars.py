"""The tar files among the sources of a batch, by their names."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence

from glimpsecli.errors import InvalidInputError
from glimpsecli.storage import is_address, path_of, shown, storage_of

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
MOST = 1_000_000
"""Names that a range stands for at most."""

_RANGE = re.compile(r"\{([0-9]+)\.\.([0-9]+)\}")
_BRACES = re.compile(r"\{[^{}]*(?:\.\.|,)[^{}]*\}")
_LONGEST = 15
"""Digits of a number in a range."""


def find_tars(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take the tars from among some paths: give them, and the other paths.

    A range in braces stands for the names with all its numbers, as in a shell: ``x-{08..11}.tar``; a pattern for the
    files that fit it.

    Raises
    ------
    InvalidInputError
        A tar is not there, is given twice, is empty or compressed; or a range is none.
    """
    tars: dict[str, str] = {}
    others = []
    for path in paths:
        if path.endswith("/") and not is_address(path) and os.path.isfile(path.rstrip("/")):
            path = path.rstrip("/")
        name = shown(path).lower()
        if name.endswith(COMPRESSED):
            raise InvalidInputError(f"{shown(path)} is compressed, and cannot be searched", "unpack it to a .tar")
        if not name.endswith(".tar") or (not is_address(path) and os.path.isdir(path)):
            others.append(path)
            continue
        for tar in _named(path):
            real = tar if is_address(tar) else os.path.realpath(tar)
            if real in tars:
                raise InvalidInputError(f"{shown(tar)} is given twice", "give each tar once")
            tars[real] = tar
            _check(tar)
    return [*tars.values()], others


def _named(path: str) -> Iterator[str]:
    """Generate the tars that a path stands for: itself, those of its ranges, and on a disk those that fit these."""
    if not is_address(path) and os.path.lexists(path):
        yield path
        return
    _check_ranges(path)
    for one in _expanded(path):
        if is_address(one) or os.path.lexists(one) or not glob.has_magic(one):
            yield one
            continue
        found = sorted(glob.glob(one, recursive=True))
        if not found:
            raise InvalidInputError(f"no file fits {one}", "check the pattern")
        yield from found


def _check_ranges(path: str) -> None:
    """Refuse braces that hold no range of numbers, or stand for too many names."""
    count = 1
    for braces in _BRACES.findall(path):
        found = _RANGE.fullmatch(braces)
        if found is None:
            raise InvalidInputError(
                f"{shown(path)}: {braces} is no range of numbers", "write {000..099}, or give each tar by its name"
            )
        first, last = found.groups()
        if max(map(len, found.groups())) > _LONGEST:
            raise InvalidInputError(
                f"{shown(path)}: a range has a number of more than {_LONGEST} digits", "write {000..099}"
            )
        if int(first) > int(last):
            raise InvalidInputError(
                f"{shown(path)}: {braces} goes down, and ranges go up", f"write {{{last}..{first}}}"
            )
        count *= int(last) - int(first) + 1
    if count > MOST:
        raise InvalidInputError(
            f"{shown(path)} stands for {count:,} tars, and {MOST:,} may be given at a time", "give a smaller range"
        )


def _expanded(path: str) -> Iterator[str]:
    """Generate the paths that a path with ranges in braces stands for."""
    found = _RANGE.search(path)
    if found is None:
        yield path
        return
    first, last = found.groups()
    padded = any(len(one) > 1 and one.startswith("0") for one in found.groups())
    width = max(map(len, found.groups())) if padded else 0
    for number in range(int(first), int(last) + 1):
        yield from _expanded(f"{path[: found.start()]}{number:0{width}d}{path[found.end() :]}")


def _check(tar: str) -> None:
    """Refuse a tar that is not there, or is empty."""
    found = storage_of(tar).stat(path_of(tar))
    if found is None:
        raise InvalidInputError(f"{shown(tar)} does not exist", "check the path")
    if not found.size:
        raise InvalidInputError(f"{shown(tar)} is empty", "leave it out")
