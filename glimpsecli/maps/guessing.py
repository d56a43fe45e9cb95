"""The layout of an attention array, guessed by the first table of :mod:`glimpsecli.maps.layouts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.maps.tokens import PREFIXES, USUAL, Seen, either, of_patches, readings, squares, sure_readings

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAYOUTS = {
    "hw": "(h, w)",
    "thw": "(T, h, w)",
    "n": "(N,)",
    "tn": "(T, N)",
    "hnn": "(heads, N, N)",
    "lhnn": "(layers, heads, N, N)",
}
SHAPES = ", ".join(f"{layout} {shape}" for layout, shape in LAYOUTS.items())

_LEAST_ATTENTION = 16  # tokens: (T, 7, 7) and (T, 14, 14) are maps, whatever their rows sum to
_STRANGE_MAPS = 145  # cells: from 12x12 + 1 on, hardly any map is N x N with N a grid and prefix tokens
_SLIMMEST = 6  # width / height: hardly any grid is wider
_SUM_ERROR = 1e-2  # of a row of attention, which sums to 1


class Given(NamedTuple):
    """Hints beside the array: the options that were given, and the input of the model."""

    attends: bool
    """Whether a query or a head was given."""
    layered: bool
    """Whether a layer was given."""
    counted: bool
    """Whether a grid or a number of prefix tokens was given."""
    seen: Seen | None


def guess(array: NDArray[Any], name: str, given: Given) -> str:
    """Guess the layout of an array of one or more axes.

    Raises
    ------
    InvalidInputError
        The shape fits no layout, or two; the message names them, and the options that choose.
    """
    shape = array.shape
    if array.ndim == 5 and shape[1] == 1 < shape[0]:
        array = array[:, 0]
    array = without_channel(array)
    while array.ndim > (4 if given.layered else 3) and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 1 or (array.ndim == 2 and 1 in array.shape):
        return "n"
    if array.ndim <= 4 and array.shape[-1] == array.shape[-2]:
        return _of_equal_axes(array, _call(name, shape), given)
    if array.ndim == 2:
        return _of_two_axes(array.shape[0], array.shape[1], _call(name, shape), given)
    if array.ndim == 3:
        return _of_three_axes(array.shape, _call(name, shape), given.seen)
    if array.ndim == 4 and array.shape[1] == 1:
        return "thw"
    raise InvalidInputError(f"{_call(name, shape)}, which is no map", f"the layouts are {SHAPES}")


def without_channel(array: NDArray[Any]) -> NDArray[Any]:
    """Drop a last axis of length 1 behind two axes or more."""
    return array[..., 0] if array.ndim > 2 and array.shape[-1] == 1 < array.shape[-2] else array


def _of_equal_axes(array: NDArray[Any], called: str, given: Given) -> str:
    n, seen = array.shape[-1], given.seen
    layered = array.ndim == 4
    attention = "lhnn" if layered else "hnn"
    maps = "hw" if array.ndim == 2 or array.shape[0] == 1 else "thw"
    if given.attends or (layered and given.layered) or (given.counted and (array.ndim > 2 or n >= USUAL)):
        return attention
    grids = readings(n, PREFIXES, seen)
    if n >= _LEAST_ATTENTION and _rows_sum_to_one(array):
        if grids or (layered and array.shape[1] > 1):
            return attention
        if n >= USUAL:
            raise InvalidInputError(
                f"{called}, and its rows sum to 1 as those of attention do, but {n} tokens are no grid and "
                f"{either(PREFIXES)} prefix tokens",
                f"give --grid WxH or --prefix-tokens K, or --layout {maps} if it is a map of {n}x{n}",
            )
    if given.counted:
        return "tn"
    if n >= _STRANGE_MAPS and not (seen and seen.size == (n, n)):
        own = of_patches(n, PREFIXES, seen) if seen else []
        prefixed = [one for one in [*own, *squares(n, PREFIXES)] if one.prefix]
        if any(one.prefix == 1 for one in own) or (prefixed and layered and array.shape[1] > 1):
            return attention
        if prefixed:
            raise InvalidInputError(
                f"{called}, which can be a map of {n}x{n}, or attention of {n} tokens, {prefixed[0]}, though its rows "
                "do not sum to 1",
                f"choose with --layout {maps} or --layout {attention}",
            )
    if layered and array.shape[1] > 1:
        raise InvalidInputError(
            f"{called}, which is no stack of maps, and no attention: its rows do not sum to 1",
            "if it is attention, say so with --layout lhnn",
        )
    return maps


def _of_two_axes(rows: int, n: int, called: str, given: Given) -> str:
    if given.counted:
        return "tn"
    seen, slim = given.seen, n > _SLIMMEST * rows
    like_photo = 0.5 <= n / rows / seen.aspect <= 2 if seen else not slim
    if n < USUAL or (like_photo and not slim):
        return "hw"
    if slim and not like_photo:
        if readings(n, PREFIXES, seen):
            return "tn"
        raise InvalidInputError(
            f"{called}, which as one map is {n / rows:.0f} times as wide as it is high, and {n} tokens are no grid",
            "choose with --layout hw, or with --layout tn and --grid WxH",
        )
    sure = sure_readings(n, PREFIXES, seen)
    if not sure:
        return "hw"
    raise InvalidInputError(
        f"{called}, which can be one map of {n}x{rows}, or {rows} maps of {n} tokens each, {sure[0]}",
        "choose with --layout hw or --layout tn",
    )


def _of_three_axes(shape: tuple[int, ...], called: str, seen: Seen | None) -> str:
    maps, h, w = shape
    if maps == 1:
        return "hw"
    if seen is not None and (maps == h or _fits(maps, h, seen)) and not _fits(h, w, seen):
        raise InvalidInputError(
            f"{called}, which can be {maps} maps of {w}x{h}, or {w} maps of {h}x{maps} on the last axis",
            "choose with --layout thw, or move the last axis to the front and save the array again",
        )
    return "thw"


def _fits(h: int, w: int, seen: Seen) -> bool:
    """Return whether a map has the aspect of the input within a cell or so, however its sides were rounded."""
    return abs(w - seen.aspect * h) <= 1 + seen.aspect


def _rows_sum_to_one(array: NDArray[Any]) -> bool:
    """Return whether all rows sum to 1; rows with NaN are left out."""
    finite = False
    for matrix in array.reshape(-1, *array.shape[-2:]):
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.abs(matrix.sum(-1) - 1)
        if (error > _SUM_ERROR).any():
            return False
        finite = finite or not np.isnan(error).all()
    return finite


def _call(name: str, shape: tuple[int, ...]) -> str:
    return f"{name} has the shape {shape}"
