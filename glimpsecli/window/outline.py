"""The outline of a window on the image plane, and how much of it the image covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.window.checks import check_size

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats
    from glimpsecli.window.checks import Size
    from glimpsecli.window.places import Affine
    from glimpsecli.window.projective import Projective

Point = tuple[float, float]


def corners(place: Affine | Projective, size: Size) -> Floats:
    """Give the (4, 2) corners (x, y) on the image plane, clockwise from the top left of the glimpse."""
    h, w = check_size(size)
    ends = np.array([[-0.5, -0.5, 1], [w - 0.5, -0.5, 1], [w - 0.5, h - 0.5, 1], [-0.5, h - 0.5, 1]])
    points = ends @ place.matrix.T
    return points[:, :2] / (points[:, 2:] if place.matrix.shape[0] == 3 else 1) + 0.5


def share_outside(place: Affine | Projective, size: Size, image_size: Size) -> float:
    """Give the share of the window's area that lies outside the image, 0 to 1.

    A window without area (a stride of 0) counts as its centre: 0 or 1.
    """
    height, width = check_size(image_size)
    outline: list[Point] = [(x, y) for x, y in corners(place, size).tolist()]
    area = _area(outline)
    if area == 0:
        x, y = np.mean(outline, axis=0)
        return 0.0 if 0 <= x <= width and 0 <= y <= height else 1.0
    inside = outline
    for axis, bound, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        inside = _clip(inside, axis, bound, sign)
    return min(1.0, max(0.0, 1 - _area(inside) / area))


def _clip(outline: list[Point], axis: int, bound: float, sign: int) -> list[Point]:
    """Keep the part of a convex outline where ``sign * (point[axis] - bound) >= 0`` (Sutherland and Hodgman 1974)."""
    kept: list[Point] = []
    for start, end in zip(outline, outline[1:] + outline[:1], strict=True):
        a, b = sign * (start[axis] - bound), sign * (end[axis] - bound)
        if a >= 0:
            kept.append(start)
        if (a < 0) != (b < 0):
            t = a / (a - b)
            kept.append((start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1])))
    return kept


def _area(outline: list[Point]) -> float:
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(outline, outline[1:] + outline[:1], strict=True))) / 2
