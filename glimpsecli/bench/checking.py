"""The expected results: the float64 definitions, over as much of a case as can be afforded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from glimpsecli.attention import ellipses, elliptical, gaussian, spatial
from glimpsecli.backends.footprint import EXACT_CUT, ellipse_boxes, elliptical_support
from glimpsecli.bench.contenders.base import VIEWS, Contender, Scene
from glimpsecli.names import BLUR
from glimpsecli.sampling import FULL_SCALE

Array = np.ndarray[Any, np.dtype[Any]]

AFFORDABLE = 4e9
"""Multiply-adds of a check. A larger case is checked in windows, and a larger glimpse in rows, chosen at random."""
HELD = 2**22
"""Greatest number of values of a check, and about that of a filterbank: this bounds the memory of a check."""
TELLING = 64
"""Least number of values whose mean error shows whether another filter reads the right place."""
UNLIKE = 0.03
"""Mean difference between filters, relative to full scale, that is allowed in every image."""


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
        Which taps read nothing beyond the border of the image, which each contender treats in its own way.
    scale : float
        The value of white.
    checked : str
        The part of the case that this is, in words.
    slack : float
        Mean error, relative to full scale, that another filter may have; infinite where that was not asked for, or the
        values are too few.
    """

    windows: Array
    rows: Array
    values: Array
    inner: Array
    scale: float
    checked: str
    slack: float


def truth(scene: Scene, view: str, seed: int, *, filters: bool = False) -> Truth:
    """Compute a view of a scene by the definitions, and with `filters` the mean error that other filters may have."""
    h, w = scene.size
    height, width = scene.case.image_size
    rng = np.random.default_rng([seed, 2])
    channels = scene.image(0).shape[2]
    # The cost of a row of a glimpse: A_y I reads the whole image, and A_x the mixed row; the bilinear sampler reads a
    # few neighbours, slowly.
    cost = float(channels * (width * (height + w) if view == "gaussian" else 200 * w))
    if view == "ellipses":
        top, bottom, left, right = elliptical_support(scene.matrices(view)[:1], BLUR, (1, 1), (height, width))[
            0
        ].tolist()
        cost = 40.0 * w * (bottom - top) * (right - left)
    rows = some_of(rng, h, min(AFFORDABLE / cost, HELD / (w * channels)))
    windows = some_of(rng, scene.windows, min(AFFORDABLE / cost, HELD / (w * channels)) / len(rows))
    make = _definition(view)
    values, inner, slack = [], [], []
    whole: dict[int, Array] = {}
    for n in windows.tolist():
        source = n if scene.case.layout else 0
        if source not in whole:
            whole = {source: scene.image(n).astype(np.float64)}  # once for all windows of one image
        value, inside = make(scene, view, n, rows, whole[source])
        values.append(value)
        inner.append(inside)
        if filters:
            slack.append(_slack(value, scene, view, n, rows, whole[source]))
    checked = "all glimpses" if len(windows) == scene.windows else f"{len(windows)} of {scene.windows} glimpses"
    checked += "" if len(rows) == h else f", {len(rows)} of {h} rows"
    scale = FULL_SCALE[scene.case.images.dtype.name]
    telling = filters and np.count_nonzero(inner) >= TELLING
    allowed = UNLIKE + float(np.mean(slack)) / scale if telling else math.inf
    return Truth(windows, rows, np.stack(values), np.stack(inner), scale, checked, allowed)


def error(result: Array, expected: Truth, contender: Contender) -> float | None:
    """Give the largest error relative to full scale; None where the shape is another or a value is no number."""
    seen = _seen(result, expected)
    if seen is None or not np.isfinite([result.min(), result.max()]).all():
        return None
    off = np.abs(seen - expected.values).max(axis=-1)
    compared = off if contender.everywhere else off[expected.inner]
    return float(compared.max(initial=0.0)) / expected.scale


def distance(result: Array, expected: Truth) -> float:
    """Give the mean error relative to full scale of a result that has the right shape, away from the border."""
    compared = np.abs(result[expected.windows[:, None], expected.rows] - expected.values)[expected.inner]
    return float(compared.mean()) / expected.scale if compared.size else 0.0


def _seen(result: Array, expected: Truth) -> Array | None:
    """Take the rows that are compared out of a result; None where it has another shape."""
    if result.ndim != 4:
        return None
    try:
        seen: Array = result[expected.windows[:, None], expected.rows]
    except IndexError:
        return None
    return seen if seen.shape == expected.values.shape else None


