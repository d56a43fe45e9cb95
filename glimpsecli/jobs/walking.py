"""Folders that are searched for images, lazily: a folder is listed when its turn comes."""

from __future__ import annotations

import os
import posixpath
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from itertools import groupby
from typing import NamedTuple

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError
from glimpsecli.images.ordering import natural_key
from glimpsecli.jobs.groups import Group, Key, Source
from glimpsecli.jobs.spool import Spool
from glimpsecli.storage import inside_tar, is_address, is_stored, joined, name_of, path_of, shown, storage_of

COMPANIONS = frozenset({"metadata.jsonl", "metadata.csv", "thumbs.db", "desktop.ini"})
"""Names, in lower case, of files that data sets and systems keep beside images; they are not counted as left out."""


EMPTY = "empty tar"
"""How tars without a file in them are counted as left out, each with its path."""


class Filter(NamedTuple):
    """The files of folders that are images.

    Attributes
    ----------
    suffixes : tuple of str
        Lower case, with their dots.
    exclude : tuple of str
        Patterns of relative paths, or of file names, that are left out.
    kept_out : str
        The real path of a folder that is not searched.
    """

    suffixes: tuple[str, ...]
    exclude: tuple[str, ...]
    kept_out: str

    def takes(self, name: str) -> bool:
        """Return whether a file is an image, by its name."""
        return not name.startswith(".") and name.lower().endswith(self.suffixes)

    def excludes(self, relative: str) -> bool:
        """Return whether an image is left out, by its relative path."""
        name = relative.rpartition("/")[2]
        return any(fnmatch(relative, pattern) or fnmatch(name, pattern) for pattern in self.exclude)


class _Folder(NamedTuple):
    """A relative folder, and the folders that it is in the roots: each a path and the real one."""

    relative: str
    paths: tuple[tuple[str, str], ...]


