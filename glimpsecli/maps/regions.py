"""The hot regions of a map, as boxes on the image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.maps.geometry import Rect
from glimpsecli.maps.labelling import label_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.window import Size

_PERCENTILE = "percentile:"
_FORMS = "write otsu or percentile:Q, with Q from 0 to 100"
_NOISE = 1e-9  # pixels: thinner boxes are rounding errors


class Threshold(NamedTuple):
    """The rule for hot cells: those above Otsu's threshold, or, with `percentile`, those that reach that percentile."""

    percentile: float | None = None

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Read ``otsu`` or ``percentile:95``."""
        word = text.strip().lower()
        if word == "otsu":
            return cls()
        try:
            number = float(word.removeprefix(_PERCENTILE).replace("_", "?"))  # Python would take 1_000
        except ValueError:
            number = math.nan
        if not word.startswith(_PERCENTILE) or not 0 <= number <= 100:
            raise InvalidInputError(f"{text.strip()!r} is no threshold", _FORMS)
        return cls(number)


class Region(NamedTuple):
    """Hot cells that touch, corners included.

    Attributes
    ----------
    x, y, width, height : float
        The smallest box that holds them, on the image plane, clipped to the image.
    mass : float
        Their share of the sum of the map. A map with negative values is first raised so that its smallest is 0.
    peak : float
        Their largest value.
    """

    x: float
    y: float
    width: float
    height: float
    mass: float
    peak: float


def regions(grid_map: NDArray[Any], rect: Rect, image_size: Size, how: Threshold) -> list[Region]:
    """Find the hot regions of a map.

    Parameters
    ----------
    grid_map : (h, w) array of float32 or float64
        Cells of NaN belong to no region.
    rect : Rect
        The part of the image plane that the map covers.
    image_size : (int, int)
        Height and width.
    how : Threshold

    Returns
    -------
    list of Region
        The largest mass first; regions outside the image are left out. Empty for a map of one value.
    """
    good = ~np.isnan(grid_map)
    values = grid_map[good]
    if not values.size or values.min() == values.max():
        return []
    # Divided by the largest magnitude, so that no sum overflows, and raised so that no value is negative.
    values = values.astype(np.float64)
    unit = float(np.abs(values).max())
    base = min(0.0, float(values.min())) / unit
    heat = np.where(good, grid_map.astype(np.float64) / unit - base, -1.0)
    values = values / unit - base
    hot = heat > _otsu(values) if how.percentile is None else heat >= np.percentile(values, how.percentile)
    hot &= good
    runs = label_runs(hot)
    # Runs in the order of their regions; reduceat then goes from the first run of a region to that of the next.
    order = np.argsort(runs.label, kind="stable")
    firsts = np.flatnonzero(np.diff(runs.label[order], prepend=-1))
    columns, rows = grid_map.shape[1], grid_map.shape[0]
    ends = np.stack([runs.row * columns + runs.start, runs.row * columns + runs.end], 1).ravel()
    flat = np.append(heat, 0.0)  # the last run may end with the map
    masses = np.add.reduceat(np.add.reduceat(flat, ends)[::2][order], firsts) / values.sum()
    flat = np.append(grid_map, grid_map.dtype.type(0))
    peaks = np.maximum.reduceat(np.fmax.reduceat(flat, ends)[::2][order], firsts)
    left = np.minimum.reduceat(runs.start[order], firsts)
    right = np.maximum.reduceat(runs.end[order], firsts)
    top = np.minimum.reduceat(runs.row[order], firsts)
    bottom = np.maximum.reduceat(runs.row[order], firsts) + 1
    height, width = image_size
    x0, x1 = (np.clip(rect.x + cells * rect.width / columns, 0, width) for cells in (left, right))
    y0, y1 = (np.clip(rect.y + cells * rect.height / rows, 0, height) for cells in (top, bottom))
    seen = (x1 - x0 > _NOISE) & (y1 - y0 > _NOISE)
    ranked = np.argsort(-masses, kind="stable")
    table = np.stack([x0, y0, x1 - x0, y1 - y0, masses, peaks], 1)
    return [Region(*row) for row in table[ranked[seen[ranked]]].tolist()]


def _otsu(values: NDArray[np.float64]) -> float:
    """Return the value that parts `values` so that the variance between the two classes is largest (Otsu 1979).

    Exact, over all values instead of a histogram: with i values up to the threshold and n - i above it, whose means are
    m and M, it is the value of the largest ``i (n - i) (M - m)^2``.
    """
    values = np.sort(values)
    n, below = len(values), np.cumsum(values)
    i = np.flatnonzero(values[1:] > values[:-1]) + 1
    sums = below[i - 1]
    between = i * (n - i) * ((below[-1] - sums) / (n - i) - sums / i) ** 2
    return float(values[i[np.argmax(between)] - 1])
