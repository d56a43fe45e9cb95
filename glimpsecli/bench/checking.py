"""What the result ought to be: the float64 definitions, over as much of a case as can be afforded."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from glimpsecli.attention import gaussian, spatial
from glimpsecli.bench.contenders.base import VIEWS, Contender, Scene
from glimpsecli.sampling import FULL_SCALE

Array = np.ndarray[Any, np.dtype[Any]]

AFFORDABLE = 4e9
"""Multiply-adds of a check. A larger case is checked in windows, and a larger glimpse in rows, chosen at random."""


class Truth(NamedTuple):
    """Some rows of some glimpses as the definition gives them.

    Attributes
    ----------
    windows : (n,) int
        Which glimpses.
    rows : (r,) int
        Which rows of each.
    values : (n, r, w, C) float64
    inner : (n, r, w) bool
        Which taps read nothing beyond the border of the image, where each contender has its own ways.
    scale : float
        What stands for white.
    told : str
        How much this is of the case.
    """

    windows: Array
    rows: Array
    values: Array
    inner: Array
    scale: float
    told: str


def truth(scene: Scene, view: str, seed: int) -> Truth:
    """Compute a view of a scene by the definitions."""
    h, w = scene.size
    height, width = scene.case.image_size
    rng = np.random.default_rng([seed, 2])
    channels = scene.image(0).shape[2]
    # Of a row of a glimpse: A_y I reads the whole image; the bilinear sampler a few neighbours, slowly.
    cost = channels * (height * width if view == "gaussian" else 200 * w)
    rows = _some(rng, h, AFFORDABLE / cost)
    windows = _some(rng, scene.windows, AFFORDABLE / (cost * len(rows)))
    make = _gaussian if view == "gaussian" else _affine
    values, inner = [], []
    whole: dict[int, Array] = {}
    for n in windows.tolist():
        source = n if scene.case.layout else 0
        if source not in whole:
            whole = {source: scene.image(n).astype(np.float64)}  # once for all windows of one image
        value, inside = make(scene, view, n, rows, whole[source])
        values.append(value)
        inner.append(inside)
    told = "all glimpses" if len(windows) == scene.windows else f"{len(windows)} of {scene.windows} glimpses"
    told += "" if len(rows) == h else f", {len(rows)} of {h} rows"
    scale = FULL_SCALE[scene.case.images.dtype.name]
    return Truth(windows, rows, np.stack(values), np.stack(inner), scale, told)


def error(result: Array, expected: Truth, contender: Contender) -> float | None:
    """Give the largest error relative to full scale; None where the shape is another or a value is no number."""
    try:
        seen = result[expected.windows][:, expected.rows]
    except IndexError:
        return None
    if seen.shape != expected.values.shape or not np.all(np.isfinite(result)):
        return None
    off = np.abs(seen - expected.values).max(axis=-1)
    compared = off if contender.everywhere else off[expected.inner]
    return float(compared.max(initial=0.0)) / expected.scale


def _gaussian(scene: Scene, view: str, n: int, rows: Array, image: Array) -> tuple[Array, Array]:
    u_y, s_y, d_y, u_x, s_x, d_x, gain = scene.gaussians[n].tolist()
    a_y = gaussian.filterbank(u_y, s_y, d_y, scene.size[0], image.shape[0])[rows]
    a_x = gaussian.filterbank(u_x, s_x, d_x, scene.size[1], image.shape[1])
    mixed = (a_y @ image.reshape(len(image), -1)).reshape(len(rows), *image.shape[1:])
    values = gain * (a_x @ mixed)
    return values, np.ones(values.shape[:2], np.bool_)


def _affine(scene: Scene, view: str, n: int, rows: Array, image: Array) -> tuple[Array, Array]:
    grid = spatial.matrix_grid(scene.matrices(view)[n], scene.size)[rows]
    values = spatial.sample(image, grid, order=0 if VIEWS[view][0] == "hard" else 1)
    last = np.array([image.shape[1], image.shape[0]]) - 1
    return values, np.all((grid >= 0) & (grid <= last), axis=-1)


def _some(rng: np.random.Generator, count: int, affordable: float) -> Array:
    """Choose as many of `count` as can be afforded, in order."""
    number = min(count, max(int(affordable), 1))
    return np.arange(count) if number == count else np.sort(rng.choice(count, number, replace=False))
