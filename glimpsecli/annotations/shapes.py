"""Shapes that annotation programs draw, and the boxes that they become.

A polygon, a circle and a mask give the box around them, which is noted; four corners of a rectangle that was turned
give a turned box. Points and lines have no extent that a box could have: they are counted, and passed over.
"""

from __future__ import annotations

import math
from typing import Any

from glimpsecli.annotations.annotated import Notes, number
from glimpsecli.annotations.text import shown
from glimpsecli.annotations.turned import TOLERANCE
from glimpsecli.errors import InvalidInputError

Points = list[tuple[float, float]]


def points_of(value: Any, least: int) -> Points:
    """Read a list of at least so many ``[x, y]``."""
    if not isinstance(value, list) or not all(isinstance(point, list) and len(point) == 2 for point in value):
        raise InvalidInputError("no points" if value is None else f"{shown(value)} are not points [x, y]")
    if len(value) < least:
        raise InvalidInputError(f"{len(value)} points where {least} are needed")
    return [(number(x), number(y)) for x, y in value]


def around(points: Points) -> list[float]:
    """Give left, top, width and height of the box around points."""
    (left, right), (top, bottom) = ((min(values), max(values)) for values in zip(*points, strict=True))
    return [left, top, right - left, bottom - top]


def around_circle(points: Points) -> list[float]:
    """Give the box around a circle of which the centre and a point on its edge are known."""
    (x, y), edge = points[:2]
    radius = math.dist((x, y), edge)
    return [x - radius, y - radius, 2 * radius, 2 * radius]


def around_ellipse(cx: float, cy: float, rx: float, ry: float, degrees: float = 0.0) -> list[float]:
    """Give the box around an ellipse that is turned by `degrees`, clockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    half_width, half_height = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
    return [cx - half_width, cy - half_height, 2 * half_width, 2 * half_height]


def turned_rectangle(points: Points) -> tuple[list[float], float] | None:
    """Give centre, width and height, and the angle in degrees, of four corners; None where they are no rectangle.

    The first side, from the first corner to the second, is the width.
    """
    if len(points) != 4:
        return None
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    width, height = math.dist(points[0], points[1]), math.dist(points[1], points[2])
    off = max(
        math.dist((ax + cx, ay + cy), (bx + dx, by + dy)) / 2,  # the diagonals of a rectangle meet in their middles
        abs(math.dist(points[0], points[2]) - math.dist(points[1], points[3])),  # and are equally long
    )
    if off > max(TOLERANCE[0], TOLERANCE[1] * max(width, height)):
        return None
    return [(ax + cx) / 2, (ay + cy) / 2, width, height], math.degrees(math.atan2(by - ay, bx - ax))


def pass_over(kind: object, notes: Notes) -> None:
    """Count a shape that gives no box."""
    notes[f"shapes {shown(kind)}, which have no box, passed over"] += 1


def taken_as_box(kind: str, notes: Notes) -> None:
    """Count a shape of which only the box around it is taken."""
    notes[f"shapes {shown(kind)} taken as the boxes around them"] += 1
