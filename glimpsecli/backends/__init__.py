"""The samplers, fast. One module for each backend, all with the same functions.

``gaussian(images, params, out, threads)``
    Gaussian glimpses of (N, 7) float64 rows (u_y, s_y, d_y, u_x, s_x, d_x, gain).
``affine(images, matrices, out, order, border, fill, threads)``
    Bilinear (order 1) or nearest (order 0) glimpses of (N, 2, 3) float64 matrices; `fill` is (N, C) float32.
``grid(images, grids, out, order, border, fill, threads)``
    The same at the points of (N, h, w, 2) float64 grids, x before y.

``gaussian_vjp(images, params, cotangents, by_images, by_params, threads)``
``affine_vjp(images, matrices, cotangents, by_images, by_matrices, order, border, fill, threads)``
``grid_vjp(images, grids, cotangents, by_images, by_grids, order, border, fill, threads)``
    The gradients of these, from those by the glimpses, (N, h, w, C) float32: they add to `by_images`, (B, H, W, C)
    float32, and fill the other, which is like the places, float64. One that is None is not wanted.

`images` is (B, H, W, C) in uint8, uint16 or float32, any strides, with B = 1 (all windows look at one image) or B = N
(one image each). `out` is (N, h, w, C) float32, C-contiguous. All coordinates are index coordinates. The callers, in
``sampling``, have checked everything. A backend that needs more than to be imported has ``require()``, which raises
what is in the way.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from glimpsecli.errors import InvalidInputError, UnavailableError, extra

BACKENDS = {
    "numpy": "glimpsecli.backends.numpy_backend",
    "cpu": "glimpsecli.backends.cpu.backend",
    "cuda": "glimpsecli.backends.cuda.backend",
}
"""Name of each backend, and the module to import when somebody asks for it."""

HINTS = {"cuda": f"{extra('cuda')}, on a machine with an NVIDIA GPU; or use the cpu backend"}


def load(name: str) -> ModuleType:
    """Import a backend.

    Raises
    ------
    InvalidInputError
        There is no backend of that name.
    UnavailableError
        It cannot run here; the message says why.
    """
    if name not in BACKENDS:
        raise InvalidInputError(f"unknown backend {name!r}", f"choose from auto, {', '.join(BACKENDS)}")
    try:
        module = importlib.import_module(BACKENDS[name])
        if hasattr(module, "require"):
            module.require()
    except Exception as error:  # drivers and half-installed packages raise anything
        # Some errors of drivers are pages long; they begin with what matters.
        lines = [line for line in map(str.strip, str(error).splitlines()) if line] or [type(error).__name__]
        reason = " ".join(lines[:2]).rstrip(".")
        raise UnavailableError(
            f"the {name} backend cannot run: {reason}", HINTS.get(name, "use the numpy backend")
        ) from error
    return module
