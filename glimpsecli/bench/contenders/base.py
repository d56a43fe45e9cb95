"""The base of all contenders, and the scene that those of one case share."""

from __future__ import annotations

import abc
import functools
import importlib.metadata
import importlib.util
from typing import Any, NamedTuple

import numpy as np

from glimpsecli.bench.cases import Case
from glimpsecli.window import Size, stack_gaussians, stack_matrices

Array = np.ndarray[Any, np.dtype[Any]]

SMALLEST = 1e-18
"""Weights below this are zero in everybody's filterbanks: products with denormal numbers run many times slower."""

ROUNDED = 5e-3
"""Error relative to full scale that 8-bit results may have: more than a grey level, for some libraries round down."""


class View(NamedTuple):
    """The call that is timed.

    Attributes
    ----------
    sampler : str
    turned : bool
        Whether the windows are turned.
    by : tuple of str
        The arguments with respect to which gradients are computed after the glimpses: none, ``where``, or ``image`` and
        ``where``.
    """

    sampler: str
    turned: bool = False
    by: tuple[str, ...] = ()


FORWARD = {
    "gaussian": View("gaussian"),
    "bilinear": View("bilinear"),
    "rotated": View("bilinear", turned=True),
    "ellipses": View("gaussian", turned=True),
    "hard": View("hard"),
}
"""The views of glimpses, by name."""
GRADIENTS = {
    name: {f"{name} vjp({', '.join(by)})": view._replace(by=by) for by in (("where",), ("image", "where"))}
    for name, view in FORWARD.items()
    if name in ("gaussian", "bilinear", "rotated")
}
"""The views of gradients, by name, for each view of glimpses."""
VIEWS = FORWARD | GRADIENTS["gaussian"] | GRADIENTS["bilinear"] | GRADIENTS["rotated"]
"""All views, by name."""


class Scene:
    """A case and the forms of it that contenders share. Making a form is not timed.

    Parameters
    ----------
    case : Case
    threads : int
        Threads that each contender may use.
    """

    def __init__(self, case: Case, threads: int) -> None:
        self.case, self.threads = case, threads

    @property
    def size(self) -> Size:
        """Height and width of the glimpses."""
        return self.case.size

    @property
    def windows(self) -> int:
        """Number of windows."""
        return len(self.case.windows)

    def places(self, view: str) -> Array:
        """Give the windows of a view as an (N, 5) array."""
        return self.case.windows if VIEWS[view].turned else self.case.upright

    def matrices(self, view: str) -> Array:
        """Give the (N, 2, 3) float64 matrices from glimpse index to image index."""
        return stack_matrices(self.places(view), self.size)

    @functools.cached_property
    def gaussians(self) -> Array:
        """The (N, 7) float64 parameters of the Gaussian sampler."""
        return stack_gaussians(self.case.upright, self.size)

    @functools.cached_property
    def cotangents(self) -> Array:
        """The gradients of a loss with respect to the glimpses, (N, C, h, w) float32: noise."""
        shape = (self.windows, self.image(0).shape[2], *self.size)
        return np.random.default_rng(0).standard_normal(shape, np.float32)

    @functools.cached_property
    def edges(self) -> Array:
        """The (N, 4) edges of the upright windows on the image plane: top, bottom, left, right."""
        cx, cy, w, h, _ = self.case.windows.T
        return np.stack([cy - h / 2, cy + h / 2, cx - w / 2, cx + w / 2], axis=1)

    @functools.cached_property
    def whole_pixels(self) -> Array:
        """The edges rounded to (N, 4) int64, with a pixel at least between them."""
        first, last = np.rint(self.edges[:, ::2]), np.rint(self.edges[:, 1::2])
        first = np.where(first == self.case.image_size, first - 1, first)  # a sliver at the far border
        return np.stack([first, np.maximum(last, first + 1)], axis=2).reshape(-1, 4).astype(np.int64)

    def leave_the_image(self, edges: Array) -> bool:
        """Whether some of the windows with these edges reach over the border."""
        first, last = edges[:, ::2], edges[:, 1::2]
        return bool((first < 0).any() or (last > self.case.image_size).any())

    def image(self, window: int) -> Array:
        """Give the image of a window as (H, W, C), a view."""
        images = self.case.images
        if self.case.layout is None:
            return images
        return np.moveaxis(images[window], 0, -1) if self.case.layout == "NCHW" else images[window]

    @functools.cached_property
    def channels_last(self) -> list[Array]:
        """The images as contiguous (H, W, C), one or one for each window, in their own dtype."""
        return [np.ascontiguousarray(self.image(n)) for n in range(1 if self.case.layout is None else self.windows)]

    @functools.cached_property
    def planes(self) -> Array:
        """The images as contiguous (1 or N, C, H, W) float32."""
        images = self.case.images if self.case.layout else self.case.images[None]
        first = images if self.case.layout == "NCHW" else np.moveaxis(images, -1, 1)
        return np.ascontiguousarray(first, dtype=np.float32)


