"""The images of a batch: found in folders, by names and patterns, and in lists."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.annotations.text import decoded, read_bytes
from glimpsecli.encodings import encoding_of
from glimpsecli.errors import InvalidInputError
from glimpsecli.images.ordering import natural_key
from glimpsecli.images.streams import is_stream
from glimpsecli.images.suffixes import IN_FOLDERS, VIDEOS
from glimpsecli.jobs.folders import Folders, NamesOnDisk

if TYPE_CHECKING:
    from glimpsecli.jobs.at import At

COMPANIONS = frozenset({"metadata.jsonl", "metadata.csv", "thumbs.db", "desktop.ini"})
"""Names, in lower case, of files that data sets and systems keep beside images; they are not counted as left out."""

LISTED = 8
"""Number of suffixes that a summary names; files with others are counted together."""


class Source(NamedTuple):
    """An image of a batch: its path, and its path below the folder that was given, with ``/``; of a video, a frame."""

    path: str
    relative: str
    at: At | None = None

    @property
    def key(self) -> tuple[str, int | None]:
        """The path and the number of the frame: the key of the item that is made of it."""
        return self.path, None if self.at is None else self.at.number


def find_sources(
    given: Sequence[str],
    *,
    lists: Sequence[str] = (),
    suffixes: Sequence[str] = (),
    exclude: Sequence[str] = (),
    videos: bool = False,
    frames: str = "choose frames of videos with --frames",
    output: str,
    problems: list[str] | None = None,
    left_out: Counter[str] | None = None,
) -> list[Source]:
    """Find the images, in natural order.

    Parameters
    ----------
    given : sequence of str
        Folders, searched with all below them; files; patterns with ``*``, ``?``, ``[...]`` and ``**``.
    lists : sequence of str
        Files with a path on each line, or ``-`` for standard input.
    suffixes : sequence of str
        Suffixes that are taken from folders; by default those of all formats that can be read, but ``npy``.
    exclude : sequence of str
        Patterns of relative paths, or of file names, that are left out.
    videos : bool
        Whether videos are taken from folders, too.
    frames : str
        The advice about a folder that has videos and no image, where videos are not taken.
    output : str
        The output folder, which is no source even where it lies in one.
    problems : list of str, optional
        Gets a line for each folder that cannot be searched.
    left_out : Counter, optional
        Counts, by suffix, the files in folders that are not taken, unless they are hidden; and the folders that a link
        or a pattern leads to, which are not searched.

    Raises
    ------
    InvalidInputError
        A path is not there, a folder or pattern holds no image, or an image is given twice.
    """
    wanted = tuple(
        f".{suffix.lower().lstrip('.')}" for suffix in suffixes or (*IN_FOLDERS, *(VIDEOS if videos else ()))
    )
    passed: Counter[str] = Counter() if left_out is None else left_out
    kept_out = os.path.realpath(output)
    found: list[Source] = []
    for path in given:
        if os.path.isdir(path):
            if os.path.realpath(path) == kept_out:
                raise InvalidInputError(f"{path} is the output folder itself", "choose another output folder")
            here: Counter[str] = Counter()
            some = list(_below(path, wanted, kept_out, [] if problems is None else problems, here))
            if not some:
                holds = f", and holds {counted(here)}" if +here else ""
                videos_only = any(f".{suffix}" in here for suffix in VIDEOS) and not videos
                choice = f"; {frames}" if videos_only else ""
                searched = f"it was searched for {', '.join(wanted)}{holds}{choice}"
                raise InvalidInputError(f"{path} holds no image", searched)
            passed.update(here)
        elif is_stream(path):
            raise InvalidInputError(f"{path} is no regular file", "a batch reads files, and extract reads pipes too")
        elif os.path.exists(path) or _is_shut_off(path):
            some = [Source(os.path.join(".", path) if path == "-" else path, os.path.basename(path))]
        else:
            some = list(_matching(path, kept_out, passed))
        found += some
    for name in lists:
        found += [Source(path, _relative(path)) for path in _lines_of(name)]
    chosen = [source for source in found if not _excluded(source, exclude)]
    if not chosen:
        raise InvalidInputError("no image is left to work on", "check the sources and --exclude")
    _refuse_repeated(chosen)
    return sorted(chosen, key=lambda source: natural_key(source.relative))


def counted(counts: Counter[str]) -> str:
    """Write counts in a line, the largest first: ``3 .txt, 1 .psd``."""
    ordered = sorted((+counts).items(), key=lambda one: (-one[1], one[0]))
    named = [f"{count} {what}{'s'[: count > 1 and what.endswith('folder')]}" for what, count in ordered[:LISTED]]
    others = sum(count for _, count in ordered[LISTED:])
    return ", ".join(named + [f"{others} others"] * (others > 0))


def _below(
    folder: str, suffixes: tuple[str, ...], kept_out: str, problems: list[str], left_out: Counter[str]
) -> Iterator[Source]:
    def note(error: OSError) -> None:
        problems.append(f"{error.filename} cannot be searched: {error.strerror}")

    real = os.path.realpath(folder)
    for root, folders, names in os.walk(folder, onerror=note):
        inside = os.path.relpath(root, folder)
        hidden = any(part.startswith(".") for part in inside.split(os.sep) if part != ".")
        at = os.path.join(real, inside) if inside != "." else real
        for name in list(folders):
            if os.path.islink(os.path.join(root, name)):  # os.walk does not follow it
                folders.remove(name)
                left_out["linked folder"] += not hidden and not name.startswith(".")
            elif os.path.join(at, name) == kept_out:
                folders.remove(name)
        for name in names:
            if name.startswith("."):
                continue
            if name.lower().endswith(suffixes):
                relative = name if inside == "." else os.path.join(inside, name)
                yield Source(os.path.join(root, name), relative.replace(os.sep, "/"))
            elif not hidden and name.lower() not in COMPANIONS:
                left_out[os.path.splitext(name)[1].lower() or "without suffix"] += 1


def _matching(pattern: str, kept_out: str, left_out: Counter[str]) -> Iterator[Source]:
    import glob

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


def _lines_of(name: str) -> list[str]:
    """Read the paths of a list, one on each line."""
    data = read_bytes(name, "give a file with a path on each line")
    if encoding_of(data) != "utf-8":  # else any bytes are a path
        data = os.fsencode(decoded(data, name))
    names = NamesOnDisk()
    paths = [names.find(os.fsdecode(line)) for line in re.split(rb"\r?\n", data) if line.strip()]
    for line, path in enumerate(paths, 1):
        if not os.path.isfile(path) and not _is_shut_off(path):
            problem = (
                "is a folder" if os.path.isdir(path) else "is no regular file" if is_stream(path) else "does not exist"
            )
            raise InvalidInputError(f"{name}, line {line}: {path} {problem}", "give files")
    return paths


def _is_shut_off(path: str) -> bool:
    """Return whether a path is in a folder that may not be searched: only opening the file shows whether it exists."""
    try:
        os.stat(path)
    except PermissionError:
        return True
    except (OSError, ValueError):
        pass
    return False


def _relative(path: str) -> str:
    """Keep the folders of a relative path that leads down; of any other path only the name."""
    parts = os.path.normpath(path).split(os.sep)
    return os.path.basename(path) if os.path.isabs(path) or ".." in parts else "/".join(parts)


def _excluded(source: Source, exclude: Sequence[str]) -> bool:
    name = source.relative.rpartition("/")[2]
    return any(fnmatch(source.relative, pattern) or fnmatch(name, pattern) for pattern in exclude)


def _refuse_repeated(sources: Sequence[Source]) -> None:
    seen: dict[str, str] = {}
    folders = Folders()
    for source in sources:
        real = folders.real(source.path)
        if real in seen:
            again = "twice" if seen[real] == source.path else f"also as {seen[real]}"
            raise InvalidInputError(f"{source.path} is given {again}", "give each image once")
        seen[real] = source.path
