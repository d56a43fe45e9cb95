"""Colours: maps from a value in 0..1, and colours for labels."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import COLOUR_MAPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 1024

DISTINCT = (
    (0.882, 0.647, 0.118), (0.529, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 0.941, 0.471), (0.059, 0.647, 0.588),
    (0.765, 0.588, 0.941), (0.412, 0.824, 0.706), (0.588, 0.471, 0.0), (0.706, 0.0, 0.353), (0.118, 0.471, 0.706),
)  # fmt: skip
"""Ten colours of which any two differ by 0.12 or more in OKLab, also to eyes without red or green cones (Machado,
Oliveira and Fernandes 2009); the first three differ by 0.24. RGB in 0..1."""
UNLABELLED = (1.0, 1.0, 1.0)
"""Colour of boxes without a label, where others have a colour for theirs."""


def distinct(number: int) -> tuple[float, float, float]:
    """Give one of the ten colours; they come again after the last."""
    return DISTINCT[number % len(DISTINCT)]


@functools.cache
def table(name: str) -> NDArray[np.float32]:
    """Give a colour map as a table.

    Parameters
    ----------
    name : str
        One of `COLOUR_MAPS`.

    Returns
    -------
    (1024, 3) float32, read-only
        RGB in 0..1 at 1024 even steps; the first row is the colour of 0, the last the colour of 1.

    Raises
    ------
    InvalidInputError
        If there is no such map.
    """
    if name not in COLOUR_MAPS:
        raise InvalidInputError(f"there is no colour map {name!r}", f"choose from {', '.join(COLOUR_MAPS)}")
    import cmap

    colours = np.ascontiguousarray(cmap.Colormap(name).lut(LEVELS)[:, :3], np.float32)
    colours.flags.writeable = False
    return colours
