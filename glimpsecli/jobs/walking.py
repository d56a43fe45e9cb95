"""Folders that are searched for images, lazily: a folder is listed when its turn comes."""

from __future__ import annotations

import os
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

COMPANIONS = frozenset({"metadata.jsonl", "metadata.csv", "thumbs.db", "desktop.ini"})
"""Names, in lower case, of files that data sets and systems keep beside images; they are not counted as left out."""


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

    Attributes
    ----------
    failures : dict
        The errors of folders that cannot be searched, by their keys; each comes as a source, too.
    """

    def __init__(self, roots: Sequence[str], chosen: Filter) -> None:
        self._roots = [(root, os.path.realpath(root)) for root in roots]
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
            group, below = self._listed(folder, passed, linked)
            if group.sources:
                yield group
            stack.append(self._children(folder, below))

    def group(self, relative: str) -> Group:
        """Give the group of one folder, which may not be there."""
        within = [(os.path.join(path, relative), os.path.join(real, relative)) for path, real in self._roots]
        there = tuple(one for one in within if os.path.isdir(one[0]))
        return self._listed(_Folder(relative, there), Counter(), {})[0]

    def count(self, stop: threading.Event) -> Iterator[int]:
        """Count the images: give the number so far after each folder."""
        found, stack = 0, [(path, real, "") for path, real in self._roots]
        while stack and not stop.is_set():
            path, real, relative = stack.pop()
            try:
                with os.scandir(path) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            inside = os.path.join(real, entry.name)
                            if inside != self._chosen.kept_out:
                                stack.append((entry.path, inside, f"{relative}{entry.name}/"))
                        elif self._chosen.takes(entry.name) and not (entry.is_symlink() and entry.is_dir()):
                            found += not self._chosen.excludes(relative + entry.name)
            except OSError:
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

    def _listed(
        self, folder: _Folder, left_out: Counter[str], linked: dict[int, str]
    ) -> tuple[Group, Spool[tuple[str, int]]]:
        """List a folder: give its images, and the folders in it, each with the number of the path that it is in."""
        images: Spool[Source] = Spool(lambda source: natural_key(source.relative))
        below: Spool[tuple[str, int]] = Spool(lambda one: natural_key(f"{one[0]}/"))
        above = f"{folder.relative}/" if folder.relative else ""
        hidden = any(part.startswith(".") for part in folder.relative.split("/"))
        for number, (path, real) in enumerate(folder.paths):
            try:
                with os.scandir(path) as entries:
                    for entry in entries:
                        if _is_folder(entry):
                            if entry.is_symlink():  # it is not followed
                                left_out["linked folder"] += not hidden and not entry.name.startswith(".")
                            elif os.path.join(real, entry.name) != self._chosen.kept_out:
                                below.add((entry.name, number))
                        elif self._chosen.takes(entry.name):
                            source = Source(os.path.join(path, entry.name), above + entry.name)
                            if self._chosen.excludes(source.relative):
                                continue
                            if entry.is_symlink() and os.path.exists(source.path):
                                self._check_link(source.path, linked)
                            images.add(source)
                        elif not (hidden or entry.name.startswith(".") or entry.name.lower() in COMPANIONS):
                            left_out[os.path.splitext(entry.name)[1].lower() or "without suffix"] += 1
            except OSError as error:
                failed = Source(path, above)
                self.failures[failed.key] = FileProblemError(f"{path} cannot be searched: {error.strerror}")
                images.add(failed)
        return Group(folder.relative, images), below

    def _children(self, folder: _Folder, below: Spool[tuple[str, int]]) -> Iterator[_Folder]:
        above = f"{folder.relative}/" if folder.relative else ""
        for name, mine in groupby(below, key=lambda one: one[0]):
            within = [folder.paths[number] for _, number in mine]
            yield _Folder(
                above + name, tuple((os.path.join(path, name), os.path.join(real, name)) for path, real in within)
            )

    def _check_link(self, path: str, linked: dict[int, str]) -> None:
        """Refuse a link to a file that is found by another path, too."""
        real = os.path.realpath(path)
        other = self.finds(real) or linked.setdefault(hash(real), path)
        if other != path:
            raise InvalidInputError(f"{path} is given also as {other}", "give each image once")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False
