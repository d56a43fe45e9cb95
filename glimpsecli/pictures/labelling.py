"""The places of labels on a picture: beside their windows, within the picture, and clear of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpsecli.arrays import Array, Floats

_STEPS = 4
"""Heights of a label by which it may be moved away from its window."""
_COVERED, _HIDDEN, _MOVED, _RANK = 8.0, 1.0, 0.1, 0.01
"""Costs of a place: of a label that is covered by others, of a window that it hides, of a height's distance from where
it was meant to be, and of a place that comes later in the list."""


def places_of(
    sizes: Sequence[tuple[int, ...]], windows: Sequence[Array], picture_size: tuple[int, int], reach: float
) -> list[tuple[int, int]]:
    """Give the place of each label, those of small windows first, which have the fewest.

    Parameters
    ----------
    sizes : sequence of (int, int)
        Height and width of each label, in pixels, no larger than the picture.
    windows : sequence of (4, 2) float
        The corners of the window of each.
    picture_size : (int, int)
        Height and width.
    reach : float
        Pixels by which the line about a window reaches out of it.

    Returns
    -------
    list of (int, int)
        The top and the left of each label, within the picture.
    """
    found = [(0, 0)] * len(sizes)
    taken = np.zeros((len(sizes), 4))  # top, left, bottom, right
    extents = [(*window.min(0), *window.max(0)) for window in windows]
    order = sorted(range(len(sizes)), key=lambda n: (extents[n][2] - extents[n][0]) * (extents[n][3] - extents[n][1]))
    for count, n in enumerate(order):
        height, width = sizes[n]
        wanted = np.array([*_wanted(windows[n], height, width, reach)])
        limits = np.array([picture_size[0] - height, picture_size[1] - width])
        places = np.rint(np.clip(wanted, 0, limits))
        boxes = np.hstack([places, places + np.array([height, width])])
        left, top, right, bottom = extents[n]
        own = np.array([[top, left, bottom, right]])
        cost = _COVERED * _overlaps(boxes, taken[:count]).sum(1) / (height * width)
        cost += _HIDDEN * _overlaps(boxes, own).sum(1) / max((bottom - top) * (right - left), height * width)
        cost += _MOVED * np.minimum(abs(places - wanted).sum(1) / height, 1e3)
        best = int(np.argmin(cost + _RANK * np.arange(len(cost))))
        taken[count] = boxes[best]
        found[n] = int(places[best, 0]), int(places[best, 1])
    return found


def _wanted(window: Array, height: int, width: int, reach: float) -> list[tuple[float, float]]:
    """Give the places (top, left) of a label that its window would have it at, the best first."""
    (left, top), (right, bottom) = window.min(0) - reach, window.max(0) + reach
    if _is_upright(window):
        above, below, within = top - height, bottom, top + 2 * reach
        places = [(above, left), (below, left), (within, left + 2 * reach), (above, right - width)]
        places += [(below, right - width), (within, right - 2 * reach - width), (bottom - 2 * reach - height, left)]
        places += [(top, right), (top, left - width)]
    else:
        highest, lowest = window[window[:, 1].argmin()], window[window[:, 1].argmax()]
        leftmost, rightmost = window[window[:, 0].argmin()], window[window[:, 0].argmax()]
        middle = window.mean(0)
        above, below = top - height, bottom
        places = [(above, highest[0] - width / 2), (below, lowest[0] - width / 2)]
        places += [(rightmost[1] - height / 2, right), (leftmost[1] - height / 2, left - width)]
        places += [(middle[1] - height / 2, middle[0] - width / 2)]
        left = highest[0] - width / 2
    for step in range(1, _STEPS + 1):
        places += [(above - step * height, left), (below + step * height, left), (top + step * height, left)]
    return places


def _is_upright(window: Array) -> bool:
    """Return whether the edges of a window lie along rows and columns."""
    edges = abs(np.roll(window, -1, axis=0) - window)
    return bool((edges.min(1) <= 1e-6 * max(1.0, edges.max())).all())


def _overlaps(some: Floats, others: Floats) -> Floats:
    """Give the area that each of some boxes shares with each of others."""
    low, high = np.maximum(some[:, None, :2], others[:, :2]), np.minimum(some[:, None, 2:], others[:, 2:])
    shared: Floats = np.prod(np.maximum(high - low, 0), axis=2)
    return shared