class Contender(abc.ABC):
    """A way of making glimpses.

    Attributes
    ----------
    name : str
    package : str or None
        The distribution that it needs, or None for our own.
    module : str or None
        What to import to see whether it is there.
    views : tuple of str
        Which of :data:`VIEWS` it can do.
    filter : str or None
        None for the same mathematics as ours; else the filter that a user would pick, in a few words.
    tolerance : float
        Largest error relative to full scale with which the same mathematics are believed.
    gradient_tolerance : float
        The same for gradients, relative to the largest derivative: see :mod:`~glimpsecli.bench.gradients`. It is
        infinite where they jump, and a tap next to a jump may fall on either side.
    rounds : bool
        Whether its glimpses of uint8 images are uint8 too: then :data:`ROUNDED` is believed.
    everywhere : bool
        Whether it is checked at the border of the image too; peers have borders of their own.
    compiles : bool
        Whether kernels are compiled in the first call, so that a slow one says nothing of the next.
    outside : str
        Work that a user would do once, and that is not timed.
    """

    name: str
    package: str | None = None
    module: str | None = None
    views: tuple[str, ...] = ()
    filter: str | None = None
    tolerance = 1e-4
    gradient_tolerance = 1e-4
    rounds = False
    everywhere = False
    compiles = False
    outside = ""

    def available(self) -> str | None:
        """Give the reason why the contender cannot run here; None where it can."""
        if self.module is not None and importlib.util.find_spec(self.module) is None:
            return f"{self.package} is not installed"
        return None

    def allowed(self, scene: Scene) -> float:
        """Give the largest error with which the same mathematics are believed in a scene."""
        return ROUNDED if self.rounds and scene.case.images.dtype == np.uint8 else self.tolerance

    def version(self) -> str | None:
        """Give the version of its package."""
        try:
            return importlib.metadata.version(self.package) if self.package else None
        except importlib.metadata.PackageNotFoundError:
            return getattr(importlib.import_module(self.module), "__version__", None) if self.module else None

    def obstacle(self, scene: Scene) -> str | None:
        """Give the reason why the contender cannot take part in a scene of its view; None where it can."""
        return None

    @abc.abstractmethod
    def prepare(self, scene: Scene, view: str) -> None:
        """Import what is needed and convert what a user would convert once."""

    @abc.abstractmethod
    def run(self) -> Any:
        """Make all glimpses of the scene, and the gradients of its view: the call that is timed."""

    @abc.abstractmethod
    def glimpses(self, result: Any) -> Array:
        """Give what `run` returned as (N, h, w, C); not timed."""

    def gradients(self, result: Any) -> tuple[Array | None, Array]:
        """Give what `run` returned in a view of gradients; not timed.

        Returns
        -------
        by_images : (1 or N, H, W, C), or None
        by_numbers : (N, ...)
            With respect to the numbers in which the contender takes the windows.
        """
        raise NotImplementedError

    def by_numbers(self, by_places: Array, some: Array) -> Array:
        """Give the gradient with respect to the contender's own numbers of `some` windows.

        `by_places` is that with respect to their Gaussians, (n, 7), or matrices, (n, 2, 3).
        """
        raise NotImplementedError


def stacked(result: Any) -> Array:
    """Give a list of (h, w) or (h, w, C) glimpses as (N, h, w, C)."""
    array = np.stack([np.asarray(one) for one in result])
    return array[..., None] if array.ndim == 3 else array
