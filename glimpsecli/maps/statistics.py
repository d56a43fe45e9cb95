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

_PART = 1 << 20  # cells that are measured at once


def measure(
    grid_map: NDArray[Any], rect: Rect, image_size: Size, lo: float, hi: float, mass_boxes: Sequence[Rect] = ()
) -> dict[str, Any]:
    """Measure a map; cells of NaN are passed over.

    Parameters
    ----------
    grid_map : (h, w) array of float32 or float64
    rect : Rect
        The part of the image plane that the map covers.
    image_size : (int, int)
        Height and width.
    lo, hi : float
        The range that is shown, repeated in the result.
    mass_boxes : sequence of Rect
        Boxes on the image plane to measure the mass in.

    Returns
    -------
    dict
        Of Python numbers. ``lo``, ``hi``; ``smallest``, ``largest``, ``mean``; ``entropy``, in nats, of the map divided
        by its sum p: ``-sum p log p``, and ``relative_entropy``, divided by the log of the number of cells: 1 where
        all are equal; ``peak``: the hottest cell's centre ``x``, ``y`` on the image plane, its ``value``, ``row`` and
        ``column`` (of several the first); ``outside``: the share of the mass that lies outside the image; ``mass``: for
        each box the share inside it, where a cell counts with the share of its area.

        None where a number has no meaning: entropy and mass of a map with negative values or without any mass, all
        numbers of a map of NaN alone.
    """
    found: dict[str, Any] = {"lo": float(lo), "hi": float(hi)}
    found |= dict.fromkeys(("smallest", "largest", "mean", "entropy", "relative_entropy", "peak", "outside"))
    found["mass"] = [None] * len(mass_boxes)
    count = sum(int(np.count_nonzero(~np.isnan(grid_map[part]))) for part in _parts(grid_map.shape))
    if not count:
        return found
    smallest, largest = float(np.fmin.reduce(grid_map, axis=None)), float(np.fmax.reduce(grid_map, axis=None))
    size = max(abs(smallest), abs(largest)) or 1.0  # so that no sum overflows
    total = sum(float(np.nansum(grid_map[part].astype(np.float64) / size)) for part in _parts(grid_map.shape))
    found |= {"smallest": smallest, "largest": largest, "mean": total / count * size}
    rows, columns = grid_map.shape
    row, column = divmod(int(np.nanargmax(grid_map)), columns)
    x = rect.x + (column + 0.5) * rect.width / columns
    y = rect.y + (row + 0.5) * rect.height / rows
    found["peak"] = {"x": float(x), "y": float(y), "value": largest, "row": row, "column": column}
    if smallest < 0 or largest == 0:
        return found
    height, width = image_size
    inside = [_inside(grid_map.shape, rect, box) for box in (Rect(0, 0, width, height), *mass_boxes)]
    entropy, outside, mass = 0.0, 0.0, [0.0] * len(mass_boxes)
    for part in _parts(grid_map.shape):
        shares = np.nan_to_num(grid_map[part].astype(np.float64) / size) / total
        p = shares[shares > 0]
        entropy -= float(np.sum(p * np.log(p)))
        in_image, *in_boxes = (np.outer(y_shares[part], x_shares) for y_shares, x_shares in inside)
        outside += float(np.sum(shares * (1 - in_image)))
        mass = [sum_ + float(np.sum(shares * in_box)) for sum_, in_box in zip(mass, in_boxes, strict=True)]
    found["entropy"] = max(0.0, entropy)
    found["relative_entropy"] = found["entropy"] / math.log(count) if count > 1 else None
    found["outside"], found["mass"] = outside, mass
    return found


def _parts(grid: tuple[int, ...]) -> list[slice]:
    """Cut the rows of a grid into parts, so that arrays beside a large map stay small."""
    step = max(1, _PART // grid[1])
    return [slice(start, start + step) for start in range(0, grid[0], step)]


def _inside(grid: tuple[int, ...], rect: Rect, box: Rect) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the shares of the rows and of the columns that lie in a box; their products are those of the cells."""
    return (
        _within(grid[0], rect.y, rect.height, box.y, box.height),
        _within(grid[1], rect.x, rect.width, box.x, box.width),
    )


def _within(cells: int, start: float, extent: float, low: float, length: float) -> NDArray[np.float64]:
    """Give the share of each of `cells` cells between `low` and ``low + length``."""
    ends = np.round((np.array([low, low + length]) - start) / extent * cells, 9)  # no rounding error cuts a cell
    index = np.arange(cells)
    shares: NDArray[np.float64] = np.maximum(np.minimum(ends[1], index + 1) - np.maximum(ends[0], index), 0)
    return shares
