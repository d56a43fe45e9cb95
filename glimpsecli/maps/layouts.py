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

An axis of length 1 may be a channel: the last of (h, w, 1) and (T, h, w, 1) and the second of (T, 1, h, w) are dropped.
So are axes of length 1 in front, as far as the layout needs.

A layout that is not given is guessed. The last axis of (.., h, w, 1) is dropped, and axes of length 1 in front down to
three axes, or four if a layer is given. Then the first row that fits counts. "asked" is an error that names both
readings and the options that choose. The image is the input of the model where the preprocessing is given, else the
whole photo.

=======================================================================================  =========
shape                                                                                    layout
=======================================================================================  =========
(N,), (1, N), (N, 1)                                                                     ``n``
(.., N, N), and a query or a head is given; (A, B, N, N), and a layer is given           attention
(.., A, N, N), or (N, N) of N >= 49, and a grid or a number of prefix tokens is given    attention
(.., N, N), N >= 16 is a grid, and all rows sum to 1 within 0.01                         attention
(.., N, N), N >= 49 is no grid, and all rows sum to 1 within 0.01                        asked
(T, N), and a grid or a number of prefix tokens is given                                 ``tn``
(.., N, N), and the image is N pixels high and wide                                      maps
(.., N, N), N >= 145 is the grid of patches + 1                                          attention
(.., N, N), N >= 145 is the grid of patches + 2 or 5, or a square + 1, 2 or 5            asked
(T, N), N >= 49 is a grid, N > 6 T, and N / T is unlike the image                        ``tn``
(T, N), N >= 49 is no grid, N > 6 T, and N / T is unlike the image                       asked
(T, N), N >= 49 is a sure grid, N > 6 T, and N / T is like the image                     asked
(T, N), N >= 49 is a sure grid, N <= 6 T, and N / T is unlike the image                  asked
(A, B, C), A x B is a square or fits the image, B x C is none and does not               asked
else                                                                                     maps
=======================================================================================  =========

Attention is ``hnn``, and ``lhnn`` of four axes. Maps are ``hw`` of two axes and of (1, h, w), and ``thw`` of (T, h, w)
and (T, 1, h, w). Four axes (A, B, h, w) with A and B above 1 are no maps: they are attention where the table says so or
says "asked", and else refused. N / T is like the image if it is half to twice of its width / height, and h x w fits the
image if it has that aspect within a cell. Where the size of the image is not known, N / T is like it up to N = 6 T, and
everything fits. So (T, 7, 7) and (T, 14, 14) are maps; (256, 256) is a map and (heads, 256, 256) are maps unless all
rows sum to 1; (heads, 197, 197) is attention if they do, and else mostly asked about.

N is a grid if it is h w + k. The k prefix tokens are 0, 1 (class), 2 (distillation too) or 5 (class and four
registers), or the number that is given. The first row of this table that has any reading counts. If it has several, the
tool asks where N >= 49, and takes the first where N is less. Patches are of 8, 14, 16 or 32 pixels, or as given.

===============================  =================================================================================
known                            h x w
===============================  =================================================================================
the grid (``--grid``)            that grid
nothing                          a square
preprocessing with patches       the grid of those patches, and no other
preprocessing                    the grid of whole patches of the model's input
the size of the photo alone      a square; the grid of patches that leave nothing of the photo out; a grid of exactly
                                 its width / height that leaves fewer prefix tokens than the square
preprocessing, or the size       a grid of exactly its width / height
preprocessing, or the size       a grid with -1 < w - h width / height < width / height: whole patches leave out less
                                 than one of them. Under 49 tokens of a photo have 0 or 1 prefix tokens here
===============================  =================================================================================

A grid is sure by every row but the last, and "the grid of patches" is that of the third to the fifth row. So

- 261 tokens of a photo of 3000 x 2000 are 16 x 16 + 5, and not 20 x 13 + 1;
- 865 tokens of a photo of 504 x 336 are 36 x 24 + 1, its patches of 14 pixels;
- 577 tokens of a photo of 512 x 288 are asked about: 24 x 24 + 1, or its patches of 16 pixels, 32 x 18 + 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.maps.guessing import LAYOUTS, SHAPES, Given, guess, without_channel
from glimpsecli.maps.heads import select
from glimpsecli.maps.tokens import Seen, Tokens, find_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.window import Size

