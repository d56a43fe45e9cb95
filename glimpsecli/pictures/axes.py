"""Logarithmic axes: their ends, ticks and scale, and labels that make room for each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from glimpsecli.errors import InvalidInputError

_NICE = (1.0, 2.0, 5.0)


def log_ticks(low: float, high: float, length: float, gap: float) -> list[float]:
    """Choose ticks of a logarithmic axis: 1, 2 and 5 times powers of ten, or fewer where there is no room.

    Parameters
    ----------
    low, high : float
        The ends, positive.
    length, gap : float
        The length of the axis and the least distance of its ticks, in pixels.

    Returns
    -------
    list of float
        From `low` to `high`, ends included where they are ticks.
    """
    if not 0 < low < high < math.inf:
        raise InvalidInputError(
            f"a logarithmic axis from {low:g} to {high:g}", "give positive numbers, the lower first"
        )
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    pixels = length / math.log10(high / low)
    # Between 1 and 2, and 5 and 10, lie 0.3 of a decade, the narrowest step.
    digits = _NICE if 0.3 * pixels >= gap else (1.0,)
    step = max(1, math.ceil(gap / pixels)) if digits == (1.0,) else 1
    candidates = [float(f"{digit:g}e{power}") for power in powers if power % step == 0 for digit in digits]
    return [value for value in candidates if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def nice_range(values: Sequence[float]) -> tuple[float, float]:
    """Give the nearest 1, 2 or 5 times a power of ten below some positive values, and above them."""
    lowest, highest = min(values), max(values)
    if not 0 < lowest <= highest < math.inf:
        raise InvalidInputError(f"values from {lowest:g} to {highest:g}", "a logarithmic axis takes positive ones")
    powers = range(math.floor(math.log10(lowest)) - 1, math.ceil(math.log10(highest)) + 2)
    nice = [float(f"{digit:g}e{power}") for power in powers for digit in _NICE]
    return max(one for one in nice if one < lowest), min(one for one in nice if one > highest)


def log_scale(low: float, high: float, start: float, stop: float) -> Callable[[float], float]:
    """Give the function that brings `low` to `start` and `high` to `stop`, logarithmically."""
    return lambda value: start + (stop - start) * math.log(value / low) / math.log(high / low)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places on an axis apart, as little as it takes, so that all have `gap` between them and lie inside the ends.

    Parameters
    ----------
    places : sequence of float
    gap : float
        The least distance; less where there is no room for it.
    low, high : float
        The ends of the axis.

    Returns
    -------
    list of float
        In the order of `places`.
    """
    gap = min(gap, (high - low) / max(len(places) - 1, 1))
    order = sorted(range(len(places)), key=lambda k: places[k])
    # Neighbours that are too close share a block about the mean of their places.
    blocks: list[tuple[float, int]] = []  # middle, members
    for k in order:
        middle, members = min(max(places[k], low), high), 1
        while blocks and middle - gap * (members - 1) / 2 < blocks[-1][0] + gap * (blocks[-1][1] - 1) / 2 + gap:
            other, count = blocks.pop()
            middle, members = (middle * members + other * count) / (members + count), members + count
            half = gap * (members - 1) / 2
            middle = min(max(middle, low + half), high - half)
        blocks.append((middle, members))
    moved = [middle + gap * (i - (members - 1) / 2) for middle, members in blocks for i in range(members)]
    return [place for _, place in sorted(zip(order, moved, strict=True))]
