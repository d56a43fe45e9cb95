"""Our own backends, through the public functions: whole calls, as a user makes them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from glimpsecli.backends import load
from glimpsecli.bench.contenders.base import VIEWS, Array, Contender, Scene
from glimpsecli.errors import GlimpseError
from glimpsecli.sampling import extract, extract_batch


class Ours(Contender):
    """``extract`` for one image, ``extract_batch`` for images with a window each."""

    backend = ""
    views = tuple(VIEWS)
    tolerance = 2e-6
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
        self.options: dict[str, Any] = {"sampler": VIEWS[view][0], "backend": self.backend}
        if self.backend == "cpu":
            self.options["threads"] = scene.threads

    def run(self) -> Any:
        """Call the public function."""
        if self.layout is None:
            return extract(self.images, self.places, self.size, **self.options)
        return extract_batch(self.images, self.places, self.size, layout=self.layout, **self.options)  # type: ignore[arg-type]

    def glimpses(self, result: Any) -> Array:
        """Put channels last."""
        array = np.asarray(result)
        return np.moveaxis(array, 1, -1) if self.layout == "NCHW" else array


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

    def run(self) -> Any:
        """Wait for the kernel, which runs on while the call returns."""
        result = super().run()
        self.device.synchronize()
        return result

    def glimpses(self, result: Any) -> Array:
        """Copy from the device."""
        return super().glimpses(result.copy_to_host())
