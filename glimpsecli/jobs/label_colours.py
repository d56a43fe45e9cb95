"""The colours of labels, the same in every picture of a data set."""

from __future__ import annotations

from collections.abc import Iterable

from glimpsecli.images.ordering import natural_key
from glimpsecli.pictures.colour import distinct


def label_colours(labels: Iterable[str | None]) -> dict[str, tuple[float, float, float]]:
    """Give each label a colour by its place among all labels of a file, in natural order."""
    ordered = sorted({label for label in labels if label}, key=natural_key)
    return {label: distinct(number) for number, label in enumerate(ordered)}
