"""The records that every annotation format becomes, and the small checks that its readers share.

A reader is ``read(path, problems, notes)``: it yields an :class:`Annotated` each time that the file names an image,
and adds a line to `problems` for each entry that it must pass over. In `notes` it counts, by kind, the entries
of which it leaves a part unread. It raises only where the whole file is of no use.

Names of images come from other people's files. They are compared with the paths of images that the user gave, and are
never used to open or to write a file, whatever they hold: ``..``, a root, a drive letter.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from glimpsecli.annotations.boxes import FLAGS, Box, Length
from glimpsecli.annotations.names import Index, key_of
from glimpsecli.annotations.text import shown
from glimpsecli.errors import InvalidInputError

Notes = Counter[str]
"""Number of entries for each note."""

LARGEST = 1e9
"""Pixels or percent beyond which a number is a mistake, not a place."""

SCORES = ("score", "confidence", "conf")
_FLAGS = {name: name for name in FLAGS} | {
    "iscrowd": "crowd", "is_crowd": "crowd", "isgroupof": "crowd", "is_group_of": "crowd", "isoccluded": "occluded",
    "istruncated": "truncated", "isdepiction": "depiction", "isinside": "inside",
}  # fmt: skip
"""The flag for each name that a format has for it."""
_SET = frozenset({"1", "1.0", "true", "yes"})


class Annotated(NamedTuple):
    """The boxes of one image.

    Parameters
    ----------
    image : str
        The image as the file names it, with ``/`` between folders; ``train/a.*`` where the format names no suffix.
    size : (int, int) or None
        (height, width) that the annotation claims for the image.
    boxes : tuple of Box
    where : str
        The file and the line or the id, for messages.
    """

    image: str
    size: tuple[int, int] | None
    boxes: tuple[Box, ...]
    where: str


class Annotations(NamedTuple):
    """The content of a file or folder of annotations.

    Parameters
    ----------
    images : dict
        The boxes of each image, by its name as :func:`key_of` writes it, in the order of the file.
    problems : list of str
        A line for each entry that was passed over, with its file and line or id.
    file_format : str
        The name of the format, given or guessed.
    by_name : Index
        The keys of `images`, for :mod:`glimpsecli.annotations.matching`.
    notes : list of str
        A line for each kind of entry that was read only in part, with their number.
    """

    images: dict[str, Annotated]
    problems: list[str]
    file_format: str
    by_name: Index
    notes: list[str]


@contextmanager
def noted(problems: list[str], where: str) -> Iterator[None]:
    """Turn an `InvalidInputError` inside the block into one line of `problems`."""
    try:
        yield
    except InvalidInputError as error:
        problems.append(line_of(where, error))


def line_of(where: str, error: InvalidInputError) -> str:
    """Write a problem on one line."""
    return " ".join(f"{where}: {error.message}".split())


def number(value: object) -> float:
    """Read a finite number from a number or its text."""
    if type(value) is float and math.isfinite(value):  # nearly all of perhaps millions
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidInputError("a number is missing" if value is None else f"{shown(value)} is not a number")
    try:
        result = float(value.replace("_", "?") if isinstance(value, str) else value)  # Python would take 1_000
    except OverflowError:
        result = math.inf
    except ValueError:
        raise InvalidInputError(f"{shown(value)} is not a number") from None
    if not math.isfinite(result):
        raise InvalidInputError(f"{shown(value)} is not a finite number")
    return result


def numbers_of(bbox: object, *counts: int) -> list[float]:
    """Read the numbers of a box from a list of JSON, of which there are as many as one of `counts`."""
    if not isinstance(bbox, list) or len(bbox) not in counts:
        raise InvalidInputError("no bbox" if bbox is None else f"bbox {shown(bbox)} is not [x, y, width, height]")
    return [number(value) for value in bbox]


def box(
    numbers: Sequence[float],
    *,
    label: str | None,
    category: str | None = None,
    angle: float = 0.0,
    fractions: bool = False,
    centred: bool = False,
) -> Box:
    """Make a box of four finite numbers, x, y, width and height, or raise where no image could hold it."""
    x, y, width, height = [100 * value for value in numbers] if fractions else numbers
    if max(abs(x), abs(y), abs(width), abs(height), abs(angle)) > LARGEST:
        turned = f" turned by {angle:g}" if angle else ""
        raise InvalidInputError(f"a box at {', '.join(f'{value:g}' for value in numbers)}{turned} is out of all bounds")
    left, top = Length(x, fractions), Length(y, fractions)
    return Box(
        left, top, Length(width, fractions), Length(height, fractions), centred, angle, label, category=category
    ).checked()


def marked(one: Box, entry: Mapping[Any, Any], notes: Notes) -> Box:
    """Give a box the score, the id and the flags that its entry has under their usual names, in lower case."""
    named = {_FLAGS[name] for name in entry if name in _FLAGS and is_set(entry[name])}
    score = None
    for name in SCORES:
        if name in entry:
            score = score_of(entry[name], notes)
            break
    identity = entry.get("id")
    known = isinstance(identity, (int, str)) and not isinstance(identity, bool) and identity != ""
    if score is None and not known and not named:
        return one
    flags = tuple(flag for flag in FLAGS if flag in named) if named else ()
    # `_replace` takes longer, and there may be a million boxes; these three come before the outline, the last field
    return Box(*one[:-4], score, identity if known else None, flags, one.outline)


def own_flags(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Give the pairs whose name is that of a flag, in any case: attributes and tags that people name as they like."""
    return {name.lower(): value for name, value in pairs if isinstance(name, str) and name.lower() in FLAGS}