class Walk:
    """Some folders with all that lies below them, as one tree.

    Parameters
    ----------
    roots : sequence of str
    chosen : Filter
    tars : sequence of str
        Tar files, each of which is a folder of the tree that has its stem for a name.

    Attributes
    ----------
    failures : dict
        The errors of folders that cannot be searched, by their keys; each comes as a source, too.
    """

    def __init__(self, roots: Sequence[str], chosen: Filter, tars: Sequence[str] = ()) -> None:
        self._roots = [(root, real_path(root)) for root in roots]
        self._tars = [(posixpath.splitext(name_of(tar))[0], f"{tar}/") for tar in tars]
        self._chosen = chosen
        self.failures: dict[Key, GlimpseError] = {}

    def groups(self, left_out: Counter[str] | None = None) -> Iterator[Group]:
        """Generate the groups, each when its folders are listed.

        Parameters
        ----------
        left_out : Counter, optional
            Counts, by suffix, the files that are not taken, unless they are hidden; and linked folders.

        Raises
        ------
        InvalidInputError
            An image is given twice, by a link.
        """
        passed: Counter[str] = Counter() if left_out is None else left_out
        linked: dict[int, str] = {}
        stack = [iter([_Folder("", tuple(self._roots))])]
        while stack:
            folder = next(stack[-1], None)
            if folder is None:
                stack.pop()
                continue
            group, below = self._list(folder, passed, linked)
            if group.sources:
                yield group
            stack.append(self._children(folder, below))

    def group(self, relative: str) -> Group:
        """Give the group of one folder, which may not be there."""
        within = [(joined(path, relative), joined(real, relative)) for path, real in self._roots]
        top, _, below = relative.partition("/")
        within += [(joined(tar, below), "") for stem, tar in self._tars if stem == top]
        there = tuple(one for one in within if is_stored(one[0]) or os.path.isdir(one[0]))
        return self._list(_Folder(relative, there), Counter(), {})[0]

    def count(self, stop: threading.Event) -> Iterator[int]:
        """Count the images: give the number so far after each folder."""
        found, stack = 0, [(path, real, "") for path, real in self._roots]
        stack += [(tar, "", f"{stem}/") for stem, tar in self._tars if not is_address(tar)]  # one of a store is fetched
        while stack and not stop.is_set():
            path, real, relative = stack.pop()
            try:
                for name, is_folder, is_link in _listed(path):
                    if is_folder and not is_link:
                        inside = joined(real, name)
                        if inside != self._chosen.kept_out:
                            stack.append((joined(path, name), inside, f"{relative}{name}/"))
                    elif not is_folder and self._chosen.takes(name):
                        found += not self._chosen.excludes(relative + name)
            except _UnlistedError:
                pass  # it is a failure of the run
            yield found

    def finds(self, real: str) -> str | None:
        """Give the path under which a file is found, by its real path; None where it is not."""
        kept_out = os.path.join(self._chosen.kept_out, "")
        for path, root in self._roots:
            inside = os.path.join(root, "")
            if not real.startswith(inside) or (real.startswith(kept_out) and kept_out.startswith(inside)):
                continue
            relative = real[len(inside) :].replace(os.sep, "/")
            if self._chosen.takes(os.path.basename(real)) and not self._chosen.excludes(relative):
                return os.path.join(path, real[len(inside) :])
        return None

    def _list(
        self, folder: _Folder, left_out: Counter[str], linked: dict[int, str]
    ) -> tuple[Group, Spool[tuple[str, int]]]:
        """List a folder: give its images, and the folders in it, each with the number of the path that it is in."""
        images: Spool[Source] = Spool(lambda source: natural_key(source.relative))
        below: Spool[tuple[str, int]] = Spool(lambda one: natural_key(f"{one[0]}/"))
        above = f"{folder.relative}/" if folder.relative else ""
        hidden = any(part.startswith(".") for part in folder.relative.split("/"))
        for number, (path, real) in enumerate(folder.paths):
            try:
                holds = False
                for name, is_folder, is_link in _listed(path):
                    holds = True
                    if is_folder:
                        if is_link:  # it is not followed
                            left_out["linked folder"] += not hidden and not name.startswith(".")
                        elif joined(real, name) != self._chosen.kept_out:
                            below.add((name, number))
                    elif self._chosen.takes(name):
                        source = Source(joined(path, name), above + name)
                        if self._chosen.excludes(source.relative):
                            continue
                        if is_link and os.path.exists(source.path):
                            self._check_link(source.path, linked)
                        images.add(source)
                    elif not (hidden or name.startswith(".") or name.lower() in COMPANIONS):
                        left_out[os.path.splitext(name)[1].lower() or "without suffix"] += 1
                tar = None if holds else inside_tar(path)
                if tar is not None:  # it would go unnoticed
                    left_out[f"{EMPTY} {shown(tar[0])}"] += 1
            except _UnlistedError as error:
                failed = Source(path, above)
                self.failures[failed.key] = FileProblemError(f"{shown(path)} cannot be searched: {error}", error.hint)
                images.add(failed)
        if not folder.relative:
            for number, (stem, _) in enumerate(self._tars, len(folder.paths)):
                below.add((stem, number))
        return Group(folder.relative, images), below

    def _children(self, folder: _Folder, below: Spool[tuple[str, int]]) -> Iterator[_Folder]:
        above = f"{folder.relative}/" if folder.relative else ""
        for name, mine in groupby(below, key=lambda one: one[0]):
            yield _Folder(above + name, tuple(self._child(folder, name, number) for _, number in mine))

    def _child(self, folder: _Folder, name: str, number: int) -> tuple[str, str]:
        if number >= len(folder.paths):
            return self._tars[number - len(folder.paths)][1], ""
        path, real = folder.paths[number]
        return joined(path, name), joined(real, name)

    def _check_link(self, path: str, linked: dict[int, str]) -> None:
        """Refuse a link to a file that is found by another path, too."""
        real = os.path.realpath(path)
        other = self.finds(real) or linked.setdefault(hash(real), path)
        if other != path:
            raise InvalidInputError(f"{path} is given also as {other}", "leave one of them out with --exclude")


class _UnlistedError(Exception):
    """A folder cannot be listed; the hint is the way out, where there is one."""

    def __init__(self, reason: str | None, hint: str | None) -> None:
        super().__init__(reason)
        self.hint = hint


def real_path(path: str) -> str:
    """Follow links; the path of an object of a store is as real as it is."""
    return path.rstrip("/") if is_address(path) else os.path.realpath(path)


def _listed(folder: str) -> Iterator[tuple[str, bool, bool]]:
    """List a folder: give the names, and whether each is a folder, and a link; or raise `_UnlistedError`."""
    try:
        if is_stored(folder):
            for found in storage_of(folder).list(path_of(folder), deep=False):
                yield posixpath.basename(found.path.rstrip("/")), found.is_folder, False
            return
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry.name, _is_folder(entry), entry.is_symlink()
    except GlimpseError as error:
        raise _UnlistedError(error.message, error.hint) from error
    except OSError as error:
        raise _UnlistedError(error.strerror, None) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False
