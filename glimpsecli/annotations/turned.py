"""Boxes of five numbers: COCO files have them for turned boxes, though COCO itself does not.

Programs disagree on the numbers. Detectron2 (``BoxMode.XYWHA_ABS``) and torchvision (``CXCYWHR``) write the centre, the
extent and degrees counter-clockwise; OpenCV and MMRotate the centre and an angle clockwise; NVIDIA's ODTK the left and
top of the box before it is turned about its centre, and radians. Where the object has a ``segmentation``, the right box
touches it on all four sides, which decides. Without one the numbers are read as Detectron2 writes them, and a note says
so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from glimpsecli.annotations.annotated import Notes, box, numbers_of
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.text import shown
from glimpsecli.errors import InvalidInputError

TOLERANCE = 1.5, 0.02
"""The largest distance between a box and its outline, in pixels or as a share of the longer side, whichever is more."""

_READINGS = [(centred, unit) for unit in (-1, 1, -180 / math.pi, 180 / math.pi) for centred in (True, False)]
_ASSUMED = (
    "boxes of five numbers read as centre, width, height and degrees counter-clockwise, as Detectron2 has them; "
    "no segmentation confirms it"
)


def box_of_list(
    numbers: object,
    notes: Notes,
    *,
    label: str | None,
    category: str | None = None,
    angle: float = 0.0,
    outline: object = None,
) -> Box:
    """Make a box of a JSON list ``[x, y, width, height]`` in pixels, as COCO has it, or of a list of five.

    `angle` is in degrees, clockwise; `outline` is COCO's ``segmentation``.
    """
    values = numbers_of(numbers, 4, 5)
    if len(values) == 4:
        return box(values, label=label, category=category, angle=angle)
    x, y, width, height, turn = values
    box(values[:4], label=label, angle=turn)  # refuses numbers that are out of all bounds
    readings = [
        (x + (0 if centred else width / 2), y + (0 if centred else height / 2), width, height, unit * turn)
        for centred, unit in _READINGS
    ]
    chosen, points = readings[0], _points(outline)
    if points:
        chosen = min(readings, key=lambda reading: _misfit(reading, points))
        if _misfit(chosen, points) > max(TOLERANCE[0], TOLERANCE[1] * max(width, height)):
            raise InvalidInputError(f"bbox {shown(numbers)} has five numbers that do not fit its segmentation")
    else:
        notes[_ASSUMED] += 1
    return box(chosen[:4], label=label, category=category, angle=chosen[4], centred=True)


def _points(outline: Any) -> list[tuple[float, float]]:
    """Read ``[[x1, y1, x2, y2, ...], ...]`` or ``[[x1, y1], [x2, y2], ...]``; empty where it is neither."""
    if not isinstance(outline, list) or not all(isinstance(one, list) and len(one) % 2 == 0 for one in outline):
        return []
    values = [value for one in outline for value in one]
    if len(values) < 6 or not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values):
        return []
    return list(zip(values[::2], values[1::2], strict=True))


def _misfit(reading: Sequence[float], points: Sequence[tuple[float, float]]) -> float:
    """Give the largest distance between a side of the box and the outline that should touch it."""
    cx, cy, width, height, angle = reading
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    across = [cos * (x - cx) + sin * (y - cy) for x, y in points]
    along = [cos * (y - cy) - sin * (x - cx) for x, y in points]
    return max(
        abs(side - half)
        for values, half in ((across, width / 2), (along, height / 2))
        for side in (max(values), -min(values))
    )
