"""SciPy."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from glimpsecli.bench.contenders.base import VIEWS, Array, Contender, Scene


class AffineTransform(Contender):
    """``scipy.ndimage.affine_transform(order=1)``, channel by channel.

    Of an upright window it is given the diagonal of the matrix, for which SciPy has a quicker way to the same numbers.
    """

    name = "SciPy affine_transform"
    package, module = "scipy", "scipy"
    views = ("bilinear", "rotated")

    def prepare(self, scene: Scene, view: str) -> None:
        """Import, and put y before x in the matrices."""
        from scipy.ndimage import affine_transform

        self.affine_transform, self.scene = affine_transform, scene
        matrices = scene.matrices(view)
        self.linear, self.offsets = matrices[:, ::-1, 1::-1], matrices[:, ::-1, 2]
        if not VIEWS[view].turned:
            self.linear = np.diagonal(self.linear, axis1=1, axis2=2)

    def run(self) -> Any:
        """Sample each channel of each window."""
        size, channels = self.scene.size, self.scene.image(0).shape[2]
        out = np.empty((len(self.linear), channels, *size), np.float32)
        with warnings.catch_warnings():  # SciPy warns that a diagonal means something else since 0.18
            warnings.simplefilter("ignore", UserWarning)
            for n, (linear, offset) in enumerate(zip(self.linear, self.offsets, strict=True)):
                image = self.scene.image(n)
                for c in range(channels):
                    self.affine_transform(
                        image[..., c], linear, offset, size, out[n, c], order=1, mode="grid-constant", prefilter=False
                    )
        return out

    def glimpses(self, result: Any) -> Array:
        """Put channels last."""
        return np.moveaxis(result, 1, -1)
