"""The filter of a camera that follows a track: it rests while the track trembles, moves smoothly, and shows no border.

Windows are (N, 5) float64, cx, cy, width, height, angle in pixels and degrees, at (N,) times in seconds, ascending.
``cuts`` are the indices of frames that begin a new shot; nothing is carried over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats
    from glimpsecli.window import Size

REACH = 4.0
"""Standard deviations at which the Gaussian is cut off."""
ZOOM_SLOWER = 2.0
"""Standard deviation in time for extents, in those for places: eyes forgive a shaking zoom less."""
CALM = 0.5
"""Seconds that a track must stay near its place for the camera to come to rest."""
CLOSING = 0.25
"""Seconds in which a moving camera closes its distance from the track by a factor e."""
SOFT = 0.1
"""Share of the window's extent over which the camera slows down before the border of the image."""

_ROUNDING = 1e-9
"""Share of the image by which a window that touches its border may seem to leave it."""


def smoothed(times: Floats, windows: Floats, sigma: float, cuts: Sequence[int] = ()) -> Floats:
    """Smooth windows by a two-sided Gaussian in time, so that the camera does not lag.

    Centre and angle have the standard deviation `sigma`, the logarithm of the extents twice that. At each time a line
    is fitted under the Gaussian weights, so that a steady motion stays as it is, also at the ends of a shot and where
    frames are not evenly spaced.

    Parameters
    ----------
    times, windows : (N,) and (N, 5) float64
    sigma : float
        Seconds; 0 changes nothing.
    cuts : sequence of int
    """
    if not 0 <= sigma < float("inf"):
        raise InvalidInputError(f"smoothing over {sigma:g} s", "give 0 or a positive number of seconds")
    if sigma == 0:
        return windows

    def filtered(shot: slice) -> Floats:
        own = windows[shot]
        places = _gaussian(times[shot], own[:, [0, 1, 4]], sigma)
        extents = np.exp(_gaussian(times[shot], np.log(own[:, 2:4]), ZOOM_SLOWER * sigma))
        return np.concatenate([places[:, :2], extents, places[:, 2:]], axis=1)

    return _by_shot(len(windows), cuts, filtered)


def steadied(times: Floats, windows: Floats, moves: float, rests: float, cuts: Sequence[int] = ()) -> Floats:
    """Hold the camera while the track stays near its place: a dead zone with hysteresis.

    A resting camera begins to move when the track is farther than `moves` from it. It then goes with the track,
    closing its distance in `CLOSING` seconds, and rests again as soon as the track is nearer than `rests` and stays
    within `rests` of its place for the next `CALM` seconds. Extents rest and move on their own, by their logarithms.

    Parameters
    ----------
    times, windows : (N,) and (N, 5) float64
    moves, rests : float
        Shares of the window's extents, ``0 <= rests <= moves``.
    cuts : sequence of int
    """
    if not 0 <= rests <= moves < float("inf"):
        raise InvalidInputError(f"a dead zone from {rests:g} to {moves:g}", "give 0 <= rest <= move")
    if moves == 0:
        return windows

    def held(shot: slice) -> Floats:
        own = windows[shot]
        logs = np.log(own[:, 2:4])
        found = own.copy()
        found[:, :2] = _held(times[shot], own[:, :2], own[:, 2:4], moves, rests)
        found[:, 2:4] = np.exp(_held(times[shot], logs, np.ones_like(logs), moves, rests))
        return found

    return _by_shot(len(windows), cuts, held)


def kept_inside(windows: Floats, image_size: Size, cuts: Sequence[int] = ()) -> Floats:
    """Move windows into the image, so that none shows its border.

    A window that is larger than the image is shrunk, with its aspect. Where a shot leaves the image, its camera slows
    down before the border without a corner in its velocity; a shot that stays inside is not changed.

    Parameters
    ----------
    windows : (N, 5) float64
        A turned window is inside if its four corners are.
    image_size : (int, int)
        Height and width.
    cuts : sequence of int
    """
    height, width = image_size

    def moved(shot: slice) -> Floats:
        own = windows[shot].copy()
        turn = np.radians(own[:, 4])
        across, down = np.abs(np.cos(turn)), np.abs(np.sin(turn))
        bounds = np.stack([across * own[:, 2] + down * own[:, 3], down * own[:, 2] + across * own[:, 3]], axis=1)
        excess = np.log(np.max(bounds / (width, height), axis=1))
        if excess.max() > _ROUNDING:
            factor = np.exp(_below(excess, np.full(len(own), SOFT)) - excess)
            own[:, 2:4] *= factor[:, None]
            bounds *= factor[:, None]
        for axis, extent in enumerate((width, height)):
            space = np.maximum(extent - bounds[:, axis], 0) / 2
            off = own[:, axis] - extent / 2
            if np.max((np.abs(off) - space) / extent) > _ROUNDING:
                soft = SOFT * bounds[:, axis]
                soft = soft * space / (soft + space)  # smooth, and less than the space
                own[:, axis] = extent / 2 + np.sign(off) * (space + _below(np.abs(off) - space, soft))
        return own

    return _by_shot(len(windows), cuts, moved)


def _below(excess: Floats, soft: Floats) -> Floats:
    """Bound values by 0 from above: as they are below `-soft`, then along a parabola, 0 from `soft` on."""
    bent = -((soft - np.clip(excess, -soft, soft)) ** 2) / (4 * np.where(soft > 0, soft, 1))
    return np.where(excess < -soft, excess, bent)


def _by_shot(frames: int, cuts: Sequence[int], change: Callable[[slice], Floats]) -> Floats:
    borders = [0, *sorted({cut for cut in cuts if 0 < cut < frames}), frames]
    return np.concatenate([change(slice(first, last)) for first, last in pairwise(borders)])


def _gaussian(times: Floats, values: Floats, sigma: float) -> Floats:
    """Fit a line to (N, C) values about each time, under Gaussian weights, and give its value there."""
    if len(times) == 1:
        return values
    edges = np.concatenate([times[:1], (times[1:] + times[:-1]) / 2, times[-1:]])
    shares = np.diff(edges)  # seconds that each frame stands for
    first = np.searchsorted(times, times - REACH * sigma, "left")
    last = np.searchsorted(times, times + REACH * sigma, "right")
    found = np.empty_like(values)
    for k, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        away = (times[a:b] - times[k]) / sigma
        weights = shares[a:b] * np.exp(-(away**2) / 2)
        weights /= weights.sum()
        mean = weights @ away
        spread = weights @ (away - mean) ** 2
        if spread > 0:
            weights = weights * (1 - mean * (away - mean) / spread)
        found[k] = weights @ values[a:b]
    return found


def _held(times: Floats, values: Floats, extents: Floats, moves: float, rests: float) -> Floats:
    """Follow (N, C) values with a dead zone; see :func:`steadied`."""
    found = np.empty_like(values)
    camera, resting, offset = values[0].copy(), True, np.zeros(values.shape[1])
    calm = np.searchsorted(times, times + CALM, "right")
    for k, target in enumerate(values):
        if resting and np.max(np.abs(target - camera) / extents[k]) > moves:
            resting, offset = False, camera - values[max(k - 1, 0)]
        if not resting:
            offset *= np.exp(-(times[k] - times[max(k - 1, 0)]) / CLOSING)
            camera = target + offset
            ahead = values[k : calm[k]]
            resting = bool(
                np.max(np.abs(offset) / extents[k]) <= rests and np.max(np.abs(ahead - target) / extents[k]) <= rests
            )
        found[k] = camera
    return found
