"""The choice of boxes by their label, or by the number of their class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from glob import has_magic
from typing import NamedTuple

from glimpsecli.annotations.annotated import Annotated
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.text import listed, shown
from glimpsecli.errors import InvalidInputError


class Choice(NamedTuple):
    """The boxes that have one of some labels, or one of some class numbers."""

    labels: frozenset[str]
    categories: frozenset[str]

    def takes(self, box: Box) -> bool:
        """Return whether a box is among them."""
        return box.label in self.labels or box.category in self.categories


def choose(images: Iterable[Annotated], wanted: Sequence[str], option: str = "--label") -> Choice:
    """Find the labels and the class numbers that are asked for.

    Parameters
    ----------
    images : iterable of Annotated
    wanted : sequence of str
        Each is a label, the number of a class (COCO's ``category_id``, the first number of a YOLO row), or several of
        these with commas between them; or a pattern of labels, with ``*``, ``?`` and ``[...]``. A label that is spelled
        like a number or a pattern, or holds a comma, is found first.
    option : str
        The option that names them, in messages.

    Raises
    ------
    InvalidInputError
        No box has such a label or number; the message lists the nearest labels.
    """
    boxes = [box for image in images for box in image.boxes]
    labels = dict.fromkeys(box.label for box in boxes if box.label is not None)
    categories = {box.category for box in boxes if box.category is not None}
    names = [part for text in wanted for part in ([text] if text in labels else map(str.strip, text.split(",")))]
    chosen, numbers = set[str](), set[str]()
    for name in names:
        pattern = has_magic(name)
        fitting = [name] if name in labels else [label for label in labels if pattern and fnmatchcase(label, name)]
        chosen.update(fitting)
        if not fitting and name not in categories:
            what = "fits this pattern" if pattern else "has this label"
            raise InvalidInputError(f"{option} {shown(name)}: no annotation {what}", _hint(name, list(labels)))
        if not fitting:
            numbers.add(name)
    return Choice(frozenset(chosen), frozenset(numbers))


def _hint(name: str, labels: list[str]) -> str:
    if not labels:
        return "the annotations have no labels"
    lower = {label.lower(): label for label in labels}
    near = [lower[label] for label in get_close_matches(name.lower(), lower)]
    return f"the nearest are {listed(near)}" if near else f"they have {listed(labels)}"
