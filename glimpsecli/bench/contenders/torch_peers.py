"""PyTorch, on the processor and on a GPU."""

from __future__ import annotations

import abc
import math
from typing import Any

import numpy as np

from glimpsecli.attention.gaussian import EPSILON
from glimpsecli.bench.contenders.base import GRADIENTS, SMALLEST, VIEWS, Array, Contender, Scene
from glimpsecli.window import Window


class Torch(Contender):
    """The base of torch's contenders: float32 planes on a device.

    Places are float32 too. On an image 4000 pixels wide that leaves coordinates uncertain by 2e-4 of a pixel, and more
    after some arithmetic, and samples by as much of the contrast of neighbours.
    """

    package, module = "torch", "torch"
    tolerance = 1e-3
    gradient_tolerance = 1e-3
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
        self.by = VIEWS[view].by
        if self.by:
            self.places.requires_grad_()
            self.planes.requires_grad_("image" in self.by)
            self.cotangents = torch.from_numpy(scene.cotangents).to(self.device)
        self._finish()

    @abc.abstractmethod
    def _places(self, scene: Scene, view: str) -> Array:
        """Give the places in the numbers that the contender takes."""

    @abc.abstractmethod
    def _glimpses(self) -> Any:
        """Make the glimpses."""

    def run(self) -> Any:
        """Make the glimpses; where gradients are wanted, pull them back by autograd."""
        with self.torch.inference_mode(not self.by):
            result = self._glimpses()
            if self.by:
                leaves = [self.planes, self.places] if "image" in self.by else [self.places]
                result = self.torch.autograd.grad(result, leaves, self.cotangents)
            self._finish()
        return result

    def _finish(self) -> None:
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def glimpses(self, result: Any) -> Array:
        """Put channels last, in memory."""
        array: Array = result.permute(0, 2, 3, 1).cpu().numpy()
        return array

    def gradients(self, result: Any) -> tuple[Array | None, Array]:
        """Put channels last, in memory."""
        *images, places = result
        return self.glimpses(images[0]) if images else None, places.cpu().numpy()


class GridSample(Torch):
    """``affine_grid`` and ``grid_sample``, align_corners=False, zeros outside.

    Its derivatives jump on the pixels' centres, and float32 places some taps beyond them.
    """

    name = "torch grid_sample"
    gradient_tolerance = math.inf
    views = ("bilinear", "rotated", *GRADIENTS["bilinear"], *GRADIENTS["rotated"])

    def _places(self, scene: Scene, view: str) -> Array:
        return np.stack([Window(*row).to_theta(scene.case.image_size) for row in scene.places(view)])

    def _glimpses(self) -> Any:
        functional, planes = self.torch.nn.functional, self.planes
        shape = (len(self.places), planes.shape[1], *self.size)
        grid = functional.affine_grid(self.places, shape, align_corners=False)
        if len(planes) > 1:
            return functional.grid_sample(planes, grid, align_corners=False)
        # One tall grid for all windows of an image, of which autograd would hold a gradient for each.
        tall = functional.grid_sample(planes, grid.flatten(0, 1)[None], align_corners=False)
        return tall[0].unflatten(1, (-1, self.size[0])).transpose(0, 1)

    def by_numbers(self, by_places: Array, some: Array) -> Array:
        """Pull back to theta: a matrix is it between the normalised coordinates of the image and of the glimpse."""
        (height, width), (h, w) = self.planes.shape[2:], self.size
        image, glimpse = (
            np.diag([width / 2, height / 2]),
            np.array([[2 / w, 0, 1 / w - 1], [0, 2 / h, 1 / h - 1], [0, 0, 1]]),
        )
        by_theta: Array = image @ by_places @ glimpse.T
        return by_theta


class Matmul(Torch):
    """``A_y I A_x^T`` over whole images in float32, the filterbanks made for all windows at once."""

    name = "torch matmul"
    views = ("gaussian", *GRADIENTS["gaussian"])

    def _places(self, scene: Scene, view: str) -> Array:
        return scene.gaussians[:, :6]

    def _glimpses(self) -> Any:
        height, width = self.planes.shape[2:]
        a_y = self._filterbanks(self.places[:, :3], self.size[0], height)
        a_x = self._filterbanks(self.places[:, 3:], self.size[1], width)
        if len(self.planes) > 1:
            return a_y[:, None] @ self.planes @ a_x[:, None].mT
        # One large product for all windows of an image, which `@` would copy for each.
        return self.torch.einsum("nchx,nwx->nchw", self.torch.einsum("nhy,cyx->nchx", a_y, self.planes[0]), a_x)

    def by_numbers(self, by_places: Array, some: Array) -> Array:
        """Leave out the gain."""
        return by_places[:, :6]

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
