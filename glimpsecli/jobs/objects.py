"""The annotated objects in a glimpse, in its own pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.annotations.boxes import Box
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.requests import as_matrix
from glimpsecli.window import Projective, area, common_outline, corners

if TYPE_CHECKING:
    from glimpsecli.jobs.requests import Placement
    from glimpsecli.window import Size

FIELDS = ("bbox", "categories", "share", "annotation_id", "category_id", "iscrowd")
"""The lists that say what is in a glimpse."""
KNOWN = ("categories", "annotation_id", "category_id")
"""Those of them that are left out where the file of the annotations says nothing of any object."""
DIGITS = 4
"""Decimal places of boxes, in pixels, and of shares."""


class Objects(NamedTuple):
    """The objects of an image, and which of them a glimpse is said to hold.

    Attributes
    ----------
    boxes : tuple of Box
    least : float
        The least share of an object's area that lies in the window.
    """

    boxes: tuple[Box, ...]
    least: float


def marks_of(box: Box | None) -> dict[str, Any]:
    """Give the fields by which a file knows the box that a glimpse is of: its ids and its score, where it has them."""
    if box is None:
        return {}
    marks = {"annotation_id": box.id, "category_id": _whole(box.category), "score": box.score}
    return {name: value for name, value in marks.items() if value is not None}


def objects_in(placement: Placement, objects: Objects, image_size: Size) -> dict[str, list[Any]]:
    """Give the objects of which enough lies in a window, in the form of Hugging Face's ``objects``.

    Parameters
    ----------
    placement : Placement
    objects : Objects
    image_size : (int, int)
        Height and width of the image.

    Returns
    -------
    dict
        Lists of one length: ``bbox`` ([x, y, width, height] in pixels of the glimpse, around what lies in it of the
        object's box), ``share`` (of the area of the box that lies in the window) and ``iscrowd``; and, unless the
        file of the annotations says nothing of any, ``categories`` (labels), ``annotation_id`` and ``category_id``.

    Raises
    ------
    InvalidInputError
        The window is projective, and boxes are no boxes there.
    """
    matrix = as_matrix(placement)
    if isinstance(matrix, Projective):
        raise InvalidInputError("a quadrilateral shows no boxes", "leave --objects out")
    height, width = placement.size
    back = np.linalg.inv(np.vstack([matrix.matrix, [0, 0, 1]]))
    glimpse: list[tuple[float, float]] = [(0, 0), (width, 0), (width, height), (0, height)]
    found: dict[str, list[Any]] = {name: [] for name in FIELDS}
    for box in objects.boxes:
        window = box.to_window(image_size)
        points = np.column_stack([corners(window.to_affine((1, 1)), (1, 1)) - 0.5, np.ones(4)]) @ back[:2].T + 0.5
        outline: list[tuple[float, float]] = [(x, y) for x, y in points.tolist()]
        inside = common_outline(outline, glimpse)
        share = area(inside) / area(outline)
        if not inside or share == 0 or share < objects.least:
            continue
        (left, top), (right, bottom) = np.min(inside, axis=0).tolist(), np.max(inside, axis=0).tolist()
        found["bbox"].append(
            [round(value, DIGITS) + 0.0 for value in (left, top, right - left, bottom - top)]
        )  # no -0.0
        found["categories"].append(box.label)
        found["share"].append(round(share, DIGITS))
        found["annotation_id"].append(box.id)
        found["category_id"].append(_whole(box.category))
        found["iscrowd"].append(int("crowd" in box.flags))
    for name in KNOWN:
        if all(one is None for one in found[name]):  # a column that holds nothing has no type, and is not read back
            del found[name]
    return found


def completed(objects: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Give objects with the lists that were left out."""
    nothing = [None] * len(objects["bbox"])
    return {name: objects.get(name, nothing) for name in FIELDS}


def are_objects(value: Any) -> bool:
    """Return whether a value from JSON is what :func:`objects_in` gives, or None."""
    if value is None:
        return True
    if not isinstance(value, dict) or not all(isinstance(value.get(name, []), list) for name in FIELDS):
        return False
    if not all(name in value or name in KNOWN for name in FIELDS):
        return False
    value = completed(value)
    return len({len(value[name]) for name in FIELDS}) == 1 and all(
        isinstance(box, list) and len(box) == 4 and all(type(one) in (int, float) for one in box)
        and isinstance(label, str | None) and type(share) in (int, float) and crowd in (0, 1)
        and all(isinstance(one, int | str | None) for one in ids)
        for box, label, share, *ids, crowd in zip(*(value[name] for name in FIELDS), strict=True)
    )  # fmt: skip


def _whole(category: str | None) -> int | str | None:
    return int(category) if category is not None and category.isdecimal() else category
