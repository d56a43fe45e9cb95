"""libvips, through pyvips."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from glimpsecli.bench.contenders.base import Array, Contender, Scene, stacked


class Vips(Contender):
    """What libvips's contenders share: images that it reads from memory, and no cache of results."""

    package, module = "pyvips", "pyvips"
    outside = "images as pyvips.Image"

    def prepare(self, scene: Scene, view: str) -> None:
        """Import, forget results, wrap the images."""
        import pyvips

        pyvips.cache_set_max(0)
        self.pyvips, self.size = pyvips, scene.size
        self.images = [pyvips.Image.new_from_array(image) for image in scene.channels_last]
        self.matrices, self.places = scene.matrices(view), scene.places(view)

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
        """Tell of windows that lie outside: nothing is left of them to cut."""
        height, width = scene.case.image_size
        cx, cy, w, h, _ = scene.case.windows.T
        left, top, right, bottom = (np.rint(edge) for edge in (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))
        # One that rounds to no pixels gets one, where it begins.
        inside = (left < width) & (top < height) & (np.maximum(right, left + 1) > 0) & (np.maximum(bottom, top + 1) > 0)
        return None if inside.all() else "libvips cuts nothing outside the image"

    def look(self, image: Any, n: int) -> Any:
        """Cut and resize."""
        cx, cy, width, height, _ = self.places[n].tolist()
        left, top = max(round(cx - width / 2), 0), max(round(cy - height / 2), 0)
        across = max(min(round(cx + width / 2), image.width) - left, 1)
        down = max(min(round(cy + height / 2), image.height) - top, 1)
        cut = image.crop(left, top, across, down)
        seen = cut.resize(self.size[1] / across, vscale=self.size[0] / down, kernel="cubic")
        return seen if (seen.width, seen.height) == self.size[::-1] else seen.gravity("centre", *self.size[::-1])
