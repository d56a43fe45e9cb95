"""The images of a batch: found in folders, by names and patterns, and in lists."""

from __future__ import annotations

import glob
import os
import re
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.images.streams import is_stream
from glimpsecli.images.suffixes import IN_FOLDERS, VIDEOS
from glimpsecli.jobs.folders import Folders
from glimpsecli.jobs.from_file import MISSING, is_shut_off, lines_of
from glimpsecli.jobs.groups import Group, Key, Source, folder_of, folders_first, grouped, in_order
from glimpsecli.jobs.spool import Hashes, Spool
from glimpsecli.jobs.tars import find_tars
from glimpsecli.jobs.walking import EMPTY, Filter, Walk, real_path
from glimpsecli.storage import inside_tar, is_address, is_stored, joined, name_of, path_of, shown, storage_of
from glimpsecli.storage.addresses import WEB, parse

FRAMES = "choose frames of videos with --frames"

LISTED = 8
"""Number of suffixes that a summary names; files with others are counted together."""


class Sources:
    """Images in natural order, which can be gone through again and again.

    Folders alone are searched while they are gone through, a folder at a time. Files, patterns and lists are
    searched at once, and sorted, on disk where they are many.

    Parameters
    ----------
    given : sequence of str
        Folders, searched with all below them; files; patterns with ``*``, ``?``, ``[...]`` and ``**``; tar files, which
        are searched as folders are, several of them as ``x-{000..099}.tar``.
    lists : sequence of str
        Files with a path on each line, or ``-`` for standard input.
    suffixes : sequence of str
        Suffixes that are taken from folders; by default those of all formats that can be read, but ``npy``.
    exclude : sequence of str
        Patterns of relative paths, or of file names, that are left out.
    videos : bool
        Whether videos are taken from folders, too.
    output : str
        The output folder, which is no source even where it lies in one.
    frames : str
        The advice about a folder that has videos and no image, where videos are not taken.
    skip_missing : bool
        Whether a path that is not there is counted as left out, and is no error.

    Attributes
    ----------
    failures : dict
        The errors of folders that could not be searched, by their keys; each comes as a source, too.
    tars : tuple of str
        The tar files.
    skip_missing : bool
    folders : tuple of str
        The folders of stores, without a slash at their ends.

    Raises
    ------
    InvalidInputError
        A path is not there, a folder or pattern holds no image, or an image is given twice. A link to an image that is
        given, too, is found only when its folder is.
    """

    def __init__(
        self, given: Sequence[str], *, lists: Sequence[str] = (), suffixes: Sequence[str] = (),
        exclude: Sequence[str] = (), videos: bool = False, output: str, frames: str = FRAMES,
        skip_missing: bool = False,
    ) -> None:  # fmt: skip
        suffixes = suffixes or (*IN_FOLDERS, *(VIDEOS if videos else ()))
        wanted = tuple(f".{suffix.lower().lstrip('.')}" for suffix in suffixes)
        self._chosen = Filter(wanted, tuple(exclude), real_path(output))
        self._left_out: Counter[str] = Counter()  # by patterns, and what is missing
        self.skip_missing = skip_missing
        if skip_missing:
            there = [path for path in given if is_address(path) or glob.has_magic(path) or _may_be_there(path)]
            self._left_out[MISSING] += len(given) - len(there)
            given = there
        tars, given = find_tars(given)
        self.tars = (*tars,)
        roots = [path for path in given if _is_folder(path)]
        for root in roots:
            self._check_root(root, "" if videos else frames)
        self.folders = tuple(root.rstrip("/") for root in roots if is_address(root) and inside_tar(root) is None)
        _refuse_overlap(roots, self._chosen)
        others = [path for path in given if path not in roots]
        self._walk = Walk(roots, self._chosen, tars)
        self._gathered: Spool[Source] | None = None
        self._reals = Hashes()
        if others or lists:
            self._gather(others, lists)
        if not self._has_image(tars):
            deque(self, maxlen=0)  # the folders that cannot be searched, if any
            for failure in self.failures.values():
                raise failure
            if tars and not roots and self._gathered is None:
                self._refuse_empty(Walk([], self._chosen._replace(exclude=()), tars), tars, "")
            raise InvalidInputError("no image is left to work on", "check the sources and --exclude")

    @property
    def failures(self) -> dict[Key, GlimpseError]:
        """The errors of folders that could not be searched, as far as they were met."""
        return self._walk.failures

    def __iter__(self) -> Iterator[Source]:
        return (source for _, source in in_order(self.groups()))

    def groups(self, left_out: Counter[str] | None = None) -> Iterator[Group]:
        """Generate the images of each folder; see :meth:`Walk.groups`."""
        if left_out is not None:
            left_out.update(self._left_out)
        return self._walk.groups(left_out) if self._gathered is None else grouped(self._gathered)

    def group(self, folder: str) -> Group:
        """Give the images of one relative folder."""
        if self._gathered is None:
            return self._walk.group(folder)
        mine = (source for source in self._gathered if folder_of(source.relative) == folder)
        return Group(folder, Spool(None, mine))

    def count(self, stop: threading.Event) -> Iterator[int]:
        """Count the images: give the number so far now and then, and at last that of all, unless it is stopped."""
        return self._walk.count(stop) if self._gathered is None else iter([len(self._gathered)])

    def finds(self, real: str) -> str | None:
        """Give the path of an image by its real path; None where it is not among the sources."""
        if self._gathered is None:
            return self._walk.finds(real)
        if real not in self._reals:
            return None
        return next((one.path for one in self._gathered if real_path(one.path) == real), None)

    def _has_image(self, tars: Sequence[str]) -> bool:
        """Return whether an image is left, without sorting a folder; a tar of a store is first seen when it is read."""
        if self._gathered is None and not any(map(is_address, tars)):
            return any(self._walk.count(threading.Event()))
        return any(source.key not in self.failures for source in self)

    def _check_root(self, root: str, frames: str) -> None:
        """Refuse a folder in which no image is; `frames` is the advice where videos are."""
        if real_path(root) == self._chosen.kept_out:
            raise InvalidInputError(f"{shown(root)} is the output folder itself", "choose another output folder")
        walk = Walk([root], self._chosen._replace(exclude=()))
        if not any(walk.count(threading.Event())):
            self._refuse_empty(walk, [root], frames)

    def _refuse_empty(self, walk: Walk, paths: Sequence[str], frames: str) -> None:
        """Refuse folders or tars that hold no image."""
        here: Counter[str] = Counter()
        images = sum(len(group.sources) for group in walk.groups(here)) - len(walk.failures)
        for failure in walk.failures.values():
            raise failure
        if images:
            return
        many = len(paths) > 1
        if not many and any(what.startswith(EMPTY) for what in here):
            raise InvalidInputError(f"{shown(paths[0])} is an {EMPTY}", "leave it out")
        holds = f", and hold{'s'[many:]} {counted(here)}" if +here else ""
        choice = f"; {frames}" if frames and any(f".{suffix}" in here for suffix in VIDEOS) else ""
        choice += f"; name tars, {joined(paths[0], '*.tar')}" if ".tar" in here and os.path.isdir(paths[0]) else ""
        more = f" and {len(paths) - 1} more" if many else ""
        raise InvalidInputError(
            f"{shown(paths[0])}{more} hold{'s'[many:]} no image",
            f"{'they were' if many else 'it was'} searched for {', '.join(self._chosen.suffixes)}{holds}{choice}",
        )

    def _gather(self, paths: Sequence[str], lists: Sequence[str]) -> None:
        """Take all images at once, and refuse those that come twice."""
        found, folders = Spool(folders_first), Folders()
        for source in self._searched(paths, lists):
            if not self._chosen.excludes(source.relative):
                found.add(source)
                self._reals.add(_real(source.path, folders))
        repeated, seen = self._reals.repeated(), dict[str, str]()
        for source in found if len(repeated) else ():
            real = _real(source.path, folders)
            if real in seen:
                again = "twice" if seen[real] == source.path else f"also as {shown(seen[real])}"
                raise InvalidInputError(f"{shown(source.path)} is given {again}", "give each image once")
            if real in repeated:
                seen[real] = source.path
        self._gathered = found

    def _searched(self, paths: Sequence[str], lists: Sequence[str]) -> Iterator[Source]:
        yield from (source for group in self._walk.groups(self._left_out) for source in group.sources)
        for path in paths:
            if is_address(path) or (is_stored(path) and storage_of(path).stat(path_of(path)) is not None):
                yield Source(path, name_of(path))
            elif is_stream(path):
                raise InvalidInputError(
                    f"{path} is no regular file", "a batch reads files, and extract reads pipes too"
                )
            elif os.path.exists(path) or is_shut_off(path):
                yield Source(os.path.join(".", path) if path == "-" else path, os.path.basename(path))
            else:
                yield from _matching(path, self._chosen.kept_out, self._left_out)
        for name in lists:
            yield from (
                Source(path, _relative(path)) for path in lines_of(name, self._left_out if self.skip_missing else None)
            )


