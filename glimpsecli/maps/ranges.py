"""The range of a map's values that becomes 0 to 1, and the check for values that are not finite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_VALUES = 1 << 26
"""The largest number of values that percentiles are taken of: they need all values at once."""

_FORMS = "write shared, each, LO,HI (numbers, or min and max) or percentile:LO,HI"
_PERCENTILE = "percentile:"
_SAFE = 1e30  # differences and quotients of numbers below this, and above its inverse, stay within float32


class Range(NamedTuple):
    """The range of values that becomes 0 to 1.

    Attributes
    ----------
    kind : str
        ``shared``, ``each``, ``values`` or ``percentile``.
    low, high : float or None
        For ``values``: the limits, None for the smallest and the largest value of all maps. For ``percentile``: 0 to
        100.
    """

    kind: str
    low: float | None = None
    high: float | None = None

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read ``shared``, ``each``, ``0,1``, ``min,max``, ``0,max`` or ``percentile:1,99``.

        ``shared`` runs from 0, or from the smallest value where that is negative, to the largest value of all maps, so
        that ratios survive: attention has a zero. ``each`` is the same rule for every map alone.
        """
        word = text.strip().lower()
        if word in ("shared", "each"):
            return cls(word)
        percentile = word.startswith(_PERCENTILE)
        ends = word.removeprefix(_PERCENTILE).split(",")
        if len(ends) != 2:
            raise InvalidInputError(f"{text.strip()!r} is no range", _FORMS)
        low, high = (
            None if end.strip() == free and not percentile else _number(end, text)
            for end, free in zip(ends, ("min", "max"), strict=True)
        )
        if low is not None and high is not None and low >= high:
            raise InvalidInputError(f"the range {text.strip()!r} is empty", "its first number must be the smaller one")
        if percentile and not (low is not None and high is not None and low >= 0 and high <= 100):
            raise InvalidInputError(f"{text.strip()!r} is no range", "percentiles are numbers from 0 to 100")
        return cls("percentile" if percentile else "values", low, high)


def _number(text: str, whole: str) -> float:
    try:
        value = float(text.strip().replace("_", "?"))  # Python would take 1_000
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInputError(f"{whole.strip()!r} is no range: {text.strip()!r} is no finite number", _FORMS)
    return value


class Limits:
    """The limits of a range, found from maps that are fed one after the other.

    Only the smallest and the largest value are kept, but for percentiles all values.

    Parameters
    ----------
    asked : Range
    """

    def __init__(self, asked: Range) -> None:
        self.asked = asked
        self._ends: tuple[float, float] | None = None
        self._values: list[NDArray[Any]] = []
        self._count = 0
        self._percentiles: tuple[float, float] | None = None

    def feed(self, grid_map: NDArray[Any]) -> None:
        """Take the values of a map into account; NaN is passed over.

        Raises
        ------
        InvalidInputError
            There are too many values for percentiles.
        """
        ends = _ends(grid_map)
        if ends is None:
            return
        self._ends = ends if self._ends is None else (min(self._ends[0], ends[0]), max(self._ends[1], ends[1]))
        if self.asked.kind == "percentile":
            self._count += grid_map.size
            if self._count > MAX_VALUES:
                raise InvalidInputError(
                    f"percentiles of more than {MAX_VALUES} values do not fit", "give the range as LO,HI or take shared"
                )
            self._values.append(grid_map[~np.isnan(grid_map)])
            self._percentiles = None

    def of(self, grid_map: NDArray[Any]) -> tuple[float, float]:
        """Give (lo, hi), lo <= hi, for a map, after all maps were fed.

        Raises
        ------
        InvalidInputError
            A limit that was asked for lies beyond all values, so that the range is empty.
        """
        kind, low, high = self.asked
        ends = _ends(grid_map) if kind == "each" else self._ends
        smallest, largest = ends or (0.0, 0.0)
        if kind in ("shared", "each"):
            return min(0.0, smallest), largest
        if kind == "percentile":
            return self._of_percentiles()
        lo, hi = smallest if low is None else low, largest if high is None else high
        if lo > hi:
            raise InvalidInputError(
                f"the range from {lo:g} to {hi:g} is empty: the values run from {smallest:g} to {largest:g}",
                "choose other limits",
            )
        return lo, hi

    def _of_percentiles(self) -> tuple[float, float]:
        if self._percentiles is None:
            values = np.concatenate(self._values) if self._values else np.zeros(1)
            scale = 0.5 if np.abs(values).max() > 1 else 1.0  # so that no difference of two overflows
            low, high = np.percentile(values * np.float64(scale), [self.asked.low or 0.0, self.asked.high or 0.0])
            self._percentiles = float(low) / scale, float(high) / scale
        return self._percentiles


def _ends(grid_map: NDArray[Any]) -> tuple[float, float] | None:
    """Return the smallest and the largest value that are no NaN, or None where there is none."""
    smallest = float(np.fmin.reduce(grid_map, axis=None))
    return None if math.isnan(smallest) else (smallest, float(np.fmax.reduce(grid_map, axis=None)))


def scaled(values: NDArray[Any], lo: float, hi: float) -> NDArray[np.float32]:
    """Bring values from lo..hi to 0..1, as float32.

    Values beyond are clipped, NaN stays. Where ``lo == hi`` all values become 0.
    """
    if not lo < hi:
        return np.where(np.isnan(values), np.float32(np.nan), np.float32(0))
    safe = values.dtype == np.float32 and max(abs(lo), abs(hi)) < _SAFE and hi - lo > 1 / _SAFE
    work: type[np.float32] | type[np.float64] = np.float32 if safe else np.float64
    half = 1.0 if math.isfinite(hi - lo) else 0.5
    with np.errstate(over="ignore"):  # values that overflow lie far outside, and are clipped
        out: NDArray[Any] = values.astype(work)
        if half != 1:
            out *= half
        out -= lo * half
        out /= hi * half - lo * half
    np.clip(out, 0, 1, out=out)
    return out.astype(np.float32, copy=False)


def check_finite(grid_map: NDArray[Any], name: str, skip: bool) -> NDArray[Any]:
    """Return a map, its infinite values turned to NaN; without `skip`, refuse NaN and infinite values.

    Raises
    ------
    InvalidInputError
        The map has NaN or infinite values, and `skip` is off.
    """
    bad = ~np.isfinite(grid_map)
    count = int(np.count_nonzero(bad))
    if not count:
        return grid_map
    if not skip:
        shape = "x".join(map(str, grid_map.shape[::-1]))
        raise InvalidInputError(
            f"{name}: {count} of the {grid_map.size} values of the {shape} map are NaN or infinite",
            "`--nan skip` leaves those cells untouched",
        )
    return np.where(bad, grid_map.dtype.type(np.nan), grid_map)
