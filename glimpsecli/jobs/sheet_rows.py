"""The rows of a contact sheet: the images of a data set by label, split or folder, counted, and some of each chosen.

Files are chosen by hashes of their names and the seed: a row shows those with the smallest hashes. So no other file is
opened, a longer row begins with the files of a shorter one, and most of them stay when new files come.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.ordering import natural_key
from glimpsecli.jobs.groups import folder_of
from glimpsecli.jobs.lines import is_line
from glimpsecli.jobs.sharding import SUFFIX, is_receipt
from glimpsecli.jobs.sources import Sources
from glimpsecli.storage import inside_tar, is_address, joined, name_of, path_of, shown, storage_of

KINDS = ("label", "split", "folder")

_MANIFEST = re.compile(r"metadata(-[0-9]+-of-[0-9]+)?\.jsonl")


class Shown(NamedTuple):
    """A file that a sheet shows.

    Attributes
    ----------
    path, name : str
        The name is its path below the source that it was found in.
    """

    path: str
    name: str


class Row:
    """The files of one label, split or folder.

    Parameters
    ----------
    most : int
        Number of files that are shown.

    Attributes
    ----------
    count : int
    splits : Counter of str
        Number of files in each split.
    least, largest : (int, int) or None
        Width and height of the smallest and of the largest, by area, as far as a manifest says.
    """

    def __init__(self, most: int) -> None:
        self.count = 0
        self.splits: Counter[str] = Counter()
        self.least: tuple[int, int] | None = None
        self.largest: tuple[int, int] | None = None
        self._most = most
        self._chosen: list[tuple[int, Shown]] = []  # a heap of negative hashes: the largest hash is first

    def add(self, digest: int, file: Shown, size: tuple[int, int] | None, split: str | None) -> None:
        """Count a file, and show it if its hash is among the smallest."""
        self.count += 1
        if split is not None:
            self.splits[split] += 1
        if len(self._chosen) < self._most:
            heapq.heappush(self._chosen, (-digest, file))
        elif -digest > self._chosen[0][0]:
            heapq.heapreplace(self._chosen, (-digest, file))
        if size is not None:
            if self.least is None or size[0] * size[1] < self.least[0] * self.least[1]:
                self.least = size
            if self.largest is None or size[0] * size[1] > self.largest[0] * self.largest[1]:
                self.largest = size

    @property
    def shown(self) -> list[Shown]:
        """The files that are shown, in the order of their hashes."""
        return [file for _, file in sorted(self._chosen, key=lambda one: (-one[0], one[1]))]


class Contents(NamedTuple):
    """What a sheet shows.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    rows : dict
        By their names in natural order; that of files without a label, split or folder is empty and comes last.
    noun : str
        Name of a file.
    problems : list of str
        Lines of manifests that are of no use, counted for each manifest.
    endangered : list of str
        Paths of files, shown or not, that have the name of a page.
    """

    kind: str
    rows: dict[str, Row]
    noun: str
    problems: list[str]
    endangered: list[str]

    @property
    def total(self) -> int:
        """Number of all files."""
        return sum(row.count for row in self.rows.values())


def gather(
    given: Sequence[str], *, each: int, seed: int = 0, kind: str | None = None, target: str,
    suffixes: Sequence[str] = (), exclude: Sequence[str] = (),
) -> Contents:  # fmt: skip
    """Count the files of a data set, and choose those that are shown.

    Parameters
    ----------
    given : sequence of str
        Output folders of batches, which are read by their manifests or the receipts of their shards; manifests; and any
        other images and folders, as :class:`Sources` takes them.
    each : int
        The most files that a row shows.
    seed : int
        Of the hashes.
    kind : str, optional
        What rows are: one of `KINDS`, by default the first of which there is any.
    target : str
        The file of the sheet; pages have a number before its suffix.
    suffixes, exclude : sequence of str
        As for :class:`Sources`, for images that no manifest names.

    Raises
    ------
    InvalidInputError
        There is nothing to show, or it has no label or split where these are asked for.
    """
    rows: dict[str, dict[str, Row]] = {name: {} for name in KINDS}
    problems: list[str] = []
    endangered: list[str] = []
    stem, suffix = map(re.escape, os.path.splitext(name_of(target)))
    page = re.compile(f"{stem}(-[0-9]+)?{suffix}")
    manifests = {path: found for path in given if (found := _manifests_of(path))}
    others = [path for path in given if path not in manifests]
    known = (one for found in manifests.values() for one in _listed(found, problems))
    for file, size, names in known if not others else chain(known, _found(others, suffixes, exclude)):
        if page.fullmatch(name_of(file.path)):
            endangered.append(file.path)
        digest = int.from_bytes(
            hashlib.sha256(f"{seed}/{file.name}".encode("utf-8", "surrogateescape")).digest()[:8], "big"
        )
        for name, value in names.items():
            row = rows[name].get(value)
            if row is None:
                row = rows[name][value] = Row(each)
            row.add(digest, file, size, names["split"] or None)
    chosen = kind or next((name for name in KINDS if rows[name].keys() - {""}), "folder")
    if kind in ("label", "split") and not rows[kind].keys() - {""}:
        raise InvalidInputError(f"--by {kind}: {', '.join(map(shown, given))} tells of no {kind}", "leave it out")
    if not rows[chosen]:
        raise InvalidInputError(
            f"{', '.join(map(shown, given))} holds no glimpse", problems[0] if problems else "check the batch"
        )
    ordered = sorted(rows[chosen].items(), key=lambda one: (not one[0], natural_key(one[0])))
    return Contents(chosen, dict(ordered), "image" if others else "glimpse", problems, endangered)


def _manifests_of(path: str) -> list[str]:
    """Give the manifests of a batch, or the receipts of its shards; none where a path is no batch's."""
    storage = storage_of(path)
    if path.endswith(".jsonl"):
        return [path]
    if inside_tar(path) is not None or path.lower().endswith(SUFFIX):
        return []
    if is_address(path):
        if not path.endswith("/"):
            return []
    elif not os.path.isdir(path):
        return []
    entries = (name_of(entry.path) for entry in storage.list(path_of(path), deep=False) if not entry.is_folder)
    names = {name for name in entries if name.endswith((".jsonl", SUFFIX))}
    parts = sorted((name for name in names if _MANIFEST.fullmatch(name)), key=natural_key)
    whole = ["metadata.jsonl"] if "metadata.jsonl" in parts else parts  # parts that were joined
    receipts = sorted((name for name in names if _tar_of(name) in names), key=natural_key)
    return [one for name in whole or receipts if _is_of_batch(one := joined(path, name))]


