"""The grid of a tracker: the taps over an object's window, and the windows of its places.

A place is (cx, cy, log scale, angle): the centre on the image plane in pixels, the logarithm of the magnification since
the start, and degrees clockwise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Floats
    from glimpsecli.window import Size, Window

LEAST_TAPS = 8
"""Least number of taps along the shorter side."""

FARTHEST, LARGEST, MOST_TURN = 2.0, 0.05, 0.1
"""Longest step: strides, logarithm of scale, radians."""

CLOSE = (0.02, 0.001, 0.001)
"""A step shorter than this is the last, in the same units."""


class Grid(NamedTuple):
    """Taps over the windows of one object.

    Attributes
    ----------
    extent : (float, float)
        Width and height of the part that is looked at, at scale 1, in pixels.
    size : (int, int)
        Rows and columns of taps.
    free : set of str
        What may change: position, scale, angle.
    """

    extent: tuple[float, float]
    size: Size
    free: frozenset[str]

    @classmethod
    def over(cls, window: Window, side: int, context: float, free: frozenset[str]) -> Grid:
        """Lay `side` taps along the longer side of a window that is `context` times as large."""
        width, height = window.width * context, window.height * context
        h, w = (max(LEAST_TAPS, round(side * extent / max(width, height))) for extent in (height, width))
        return cls((width, height), (h, w), free)

    @property
    def aspect(self) -> float:
        """Stride from row to row divided by that from column to column."""
        (width, height), (h, w) = self.extent, self.size
        return height / h / (width / w)

    def strides(self, place: Floats) -> tuple[float, float]:
        """Give the strides of a place along a row and down a column, in pixels."""
        scale = math.exp(place[2])
        return scale * self.extent[0] / self.size[1], scale * self.extent[1] / self.size[0]

    def reach(self, place: Floats) -> float:
        """Give the square root of the window's area."""
        return math.exp(place[2]) * math.sqrt(self.extent[0] * self.extent[1])

    def window(self, place: Floats) -> Floats:
        """Give the window, (5,), that is looked at."""
        scale = math.exp(place[2])
        return np.array([place[0], place[1], scale * self.extent[0], scale * self.extent[1], place[3]])

    def inside(self, place: Floats, frame: Size) -> Array | None:
        """Return which taps lie in the frame, (h, w) of 0 and 1, or None where all do."""
        cx, cy, width, height, angle = self.window(place)
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        far_x = (abs(cos) * width + abs(sin) * height) / 2
        far_y = (abs(sin) * width + abs(cos) * height) / 2
        if far_x <= cx <= frame[1] - far_x and far_y <= cy <= frame[0] - far_y:
            return None
        h, w = self.size
        across = ((np.arange(w) + 0.5) / w - 0.5) * width
        down = (((np.arange(h) + 0.5) / h - 0.5) * height)[:, None]
        x, y = cx + cos * across - sin * down, cy + sin * across + cos * down
        inside: Array = ((x >= 0) & (x <= frame[1]) & (y >= 0) & (y <= frame[0])).astype(np.float32)
        return inside

    def stepped(self, place: Floats, step: Floats) -> tuple[Floats, bool]:
        """Take a step, cut to what is trusted.

        Parameters
        ----------
        place : (4,) float64
        step : (n,) float64
            Strides, then logarithm of scale and radians as they are free: what is subtracted.

        Returns
        -------
        place : (4,) float64
        last : bool
            Whether the step is short enough to be the last.
        """
        stride_x, stride_y = self.strides(place)
        x, y = np.clip(step[:2], -FARTHEST, FARTHEST).tolist()
        cos, sin = math.cos(math.radians(place[3])), math.sin(math.radians(place[3]))
        x_px, y_px = x * stride_x, y * stride_y
        there = place - (cos * x_px - sin * y_px, sin * x_px + cos * y_px, 0.0, 0.0)
        last, rest = max(abs(x), abs(y)) < CLOSE[0], step[2:].tolist()
        if "scale" in self.free:
            by = min(LARGEST, max(-LARGEST, rest.pop(0)))
            there[2] -= by
            last = last and abs(by) < CLOSE[1]
        if "angle" in self.free:
            by = min(MOST_TURN, max(-MOST_TURN, rest.pop(0)))
            there[3] -= math.degrees(by)
            last = last and abs(by) < CLOSE[2]
        return there, last
