"""Pillow."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from glimpsecli.bench.contenders.base import Array, Contender, Scene, stacked


class Pillow(Contender):
    """The base of Pillow's contenders: the images as Pillow's own, float32 as one image for each channel."""

    package, module = "pillow", "PIL"
    outside = "images as PIL.Image"

    def obstacle(self, scene: Scene) -> str | None:
        """Refuse 16 bits, and a fourth channel, which Pillow takes for alpha."""
        if scene.case.images.dtype == np.uint16:
            return "Pillow has no 16-bit colour"
        if scene.case.images.dtype == np.uint8 and scene.image(0).shape[2] == 4:
            return "Pillow weighs colours by alpha"
        return None

    def prepare(self, scene: Scene, view: str) -> None:
        """Convert the images."""
        from PIL import Image

        self.pillow = Image
        self.images = [self._planes(Image, image) for image in scene.channels_last]
        self.boxes = [(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2) for cx, cy, w, h, _ in scene.places(view)]
        self.size = (scene.size[1], scene.size[0])
        # Pillow maps the plane, not the indices: its pixel k lies at k + 1/2.
        matrices = scene.matrices(view).copy()
        matrices[:, :, 2] += 0.5 - matrices[:, :, :2].sum(axis=2) / 2
        self.coefficients = [tuple(matrix.ravel().tolist()) for matrix in matrices]

    @staticmethod
    def _planes(pillow: Any, image: Array) -> list[Any]:
        if image.dtype == np.uint8 and image.shape[2] in (1, 3, 4):
            return [pillow.fromarray(image[..., 0] if image.shape[2] == 1 else image)]
        return [pillow.fromarray(np.ascontiguousarray(image[..., c])) for c in range(image.shape[2])]

    def run(self) -> Any:
        """Look through every window."""
        many = len(self.images) > 1
        return [[self.look(one, n) for one in self.images[n if many else 0]] for n in range(len(self.boxes))]

    @abc.abstractmethod
    def look(self, image: Any, n: int) -> Any:
        """Look through one window."""

    def glimpses(self, result: Any) -> Array:
        """Convert to arrays."""
        return stacked([np.dstack([np.asarray(plane) for plane in one]) for one in result])


class Transform(Pillow):
    """``Image.transform(AFFINE, BILINEAR)``; uint8 is rounded."""

    name = "Pillow transform"
    views = ("bilinear", "rotated")
    rounds = True

    def prepare(self, scene: Scene, view: str) -> None:
        """Look up Pillow's constants too."""
        super().prepare(scene, view)
        self.affine, self.bilinear = self.pillow.Transform.AFFINE, self.pillow.Resampling.BILINEAR

    def look(self, image: Any, n: int) -> Any:
        """Transform."""
        return image.transform(self.size, self.affine, self.coefficients[n], self.bilinear)


class Bicubic(Pillow):
    """``Image.resize(BICUBIC, box)``: the usual way to make something smaller."""

    name = "Pillow resize BICUBIC"
    views = ("gaussian",)
    filter = "bicubic"
    method = "BICUBIC"
    gap: float | None = None

    def obstacle(self, scene: Scene) -> str | None:
        """Refuse windows beyond the image too."""
        outside = "Pillow's boxes may not leave the image" if scene.leave_the_image(scene.edges) else None
        return super().obstacle(scene) or outside

    def prepare(self, scene: Scene, view: str) -> None:
        """Look up Pillow's constant too."""
        super().prepare(scene, view)
        self.resampling = self.pillow.Resampling[self.method]

    def look(self, image: Any, n: int) -> Any:
        """Resize."""
        return image.resize(self.size, self.resampling, self.boxes[n], reducing_gap=self.gap)


class BicubicReduced(Bicubic):
    """The same, made smaller by whole numbers first."""

    name = "Pillow BICUBIC, reducing_gap 2"
    gap = 2.0


class Bilinear(Bicubic):
    """``Image.resize(BILINEAR, box)``: a triangle as wide as the shrinking needs."""

    name = "Pillow resize BILINEAR"
    filter = "triangle"
    method = "BILINEAR"


class Box(Bicubic):
    """``Image.resize(BOX, box)``: the mean of each cell."""

    name = "Pillow resize BOX"
    filter = "box"
    method = "BOX"
