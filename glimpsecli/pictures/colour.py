"""Colours: maps from a value in 0..1, and colours that tell things apart."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import COLOUR_MAPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 1024

_DISTINCT = (
    (0.90, 0.62, 0.00), (0.34, 0.71, 0.91), (0.00, 0.62, 0.45), (0.94, 0.89, 0.26), (0.00, 0.45, 0.70),
    (0.84, 0.37, 0.00), (0.80, 0.47, 0.65),
)  # fmt: skip


def distinct(number: int) -> tuple[float, float, float]:
    """Give one of seven colours that colour-blind eyes tell apart too, as RGB in 0..1 (Okabe and Ito 2008)."""
    return _DISTINCT[number % len(_DISTINCT)]


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
