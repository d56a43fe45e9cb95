"""libvips, through pyvips."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from glimpsecli.bench.contenders.base import Array, Contender, Scene, stacked


class Vips(Contender):
    """The base of libvips's contenders: images that it reads from memory, and no cache of results."""

    package, module = "pyvips", "pyvips"
    outside = "images as pyvips.Image"

    def prepare(self, scene: Scene, view: str) -> None:
        """Import, forget results, wrap the images."""
        import pyvips

        pyvips.cache_set_max(0)
        self.pyvips, self.size = pyvips, scene.size
        self.images = [pyvips.Image.new_from_array(image) for image in scene.channels_last]
        self.matrices = scene.matrices(view)

    def run(self) -> Any:
        """Look through every window, into memory."""
        many = len(self.images) > 1
        return [self.look(self.images[n if many else 0], n).numpy() for n in range(len(self.matrices))]

    @abc.abstractmethod
    def look(self, image: Any, n: int) -> Any:
        """Look through one window."""

    def glimpses(self, result: Any) -> Array:
        """Stack."""
        return stacked(result)


class Affine(Vips):
    """``affine`` with the bilinear interpolator."""

    name = "pyvips affine"
    rounds = True
    views = ("bilinear", "rotated")

    def prepare(self, scene: Scene, view: str) -> None:
        """Invert the matrices: libvips wants them from image to glimpse."""
        super().prepare(scene, view)
        self.interpolate = self.pyvips.Interpolate.new("bilinear")
        linear = np.linalg.inv(self.matrices[:, :, :2])
        shift = -(linear @ self.matrices[:, :, 2:])[..., 0]
        self.calls = [(one.ravel().tolist(), *offset.tolist()) for one, offset in zip(linear, shift, strict=True)]

    def look(self, image: Any, n: int) -> Any:
        """Transform."""
        matrix, dx, dy = self.calls[n]
        area = [0, 0, self.size[1], self.size[0]]
        return image.affine(matrix, interpolate=self.interpolate, oarea=area, odx=dx, ody=dy)


class Cubic(Vips):
    """``resize`` with the cubic kernel of the window rounded to whole pixels."""

    name = "pyvips resize cubic"
    views = ("gaussian",)
    filter = "bicubic, window in whole pixels"

    def obstacle(self, scene: Scene) -> str | None:
        """Refuse windows beyond the image: the part inside would be stretched to the whole glimpse."""
        return "libvips cuts nothing outside the image" if scene.leave_the_image(scene.whole_pixels) else None

    def prepare(self, scene: Scene, view: str) -> None:
        """Round the windows too."""
        super().prepare(scene, view)
        self.boxes = scene.whole_pixels.tolist()

    def look(self, image: Any, n: int) -> Any:
        """Cut and resize."""
        top, bottom, left, right = self.boxes[n]
        across, down = right - left, bottom - top
        cut = image.crop(left, top, across, down)
        seen = cut.resize(self.size[1] / across, vscale=self.size[0] / down, kernel="cubic")
        return seen if (seen.width, seen.height) == self.size[::-1] else seen.gravity("centre", *self.size[::-1])