def _slack(value: Array, scene: Scene, view: str, n: int, rows: Array, image: Array) -> float:
    """Give the mean error that another filter may have in a glimpse.

    A window in whole pixels lies up to half a pixel away. Another filter keeps some of the details that the Gaussians
    remove: the smaller the stride, the more.
    """
    make = _definition(view)
    moved = float(np.abs(make(scene, view, n, rows, image, 0.5)[0] - value).mean())
    if make is _affine:
        return moved
    points = "hard" if view == "gaussian" else "rotated"
    details = float(np.abs(_affine(scene, points, n, rows, image)[0] - value).mean())
    stride = float(np.abs(scene.gaussians[n, [2, 5]]).min())
    return moved + details / max(stride, 1)


def _definition(view: str) -> Callable[..., tuple[Array, Array]]:
    """Give the function that computes rows of a glimpse of a view, and which taps stay inside the image."""
    return {"gaussian": _gaussian, "ellipses": _elliptical}.get(view, _affine)


def _gaussian(scene: Scene, view: str, n: int, rows: Array, image: Array, move: float = 0.0) -> tuple[Array, Array]:
    u_y, s_y, d_y, u_x, s_x, d_x, gain = scene.gaussians[n].tolist()
    height, width, channels = image.shape
    mixed = np.empty((len(rows), width, channels))
    for part in _parts(len(rows), height):
        a_y = _filterbank(u_y + move, s_y, d_y, rows[part], height)
        mixed[part] = (a_y @ image.reshape(height, -1)).reshape(-1, width, channels)
    values = np.empty((len(rows), scene.size[1], channels))
    for part in _parts(scene.size[1], width):
        values[:, part] = gain * (_filterbank(u_x + move, s_x, d_x, np.arange(scene.size[1])[part], width) @ mixed)
    return values, np.ones(values.shape[:2], np.bool_)


def _elliptical(scene: Scene, view: str, n: int, rows: Array, image: Array, move: float = 0.0) -> tuple[Array, Array]:
    """Sum each tap over the pixels that double precision knows."""
    matrix, image_size = scene.matrices(view)[n].copy(), (image.shape[0], image.shape[1])
    matrix[:, 2] += move
    values = np.empty((len(rows), scene.size[1], image.shape[2]))
    for to, row in enumerate(rows.tolist()):
        taps = ellipses.of_taps(matrix, scene.size, BLUR, slice(row, row + 1))
        for j, (top, bottom, left, right) in enumerate(ellipse_boxes(taps, image_size, EXACT_CUT).tolist()):
            one = ellipses.Ellipses(*(number[j : j + 1] for number in taps))
            box = np.arange(top, bottom)[None], np.arange(left, right)[None]
            weights = elliptical.weights(one, image_size, *box)[0]
            values[to, j] = np.tensordot(weights, image[top:bottom, left:right], axes=2)
    return values, np.ones(values.shape[:2], np.bool_)


def _filterbank(first: float, sigma: float, stride: float, taps: Array, pixels: int) -> Array:
    """Give some rows of a filterbank."""
    return np.concatenate(
        [gaussian.filterbank(first + tap * stride, sigma, stride, 1, pixels) for tap in taps.tolist()]
    )


def _parts(taps: int, pixels: int) -> Iterator[slice]:
    """Cut taps into parts whose filterbanks can be held."""
    step = max(HELD // pixels, 1)
    return (slice(begin, begin + step) for begin in range(0, taps, step))


def _affine(scene: Scene, view: str, n: int, rows: Array, image: Array, move: float = 0.0) -> tuple[Array, Array]:
    grid = spatial.matrix_grid(scene.matrices(view)[n], scene.size, rows) + move
    values = spatial.sample(image, grid, order=0 if VIEWS[view].sampler == "hard" else 1)
    last = np.array([image.shape[1], image.shape[0]]) - 1
    return values, np.all((grid >= 0) & (grid <= last), axis=-1)


def some_of(rng: np.random.Generator, count: int, affordable: float) -> Array:
    """Choose as many of `count` as can be afforded, in order."""
    number = min(count, max(int(affordable), 1))
    return np.arange(count) if number == count else np.sort(rng.choice(count, number, replace=False))
