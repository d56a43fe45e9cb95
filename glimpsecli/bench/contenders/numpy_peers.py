"""Gaussian attention as products of matrices in NumPy: as the article writes it, and cut to the pixels that count."""

from __future__ import annotations

from typing import Any

import numpy as np

from glimpsecli.attention.gaussian import EPSILON
from glimpsecli.backends.footprint import gaussian_support
from glimpsecli.bench.contenders.base import SMALLEST, Array, Contender, Scene


def filterbank(first: Any, sigma: Any, stride: Any, taps: int, start: int, stop: int) -> Array:
    """Make filterbanks over the pixels `start` to `stop`: (..., taps, pixels) float32 of (..., 1, 1) parameters."""
    z = (np.arange(start, stop) - (first + stride * np.arange(taps)[:, None])) / sigma
    weights = np.exp(-0.5 * z * z)
    weights /= weights.sum(axis=-1, keepdims=True) + EPSILON
    weights[weights < SMALLEST] = 0
    return np.asarray(weights, np.float32)


class Dense(Contender):
    """``A_y I A_x^T`` over whole images: filterbanks made in float64, products by BLAS in float32.

    Images with a window each are one batched product; the windows of one image come one after the other, for their
    filterbanks and half products together would take gigabytes.
    """

    name = "NumPy dense"
    package, module = "numpy", "numpy"
    views = ("gaussian",)
    outside = "images as float32 planes"

    def prepare(self, scene: Scene, view: str) -> None:
        """Convert the images."""
        self.planes, self.rows, self.size = scene.planes, scene.gaussians, scene.size

    def run(self) -> Any:
        """Make both filterbanks and multiply."""
        if len(self.planes) > 1:
            return self._product(self.planes, self.rows)
        return np.concatenate([self._product(self.planes, row[None]) for row in self.rows])

    def _product(self, planes: Array, rows: Array) -> Array:
        u_y, s_y, d_y, u_x, s_x, d_x, _ = rows.T[..., None, None]
        a_y = filterbank(u_y, s_y, d_y, self.size[0], 0, planes.shape[2])[:, None]
        a_x = filterbank(u_x, s_x, d_x, self.size[1], 0, planes.shape[3])[:, None]
        product: Array = a_y @ planes @ np.swapaxes(a_x, -1, -2)
        return product

    def glimpses(self, result: Any) -> Array:
        """Put channels last."""
        return np.moveaxis(result, 1, -1)


class Cropped(Contender):
    """The same over the pixels that a window reads, converted as they are read, window by window."""

    name = "NumPy cropped"
    package, module = "numpy", "numpy"
    views = ("gaussian",)
    outside = "which pixels each window reads"

    def prepare(self, scene: Scene, view: str) -> None:
        """Keep the images in their own dtype."""
        self.scene, self.size = scene, scene.size
        boxes = gaussian_support(scene.gaussians, scene.size, scene.case.image_size)
        self.windows = list(zip(scene.gaussians.tolist(), boxes.tolist(), strict=True))

    def run(self) -> Any:
        """Cut, convert, make both filterbanks and multiply."""
        h, w = self.size
        out = []
        for n, ((u_y, s_y, d_y, u_x, s_x, d_x, _), (top, bottom, left, right)) in enumerate(self.windows):
            cut = self.scene.image(n)[top:bottom, left:right].astype(np.float32)
            a_y, a_x = filterbank(u_y, s_y, d_y, h, top, bottom), filterbank(u_x, s_x, d_x, w, left, right)
            mixed = (a_y @ cut.reshape(len(cut), -1)).reshape(h, right - left, -1)
            planes = np.moveaxis(mixed, 2, 0).reshape(-1, right - left)  # one large product is quicker than many
            out.append((planes @ a_x.T).reshape(-1, h, w))
        return out

    def glimpses(self, result: Any) -> Array:
        """Stack, channels last."""
        return np.moveaxis(np.stack(result), 1, -1)
