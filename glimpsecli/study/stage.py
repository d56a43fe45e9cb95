"""The stage of a sequence: the frame, the background with the camera's way over it, and the object with its ways."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.study import patches
from glimpsecli.study.layers import Layer

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats

HEIGHTS, WIDTHS, LENGTHS = (180, 240), (240, 320), (60, 80)
"""Least and greatest height, width and number of frames."""

SIDES, ASPECTS = (22.0, 64.0), (0.65, 1.55)
"""Least and greatest square root of the object's area, in pixels, and height divided by width."""

FASTEST = (1.5, 8.0)
"""Pixels from frame to frame where the object is fastest: the least and the greatest of all sequences."""


class Stage:
    """The frame, the background with the camera's way over it, and the patch of the object.

    Parameters
    ----------
    random : numpy.random.Generator
    photos : path
    """

    def __init__(self, random: np.random.Generator, photos: str) -> None:
        self.random = random
        self.size = int(random.integers(HEIGHTS[0], HEIGHTS[1] + 1)), int(random.integers(WIDTHS[0], WIDTHS[1] + 1))
        self.count = int(random.integers(LENGTHS[0], LENGTHS[1] + 1))
        self.time = np.arange(self.count, dtype=np.float64)
        names = random.permutation(patches.PHOTOS).tolist()
        self.background = patches.background(random, names[0], photos)
        side, aspect = math.exp(random.uniform(*np.log(SIDES))), math.exp(random.uniform(*np.log(ASPECTS)))
        self.extent = side / math.sqrt(aspect), side * math.sqrt(aspect)  # width, height
        self.shape = str(random.choice(["box", "ellipse"]))
        self.patch = patches.patch(random, names[1], photos, self.extent)
        self.other = patches.patch(random, names[2], photos, self.extent)
        self.camera = self._camera()

    def _camera(self) -> Floats:
        """Give the camera's window on the background in each frame: still in half of the sequences."""
        random, (height, width) = self.random, self.size
        rows, columns = self.background.shape[:2]
        zoom = min(random.uniform(0.8, 1.5), 0.92 * columns / width, 0.92 * rows / height)
        windows = np.empty((self.count, 5))
        windows[:, 2:] = width * zoom, height * zoom, 0.0
        moves = random.random() < 0.5
        for axis, (pixels, extent) in enumerate(((columns, width * zoom), (rows, height * zoom))):
            room = (pixels - extent) / 2
            way = min(random.uniform(0.2, 1.0) * zoom * self.count, 2 * room) * moves * random.choice([-1, 1])
            start = pixels / 2 + random.uniform(-1, 1) * (room - abs(way) / 2) - way / 2
            windows[:, axis] = start + way * self.time / (self.count - 1)
        return windows

    def object(self, centres: Floats, logs: Floats | float = 0.0, angles: Floats | float = 0.0) -> Layer:
        """Put the object at centres, (T, 2), with the logarithm of its magnification and its angle in each frame."""
        return Layer(self.patch, self.shape, self.windows(centres, logs, angles))

    def windows(self, centres: Floats, logs: Floats | float = 0.0, angles: Floats | float = 0.0) -> Floats:
        """Give the windows, (T, 5), of something of the object's size."""
        windows = np.empty((self.count, 5))
        windows[:, :2], windows[:, 4] = centres, angles
        windows[:, 2:4] = np.exp(np.broadcast_to(logs, self.count))[:, None] * self.extent
        return windows

    def wander(self, margin: float = 0.5) -> Floats:
        """Give centres, (T, 2), on a smooth way that keeps so many extents away from the edges."""
        random, ways = self.random, []
        fastest = random.uniform(*FASTEST) / math.sqrt(2)
        for pixels, extent in zip(self.size[::-1], self.extent, strict=True):
            room = pixels / 2 - margin * extent - 3
            span = room * random.uniform(0.3, 0.95)
            period = max(random.uniform(45, 140), 2 * math.pi * span / fastest)
            middle = pixels / 2 + random.uniform(-1, 1) * (room - span)
            ways.append(middle + span * np.sin(2 * math.pi * self.time / period + random.uniform(0, 2 * math.pi)))
        return np.stack(ways, axis=1)

    def cross(self) -> tuple[Floats, float]:
        """Give centres on a way from side to side, (T, 2), and the pixels that it goes in a frame."""
        random, (height, width) = self.random, self.size
        room = width - self.extent[0] - 12
        x = 6 + self.extent[0] / 2 + room * self.time / (self.count - 1)
        reach = (height - self.extent[1]) / 2 - 4
        middle = height / 2 + reach * random.uniform(-0.5, 0.5)
        y = middle + 0.4 * reach * np.sin(2 * math.pi * self.time / random.uniform(60, 140) + random.uniform(0, 6))
        centres = np.stack([x if random.random() < 0.5 else width - x, y], axis=1)
        return centres, room / (self.count - 1)
