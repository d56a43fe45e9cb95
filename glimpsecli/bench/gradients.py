"""The expected gradients: the float64 definitions, over as much of a case as can be afforded.

An error is relative to the largest derivative: among the pixels, and with respect to each number of the places.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from glimpsecli.attention import gaussian, spatial
from glimpsecli.bench.checking import AFFORDABLE, HELD, some_of
from glimpsecli.bench.contenders.base import VIEWS, Contender, Scene
from glimpsecli.sampling import FULL_SCALE

Array = np.ndarray[Any, np.dtype[Any]]


class Slopes(NamedTuple):
    """The gradients of some windows, and with respect to some pixels, as the definition gives them.

    Attributes
    ----------
    windows : (n,) int
        Which windows.
    by_places : (n, 7) or (n, 2, 3) float64
        With respect to their Gaussians or matrices.
    pixels : (n,) int or slice, (r,) int
        Which images, and which rows of each.
    by_images : (n or 1, r, W, C) float64, or None
    least : float
        The scale of derivatives with respect to places where all are smaller: full scale for a pixel.
    checked : str
        The part of the case that this is, in words.
    """

    windows: Array
    by_places: Array
    pixels: tuple[Any, Array]
    by_images: Array | None
    least: float
    checked: str


def truth(scene: Scene, view: str, seed: int) -> Slopes:
    """Compute the gradients of a view of a scene by the definitions.

    Where all windows look at one image, each of its pixels has a share of all of them: some rows are checked.
    """
    (h, w), (height, width), channels = scene.size, scene.case.image_size, scene.image(0).shape[2]
    alone = scene.case.layout is not None
    dense = VIEWS[view].sampler == "gaussian"
    rng = np.random.default_rng([seed, 3])
    # As for glimpses: the Gaussians read whole images, and the bilinear sampler a few neighbours, slowly.
    cost = channels * (3 * w * height * width if dense else 500 * h * w)
    windows = some_of(rng, scene.windows, min(AFFORDABLE / cost, HELD / (alone * height * width * channels or 1)))
    by_places = np.stack([_by_place(scene, view, n) for n in windows.tolist()])
    checked = "all glimpses" if len(windows) == scene.windows else f"{len(windows)} of {scene.windows} glimpses"
    rows, by_images = np.arange(height), None
    if "image" in VIEWS[view].by and alone:
        by_images = np.stack([_by_image(scene, view, n, rows) for n in windows.tolist()])
    elif "image" in VIEWS[view].by:
        if dense:
            rows = some_of(rng, height, AFFORDABLE / (scene.windows * channels * w * (h + width)))
        by_images = np.zeros((1, len(rows), width, channels))
        for n in range(scene.windows):
            by_images[0] += _by_image(scene, view, n, rows)
        checked += "" if len(rows) == height else f", {len(rows)} of {height} rows of the image"
    least = FULL_SCALE[scene.case.images.dtype.name]
    return Slopes(windows, by_places, (windows if alone else slice(None), rows), by_images, least, checked)


def error(result: tuple[Array | None, Array], expected: Slopes, contender: Contender) -> float | None:
    """Give the largest error of gradients; None where one is missing, its shape is another or a value is no number."""
    by_images, by_numbers = result
    wanted = contender.by_numbers(expected.by_places, expected.windows)
    pairs = [(by_numbers[expected.windows], wanted, np.maximum(np.abs(wanted).max(axis=0), expected.least))]
    if expected.by_images is not None:
        if by_images is None:
            return None
        images, rows = expected.pixels
        scale = np.abs(expected.by_images).max(initial=0.0) or 1.0
        pairs.append((by_images[images][:, rows], expected.by_images, scale))
    worst = 0.0
    for found, right, scale in pairs:
        if found.shape != right.shape or not np.isfinite(found).all():
            return None
        worst = max(worst, float((np.abs(found - right) / scale).max(initial=0.0)))
    return worst


def _by_place(scene: Scene, view: str, n: int) -> Array:
    """Give the gradient with respect to the Gaussians or the matrix of a window."""
    image, cotangent = scene.image(n), _cotangent(scene, n)
    if VIEWS[view].sampler == "gaussian":
        return gaussian.params_vjp(image, scene.gaussians[n], cotangent)
    matrix = scene.matrices(view)[n]
    return spatial.matrix_grid_vjp(matrix, spatial.grid_vjp(image, spatial.matrix_grid(matrix, scene.size), cotangent))


def _by_image(scene: Scene, view: str, n: int, rows: Array) -> Array:
    """Give the share of a window in the gradient with respect to some rows of its image, (r, W, C)."""
    (height, width), (h, w), cotangent = scene.case.image_size, scene.size, _cotangent(scene, n)
    if VIEWS[view].sampler == "gaussian":
        u_y, s_y, d_y, u_x, s_x, d_x, gain = scene.gaussians[n].tolist()
        a_y = gaussian.filterbank(u_y, s_y, d_y, h, height)[:, rows]
        a_x = gaussian.filterbank(u_x, s_x, d_x, w, width)
        share: Array = gain * np.einsum("iy,ijc,jx->yxc", a_y, cotangent, a_x, optimize=True)
        return share
    onto = np.zeros((height, width, cotangent.shape[2]))
    spatial.add_samples(onto, spatial.matrix_grid(scene.matrices(view)[n], scene.size), cotangent)
    return onto[rows]


def _cotangent(scene: Scene, n: int) -> Array:
    cotangent: Array = np.moveaxis(scene.cotangents[n], 0, -1).astype(np.float64)
    return cotangent
