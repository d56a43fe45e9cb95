"""PyTorch, on the processor and on a GPU."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from glimpsecli.attention.gaussian import EPSILON
from glimpsecli.bench.contenders.base import SMALLEST, Array, Contender, Scene
from glimpsecli.window import Window


class Torch(Contender):
    """The base of torch's contenders: float32 planes on a device.

    Places are float32 too. On an image 4000 pixels wide that leaves coordinates uncertain by 2e-4 of a pixel, and more
    after some arithmetic, and samples by as much of the contrast of neighbours.
    """

    package, module = "torch", "torch"
    tolerance = 1e-3
    outside = "images as float32 planes"
    device = "cpu"

    def available(self) -> str | None:
        """Ask for the device too."""
        missing = super().available()
        if missing is None and self.device == "cuda":
            import torch

            return None if torch.cuda.is_available() else "torch has no CUDA device here"
        return missing

    def prepare(self, scene: Scene, view: str) -> None:
        """Import, fix the threads, bring images and places to the device."""
        import torch

        torch.set_num_threads(scene.threads)
        torch.backends.cuda.matmul.allow_tf32 = False
        self.torch, self.size = torch, scene.size
        self.planes = torch.from_numpy(scene.planes).to(self.device)
        self.places = torch.from_numpy(self._places(scene, view).astype(np.float32)).to(self.device)
        self._finish()

    @abc.abstractmethod
    def _places(self, scene: Scene, view: str) -> Array:
        """Give the places in the numbers that the contender takes."""

    def _finish(self) -> None:
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def glimpses(self, result: Any) -> Array:
        """Put channels last, in memory."""
        array: Array = result.permute(0, 2, 3, 1).cpu().numpy()
        return array


class GridSample(Torch):
    """``affine_grid`` and ``grid_sample``, align_corners=False, zeros outside."""

    name = "torch grid_sample"
    views = ("bilinear", "rotated")

    def _places(self, scene: Scene, view: str) -> Array:
        return np.stack([Window(*row).to_theta(scene.case.image_size) for row in scene.places(view)])

    def run(self) -> Any:
        """Make the grids and sample."""
        functional, planes = self.torch.nn.functional, self.planes
        with self.torch.inference_mode():
            images = planes.expand(len(self.places), *planes.shape[1:])
            shape = (len(self.places), planes.shape[1], *self.size)
            grid = functional.affine_grid(self.places, shape, align_corners=False)
            result = functional.grid_sample(images, grid, align_corners=False)
            self._finish()
        return result


class Matmul(Torch):
    """``A_y I A_x^T`` over whole images in float32, the filterbanks made for all windows at once."""

    name = "torch matmul"
    views = ("gaussian",)

    def _places(self, scene: Scene, view: str) -> Array:
        return scene.gaussians

    def run(self) -> Any:
        """Make the filterbanks and multiply; for many windows of one image, one after the other."""
        with self.torch.inference_mode():
            height, width = self.planes.shape[2:]
            a_y = self._filterbanks(self.places[:, :3], self.size[0], height)
            a_x = self._filterbanks(self.places[:, 3:6], self.size[1], width).transpose(-1, -2)
            if len(self.planes) > 1:
                result = a_y[:, None] @ self.planes @ a_x[:, None]
            else:  # all at once would take gigabytes
                result = self.torch.stack([one @ self.planes[0] @ two for one, two in zip(a_y, a_x, strict=True)])
            self._finish()
        return result

    def _filterbanks(self, places: Any, taps: int, pixels: int) -> Any:
        first, sigma, stride = (places[:, k, None, None] for k in range(3))
        steps = self.torch.arange(taps, device=self.device)[None, :, None]
        z = (self.torch.arange(pixels, device=self.device) - (first + stride * steps)) / sigma
        weights = self.torch.exp(-0.5 * z * z)
        weights = weights / (weights.sum(-1, keepdim=True) + EPSILON)
        return self.torch.where(weights < SMALLEST, 0, weights)


class GridSampleCuda(GridSample):
    """The same on a GPU, images and glimpses on the device."""

    name = "torch grid_sample cuda"
    device = "cuda"
    outside = "images as float32 planes on the device"


class MatmulCuda(Matmul):
    """The same on a GPU, TF32 off, images and glimpses on the device."""

    name = "torch matmul cuda"
    device = "cuda"
    outside = "images as float32 planes on the device"
