"""The float64 definitions over a batch, in the manner of :mod:`~glimpsecli.sampling.calls`: slow, and exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.attention import gaussian, spatial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.sampling.taps import Taps

    Floats = NDArray[np.float64]


def define(images: NDArray[Any], taps: Taps, out: Floats, colours: Floats) -> None:
    """Fill `out`, (N, h, w, C), from (1 or N, H, W, C) images by Gaussian or affine places; `colours` are (N, C)."""
    for n, place in enumerate(taps.places):
        image = images[n if len(images) > 1 else 0]
        if taps.sampler == "gaussian":
            out[n] = gaussian.glimpse(image, place, taps.size)
        else:
            grid = spatial.matrix_grid(place, taps.size)
            out[n] = spatial.sample(image, grid, taps.border, taps.order, colours[n])


def define_vjp(
    images: NDArray[Any],
    taps: Taps,
    cotangents: Floats,
    by_images: Floats | None,
    by_places: Floats | None,
    colours: Floats,
) -> None:
    """Pull the gradients by the glimpses back: add to those by the images, fill those by the places."""
    for n, place in enumerate(taps.places):
        b = n if len(images) > 1 else 0
        if taps.sampler == "gaussian":
            by_image, by_place = gaussian.glimpse_vjp(images[b], place, taps.size, cotangents[n])
        else:
            grid, order = spatial.matrix_grid(place, taps.size), 0 if taps.sampler == "hard" else 1
            by_image, by_grid = spatial.sample_vjp(images[b], grid, cotangents[n], taps.border, order, colours[n])
            by_place = spatial.matrix_grid_vjp(place, by_grid)
        if by_images is not None:
            by_images[b] += by_image
        if by_places is not None:
            by_places[n] = by_place
