"""Which images a batch is made of: folders, files, patterns and lists."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from itertools import cycle
from typing import NamedTuple

from glimpsecli.annotations.names import Folders
from glimpsecli.annotations.text import decoded, encoding_of
from glimpsecli.errors import InvalidInputError

SUFFIXES = ("png", "jpg", "jpeg", "jpe", "webp", "tif", "tiff", "gif", "bmp", "pgm", "ppm", "jp2", "heic", "avif")
"""What a folder is searched for, unless other suffixes are asked for."""


class Source(NamedTuple):
    """An image of a batch: its path, and its path below the folder that was given, with ``/``."""

    path: str
    relative: str


def find_sources(
    given: Sequence[str],
    *,
    lists: Sequence[str] = (),
    suffixes: Sequence[str] = (),
    exclude: Sequence[str] = (),
    output: str,
    problems: list[str] | None = None,
) -> list[Source]:
    """Find the images, in natural order.

    Parameters
    ----------
    given : sequence of str
        Folders, searched with all below them; files; patterns with ``*``, ``?``, ``[...]`` and ``**``.
    lists : sequence of str
        Files with a path on each line, or ``-`` for standard input.
    suffixes : sequence of str
        What is taken from folders; :data:`SUFFIXES` by default.
    exclude : sequence of str
        Patterns of relative paths, or of file names, that are left out.
    output : str
        The output folder, which is no source even where it lies in one.
    problems : list of str, optional
        Gets a line for each folder that cannot be searched.

    Raises
    ------
    InvalidInputError
        A path is not there, a folder or pattern holds no image, or an image is given twice.
    """
    wanted = tuple(f".{suffix.lower().lstrip('.')}" for suffix in suffixes or SUFFIXES)
    kept_out = os.path.realpath(output)
    found: list[Source] = []
    for path in given:
        if os.path.isdir(path):
            if os.path.realpath(path) == kept_out:
                raise InvalidInputError(f"{path} is the output folder itself", "choose another output folder")
            some = list(_below(path, wanted, kept_out, [] if problems is None else problems))
            if not some:
                raise InvalidInputError(f"{path} holds no image", f"it was searched for {', '.join(wanted)}")
        elif os.path.exists(path):
            some = [Source(os.path.join(".", path) if path == "-" else path, os.path.basename(path))]
        else:
            some = list(_matching(path, kept_out))
        found += some
    for name in lists:
        found += [Source(path, _relative(path)) for path in _listed(name)]
    chosen = [source for source in found if not _excluded(source, exclude)]
    if not chosen:
        raise InvalidInputError("no image is left to work on", "check the sources and --exclude")
    _refuse_twins(chosen)
    return sorted(chosen, key=lambda source: _natural(source.relative))


def _below(folder: str, suffixes: tuple[str, ...], kept_out: str, problems: list[str]) -> Iterator[Source]:
    def note(error: OSError) -> None:
        problems.append(f"{error.filename} cannot be searched: {error.strerror}")

    for root, folders, names in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(root, name)) != kept_out]
        for name in names:
            if name.lower().endswith(suffixes) and not name.startswith("."):
                path = os.path.join(root, name)
                yield Source(path, os.path.relpath(path, folder).replace(os.sep, "/"))


def _matching(pattern: str, kept_out: str) -> Iterator[Source]:
    paths = [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]
    if not paths:
        what = "fits no file" if glob.has_magic(pattern) else "does not exist"
        raise InvalidInputError(f"{pattern or repr(pattern)} {what}", "check the path")
    fixed = os.path.dirname(re.split(r"[*?\[]", pattern)[0])
    for path in paths:
        if os.path.commonpath([os.path.realpath(path), kept_out]) != kept_out:
            yield Source(path, _relative(os.path.relpath(path, fixed or ".")))


def _listed(name: str) -> Iterable[str]:
    try:
        if name == "-":
            if sys.stdin is None:
                raise InvalidInputError("standard input is closed", "name a file")
            data = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:
                data = file.read()
    except OSError as error:
        raise InvalidInputError(f"{name}: {error.strerror or error}", "give a file with a path on each line") from None
    if encoding_of(data) != "utf-8":  # else any bytes are a path
        data = os.fsencode(decoded(data, name))
    folders = Folders()
    paths = [folders.find(os.fsdecode(line)) for line in re.split(rb"\r?\n", data) if line.strip()]
    for line, path in enumerate(paths, 1):
        if not os.path.isfile(path):
            problem = "is a folder" if os.path.isdir(path) else "does not exist"
            raise InvalidInputError(f"{name}, line {line}: {path} {problem}", "give files")
    return paths


def _relative(path: str) -> str:
    """Keep the folders of a relative path that leads down; of any other only the name."""
    parts = os.path.normpath(path).split(os.sep)
    return os.path.basename(path) if os.path.isabs(path) or ".." in parts else "/".join(parts)


def _excluded(source: Source, exclude: Sequence[str]) -> bool:
    name = source.relative.rpartition("/")[2]
    return any(fnmatch(source.relative, pattern) or fnmatch(name, pattern) for pattern in exclude)


def _refuse_twins(sources: Sequence[Source]) -> None:
    seen: dict[str, str] = {}
    for source in sources:
        real = os.path.realpath(source.path)
        if real in seen:
            twin = "twice" if seen[real] == source.path else f"also as {seen[real]}"
            raise InvalidInputError(f"{source.path} is given {twin}", "give each image once")
        seen[real] = source.path


def _natural(relative: str) -> list[tuple[bool, int, str]]:
    """Sort img2 before img10, and by the exact text where the numbers are equal."""
    parts = re.split(r"([0-9]+)", relative)
    keys = [(odd, int(part) if odd else 0, part) for odd, part in zip(cycle((False, True)), parts)]
    return [*keys, (False, 0, relative)]