def find_sources(
    given: Sequence[str], *, output: str, problems: list[str] | None = None, left_out: Counter[str] | None = None,
    suffixes: Sequence[str] = (), exclude: Sequence[str] = (), lists: Sequence[str] = (), frames: str = FRAMES,
) -> list[Source]:  # fmt: skip
    """Find the images, in natural order: those of :class:`Sources`, whose parameters and errors these are.

    Parameters
    ----------
    problems : list of str, optional
        Gets a line for each folder that cannot be searched.
    left_out : Counter, optional
        Counts, by suffix, the files in folders that are not taken, unless they are hidden; and the folders that a link
        or a pattern leads to, which are not searched.
    """
    sources = Sources(given, output=output, suffixes=suffixes, exclude=exclude, lists=lists, frames=frames)
    found = [source for _, source in in_order(sources.groups(left_out))]
    if problems is not None:
        problems += [str(error) for error in sources.failures.values()]
    return [source for source in found if source.key not in sources.failures]


def counted(counts: Counter[str]) -> str:
    """Write counts in a line, the largest first: ``3 .txt, 1 .psd``."""
    ordered = sorted((+counts).items(), key=lambda one: (-one[1], one[0]))
    named = [f"{count} {what}{'s'[: count > 1 and what.endswith('folder')]}" for what, count in ordered[:LISTED]]
    others = sum(count for _, count in ordered[LISTED:])
    return ", ".join(named + [f"{others} others"] * (others > 0))


