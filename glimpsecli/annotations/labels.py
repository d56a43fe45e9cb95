"""The choice of boxes by their label, or by the number of their class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
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


def choose(images: Iterable[Annotated], wanted: Sequence[str]) -> Choice:
    """Find the labels and the class numbers that are asked for.

    Parameters
    ----------
    images : iterable of Annotated
    wanted : sequence of str
        Each is a label, the number of a class (COCO's ``category_id``, the first number of a YOLO row), or several of
        these with commas between them. A label that is spelled like a number, or holds a comma, is found first.

    Raises
    ------
    InvalidInputError
        No box has such a label or number; the message lists the nearest labels.
    """
    boxes = [box for image in images for box in image.boxes]
    labels = dict.fromkeys(box.label for box in boxes if box.label is not None)
    categories = {box.category for box in boxes if box.category is not None}
    names = [part for text in wanted for part in ([text] if text in labels else map(str.strip, text.split(",")))]
    for name in names:
        if name not in labels and name not in categories:
            raise InvalidInputError(f"--label {shown(name)}: no annotation has this label", _hint(name, list(labels)))
    chosen = frozenset(name for name in names if name in labels)
    return Choice(chosen, frozenset(names) - chosen)


def _hint(name: str, labels: list[str]) -> str:
    if not labels:
        return "the annotations have no labels"
    lower = {label.lower(): label for label in labels}
    near = [lower[label] for label in get_close_matches(name.lower(), lower)]
    return f"the nearest are {listed(near)}" if near else f"they have {listed(labels)}"
