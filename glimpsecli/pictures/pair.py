"""A frame and the glimpse of its window side by side, as HART's authors show their attention (Kosiorek et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.arrays import Figure


def gap_of(height: int) -> int:
    """Give the pixels between the two pictures, an even number, for a height."""
    return 2 * max(1, round(height / 100))


def pair(frame: Figure, glimpse: Figure) -> Figure:
    """Put a frame on the left and a glimpse on the right, on white.

    Parameters
    ----------
    frame, glimpse : (H, W, 3) uint8
        Of one height.

    Returns
    -------
    (H, W', 3) uint8

    Raises
    ------
    InvalidInputError
        They are of two heights.
    """
    height, gap = frame.shape[0], gap_of(frame.shape[0])
    if glimpse.shape[0] != height:
        raise InvalidInputError(f"a glimpse of height {glimpse.shape[0]} beside a frame of {height}", "scale it first")
    width = frame.shape[1] + gap + glimpse.shape[1]
    figure = np.full((height, width, 3), 255, np.uint8)
    figure[:, : frame.shape[1]] = frame
    figure[:, width - glimpse.shape[1] :] = glimpse
    return figure
