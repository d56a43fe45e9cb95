"""Cuts: frames that show another scene than the frame before, so that nothing is known of places any more."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from glimpsecli.arrays import Array

SIDE = 32
"""Rows and columns of the thumbnails that are compared."""

UNLIKE, TIMES = 0.4, 5.0
"""Least 1 - ZNCC of the thumbnails before and after a cut, absolute and as a multiple of the usual one."""

_FRAMES = 30


class Cuts:
    """The frames so far, as far as a cut shows against them."""

    def __init__(self) -> None:
        self._last: Array | None = None
        self._changes: deque[float] = deque(maxlen=_FRAMES)

    def __call__(self, image: Array) -> bool:
        """Take note of a frame, (H, W, C), and return whether it begins another scene than the frame before."""
        last, self._last = self._last, _thumbnail(image)
        if last is None:
            return False
        change = 1 - float(last @ self._last)
        usual = float(np.median(self._changes)) if self._changes else 0.0
        if change > max(UNLIKE, TIMES * usual):
            self._changes.clear()
            return True
        self._changes.append(change)
        return False


def _thumbnail(image: Array) -> Array:
    """Give green, or grey, at few pixels, of mean 0 and length 1, so that a change of light is no cut."""
    rows, columns = (max(1, extent // SIDE) for extent in image.shape[:2])
    flat = image[rows // 2 :: rows, columns // 2 :: columns, image.shape[2] // 2].astype(np.float32).ravel()
    flat -= flat.mean()
    thumbnail: Array = flat / max(float(np.sqrt(flat @ flat)), 1e-12)
    return thumbnail
