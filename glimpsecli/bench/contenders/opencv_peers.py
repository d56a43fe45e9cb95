"""OpenCV."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from glimpsecli.backends.footprint import elliptical_support
from glimpsecli.bench.contenders.base import Array, Contender, Scene, stacked
from glimpsecli.names import BLUR


class OpenCV(Contender):
    """The base of OpenCV's contenders.

    Places are float32 inside, which on an image 4000 pixels wide leaves samples uncertain by 3e-4 of the contrast of
    neighbours.
    """

    package, module = "opencv", "cv2"
    tolerance = 1e-3
    outside = "images channels last"

    def prepare(self, scene: Scene, view: str) -> None:
        """Import, fix the threads, convert the images."""
        import cv2

        cv2.setNumThreads(scene.threads if scene.threads > 1 else 0)
        self.cv2, self.images = cv2, scene.channels_last
        self.size, self.matrices = (scene.size[1], scene.size[0]), scene.matrices(view)

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
    rounds = True
    views = ("bilinear", "rotated")

    def look(self, image: Array, n: int) -> Any:
        """Warp."""
        flags = self.cv2.INTER_LINEAR | self.cv2.WARP_INVERSE_MAP
        return self.cv2.warpAffine(image, self.matrices[n], self.size, flags=flags)


class BlurAndWarp(OpenCV):
    """``cv2.GaussianBlur`` of the part that a turned window reads, with our sigma, and ``cv2.warpAffine`` of that.

    Where a window's strides differ sigma is their geometric mean.
    """

    name = "OpenCV GaussianBlur, warpAffine"
    views = ("ellipses",)
    filter = "Gaussian, then bilinear"

    def prepare(self, scene: Scene, view: str) -> None:
        """Find the parts, and the matrices over them."""
        super().prepare(scene, view)
        strides = np.maximum(scene.places(view)[:, 2:4] / self.size, 1)
        self.sigmas = (BLUR * np.sqrt(strides.prod(axis=1))).tolist()
        boxes = elliptical_support(self.matrices, BLUR, scene.size, scene.case.image_size)
        self.boxes = boxes.tolist()
        self.matrices = self.matrices - np.pad(boxes[:, [2, 0], None], ((0, 0), (0, 0), (2, 0)))

    def look(self, image: Array, n: int) -> Any:
        """Blur and warp."""
        top, bottom, left, right = self.boxes[n]
        flags, edge = self.cv2.INTER_LINEAR | self.cv2.WARP_INVERSE_MAP, self.cv2.BORDER_REPLICATE
        blurred = self.cv2.GaussianBlur(image[top:bottom, left:right], (0, 0), self.sigmas[n], borderType=edge)
        return self.cv2.warpAffine(blurred, self.matrices[n], self.size, flags=flags, borderMode=edge)


class Resize(OpenCV):
    """``cv2.resize(INTER_LINEAR)`` of the window rounded to whole pixels."""

    name = "OpenCV resize"
    views = ("bilinear",)
    filter = "window in whole pixels"
    interpolation = "INTER_LINEAR"

    def obstacle(self, scene: Scene) -> str | None:
        """Refuse windows beyond the image: the part inside would be stretched to the whole glimpse."""
        return "slices may not leave the image" if scene.leave_the_image(scene.whole_pixels) else None

    def prepare(self, scene: Scene, view: str) -> None:
        """Round the windows too."""
        super().prepare(scene, view)
        self.boxes, self.method = scene.whole_pixels.tolist(), getattr(self.cv2, self.interpolation)

    def look(self, image: Array, n: int) -> Any:
        """Cut and resize."""
        top, bottom, left, right = self.boxes[n]
        return self.cv2.resize(image[top:bottom, left:right], self.size, interpolation=self.method)


class Area(Resize):
    """``cv2.resize(INTER_AREA)`` of the window rounded to whole pixels."""

    name = "OpenCV resize AREA"
    views = ("gaussian",)
    filter = "box, window in whole pixels"
    interpolation = "INTER_AREA"
