"""A window on its way through keyframes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.motion.curves import monotone
from glimpsecli.motion.easing import check_easing, ease
from glimpsecli.motion.orbit import orbit
from glimpsecli.names import ZOOMS
from glimpsecli.window.checks import check_windows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Floats

LEAST = 1e-6
"""Pixels of the smallest extent of a window on its way: the ratio of two must be a number."""
_SAME = 1e-12
"""Logarithm of the ratio of two extents up to which they are the same."""


@dataclass(frozen=True)
class Path:
    """Windows or quadrilaterals over time.

    From one keyframe to the next, with e the eased share of the way, ``log`` zoom changes each extent geometrically,
    ``w = w0^(1 - e) w1^e``, and so the magnification at a constant rate. The centre follows the extent,
    ``c = c0 + (c1 - c0) (w - w0) / (w1 - w0)``, so that the one point that both windows show at the same place stays
    there all the way, and straight lines of motion stay straight on the screen. ``linear`` zoom takes e for extents
    and centre. ``orbit`` zooms out on the way to a far goal: see :mod:`glimpsecli.motion.orbit`. Before the first
    keyframe and after the last the window rests.

    Where ``spline`` is the easing of neighbouring pieces, one monotone cubic runs through their keyframes, on the
    centre, the logarithm of the extents and the angle, without a stop at each.

    Parameters
    ----------
    times : array_like, (K,) float
        Seconds; ascending.
    places : array_like, (K, 5) or (K, 4, 2) float
        Windows (cx, cy, width, height, angle), or the corners of quadrilaterals, which move one by one. Pixels, on
        the image plane.
    easing : str or sequence of str
        For each piece between keyframes, or one for all: see :mod:`glimpsecli.motion.easing`. ``hold`` makes a cut.
    zoom : {"log", "linear", "orbit"}
    turns : bool
        Whether angles are taken as they are, with full turns; else a window turns the shorter way.

    Raises
    ------
    InvalidInputError
        The keyframes are none, do not ascend, or are no windows; an easing or a zoom does not exist.
    """

    times: Any
    places: Any
    easing: Sequence[str] | str = "smooth"
    zoom: str = "log"
    turns: bool = False
    _pieces: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        times, places = np.array(self.times, np.float64), np.array(self.places, np.float64)
        if places.ndim not in (2, 3) or places.shape[1:] not in ((5,), (4, 2)) or times.shape != places.shape[:1]:
            raise InvalidInputError(
                f"a path of {times.shape} times and {places.shape} places", "give (K,) and (K, 5) or (K, 4, 2)"
            )
        if not len(times) or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise InvalidInputError("the times of a path do not ascend", "sort the keyframes, and give each its own")
        pieces = (self.easing,) * (len(times) - 1) if isinstance(self.easing, str) else tuple(self.easing)
        if len(pieces) != len(times) - 1:
            raise InvalidInputError(f"{len(pieces)} easings for {len(times) - 1} pieces of a path")
        for name in (*pieces, *([self.easing] if isinstance(self.easing, str) else ())):
            check_easing(name)
        if self.zoom not in ZOOMS:
            raise InvalidInputError(f"{self.zoom!r} is no zoom", f"choose {', '.join(ZOOMS)}")
        if places.ndim == 2:
            check_windows(places)
            if places[:, 2:4].min() < LEAST:
                raise InvalidInputError(
                    f"a window with an extent of {places[:, 2:4].min():g} pixels", f"a path takes {LEAST:g} or more"
                )
            if not self.turns:
                steps = np.diff(places[:, 4])
                places[1:, 4] = places[0, 4] + np.cumsum(180 - (180 - steps) % 360)
        elif not np.isfinite(places).all():
            raise InvalidInputError("a corner of a quadrilateral is not finite")
        elif self.zoom == "orbit":
            raise InvalidInputError("a quadrilateral has no zoom", "leave orbit out")
        times.flags.writeable = places.flags.writeable = False
        for name, value in (("times", times), ("places", places), ("_pieces", pieces)):
            object.__setattr__(self, name, value)

    @property
    def cuts(self) -> Floats:
        """Times at which the window jumps."""
        held: Floats = self.times[1:][[name == "hold" for name in self._pieces]]
        return held

    def __call__(self, times: ArrayLike) -> Floats:
        """Give the windows, (N, 5) float64, or the quadrilaterals, (N, 4, 2), at (N,) times in seconds."""
        at = np.clip(np.atleast_1d(np.asarray(times, np.float64)), self.times[0], self.times[-1])
        found: Floats = self.places[np.clip(np.searchsorted(self.times, at, "right") - 1, 0, len(self.times) - 1)]
        pieces = np.clip(np.searchsorted(self.times, at, "right") - 1, 0, max(len(self._pieces) - 1, 0))
        for k in np.unique(pieces) if self._pieces else ():
            own = pieces == k
            if self._pieces[k] == "spline":
                found[own] = self._spline(k, at[own])
                continue
            share = (at[own] - self.times[k]) / (self.times[k + 1] - self.times[k])
            found[own] = _between(self.places[k], self.places[k + 1], ease(self._pieces[k], share), self.zoom)
        return found

    def _spline(self, piece: int, at: Floats) -> Floats:
        """Give places on the cubic through the keyframes of the run of spline pieces about one of them."""
        first, last = piece, piece + 1
        while first > 0 and self._pieces[first - 1] == "spline":
            first -= 1
        while last < len(self._pieces) and self._pieces[last] == "spline":
            last += 1
        knots = self.places[first : last + 1]
        if knots.ndim == 3:
            return monotone(self.times[first : last + 1], knots.reshape(-1, 8), at).reshape(-1, 4, 2)
        values = np.concatenate([knots[:, :2], np.log(knots[:, 2:4]), knots[:, 4:]], axis=1)
        curve = monotone(self.times[first : last + 1], values, at)
        curve[:, 2:4] = np.exp(curve[:, 2:4])
        return curve


def _between(start: Floats, end: Floats, share: Floats, zoom: str) -> Floats:
    """Give the (N, ...) places at (N,) shares of the way from one place to another."""
    step = end - start
    if start.ndim == 2:
        return start + step * share[:, None, None]
    found = start + step * share[:, None]
    if zoom == "log":
        ratios = np.log(end[2:4] / start[2:4])
        found[:, 2:4] = start[2:4] * np.exp(ratios * share[:, None])
        for axis in (0, 1):
            if abs(ratios[axis]) > _SAME:
                grown = np.expm1(ratios[axis] * share) / np.expm1(ratios[axis])
                found[:, axis] = start[axis] + step[axis] * grown
    elif zoom == "orbit":
        found[:, :4] = orbit(start[:4], end[:4], share)
    exact = share == 1
    found[exact] = end
    return found
