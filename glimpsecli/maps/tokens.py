"""From a number of tokens to the grid that they were cut from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.window import Size, check_size

PREFIXES = (0, 1, 2, 5)
"""The numbers of prefix tokens that are tried: none, class, distillation too, class and four registers."""

PATCHES = (8, 14, 16, 32)
"""The sides, in pixels, of the patches of usual ViTs."""

USUAL = 49
"""The tokens of the smallest usual ViT, 7x7. Of several readings of fewer tokens the first is taken."""

_LISTED = 4  # readings that a message names at most


class Seen(NamedTuple):
    """The input of a model.

    Attributes
    ----------
    size : (int, int)
        Height and width in pixels.
    known : bool
        Whether the preprocessing was given. If not, `size` is that of the photo, which the model may have seen whole,
        or squeezed or cut to a square.
    patch : (int, int), optional
        Height and width in pixels of the patches, where they were given.
    """

    size: Size
    known: bool = False
    patch: Size | None = None

    @property
    def aspect(self) -> float:
        """Width / height."""
        return self.size[1] / self.size[0]


class Tokens(NamedTuple):
    """A row of tokens: `prefix` tokens, then a grid of `size` (height, width), row by row."""

    prefix: int
    size: Size

    def __str__(self) -> str:
        return f"a grid of {self.option} and {self.prefix} prefix token{'s'[: self.prefix != 1]}"

    @property
    def option(self) -> str:
        """The size as it is written for ``--grid``."""
        return f"{self.size[1]}x{self.size[0]}"


def find_grid(n: int, name: str, prefix: int | None, grid: Size | None, seen: Seen | None) -> Tokens:
    """Find the grid of `n` tokens; the second table of :mod:`glimpsecli.maps.layouts` says how.

    Parameters
    ----------
    n : int
        Prefix tokens included.
    name : str
        The name of the array in messages.
    prefix : int, optional
        The number of prefix tokens. None: one of `PREFIXES`.
    grid : (int, int), optional
        The height and width of the grid.
    seen : Seen, optional
        None: the grid is square.

    Raises
    ------
    InvalidInputError
        There is no such grid, or there are several; the message names them.
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
            f"{name} has {n} tokens, but a grid of {w}x{h} and {either(tried)} prefix tokens do not make {n}",
            f"a grid of {w}x{h} leaves {n - h * w}: give them as --prefix-tokens" if n > h * w else out,
        )
    found = readings(n, tried, seen)
    if not found:
        raise InvalidInputError(
            f"{name} has {n} tokens, which is not {_wanted(seen)} and {either(tried)} prefix tokens", out
        )
    if len(found) > 1 and n >= USUAL:
        many = ", ..." if len(found) > _LISTED else ""
        differ = len({one.prefix for one in found}) == len(found)
        options = " or ".join(
            f"--grid {one.option}{f' (--prefix-tokens {one.prefix})' if differ else ''}" for one in found[:_LISTED]
        )
        raise InvalidInputError(
            f"{name} has {n} tokens, which can be {' or '.join(map(str, found[:_LISTED]))}{many}",
            f"choose with {options}{many}",
        )
    return found[0]


def readings(n: int, prefixes: Sequence[int], seen: Seen | None) -> list[Tokens]:
    """List the readings of `n` tokens by the first rule that has any."""
    sure = sure_readings(n, prefixes, seen)
    if sure or seen is None or seen.patch is not None:
        return sure
    few = n < USUAL and not seen.known  # nearly any small number is nearly a grid and some tokens
    return _of_aspect(n, [k for k in prefixes if k <= 1] if few else prefixes, seen)


def sure_readings(n: int, prefixes: Sequence[int], seen: Seen | None) -> list[Tokens]:
    """List the readings as :func:`readings` does, without the rule of nearly the right aspect."""
    if seen is None:
        return squares(n, prefixes)
    patches = of_patches(n, prefixes, seen)
    if seen.patch is not None:
        return patches
    height, width = seen.size
    exact = [one for one in _of_aspect(n, prefixes, seen) if one.size[1] * height == one.size[0] * width]
    if seen.known:
        return patches or exact
    square = squares(n, prefixes)
    fewer = [one for one in exact if square and one.prefix < square[0].prefix]
    return list(dict.fromkeys(square + patches + fewer)) or exact


def squares(n: int, prefixes: Sequence[int]) -> list[Tokens]:
    """List the readings as a square grid."""
    return [Tokens(k, (math.isqrt(n - k),) * 2) for k in prefixes if n > k and math.isqrt(n - k) ** 2 == n - k]


def of_patches(n: int, prefixes: Sequence[int], seen: Seen) -> list[Tokens]:
    """List the readings as the grid of whole usual patches; of a photo, only patches that leave nothing of it out."""
    height, width = seen.size
    if seen.patch is not None:
        patches = [seen.patch]
    else:
        patches = [(side, side) for side in PATCHES if seen.known or height % side == width % side == 0]
    sizes = [(height // y, width // x) for y, x in patches]
    return [Tokens(k, size) for size in sizes for k in prefixes if 0 < size[0] * size[1] == n - k]


def _of_aspect(n: int, prefixes: Sequence[int], seen: Seen) -> list[Tokens]:
    """List the readings as a grid h x w of nearly the aspect, the best first.

    Patches leave out less than one of them at the end of each axis, so that ``-1 < w - aspect * h < aspect``.
    """
    aspect = seen.aspect
    fitting = [
        (abs(w - aspect * h), order, Tokens(k, (h, w)))
        for order, k in enumerate(prefixes)
        for h, w in _grids(n - k)
        if -1 < w - aspect * h < aspect
    ]
    fitting.sort(key=lambda fit: (fit[0] > 1e-6 * fit[2].size[1], fit[1], fit[0]))
    return [one for _, _, one in fitting]


def _grids(n: int) -> list[Size]:
    """List all (height, width) of `n` cells."""
    low = [side for side in range(1, math.isqrt(max(n, 0)) + 1) if n % side == 0]
    return sorted({size for side in low for size in ((side, n // side), (n // side, side))})


def _wanted(seen: Seen | None) -> str:
    if seen is None:
        return "a square grid"
    if seen.patch is not None:
        return f"the grid of {seen.size[1] // seen.patch[1]}x{seen.size[0] // seen.patch[0]} patches"
    return f"a {'' if seen.known else 'square grid or a '}grid of the aspect {seen.aspect:.3g}"


def either(counts: tuple[int, ...]) -> str:
    """Write numbers as alternatives."""
    return " or ".join(map(str, counts)) if len(counts) < 3 else f"{', '.join(map(str, counts[:-1]))} or {counts[-1]}"
