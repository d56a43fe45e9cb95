"""SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from glimpsecli.attention.spatial import matrix_grid
from glimpsecli.bench.contenders.base import Array, Contender, Scene


class MapCoordinates(Contender):
    """``scipy.ndimage.map_coordinates(order=1)``, channel by channel."""

    name = "SciPy map_coordinates"
    package, module = "scipy", "scipy"
    views = ("bilinear", "rotated")

    def prepare(self, scene: Scene, view: str) -> None:
        """Import."""
        from scipy.ndimage import map_coordinates

        self.map_coordinates = map_coordinates
        self.scene, self.matrices = scene, scene.matrices(view)

    def run(self) -> Any:
        """Make each grid and sample each channel."""
        size, channels = self.scene.size, self.scene.image(0).shape[2]
        out = np.empty((len(self.matrices), channels, *size), np.float32)
        for n, matrix in enumerate(self.matrices):
            grid = matrix_grid(matrix, size)
            points = [grid[..., 1], grid[..., 0]]
            image = self.scene.image(n)
            for c in range(channels):
                self.map_coordinates(
                    image[..., c], points, output=out[n, c], order=1, mode="grid-constant", prefilter=False
                )
        return out

    def glimpses(self, result: Any) -> Array:
        """Put channels last."""
        return np.moveaxis(result, 1, -1)
