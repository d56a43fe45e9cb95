"""What the exports of a finished batch share: the glimpses of each split, their labels, and the files that come out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.finished import Finished
from glimpsecli.storage.atomic import place

NAMELESS = "object"
"""The class of objects that have no label."""


class Export(NamedTuple):
    """The files of an export, which was checked.

    Attributes
    ----------
    paths : list of str
        Those that are named to the user.
    write : callable
        Writes them, and counts what it leaves out, by the reason.
    """

    paths: list[str]
    write: Callable[[], Counter[str]]


class Survey(NamedTuple):
    """What all lines of a batch have in common.

    Attributes
    ----------
    splits : tuple of str
        In their order in the lines; empty where there are none.
    labels : tuple of str
        The labels of glimpses, sorted.
    classes : dict of str to int
        The labels of the objects in them, sorted, with the numbers that their annotations have for them, or from 1 on.
    objects : bool
        Whether lines list objects.
    """

    splits: tuple[str, ...]
    labels: tuple[str, ...]
    classes: dict[str, int]
    objects: bool

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Survey:
        """Go through the rows of a batch."""
        splits, labels = dict[str, None](), set[str]()
        numbers: dict[str, set[Any]] = {}
        objects = False
        for row in rows:
            if row.get("split"):
                splits[row["split"]] = None
            if row["label"] is not None:
                labels.add(row["label"])
            listed = row.get("objects")
            if listed is not None:
                objects = True
                for name, number in zip(listed["categories"], listed["category_id"], strict=True):
                    numbers.setdefault(name or NAMELESS, set()).add(number)
        known = [next(iter(one)) for one in numbers.values() if len(one) == 1]
        own = len(known) == len(numbers) == len(set(known)) and all(type(one) is int for one in known)
        ordered = sorted(numbers)
        classes = {name: next(iter(numbers[name])) if own else place for place, name in enumerate(ordered, 1)}
        return cls((*splits,), tuple(sorted(labels)), classes, objects)


def refuse_without_objects(survey: Survey, title: str) -> None:
    """Refuse to write the objects of a batch whose lines list none."""
    if not survey.objects:
        raise InvalidInputError(
            f"the lines list no objects, and {title} is made of them", "run batch with --annotations and --objects 0.2"
        )


def rows_of(finished: Finished, split: str | None) -> Iterator[dict[str, Any]]:
    """Generate the rows of a split, or of all glimpses where there are no splits."""
    return (row for row in finished.rows() if split is None or row.get("split") == split)


def check_new(folder: str, names: Iterable[str], *, overwrite: bool) -> list[str]:
    """Give the paths of files in a folder, of which none exists yet."""
    paths = [os.path.join(folder, name) for name in names]
    there = next((path for path in paths if os.path.lexists(path)), None)
    if there is not None and not overwrite:
        raise InvalidInputError(f"{there} exists", "give --overwrite to replace it")
    return paths


def write_text(path: str, parts: Iterable[str], *, overwrite: bool) -> None:
    """Write a text, whole or not at all."""
    encoded = (part.encode("utf-8", "backslashreplace") for part in parts)  # a label may hold half of a surrogate pair
    place(path, lambda stream: stream.writelines(encoded), overwrite=overwrite)