def _refuse_overlap(roots: Sequence[str], chosen: Filter) -> None:
    """Refuse folders that are given twice, or within another one."""
    for number, one in enumerate(roots):
        inside, others = Walk([one], chosen), [*roots[:number], *roots[number + 1 :]]
        above = [other for other in others if _holds(real_path(other), real_path(one))]
        first = next((source for group in inside.groups() for source in group.sources), None) if above else None
        again = first and Walk(above, chosen).finds(real_path(first.path))
        if first is not None and again:
            words = "twice" if again == first.path else f"also as {shown(again)}"
            raise InvalidInputError(f"{shown(first.path)} is given {words}", "give each image once")


def _is_folder(path: str) -> bool:
    """Return whether a path is a folder; of addresses, that of a bucket, one with a slash at its end, and no object."""
    if not is_stored(path):
        return os.path.isdir(path)
    if inside_tar(path) is not None:
        found = storage_of(path).stat(path_of(path))
        return found is not None and found.is_folder
    if parse(path).scheme in WEB:
        return False
    if glob.has_magic(path):
        hint = "give its folder, and choose with --ext and --exclude"
        raise InvalidInputError(f"{shown(path)} is a pattern, and those are for local files", hint)
    return path.endswith("/") or not name_of(path) or storage_of(path).stat(path_of(path)) is None


def _may_be_there(path: str) -> bool:
    return os.path.lexists(path) or is_stored(path) or is_shut_off(path) or "{" in path


def _real(path: str, folders: Folders) -> str:
    return path.partition("?")[0] if is_address(path) else folders.real(path)


def _holds(above: str, below: str) -> bool:
    return below == above or below.startswith(os.path.join(above, ""))


def _matching(pattern: str, kept_out: str, left_out: Counter[str]) -> Iterator[Source]:
    found = glob.glob(pattern, recursive=True)
    paths = [path for path in found if os.path.isfile(path)]
    if not paths:
        what = "fits no file" if glob.has_magic(pattern) else "does not exist"
        raise InvalidInputError(f"{pattern or repr(pattern)} {what}", "check the path")
    if "**" not in pattern:
        left_out["folder"] += sum(os.path.isdir(path) for path in found)
    fixed = os.path.dirname(re.split(r"[*?\[]", pattern)[0])
    for path in paths:
        if os.path.commonpath([os.path.realpath(path), kept_out]) != kept_out:
            yield Source(path, _relative(os.path.relpath(path, fixed or ".")))


def _relative(path: str) -> str:
    """Keep the folders of a relative path that leads down; of any other path, and of an address, only the name."""
    if is_address(path):
        return name_of(path)
    inside = inside_tar(path)
    if inside is not None:  # below a folder with the name of the tar, as where the whole tar is a source
        return f"{_relative(os.path.splitext(inside[0])[0])}/{inside[1]}"
    parts = os.path.normpath(path).split(os.sep)
    return os.path.basename(path) if os.path.isabs(path) or ".." in parts else "/".join(parts)
