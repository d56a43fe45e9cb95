"""The outline of a window on the image plane, and how much of it the image covers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.window.checks import check_size

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats
    from glimpsecli.window.checks import Size
    from glimpsecli.window.places import Affine, Window
    from glimpsecli.window.projective import Projective

Point = tuple[float, float]
Outline = list[Point]


def corners(place: Affine | Projective, size: Size) -> Floats:
    """Give the (4, 2) corners (x, y) on the image plane, clockwise from the top left of the glimpse."""
    h, w = check_size(size)
    ends = np.array([[-0.5, -0.5, 1], [w - 0.5, -0.5, 1], [w - 0.5, h - 0.5, 1], [-0.5, h - 0.5, 1]])
    points = ends @ place.matrix.T
    return points[:, :2] / (points[:, 2:] if place.matrix.shape[0] == 3 else 1) + 0.5


def clamped(window: Window, image_size: Size) -> Window:
    """Shift a window that leads over the border of an image back into it; its size and angle stay.

    The shift is the shortest one, on each axis: until the bounding box of the window lies in the image or, where it is
    the larger of the two, holds the whole extent of the image.
    """
    height, width = image_size
    across, down = (np.abs(window.to_affine((1, 1)).matrix[:, :2]).sum(axis=1) / 2).tolist()  # from the centre on
    first_x, last_x = sorted((across, width - across))
    first_y, last_y = sorted((down, height - down))
    return replace(window, cx=min(max(window.cx, first_x), last_x), cy=min(max(window.cy, first_y), last_y))


def share_outside(place: Affine | Projective, size: Size, image_size: Size) -> float:
    """Give the share of the window's area that lies outside the image, 0 to 1.

    A window without area (a stride of 0) counts as its centre: 0 or 1.
    """
    height, width = check_size(image_size)
    outline: Outline = [(x, y) for x, y in corners(place, size).tolist()]
    whole = area(outline)
    if whole == 0:
        x, y = np.mean(outline, axis=0)
        return 0.0 if 0 <= x <= width and 0 <= y <= height else 1.0
    image: Outline = [(0, 0), (width, 0), (width, height), (0, height)]
    return min(1.0, max(0.0, 1 - common_area(outline, image) / whole))


def common_area(outline: Outline, convex: Outline) -> float:
    """Give the area that two outlines have in common, the second being convex and clockwise on the screen."""
    return area(common_outline(outline, convex))


def common_outline(outline: Outline, convex: Outline) -> Outline:
    """Give the outline of what two outlines have in common; the second is convex and clockwise on the screen."""
    for start, end in zip(convex, convex[1:] + convex[:1], strict=True):
        outline = _clip(outline, start, end)
    return outline


def area(outline: Outline) -> float:
    """Give the area of an outline that does not cross itself."""
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(outline, outline[1:] + outline[:1], strict=True))) / 2


def _clip(outline: Outline, start: Point, end: Point) -> Outline:
    """Keep the part of an outline to the right of an edge (Sutherland and Hodgman 1974)."""
    (x, y), (u, v) = start, end
    inside = [(u - x) * (point[1] - y) - (v - y) * (point[0] - x) for point in outline]
    kept: Outline = []
    for n, point in enumerate(outline):
        before, there, here = outline[n - 1], inside[n - 1], inside[n]
        if (there < 0) != (here < 0):
            t = there / (there - here)
            kept.append((before[0] + t * (point[0] - before[0]), before[1] + t * (point[1] - before[1])))
        if here >= 0:
            kept.append(point)
    return kept
