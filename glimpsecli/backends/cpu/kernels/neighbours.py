"""The four pixels around one point, one at a time: for gradients near the image's edge, and for GPUs."""

from __future__ import annotations

import math

CONSTANT, EDGE, REFLECT = 0, 1, 2
BORDERS = {"zeros": CONSTANT, "constant": CONSTANT, "edge": EDGE, "reflect": REFLECT}


def resolve(index, extent, border):
    """Give the pixel that stands in for an index on one axis, or -1 where the fill colour does."""
    if 0 <= index < extent:
        return index
    if border == CONSTANT:
        return -1
    if border == EDGE:
        return 0 if index < 0 else extent - 1
    phase = index % (2 * extent)
    return min(phase, 2 * extent - 1 - phase)


def split(coordinate, order):
    """Give the first pixel that a coordinate reads and the weight of the second: none for `order` 0, nearest."""
    if order == 0:
        return math.floor(coordinate + 0.5), 0.0
    floor = math.floor(coordinate)
    return floor, coordinate - floor


def mix(a, b, c, d, fx, fy):
    """Give ``(1 - fx) ((1 - fy) a + fy c) + fx ((1 - fy) b + fy d)``: a and b stand above c and d."""
    left, right = a + fy * (c - a), b + fy * (d - b)
    return left + fx * (right - left)
