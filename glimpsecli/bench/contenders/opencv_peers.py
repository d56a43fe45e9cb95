"""OpenCV."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from glimpsecli.bench.contenders.base import Array, Contender, Scene, stacked


class OpenCV(Contender):
    """What OpenCV's contenders share."""

    package, module = "opencv", "cv2"
    outside = "images channels last"

    def prepare(self, scene: Scene, view: str) -> None:
        """Import, fix the threads, convert the images."""
        import cv2

        cv2.setNumThreads(scene.threads if scene.threads > 1 else 0)
        self.cv2, self.images = cv2, scene.channels_last
        self.size, self.matrices = (scene.size[1], scene.size[0]), scene.matrices(view)
        height, width = scene.case.image_size
        # Whole pixels, at least one of them inside the image.
        cx, cy, w, h, _ = scene.places(view).T
        left, top = np.clip(np.rint(cx - w / 2), 0, width - 1), np.clip(np.rint(cy - h / 2), 0, height - 1)
        right, bottom = np.maximum(np.rint(cx + w / 2), left + 1), np.maximum(np.rint(cy + h / 2), top + 1)
        self.boxes = np.stack([top, bottom, left, right], axis=1).astype(int).tolist()

    def run(self) -> Any:
        """Look through every window."""
        many = len(self.images) > 1
        return [self.look(self.images[n if many else 0], n) for n in range(len(self.matrices))]

    @abc.abstractmethod
    def look(self, image: Array, n: int) -> Any:
        """Look through one window."""

    def glimpses(self, result: Any) -> Array:
        """Stack."""
        return stacked(result)


class WarpAffine(OpenCV):
    """``cv2.warpAffine(INTER_LINEAR)``; uint8 is rounded."""

    name = "OpenCV warpAffine"
    views = ("bilinear", "rotated")

    def look(self, image: Array, n: int) -> Any:
        """Warp."""
        flags = self.cv2.INTER_LINEAR | self.cv2.WARP_INVERSE_MAP
        return self.cv2.warpAffine(image, self.matrices[n], self.size, flags=flags)


class Resize(OpenCV):
    """``cv2.resize(INTER_LINEAR)`` of the window rounded to whole pixels."""

    name = "OpenCV resize"
    views = ("bilinear",)
    filter = "window in whole pixels"
    interpolation = "INTER_LINEAR"

    def look(self, image: Array, n: int) -> Any:
        """Cut and resize."""
        top, bottom, left, right = self.boxes[n]
        method = getattr(self.cv2, self.interpolation)
        return self.cv2.resize(image[top:bottom, left:right], self.size, interpolation=method)


class Area(Resize):
    """``cv2.resize(INTER_AREA)`` of the window rounded to whole pixels."""

    name = "OpenCV resize AREA"
    views = ("gaussian",)
    filter = "box, window in whole pixels"
    interpolation = "INTER_AREA"