def is_set(value: object) -> bool:
    """Return whether the value of a flag is true; -1, which some formats write for unknown, is not."""
    return value == 1 if isinstance(value, int) else str(value).strip().lower() in _SET


def score_of(value: object, notes: Notes) -> float | None:
    """Read a confidence; None where it is missing, or no number, which is counted."""
    if value is None or value == "":
        return None
    try:
        return number(value)
    except InvalidInputError:
        notes["boxes whose score is not a number, and is passed over"] += 1
        return None


def unread_angle(entry: Mapping[Any, Any], notes: Notes, names: Sequence[str] = ("angle", "rotation", "theta")) -> None:
    """Count an entry whose angle stands under a name that no standard explains."""
    if entry.keys().isdisjoint(names):  # the quick way: there may be a million entries
        return
    for name in names:
        if entry.get(name) not in (None, "", 0, "0", "0.0", []):
            notes[f"boxes that were not turned, because the unit and direction of {name!r} are not known"] += 1
            return


def claimed_size(width: object, height: object, problems: list[str], where: str) -> tuple[int, int] | None:
    """Give (height, width), or None where one is missing or empty, or both are 0, as some tools write for unknown.

    A size that no image can have is None too, and one of the `problems`.
    """
    with noted(problems, where):
        if any(value is None or value == "" for value in (width, height)):
            return None
        pixels = number(height), number(width)
        if pixels == (0, 0):
            return None
        if not all(0 < extent <= LARGEST and extent.is_integer() for extent in pixels):
            raise InvalidInputError(f"an image of {shown(width)}x{shown(height)} pixels")
        return int(pixels[0]), int(pixels[1])
    return None


def label_of(value: object) -> str | None:
    """Read a class name or number; None where it is missing."""
    if isinstance(value, (str, int)):
        return (value.strip() if isinstance(value, str) else str(value)) or None
    if value is None:
        return None
    raise InvalidInputError(f"the label is {shown(value)}")


def image_name(value: object) -> str:
    """Give the name of an image with ``/`` between folders."""
    if not isinstance(value, str) or not key_of(value).strip("./"):
        raise InvalidInputError("no image is named" if value is None else f"{shown(value)} names no image")
    return value.strip().replace("\\", "/")


def files_under(folder: Path, suffix: str, problems: list[str]) -> list[Path]:
    """List the files with a suffix, sorted, in a folder and below; links to folders are not followed."""

    def note(error: OSError) -> None:
        problems.append(f"{error.filename}: {error.strerror}")

    return sorted(
        Path(root, name)
        for root, _, names in os.walk(folder, onerror=note)
        for name in names
        if name.lower().endswith(suffix) and not name.startswith(".")
    )


def read_each(
    files: Iterable[Path], read: Callable[[Path], Iterable[Annotated]], problems: list[str]
) -> Iterator[Annotated]:
    """Read the files of a folder; one that is of no use is a line of `problems`."""
    for file in files:
        try:
            yield from read(file)
        except InvalidInputError as error:
            problems.append(str(error))
