"""Borders: the pixel or colour that an index beyond the image stands for.

============  ========================================================================================================
``zeros``     a missing pixel counts 0
``constant``  a missing pixel counts a fill colour
``edge``      the nearest pixel of the image
``reflect``   the image mirrored about its edge (not about the outermost pixel): ... 1 0 | 0 1 2 ... 8 9 | 9 8 ...
============  ========================================================================================================

The last two are NumPy's padding modes ``edge`` and ``symmetric``, and grid_sample's ``border`` and ``reflection`` with
``align_corners=False``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BORDERS

if TYPE_CHECKING:
    from numpy.typing import NDArray


def resolve(index: NDArray[np.int64], extent: int, border: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Say which pixel stands in for each index on one axis.

    Parameters
    ----------
    index : int64
        Any shape, any value.
    extent : int
        Pixels on this axis.
    border : {"zeros", "constant", "edge", "reflect"}

    Returns
    -------
    pixel : int64
        Within 0 to extent - 1.
    present : bool
        False where nothing of the image stands there, and 0 or the fill colour counts instead.
    """
    if border == "reflect":
        phase = index % (2 * extent)
        return np.minimum(phase, 2 * extent - 1 - phase), np.ones(index.shape, dtype=np.bool_)
    pixel = np.clip(index, 0, extent - 1)
    if border == "edge":
        return pixel, np.ones(index.shape, dtype=np.bool_)
    if border in BORDERS:
        return pixel, pixel == index
    raise InvalidInputError(f"unknown border {border!r}", f"choose from {', '.join(BORDERS)}")
