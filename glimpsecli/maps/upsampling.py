"""A map laid over an image: its values at each pixel, and how much of each pixel it covers.

All methods are separable: along an axis of n cells, each of e pixels, that starts at s, the value at a pixel is the
mean of the cells with weights from one row of a matrix, so that ``values = W_y @ map @ W_x.T``. Where a pixel is cut by
the end of the map, its part inside counts. With ``u = (k + 1/2 - s) / e - 1/2``, the centre of pixel k in cells, kept
within the map, the weight of cell c is

============  =====================================================================================================
``nearest``   the length of pixel k that lies in cell c
``bilinear``  ``max(0, 1 - |u - c| / max(1, 1/e))``: half-pixel centres, the edge goes on; wider where cells are finer
              than pixels, so that nothing aliases
``gaussian``  ``exp(-((u - c) / sigma)^2 / 2)``, sigma = half a cell, at least half a pixel
============  =====================================================================================================

divided by the sum of its row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.maps.geometry import Rect
from glimpsecli.names import UPSAMPLINGS
from glimpsecli.window import Size, check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOISE = 1e-9  # pixels: the largest rounding error of an edge of a rectangle
_HUGE = 1e30  # float32 holds numbers below this, and above its inverse, with a wide margin


class Laid(NamedTuple):
    """A map at the pixels of an image that it touches.

    Attributes
    ----------
    top, left : int
        The first pixel.
    values : (hh, ww) array of float32
        NaN where the cell that holds the pixel's centre is NaN. float64 where float32 cannot hold the map: its values
        are huge or tiny, or far larger than their differences. Empty where the map lies outside the image.
    coverage_y, coverage_x : (hh,) and (ww,) float32
        The share of each row and column of pixels that lies on the map: 1, but for a cut at the ends.
    """

    top: int
    left: int
    values: NDArray[Any]
    coverage_y: NDArray[np.float32]
    coverage_x: NDArray[np.float32]


class _Axis(NamedTuple):
    """One axis: the first pixel, its weights (pixels, cells), and for each pixel its coverage and its own cell."""

    first: int
    weights: NDArray[np.float64] | slice
    coverage: NDArray[np.float32]
    own: NDArray[np.intp]


def lay(grid_map: NDArray[Any], rect: Rect, image_size: Size, method: str = "bilinear") -> Laid:
    """Lay a map over an image.

    Parameters
    ----------
    grid_map : (h, w) array of float32 or float64
        Finite, or NaN in cells that are to stay without value; they lend nothing to their neighbours.
    rect : Rect
        The part of the image plane that the map covers. It may hang over the image.
    image_size : (int, int)
        Height and width.
    method : str
        One of `UPSAMPLINGS`; the module has their formulas.

    Returns
    -------
    Laid
    """
    if method not in UPSAMPLINGS:
        raise InvalidInputError(f"{method!r} is no way to enlarge a map", f"choose {', '.join(UPSAMPLINGS)}")
    height, width = check_size(image_size)
    rows, columns = grid_map.shape
    y = _axis(rows, rect.y, rect.height, height, method)
    x = _axis(columns, rect.x, rect.width, width, method)
    holes = np.isnan(grid_map)
    if not holes.any():
        values = _apply(grid_map.astype(_work(grid_map), copy=False), y, x)
    else:
        filled = np.where(holes, 0, grid_map).astype(_work(grid_map[~holes]))
        values = _apply(filled, y, x)
        shown = _apply((~holes).astype(filled.dtype), y, x)
        hidden = holes[np.ix_(y.own, x.own)]
        values = np.divide(values, shown, out=np.full(values.shape, np.nan, values.dtype), where=~hidden)
    return Laid(y.first, x.first, values, y.coverage, x.coverage)


def _work(values: NDArray[Any]) -> type[np.float32] | type[np.float64]:
    """Return float32 where it loses nothing that can be seen, else float64."""
    if not values.size:
        return np.float32
    low, high = float(values.min()), float(values.max())
    largest = max(abs(low), abs(high))
    ordinary = largest == 0 or 1 / _HUGE < largest < _HUGE
    flat = low != high and high / 2 - low / 2 < 1e-3 * largest
    return np.float32 if ordinary and not flat else np.float64


def _axis(cells: int, start: float, extent: float, pixels: int, method: str) -> _Axis:
    """Make the weights of one axis."""
    end, cell = start + extent, extent / cells
    first, last = min(pixels, max(0, math.floor(start + _NOISE))), min(pixels, math.ceil(end - _NOISE))
    edges = np.arange(first, max(first, last) + 1, dtype=np.float64)
    low, high = np.maximum(edges[:-1], start), np.minimum(edges[1:], end)
    coverage = np.minimum(high - low, 1).astype(np.float32)
    coverage[coverage > 1 - _NOISE] = 1
    u = (np.clip(edges[:-1] + 0.5, start, end) - start) / cell - 0.5
    own = np.clip(np.floor(u + 0.5), 0, cells - 1).astype(np.intp)
    if method != "gaussian" and abs(cell - 1) * cells < _NOISE and abs(start - round(start)) < _NOISE:
        return _Axis(first, slice(first - round(start), first - round(start) + len(u)), coverage, own)
    index = np.arange(cells)
    if method == "nearest":
        left = start + cell * index
        right = np.append(left[1:], end)
        weights = np.minimum(high[:, None], right) - np.maximum(low[:, None], left)
        np.maximum(weights, 0, out=weights)
    elif method == "bilinear":
        weights = np.maximum(0, 1 - np.abs(u[:, None] - index) / max(1, 1 / cell))
    else:
        weights = np.exp(-0.5 * ((u[:, None] - index) / max(0.5, 0.5 / cell)) ** 2)
    return _Axis(first, weights / weights.sum(1, keepdims=True), coverage, own)


def _apply(grid_map: NDArray[Any], y: _Axis, x: _Axis) -> Any:
    """Return ``W_y @ map @ W_x.T`` in the type of the map, the cheaper product first."""
    w_y, w_x = y.weights, x.weights
    if isinstance(w_y, slice):
        grid_map = grid_map[w_y]
    if isinstance(w_x, slice):
        grid_map = grid_map[:, w_x]
    kind = grid_map.dtype
    if isinstance(w_y, slice):
        return grid_map.copy() if isinstance(w_x, slice) else grid_map @ w_x.T.astype(kind)
    if isinstance(w_x, slice):
        return w_y.astype(kind) @ grid_map
    h, w = grid_map.shape
    hh, ww = len(w_y), len(w_x)
    if hh * w * (h + ww) <= ww * h * (w + hh):
        return (w_y.astype(kind) @ grid_map) @ w_x.T.astype(kind)
    return w_y.astype(kind) @ (grid_map @ w_x.T.astype(kind))
