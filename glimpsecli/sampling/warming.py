"""The compilation of all kernels of the cpu backend, ahead of their first use.

Nothing here knows the kernels or their arguments: the public functions are called with tiny images and windows of each
kind for which a kernel could be compiled by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.names import BORDERS, SAMPLERS
from glimpsecli.sampling.glimpses import extract, extract_batch
from glimpsecli.sampling.gradients import vjp, vjp_batch
from glimpsecli.window import Affine, GaussianParams, Projective, Window

if TYPE_CHECKING:
    from glimpsecli.arrays import Images

DTYPES = ("uint8", "uint16", "float32")
"""Types of images that backends read as they are."""

_SIZE = (5, 9)
_CHANNELS = (1, 2, 3, 4, 5)
_WINDOWS = (Window(6.2, 5.1, 7.3, 8.9), Window.from_box(2, 1, 9, 5))  # one on whole pixels is a crop
_MATRICES = (
    *_WINDOWS,
    Window(6, 5, 7, 8, 20),
    Affine([[1.0, 0.5, 2.0], [0.0, 1.0, 1.0]]),
    Projective(np.eye(3) + 0.01),
)
_PLACES: dict[str, tuple[Any, ...]] = {
    "gaussian": (*_MATRICES, GaussianParams(3, 0.4, 1, 2, 3, -1)),
    "bilinear": _MATRICES,
    "hard": _MATRICES,
}


def warm(progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Compile each kernel of the cpu backend, or load it from the cache.

    Parameters
    ----------
    progress : callable
        Takes the number of steps that are done, and of all.
    """
    steps = list(product(DTYPES, SAMPLERS, (False, True)))
    progress(0, len(steps))
    for done, (dtype, sampler, backward) in enumerate(steps, 1):
        borders = (None,) if sampler == "gaussian" else BORDERS
        for images, where, border in product(_images(dtype), _PLACES[sampler], borders):
            fill = 1 if border == "constant" else None
            options = {"sampler": sampler, "border": border, "fill": fill, "backend": "cpu"}
            (_pull_back if backward else _look)(images, where, options)
        progress(done, len(steps))


def _images(dtype: str) -> Iterator[Images]:
    """Generate pairs of images: of each number of channels, without and with gaps in memory, finite and not."""
    for channels, step in product(_CHANNELS, (1, 2)):
        images = np.ones((2, 11 * step, 13 * step, channels), dtype)
        yield images[:, ::step, ::step]
    if dtype == "float32":
        yield np.full((2, 11, 13, 3), np.nan, np.float32)


def _look(images: Images, where: Any, options: dict[str, Any]) -> None:
    """Extract glimpses of one image, through one window and two, and of a batch in both layouts."""
    for places in (where, [where, where]):
        extract(images[0], places, _SIZE, **options)
        extract_batch(images, places, _SIZE, **options)
        extract_batch(np.moveaxis(images, 3, 1), places, _SIZE, layout="NCHW", **options)


def _pull_back(images: Images, where: Any, options: dict[str, Any]) -> None:
    """Pull gradients back to the same images and windows."""
    losses = np.ones((2, *_SIZE, images.shape[3]), np.float32)
    for places, loss in ((where, losses[0]), ([where, where], losses)):
        vjp(images[0], places, _SIZE, loss, **options)
        vjp_batch(images, places, _SIZE, losses, **options)
        vjp_batch(np.moveaxis(images, 3, 1), places, _SIZE, np.moveaxis(losses, 3, 1), layout="NCHW", **options)
