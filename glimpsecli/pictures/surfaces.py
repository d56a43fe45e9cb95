"""Square panels of values on a grid of offsets, and of paths across it; the middle is the truth, y points down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.strokes import disc, stroke

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Colour, Figure, Reals

ARRIVES: Colour = (30, 92, 160)
LOST: Colour = (205, 92, 26)
_HOME, _ELSEWHERE = (208, 226, 243), (247, 243, 238)
_CONTOURS = 10  # steps from 0 to 1


def surface_panel(values: Reals, table: Reals, extent: int, *, contours: bool = False) -> Figure:
    """Colour a surface.

    Parameters
    ----------
    values : (S, S) float
        In 0..1 and cut to that; the first and the last lie on the edges of the panel, and between them they are
        interpolated.
    table : (n, 3) float
        The colours of 0 to 1.
    extent : int
        Of the panel, in pixels.
    contours : bool
        Whether there are lines at each tenth above 0.

    Returns
    -------
    (extent, extent, 3) uint8
    """
    if values.ndim != 2 or values.shape[0] != values.shape[1] or len(values) < 2:
        raise InvalidInputError(f"a surface of shape {values.shape}", "use (S, S), S from 2")
    smooth = np.clip(_enlarged(_enlarged(values, extent).T, extent).T, 0, 1)
    colours = np.asarray(table, np.float64)[np.rint(smooth * (len(table) - 1)).astype(np.intp)]
    if contours:
        heights = _CONTOURS * smooth
        down, across = np.gradient(heights)
        # The distance in pixels from the nearest line is that in height over the slope; flat parts have no line.
        slope = np.hypot(down, across)
        distance = np.full(slope.shape, np.inf)
        np.divide(np.abs(heights - np.rint(heights)), slope, out=distance, where=(slope > 1e-3) & (heights >= 0.5))
        line = np.clip(1 - distance, 0, 1)[..., None]
        colours = colours + 0.45 * line * (1 - colours)
    return np.asarray(np.rint(255 * colours), np.uint8)


def descent_panel(reached: NDArray[np.bool_], paths: Reals, extent: int) -> Figure:
    """Tint the offsets from which descent reaches the truth, and draw paths over them.

    Parameters
    ----------
    reached : (S, S) bool
        Whether descent from an offset reaches the truth; the first and the last lie on the edges.
    paths : (T, N, 2) float
        N paths of T points (x, y), from -1 to 1 on the panel; one that ends in (0, 0) has arrived.
    extent : int
        Of the panel, in pixels.

    Returns
    -------
    (extent, extent, 3) uint8
    """
    nearest = np.rint(_places(extent, len(reached))).astype(np.intp)
    panel: Figure = np.where(reached[nearest[:, None], nearest, None], _HOME, _ELSEWHERE).astype(np.uint8)
    weight = max(1.0, extent / 150)
    arrives = np.all(paths[-1] == 0, axis=1)
    for k in np.argsort(arrives, kind="stable").tolist():
        colour = ARRIVES if arrives[k] else LOST
        points = [(x, y) for x, y in ((paths[:, k] + 1) / 2 * extent).tolist()]
        if points[0] != points[-1]:
            stroke(panel, _thinned(points), weight, colour)
        if not arrives[k]:
            disc(panel, *points[-1], 1.9 * weight, colour)
    return panel


def mark_truth(panel: Figure) -> None:
    """Put a white ring about the middle of a panel, in place."""
    middle, radius = len(panel) / 2, max(3.0, len(panel) / 55)
    turn = np.linspace(0, 2 * np.pi, 33)
    ring = [(x, y) for x, y in (middle + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)).tolist()]
    stroke(panel, ring, 0.9 * radius, (40, 40, 40))
    stroke(panel, ring, 0.45 * radius, (255, 255, 255))


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out points that are less than a pixel from the one before, but keep the last."""
    kept = [points[0]]
    for x, y in points[1:]:
        if abs(x - kept[-1][0]) + abs(y - kept[-1][1]) >= 1:
            kept.append((x, y))
    return [*kept, points[-1]]


def _places(extent: int, steps: int) -> NDArray[np.float64]:
    """Give the places of the pixels' middles on a grid whose ends are the panel's edges."""
    return (np.arange(extent) + 0.5) / extent * (steps - 1)


def _enlarged(values: Reals, extent: int) -> NDArray[np.float64]:
    """Interpolate along the first axis."""
    places = _places(extent, len(values))
    low = np.minimum(places.astype(np.intp), len(values) - 2)
    share = (places - low)[:, None]
    between: NDArray[np.float64] = values[low] * (1 - share) + values[low + 1] * share
    return between
