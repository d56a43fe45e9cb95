"""From an attention array of any layout to a stack of grids.

========  =================================  =========================================================
layout    shape                              what it is
========  =================================  =========================================================
``hw``    (h, w)                             one map
``thw``   (T, h, w)                          T maps
``n``     (N,)                               one map, flattened; prefix tokens may come first
``tn``    (T, N)                             T maps, flattened
``hnn``   (heads, N, N) or (N, N)            self-attention of one layer: rows are queries, columns keys
``lhnn``  (layers, heads, N, N)              self-attention of a model; also (layers, 1, heads, N, N)
========  =================================  =========================================================

Axes of length 1 in front are dropped as far as the layout needs. A layout that is not given is guessed: first axes of
length 1 are dropped in front down to three axes (four where a layer is asked for), then the first row that fits counts:

==========================================================================  ========
shape                                                                       layout
==========================================================================  ========
(N,), (1, N), (N, 1)                                                        ``n``
two equal axes, and a query or a head is asked for                          ``hnn``
(N, N), where N is 1, 2 or 5 more than a square number of 144 or more       ``hnn``
two axes, and a grid or a number of prefix tokens is given                  ``tn``
(T, N), where N looks like tokens and is more than 6 T                      ``tn``
two axes                                                                    ``hw``
(A, N, N), where one of these four is given, or N looks like tokens         ``hnn``
(1, h, w)                                                                   ``hw``
three axes                                                                  ``thw``
(A, B, N, N), (A, 1, B, N, N)                                               ``lhnn``
==========================================================================  ========

N looks like tokens where it is a square number or 1, 2 or 5 more (class token, DeiT's distillation token, DINOv2's
four registers), at least 49, and not 64: (T, 16, 16), (T, 37, 37) and (T, 64, 64) are maps of ViTs, (heads, 50, 50),
(heads, 197, 197) and (heads, 257, 257) are self-attention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.maps.heads import select
from glimpsecli.maps.tokens import PREFIXES, Tokens, find_grid, is_square

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.window import Size

LAYOUTS = {
    "hw": "(h, w)",
    "thw": "(T, h, w)",
    "n": "(N,)",
    "tn": "(T, N)",
    "hnn": "(heads, N, N)",
    "lhnn": "(layers, heads, N, N)",
}
_AXES = {"hw": 2, "thw": 3, "n": 1, "tn": 2, "hnn": 3, "lhnn": 4}
_SHAPES = ", ".join(f"{layout} {shape}" for layout, shape in LAYOUTS.items())
_LEAST_TOKENS = 49
_LEAST_ATTENTION = 145
_GRID_OF_SAM = 64
_SLIMMEST = 6  # a grid is hardly ever so many times as wide as it is high


class Arranged(NamedTuple):
    """Maps, and how they were found in the array.

    Attributes
    ----------
    maps : (T, h, w) array of float32 or float64
    labels : tuple of str
        One for each map: ``""`` for a single one, ``"map 0"``, ``"head 0"``, ``"layer 3, head 0"``.
    layout : str
        A key of `LAYOUTS`.
    prefix_tokens : int
    guessed : bool
        Whether the layout or the number of prefix tokens was guessed.
    told : str
        All this for people, in one line.
    """

    maps: NDArray[Any]
    labels: tuple[str, ...]
    layout: str
    prefix_tokens: int
    guessed: bool
    told: str


def arrange(
    array: NDArray[Any],
    name: str,
    *,
    layout: str | None = None,
    prefix_tokens: int | None = None,
    grid: Size | None = None,
    query: int | str | None = None,
    head: int | str | None = None,
    layer: int | str | None = None,
    aspect: float | None = None,
    hint: float | None = None,
) -> Arranged:
    """Arrange an array as maps.

    Parameters
    ----------
    array : array of float32 or float64
        Of any layout.
    name : str
        What messages call it.
    layout : str, optional
        A key of `LAYOUTS`; guessed where it is None, as the module says.
    prefix_tokens : int, optional
        How many tokens come before those of the grid. None: the smallest of `PREFIXES` that leaves a grid.
    grid : (int, int), optional
        Height and width of the grid of tokens.
    query : int or "mean", optional
        For self-attention: whose attention. A token by its number from 0, prefix tokens included; the mean of all but
        the prefix tokens; None: token 0, the class token, or the mean where there are no prefix tokens.
    head : int, "all", "mean" or "max", optional
        None: all, a map each. Mean and maximum are taken of the heads' maps.
    layer : int, "all" or "mean", optional
        None: the last.
    aspect : float, optional
        Width / height of what the model saw, where that is known: the grid is the one that fits it within a cell. None:
        the grid is square.
    hint : float, optional
        Width / height of the image, where `aspect` is not known; see `find_grid`.

    Returns
    -------
    Arranged
        Negative numbers of tokens, heads and layers count from the end. Values are not checked.

    Raises
    ------
    InvalidInputError
        The shape does not fit, or an option has no meaning for the layout.
    """
    if layout is not None and layout not in LAYOUTS:
        raise InvalidInputError(f"{layout!r} is no layout", f"choose {', '.join(LAYOUTS)}")
    if not array.ndim:
        raise InvalidInputError(f"{name} is a single number, without spatial axes", f"the layouts are {_SHAPES}")
    if not array.size:
        raise InvalidInputError(f"{name} is empty: its shape is {array.shape}", f"the layouts are {_SHAPES}")
    attends, counted = query is not None or head is not None, prefix_tokens is not None or grid is not None
    chosen = layout or _guess(array.shape, name, attends, layer is not None, counted)
    fitted = _fit(array, chosen, name)
    attention, flat = chosen in ("hnn", "lhnn"), chosen not in ("hw", "thw")
    _refuse(chosen, flat, {"number of prefix tokens": prefix_tokens, "grid": grid})
    _refuse(chosen, attention, {"query": query, "head": head})
    _refuse(chosen, chosen == "lhnn", {"layer": layer})
    if flat:
        found = find_grid(fitted.shape[-1], name, prefix_tokens, grid, aspect, hint)
    else:
        found = Tokens(0, (fitted.shape[-2], fitted.shape[-1]))
    labels: tuple[str, ...]
    if attention:
        stack = fitted.reshape(-1, *fitted.shape[-3:])
        rows, labels, counts, whose = select(stack, name, found.prefix, query, head, layer)
    else:
        rows = fitted.reshape(-1, *fitted.shape[-(1 if flat else 2) :])
        labels = tuple(f"map {index}" for index in range(len(rows))) if chosen in ("thw", "tn") else ("",)
        counts, whose = [_counted(len(rows), "map")], []
    guessed = layout is None or (flat and prefix_tokens is None)
    tokens = [_counted(fitted.shape[-1], "token"), _counted(found.prefix, "prefix token")] if flat else []
    facts = [*counts, *tokens, f"grid {found.size[1]}x{found.size[0]}", *whose]
    told = f"read as {chosen}: {', '.join(facts)}{' (guessed)' if guessed else ''}"
    maps = rows[:, found.prefix :].reshape(-1, *found.size) if flat else rows
    return Arranged(maps, labels, chosen, found.prefix, guessed, told)


def _guess(shape: tuple[int, ...], name: str, attends: bool, layered: bool, counted: bool) -> str:
    """Guess a layout from a shape and from which options are given: query or head, layer, prefix tokens or grid."""
    if len(shape) == 5 and shape[1] == 1 and shape[0] > 1:
        shape = shape[:1] + shape[2:]
    while len(shape) > (4 if layered else 3) and shape[0] == 1:
        shape = shape[1:]
    square = len(shape) > 1 and shape[-1] == shape[-2]
    if len(shape) == 1 or (len(shape) == 2 and 1 in shape):
        return "n"
    if len(shape) == 2:
        if square and (attends or _like_attention(shape[-1])):
            return "hnn"
        return "tn" if counted or (_like_tokens(shape[-1]) and shape[-1] > _SLIMMEST * shape[0]) else "hw"
    if len(shape) == 3:
        if square and (attends or counted or _like_tokens(shape[-1])):
            return "hnn"
        return "hw" if shape[0] == 1 else "thw"
    if len(shape) == 4 and square:
        return "lhnn"
    raise InvalidInputError(f"{name} has the shape {shape}, which is no map", f"the layouts are {_SHAPES}")


def _like_attention(n: int) -> bool:
    """Tell a number that only tokens have: a map of 197x197 would be a strange one."""
    return n >= _LEAST_ATTENTION and any(is_square(n - prefix) for prefix in PREFIXES if prefix)


def _like_tokens(n: int) -> bool:
    return n >= _LEAST_TOKENS and n != _GRID_OF_SAM and any(is_square(n - prefix) for prefix in PREFIXES)


def _fit(array: NDArray[Any], layout: str, name: str) -> NDArray[Any]:
    """Bring an array to the axes of a layout, or raise."""
    axes, fitted = _AXES[layout], array
    if layout == "n" and array.size == max(array.shape, default=0):
        fitted = array.reshape(-1)
    if layout == "lhnn" and array.ndim == 5 and array.shape[1] == 1:  # a batch of one, stacked layer by layer
        fitted = array[:, 0]
    while fitted.ndim > axes and fitted.shape[0] == 1:
        fitted = fitted[0]
    if layout == "hnn" and fitted.ndim == 2:
        fitted = fitted[None]
    if fitted.ndim != axes:
        raise InvalidInputError(
            f"{name} has the shape {array.shape}, {layout} is {LAYOUTS[layout]}", f"the layouts are {_SHAPES}"
        )
    if axes > 2 and layout != "thw" and fitted.shape[-1] != fitted.shape[-2]:
        raise InvalidInputError(
            f"{name} has the shape {array.shape}, whose last two axes differ; {layout} is {LAYOUTS[layout]}",
            f"the layouts are {_SHAPES}",
        )
    return fitted


def _refuse(layout: str, meant: bool, options: dict[str, object]) -> None:
    """Refuse the options that are given, unless the layout has a meaning for them."""
    given = [option for option, value in options.items() if value is not None]
    if given and not meant:
        raise InvalidInputError(
            f"a {given[0]} means nothing for the layout {layout}, {LAYOUTS[layout]}", "leave it out, or name the layout"
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
