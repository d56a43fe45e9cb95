"""The search near a place: where in a part of an image a template might be, at its own scale, by ZNCC at all places."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.learning.search import fast
from glimpsecli.sampling import extract

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpsecli.arrays import Array, Floats

    Look = Callable[[Floats, tuple[int, int]], Array]

LEAST_SIDE = 7
"""Least shorter side of the template, in taps."""

FARTHEST = 512
"""Taps from the middle of the search to its farthest place, along each axis: of a small object in a large frame not all
is searched, because each tap takes time and memory."""


class Peak(NamedTuple):
    """A place that looks like the template.

    Attributes
    ----------
    x, y : float
        Centre, pixels on the image plane.
    zncc : float
        At the taps of the search.
    score : float
        With what was known before.
    """

    x: float
    y: float
    zncc: float
    score: float


class Prior(NamedTuple):
    """How likely a place is before one looks there.

    Attributes
    ----------
    x, y : float
        The place that is likeliest, pixels.
    width : float
        Distance in pixels at which the score is less by `cost`.
    cost : float
    """

    x: float
    y: float
    width: float
    cost: float

    def charge(self, x: Array, y: Array) -> Array:
        """Give what is taken from the score at places: of the shape that x and y have together."""
        squares: Array = ((x - self.x) ** 2 + (y - self.y) ** 2) * (self.cost / self.width**2)
        return squares


def nearby(
    look: Look, template: Array, weights: Array, window: Floats, radius: float, prior: Prior, frame: tuple[int, int],
    most: int, side: int,
) -> list[Peak]:  # fmt: skip
    """Search around a window.

    Parameters
    ----------
    look : callable
        Gives the glimpse, (h, w, C), of a window, (5,), in a number of taps.
    template : (h, w, C) float32
    weights : (h, w) float32
        Of its taps.
    window : (5,) float64
        The template's window, if it were at the middle of the search.
    radius : float
        Pixels from the middle to the farthest centre, along each axis.
    prior : Prior
    frame : (int, int)
        Height and width of the image: a centre outside it is not taken.
    most : int
    side : int
        Side of what is searched, in taps, beyond which they are farther apart, as far as the template bears it.

    Returns
    -------
    list of Peak
        Local maxima, none within half a window of a better one; the best first, at most `most`.
    """
    cx, cy, width, height, angle = window
    h, w = template.shape[:2]
    coarser = max(1.0, max(h * (1 + 2 * radius / height), w * (1 + 2 * radius / width)) / side)
    coarser = min(coarser, max(1.0, min(h, w) / LEAST_SIDE))
    if coarser > 1.0:
        h, w = max(LEAST_SIDE, round(h / coarser)), max(LEAST_SIDE, round(w / coarser))
        both = _reduced(np.dstack([template * weights[..., None], weights]), (h, w))
        weights = np.maximum(both[..., -1], 1e-6)
        template = both[..., :-1] / weights[..., None]
    step_x, step_y = width / w, height / h
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    corners = np.array([(x - cx, y - cy) for x in (0, frame[1]) for y in (0, frame[0])])
    left, right = _reach(corners @ [cos, sin], radius, step_x)
    up, down = _reach(corners @ [-sin, cos], radius, step_y)
    x, y = (right - left) / 2 * step_x, (down - up) / 2 * step_y  # of the middle of the part, before it is turned
    rows, columns = h + up + down, w + left + right
    part = np.array([cx + cos * x - sin * y, cy + sin * x + cos * y, columns * step_x, rows * step_y, angle])
    scores = zncc_map(template, weights, look(part, (rows, columns)))
    across = np.arange(-left, right + 1, dtype=np.float32) * step_x
    along = (np.arange(-up, down + 1, dtype=np.float32) * step_y)[:, None]
    x, y = np.float32(cx) + cos * across - sin * along, np.float32(cy) + sin * across + cos * along
    total = scores - prior.charge(x, y)
    total = np.where((x > 0) & (y > 0) & (x < frame[1]) & (y < frame[0]), total, -np.inf)
    peaks = []
    near_x, near_y = max(1, w // 2), max(1, h // 2)
    for _ in range(most):
        row, column = divmod(int(total.argmax()), total.shape[1])
        score = float(total[row, column])
        if not score > -1:
            break
        dx = (column + _summit(total[row], column) - left) * step_x
        dy = (row + _summit(total[:, column], row) - up) * step_y
        x, y = cx + cos * dx - sin * dy, cy + sin * dx + cos * dy
        peaks.append(Peak(float(x), float(y), float(scores[row, column]), score))
        total[max(0, row - near_y) : row + near_y + 1, max(0, column - near_x) : column + near_x + 1] = -np.inf
    return peaks


def _reach(corners: Floats, radius: float, step: float) -> tuple[int, int]:
    """Give the taps to be searched on either side of the middle, of the frame's corners along an axis, in pixels."""
    low, high = (min(radius, max(0.0, float(edge))) for edge in (-corners.min(), corners.max()))
    return min(FARTHEST, math.ceil(low / step)), min(FARTHEST, math.ceil(high / step))


def zncc_map(template: Array, weights: Array, part: Array) -> Array:
    """Give the weighted ZNCC of a template with every place of a part.

    Parameters
    ----------
    template : (h, w, C)
    weights : (h, w)
    part : (H, W, C)

    Returns
    -------
    (H - h + 1, W - w + 1) float32
        -1 to 1.
    """
    h, w = template.shape[:2]
    rows, columns = part.shape[0] - h + 1, part.shape[1] - w + 1
    size = fast(part.shape[0]), fast(part.shape[1])
    share = weights / weights.sum()
    centred = (template - np.sum(template * share[..., None], axis=(0, 1))) * share[..., None]
    power = float(np.sum(centred * template))
    image = np.moveaxis(part - part.mean(axis=(0, 1)), 2, 0)
    channels = len(image)
    waves = np.fft.rfft2(np.concatenate([image, np.sum(np.square(image), axis=0, keepdims=True)]), size)
    own = np.fft.rfft2(np.concatenate([np.moveaxis(centred, 2, 0), share[None]]), size).conj()
    products = np.concatenate([np.sum(waves[:-1] * own[:-1], axis=0)[None], waves * own[-1]])
    sums = np.fft.irfft2(products, size)[:, :rows, :columns]
    squares = sums[channels + 1] - np.sum(np.square(sums[1 : channels + 1]), axis=0)
    # A place with a hundredth of the template's power is flat: its noise is nothing to compare with.
    bound = np.sqrt(power * np.maximum(squares, 0.01 * power + 1e-12))
    scores: Array = (sums[0] / bound).astype(np.float32)
    return scores


def _reduced(template: Array, size: tuple[int, int]) -> Array:
    """Give a template at fewer taps."""
    h, w = template.shape[:2]
    seen: Array = extract(template, np.array([w / 2, h / 2, w, h, 0.0]), size, backend="cpu", threads=1)
    return seen


def _summit(values: Array, index: int) -> float:
    """Give how far the top of the parabola through a maximum and its neighbours lies from it, -0.5 to 0.5."""
    if not 0 < index < len(values) - 1:
        return 0.0
    left, middle, right = (float(value) for value in values[index - 1 : index + 2])
    bend = 2 * middle - left - right
    if not np.isfinite(bend) or bend <= 0:
        return 0.0
    return min(0.5, max(-0.5, (right - left) / (2 * bend)))
