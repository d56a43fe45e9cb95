"""From taps to a backend: it is chosen and called, forward for glimpses and backward for gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli import backends
from glimpsecli.attention import spatial
from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.choice import choose_backend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.sampling.taps import Taps

    Images = NDArray[Any]
    Glimpses = NDArray[np.float32]
    Floats = NDArray[np.float64]

GRID_POINTS = 2**22
"""Points of grids that are in memory at once, or those of one window."""

BACKWARD = 4
"""What gradients cost, in glimpses."""


def call(images: Images, taps: Taps, out: Glimpses, colours: Glimpses, backend: str, threads: int | None) -> None:
    """Fill `out`, (N, h, w, C) contiguous, from (1 or N, H, W, C) images; `colours` are (N, C)."""
    module = backends.load(_chosen(taps, images.shape[3], backend, threads))
    if taps.sampler == "gaussian":
        module.gaussian(images, taps.places, out, threads)
    elif taps.projective:
        for some, grids in _grids(taps):
            seen = images if len(images) == 1 else images[some]
            module.grid(seen, grids, out[some], taps.order, taps.border, colours[some], threads)
    else:
        module.affine(images, taps.places, out, taps.order, taps.border, colours, threads)


def call_vjp(
    images: Images,
    taps: Taps,
    cotangents: Glimpses,
    by_images: Glimpses | None,
    by_places: Floats | None,
    colours: Glimpses,
    backend: str,
    threads: int | None,
) -> None:
    """Pull the gradients by the glimpses back: add to those by the images, fill those by the places, in their shapes.

    Both are contiguous; one that is None is not computed. On whole pixels, too, the bilinear sampler has derivatives.
    """
    module = backends.load(_chosen(taps, images.shape[3], backend, threads, BACKWARD))
    order = 0 if taps.sampler == "hard" else 1
    if taps.sampler == "gaussian":
        module.gaussian_vjp(images, taps.places, cotangents, by_images, by_places, threads)
    elif not taps.projective:
        module.affine_vjp(images, taps.places, cotangents, by_images, by_places, order, taps.border, colours, threads)
    else:
        for some, grids in _grids(taps):
            seen = images if len(images) == 1 else images[some]
            to = by_images if by_images is None or len(images) == 1 else by_images[some]
            by_grids = None if by_places is None else np.empty(grids.shape)
            module.grid_vjp(seen, grids, cotangents[some], to, by_grids, order, taps.border, colours[some], threads)
            if by_places is not None and by_grids is not None:
                by_places[some] = [
                    spatial.matrix_grid_vjp(matrix, one)
                    for matrix, one in zip(taps.places[some], by_grids, strict=True)
                ]


def _chosen(taps: Taps, channels: int, backend: str, threads: int | None, cost: int = 1) -> str:
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise InvalidInputError(f"threads is {threads!r}", "give a whole number from 1")
    return choose_backend(taps, channels, cost)[0] if backend == "auto" else backend


def _grids(taps: Taps) -> Iterator[tuple[slice, Floats]]:
    """Generate the grids of projective places, for as many windows at a time as memory is good for."""
    h, w = taps.size
    step = max(1, GRID_POINTS // (h * w))
    for start in range(0, taps.windows, step):
        some = slice(start, start + step)
        yield some, np.stack([spatial.matrix_grid(matrix, taps.size) for matrix in taps.places[some]])
