"""The past of the frames: a few, reduced, which show whether something still was there before the object came."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.sampling import Sampler

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Floats
    from glimpsecli.sampling import Sampling
    from glimpsecli.window import Size

EVERY, KEPT = 10, 6
"""Frames from one that is kept to the next, and the number that is kept."""

PIXELS = 2**18
"""Most pixels of a frame that is kept: of larger ones every second row and column is, or fewer."""

AWAY = 0.75
"""Distance, in windows, at which the object was elsewhere when a frame was kept."""


class Kept(NamedTuple):
    """A frame that is kept.

    Attributes
    ----------
    pixels : (h, w, C)
    place : (4,) float64
        Of the object in it.
    """

    pixels: Array
    place: Floats


class Past:
    """Frames of the past."""

    def __init__(self) -> None:
        self._kept: deque[Kept] = deque(maxlen=KEPT)
        self._frames = 0

    def keep(self, image: Array, place: Floats) -> None:
        """Take note of a frame, and keep it if its turn has come."""
        if self._frames % EVERY == 0:
            self._kept.append(Kept(image[:: _coarser(image), :: _coarser(image)].copy(), place.copy()))
        self._frames += 1

    def there(self, image: Array, window: Floats, size: Size, sampling: Sampling) -> tuple[Array, list[Array]]:
        """Give a window's glimpse of now, and those of two frames in which the object was elsewhere.

        Parameters
        ----------
        image : (H, W, C)
            The frame of now.
        window : (5,) float64
        size : (int, int)
            Of the glimpses.
        sampling : Sampling

        Returns
        -------
        now : (h, w, C) float32
            From the frame as coarse as those that are kept.
        before : list of (h, w, C) float32
            Empty where the object was never elsewhere.
        """
        extent = max(float(window[2]), float(window[3]))
        elsewhere = [kept.pixels for kept in self._kept if math.hypot(*(kept.place[:2] - window[:2])) > AWAY * extent]
        if not elsewhere:
            return np.empty((0, 0, 0), np.float32), []
        coarser = _coarser(image)
        pixels = np.ascontiguousarray(image[::coarser, ::coarser])
        small = np.array([*(window[:4] / coarser), window[4]])
        small[:2] += 0.5 - 0.5 / coarser  # pixel k of the coarse frame is pixel k * coarser, and so are their centres
        look = Sampler(small[None], size, pixels.shape, sampling)
        return look(pixels)[0], [look(one)[0] for one in elsewhere[:: max(1, len(elsewhere) - 1)]]


def _coarser(image: Array) -> int:
    return max(1, math.ceil(math.sqrt(image.shape[0] * image.shape[1] / PIXELS)))
