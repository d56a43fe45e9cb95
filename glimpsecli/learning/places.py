"""Places: the numbers that a search varies, and the windows that they stand for.

A place is (cx, cy, log stride, log aspect, angle): the centre on the image plane in pixels, the pixels of the image
between the taps of a row, how much longer a step down is than a step to the right, and degrees clockwise. For a target
of h x w the window has the width ``w stride`` and the height ``h stride aspect``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from glimpsecli.arrays import Floats
    from glimpsecli.window import Size


FREE = {"position": (0, 1), "scale": (2,), "aspect": (3,), "angle": (4,)}
"""Indices of the numbers of a place that a search may vary, by name."""


class Range(NamedTuple):
    """The strides that a search covers."""

    low: float
    high: float


class Placed(Protocol):
    """A record with a place."""

    @property
    def place(self) -> Floats:
        """The place, (5,) float64."""


T = TypeVar("T", bound=Placed)


class Found(NamedTuple):
    """A place, and how well its glimpse matches the target.

    Attributes
    ----------
    place : (5,) float64
    zncc : float
        Zero-mean normalised cross-correlation of target and glimpse, -1 to 1.
    """

    place: Floats
    zncc: float


def to_window(place: Floats, size: Size) -> Floats:
    """Give the (5,) window (cx, cy, width, height, angle) of a place."""
    cx, cy, log_stride, log_aspect, angle = place
    return np.array([cx, cy, size[1] * math.exp(log_stride), size[0] * math.exp(log_stride + log_aspect), angle])


def from_window(window: Sequence[float], size: Size) -> Floats:
    """Give the place of a window: the inverse of :func:`to_window`."""
    cx, cy, width, height, angle = window
    log_stride = math.log(width / size[1])
    return np.array([cx, cy, log_stride, math.log(height / size[0]) - log_stride, angle])


def window_slopes(place: Floats, size: Size) -> Floats:
    """Give the (5, 5) derivatives of :func:`to_window`: a row for each number of the window."""
    _, _, width, height, _ = to_window(place, size)
    slopes = np.eye(5)
    slopes[2, 2], slopes[3, 2:4] = width, height
    slopes[3, 3] = height
    return slopes


def are_distinct(one: Floats, other: Floats, within: float = 1.0) -> bool:
    """Whether two places are different answers, and not one that was reached twice.

    They are where the centres differ by more than `within` strides, scale or aspect by 12 %, or the angle by 8 degrees.
    The finest pattern that taps can show, a chequered one of single taps, repeats after the square root of 2 strides.
    """
    stride = math.exp(max(one[2], other[2]))
    turn = abs((one[4] - other[4] + 180) % 360 - 180)
    return bool(
        np.hypot(*(one[:2] - other[:2])) > within * stride
        or abs(one[2] - other[2]) > 0.12
        or abs(one[3] - other[3]) > 0.12
        or turn > 8
    )


def distinct(found: Iterable[T], within: float = 1.0) -> Iterator[T]:
    """Generate the results whose places differ by :func:`are_distinct`, the first of each place."""
    kept: list[T] = []
    for one in found:
        if all(are_distinct(one.place, other.place, within) for other in kept):
            kept.append(one)
            yield one
