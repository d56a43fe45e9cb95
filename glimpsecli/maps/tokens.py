"""From a number of tokens to the grid that they were cut from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.window import Size, check_size

PREFIXES = (0, 1, 2, 5)
"""The numbers of prefix tokens that are tried: none, class, distillation too, class and four registers."""


class Tokens(NamedTuple):
    """How a row of tokens is made: so many prefix tokens, then a grid of `size` (height, width), row by row."""

    prefix: int
    size: Size


def find_grid(
    n: int, name: str, prefix: int | None, grid: Size | None, aspect: float | None, hint: float | None = None
) -> Tokens:
    """Find the grid of `n` tokens.

    Parameters
    ----------
    n : int
        Prefix tokens included.
    name : str
        What messages call the array.
    prefix : int, optional
        The number of prefix tokens. None: the smallest of `PREFIXES` that leaves a grid.
    grid : (int, int), optional
        The height and width of the grid.
    aspect : float, optional
        The width / height of what was cut into tokens. Patches leave out less than one of them at the end of each axis,
        so a grid of h x w fits where ``-1 < w - aspect * h < aspect``; grids of the very aspect go before all others.
        None: the grid is square.
    hint : float, optional
        The aspect of the image, for a model that may have seen it whole: where no square with at most one prefix token
        fits, a grid of this aspect goes before squares with more.

    Raises
    ------
    InvalidInputError
        There is no such grid.
    """
    tried = PREFIXES if prefix is None else (prefix,)
    out = "give --grid WxH or --prefix-tokens K"
    if prefix is not None and not 0 <= prefix < n:
        raise InvalidInputError(f"{name} has {n} tokens, which cannot begin with {prefix} prefix tokens", out)
    if grid is not None:
        h, w = check_size(grid)
        if n - h * w in tried:
            return Tokens(n - h * w, (h, w))
        raise InvalidInputError(
            f"{name} has {n} tokens, but a grid of {w}x{h} and {_either(tried)} prefix tokens do not make {n}",
            f"a grid of {w}x{h} leaves {n - h * w}: give them as --prefix-tokens" if n > h * w else out,
        )
    if aspect is None:
        few, many = [count for count in tried if count <= 1], [count for count in tried if count > 1]
        found = _square(n, few) or (_of_aspect(n, few, hint) if hint is not None else None) or _square(n, many)
        if found:
            return found
        wanted = "a square grid"
    else:
        found = _of_aspect(n, tried, aspect)
        if found:
            return found
        wanted = f"a grid of the aspect {aspect:.3g}"
    raise InvalidInputError(f"{name} has {n} tokens, which is not {wanted} and {_either(tried)} prefix tokens", out)


def _square(n: int, prefixes: Sequence[int]) -> Tokens | None:
    for count in prefixes:
        if is_square(n - count):
            side = math.isqrt(n - count)
            return Tokens(count, (side, side))
    return None


def _of_aspect(n: int, prefixes: Sequence[int], aspect: float) -> Tokens | None:
    fitting = [(_misfit(size, aspect), order, size) for order, k in enumerate(prefixes) for size in _grids(n - k)]
    best = min((fit for fit in fitting if -1 < fit[0] < aspect), default=None, key=lambda fit: _rank(*fit))
    return Tokens(prefixes[best[1]], best[2]) if best else None


def is_square(n: int) -> bool:
    """Tell whether `n` is the square of a positive whole number."""
    return n > 0 and math.isqrt(n) ** 2 == n


def _grids(n: int) -> list[Size]:
    """List all (height, width) of `n` cells."""
    low = [side for side in range(1, math.isqrt(max(n, 0)) + 1) if n % side == 0]
    return sorted({size for side in low for size in ((side, n // side), (n // side, side))})


def _misfit(size: Size, aspect: float) -> float:
    return size[1] - aspect * size[0]


def _rank(misfit: float, order: int, size: Size) -> tuple[bool, int, float]:
    return abs(misfit) > 1e-6 * size[1], order, abs(misfit)


def _either(counts: tuple[int, ...]) -> str:
    return " or ".join(map(str, counts)) if len(counts) < 3 else f"{', '.join(map(str, counts[:-1]))} or {counts[-1]}"