def _is_of_batch(path: str) -> bool:
    """Return whether the first line is one of a batch, or there is none."""
    line = next(iter(storage_of(path).log(path_of(path))), None)
    return line is None or is_line(line) or is_receipt(line)


def _listed(
    manifests: Sequence[str], problems: list[str]
) -> Iterator[tuple[Shown, tuple[int, int] | None, dict[str, str]]]:
    """Generate the files that manifests tell of, with their sizes and the names of their rows."""
    for path in manifests:
        folder, tar = path.removesuffix(name_of(path)), _tar_of(name_of(path))
        in_tar = not _MANIFEST.fullmatch(name_of(path)) and storage_of(path).stat(path_of(folder + tar)) is not None
        damaged = 0
        for line in storage_of(path).log(path_of(path)):
            row = _row_of(line)
            name = None if row is None else _file_of(row)
            if row is None or name is None:
                damaged += not is_receipt(line)
                continue
            names = {field: value if isinstance(value := row.get(field), str) else "" for field in ("label", "split")}
            file = Shown(f"{folder}{tar}/{name}" if in_tar else f"{folder}{name}", name)
            yield file, _size_of(row), {**names, "folder": folder_of(name)}
        if damaged:
            problems.append(f"{shown(path)}: {damaged} line{'s'[: damaged != 1]} damaged, and left out")


def _found(
    paths: Sequence[str], suffixes: Sequence[str], exclude: Sequence[str]
) -> Iterator[tuple[Shown, None, dict[str, str]]]:
    """Generate the images of folders, patterns and files."""
    sources = Sources(paths, output=os.devnull, suffixes=suffixes, exclude=exclude)
    for source in sources:
        yield (
            Shown(source.path, source.relative),
            None,
            {"label": "", "split": "", "folder": folder_of(source.relative)},
        )


def _row_of(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _file_of(row: dict[str, Any]) -> str | None:
    """Give the file of a line; None where it names none, or one that is not below the folder."""
    name = row.get("file_name")
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    inside = posixpath.normpath(name)
    return None if inside.startswith("/") or inside.split("/")[0] in ("..", ".") else inside


def _size_of(row: dict[str, Any]) -> tuple[int, int] | None:
    size = row.get("size")
    width, height = (size.get("width"), size.get("height")) if isinstance(size, dict) else (None, None)
    return (width, height) if type(width) is int and type(height) is int else None


def _tar_of(name: str) -> str:
    """Give the name of the shard that a file may be the receipt of."""
    return name.removesuffix(".jsonl") + SUFFIX if name.endswith(".jsonl") else ""