_AXES = {"hw": 2, "thw": 3, "n": 1, "tn": 2, "hnn": 3, "lhnn": 4}


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
    reading : str
        All of this in words, on one line.
    """

    maps: NDArray[Any]
    labels: tuple[str, ...]
    layout: str
    prefix_tokens: int
    guessed: bool
    reading: str


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
    seen: Seen | None = None,
) -> Arranged:
    """Arrange an array as maps.

    Parameters
    ----------
    array : array of float32 or float64
        Of any layout.
    name : str
        Its name in messages.
    layout : str, optional
        A key of `LAYOUTS`; guessed where it is None, as the module says.
    prefix_tokens : int, optional
        The number of tokens before the grid. None: found as the module says.
    grid : (int, int), optional
        Height and width of the grid of tokens.
    query : int or "mean", optional
        The token of self-attention whose row is taken, by its number from 0, prefix tokens included. "mean": the mean
        of all but the prefix tokens. None: token 0, the class token, or the mean where there are no prefix tokens.
    head : int, "all", "mean" or "max", optional
        None: all, a map each. Mean and maximum are taken of the heads' maps.
    layer : int, "all" or "mean", optional
        None: the last.
    seen : Seen, optional
        The input of the model.

    Returns
    -------
    Arranged
        Negative numbers of tokens, heads and layers count from the end. Values are not checked.

    Raises
    ------
    InvalidInputError
        The shape does not fit, or can be read in two ways, or an option has no meaning for the layout.
    """
    if layout is not None and layout not in LAYOUTS:
        raise InvalidInputError(f"{layout!r} is no layout", f"choose {', '.join(LAYOUTS)}")
    if not array.ndim:
        raise InvalidInputError(f"{name} is a single number, without spatial axes", f"the layouts are {SHAPES}")
    if not array.size:
        raise InvalidInputError(f"{name} is empty: its shape is {array.shape}", f"the layouts are {SHAPES}")
    attends, counted = query is not None or head is not None, prefix_tokens is not None or grid is not None
    chosen = layout or guess(array, name, Given(attends, layer is not None, counted, seen))
    fitted = _fit(array, chosen, name)
    attention, flat = chosen in ("hnn", "lhnn"), chosen not in ("hw", "thw")
    _refuse(chosen, flat, {"number of prefix tokens": prefix_tokens, "grid": grid})
    _refuse(chosen, attention, {"query": query, "head": head})
    _refuse(chosen, chosen == "lhnn", {"layer": layer})
    if flat:
        found = find_grid(fitted.shape[-1], name, prefix_tokens, grid, seen)
    else:
        found = Tokens(0, (fitted.shape[-2], fitted.shape[-1]))
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
    reading = f"read as {chosen}: {', '.join(facts)}{' (guessed)' if guessed else ''}"
    maps = rows[:, found.prefix :].reshape(-1, *found.size) if flat else rows
    return Arranged(maps, labels, chosen, found.prefix, guessed, reading)


def _fit(array: NDArray[Any], layout: str, name: str) -> NDArray[Any]:
    """Bring an array to the axes of a layout, or raise."""
    axes, fitted = _AXES[layout], array
    if layout == "n" and array.size == max(array.shape, default=0):
        fitted = array.reshape(-1)
    if layout == "lhnn" and array.ndim == 5 and array.shape[1] == 1:  # a batch of one, stacked layer by layer
        fitted = array[:, 0]
    if fitted.ndim > axes > 1:
        fitted = without_channel(fitted)
    if layout == "thw" and fitted.ndim == 4 and fitted.shape[1] == 1:
        fitted = fitted[:, 0]
    while fitted.ndim > axes and fitted.shape[0] == 1:
        fitted = fitted[0]
    if layout == "hnn" and fitted.ndim == 2:
        fitted = fitted[None]
    if fitted.ndim != axes:
        raise InvalidInputError(
            f"{name} has the shape {array.shape}, {layout} is {LAYOUTS[layout]}", f"the layouts are {SHAPES}"
        )
    if axes > 2 and layout != "thw" and fitted.shape[-1] != fitted.shape[-2]:
        raise InvalidInputError(
            f"{name} has the shape {array.shape}, whose last two axes differ; {layout} is {LAYOUTS[layout]}",
            f"the layouts are {SHAPES}",
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
