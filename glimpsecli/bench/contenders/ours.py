"""Our own backends, through the public functions: whole calls, as a user makes them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from glimpsecli.backends import load
from glimpsecli.bench.contenders.base import GRADIENTS, VIEWS, Array, Contender, Scene
from glimpsecli.errors import GlimpseError
from glimpsecli.names import BLUR
from glimpsecli.sampling import extract, extract_batch
from glimpsecli.sampling.gradients import Gradients, vjp, vjp_batch
from glimpsecli.window.pullbacks import stack_vjp


class Ours(Contender):
    """``extract`` for one image, ``extract_batch`` for images with a window each; ``vjp`` likewise after it."""

    backend = ""
    views = tuple(VIEWS)
    tolerance = 2e-6
    gradient_tolerance = 1e-5
    everywhere = True

    def available(self) -> str | None:
        """Ask the backend."""
        try:
            load(self.backend)
        except GlimpseError as error:
            return error.message
        return None

    def prepare(self, scene: Scene, view: str) -> None:
        """Keep the arguments."""
        load(self.backend)
        self.images: Any = scene.case.images
        self.layout = scene.case.layout
        self.places, self.size = scene.places(view), scene.size
        if view in GRADIENTS["gaussian"]:  # as their peers, without a derivative that turns
            self.places = self.places[:, :4]
        self.by = VIEWS[view].by
        if self.by:
            self.cotangents: Any = scene.cotangents
            if self.layout != "NCHW":
                self.cotangents = np.ascontiguousarray(np.moveaxis(scene.cotangents, 1, -1))
        self.options: dict[str, Any] = {"sampler": VIEWS[view].sampler, "backend": self.backend}
        if self.layout is not None:
            self.options["layout"] = self.layout
        if self.backend == "cpu":
            self.options["threads"] = scene.threads

    def run(self) -> Any:
        """Call the public functions."""
        forward, back = (extract, vjp) if self.layout is None else (extract_batch, vjp_batch)
        result = forward(self.images, self.places, self.size, **self.options)
        if self.by:
            return back(self.images, self.places, self.size, self.cotangents, by=self.by, **self.options)
        return result

    def glimpses(self, result: Any) -> Array:
        """Put channels last."""
        array = np.asarray(result)
        return np.moveaxis(array, 1, -1) if self.layout == "NCHW" else array

    def gradients(self, result: Gradients) -> tuple[Array | None, Array]:
        """Put channels last."""
        image = None if result.image is None else self.glimpses(result.image)
        return image[None] if image is not None and self.layout is None else image, result.where

    def by_numbers(self, by_places: Array, some: Array) -> Array:
        """Pull back to the windows."""
        return np.asarray(stack_vjp(self.places[some], self.size, BLUR, by_places))


class Numpy(Ours):
    """The numpy backend."""

    name = "glimpse numpy"
    backend = "numpy"


class Cpu(Ours):
    """The cpu backend."""

    name = "glimpse cpu"
    backend = "cpu"
    compiles = True


class Cuda(Ours):
    """The cuda backend, from an array in memory to one in memory."""

    name = "glimpse cuda, with transfers"
    backend = "cuda"
    compiles = True


class CudaResident(Ours):
    """The cuda backend on an image that is on the device already; the glimpses stay there."""

    name = "glimpse cuda, on the device"
    backend = "cuda"
    compiles = True
    outside = "image copied to the device"

    def prepare(self, scene: Scene, view: str) -> None:
        """Copy the images to the device."""
        super().prepare(scene, view)
        self.device = importlib.import_module("glimpsecli.backends.cuda.device").cuda  # Numba's
        self.images = self.device.to_device(np.ascontiguousarray(self.images))
        if self.by:
            self.cotangents = self.device.to_device(self.cotangents)

    def run(self) -> Any:
        """Wait for the kernel, which runs on while the call returns."""
        result = super().run()
        self.device.synchronize()
        return result

    def glimpses(self, result: Any) -> Array:
        """Copy from the device."""
        return super().glimpses(result.copy_to_host())
