"""The numbers of a map, for people and for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.maps.geometry import Rect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.window import Size


def measure(
    grid_map: NDArray[Any], rect: Rect, image_size: Size, lo: float, hi: float, mass_boxes: Sequence[Rect] = ()
) -> dict[str, Any]:
    """Measure a map; cells of NaN are passed over.

    Parameters
    ----------
    grid_map : (h, w) array of float32 or float64
    rect : Rect
        What the map covers, on the image plane.
    image_size : (int, int)
        Height and width.
    lo, hi : float
        The range that is shown, to be told with the rest.
    mass_boxes : sequence of Rect
        Boxes on the image plane to measure the mass in.

    Returns
    -------
    dict
        Of Python numbers. ``lo``, ``hi``; ``smallest``, ``largest``, ``mean``; ``entropy``, in nats, of the map divided
        by its sum p: ``-sum p log p``, and ``relative_entropy``, divided by the log of the number of cells: 1 where
        all are alike; ``peak``: the hottest cell's centre ``x``, ``y`` on the image plane, its ``value``, ``row`` and
        ``column`` (of several the first); ``outside``: the share of the mass that lies outside the image; ``mass``: for
        each box the share inside it, where a cell counts with the share of its area.

        None where it has no meaning: entropy and mass of a map with negative values or without any mass, all of a map
        that is only NaN.
    """
    values = grid_map[~np.isnan(grid_map)].astype(np.float64)
    found: dict[str, Any] = {"lo": float(lo), "hi": float(hi)}
    found |= dict.fromkeys(("smallest", "largest", "mean", "entropy", "relative_entropy", "peak", "outside"))
    found["mass"] = [None] * len(mass_boxes)
    if not values.size:
        return found
    smallest, largest = float(values.min()), float(values.max())
    size = max(abs(smallest), abs(largest)) or 1.0  # so that no sum overflows
    mean = float(np.mean(values / size)) * size
    found |= {"smallest": smallest, "largest": largest, "mean": mean}
    rows, columns = grid_map.shape
    row, column = divmod(int(np.nanargmax(grid_map)), columns)
    x = rect.x + (column + 0.5) * rect.width / columns
    y = rect.y + (row + 0.5) * rect.height / rows
    found["peak"] = {"x": float(x), "y": float(y), "value": largest, "row": row, "column": column}
    if smallest < 0 or largest == 0:
        return found
    shares = np.nan_to_num(grid_map.astype(np.float64) / size)
    shares /= shares.sum()
    p = shares[shares > 0]
    entropy = max(0.0, float(-np.sum(p * np.log(p))))
    found["entropy"] = entropy
    found["relative_entropy"] = entropy / math.log(values.size) if values.size > 1 else None
    height, width = image_size
    found["outside"] = float(np.sum(shares * (1 - _inside(shares.shape, rect, Rect(0, 0, width, height)))))
    found["mass"] = [float(np.sum(shares * _inside(shares.shape, rect, box))) for box in mass_boxes]
    return found


def _inside(grid: tuple[int, ...], rect: Rect, box: Rect) -> NDArray[np.float64]:
    """Give the share of the area of each cell that lies in a box."""
    y = _within(grid[0], rect.y, rect.height, box.y, box.height)
    x = _within(grid[1], rect.x, rect.width, box.x, box.width)
    return np.outer(y, x)


def _within(cells: int, start: float, extent: float, low: float, length: float) -> NDArray[np.float64]:
    """Give the share of each of `cells` cells between `low` and ``low + length``."""
    ends = np.round((np.array([low, low + length]) - start) / extent * cells, 9)  # rounding is to cut no cell
    index = np.arange(cells)
    shares: NDArray[np.float64] = np.maximum(np.minimum(ends[1], index + 1) - np.maximum(ends[0], index), 0)
    return shares
