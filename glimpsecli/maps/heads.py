"""Rows of a model's self-attention, selected by layer, head and query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def select(
    stack: NDArray[Any],
    name: str,
    prefix: int,
    query: int | str | None,
    head: int | str | None,
    layer: int | str | None,
) -> tuple[NDArray[Any], tuple[str, ...], list[str], list[str]]:
    """Select rows of self-attention; :func:`glimpsecli.maps.layouts.arrange` says what the options mean.

    Parameters
    ----------
    stack : (layers, heads, N, N) array of float32 or float64
        Rows are queries, columns keys.
    name : str
        The name of the array in messages.
    prefix : int
        The number of prefix tokens.

    Returns
    -------
    rows : (T, N) array of the type of `stack`
    labels : tuple of T str
    counts, whose : list of str
        Words for the heads and layers of the stack, and for the query that was taken.
    """
    layers, heads, tokens, _ = stack.shape
    chosen, layer_labels = _chosen(-1 if layer is None else layer, layers, "layer", ("mean", "all"), name)
    stack = stack[chosen]
    of_heads, head_labels = _chosen("all" if head is None else head, heads, "head", ("mean", "max", "all"), name)
    stack = stack[:, of_heads]
    if query is None:
        query = "mean" if prefix == 0 else 0
    queries, query_labels = _chosen(query, tokens, "token", ("mean",), name)
    rows = _mean(stack[:, :, prefix:], 2) if query == "mean" else stack[:, :, queries.start]
    if layer == "mean":
        rows, layer_labels = _mean(rows, 0)[None], ["mean of layers"]
    if head == "mean":
        rows, head_labels = _mean(rows, 1)[:, None], ["mean of heads"]
    elif head == "max":
        rows, head_labels = rows.max(1, keepdims=True), ["max of heads"]
    labels = [f"{one}, {other}" if layer == "all" else other for one in layer_labels for other in head_labels]
    counts = [f"{heads} head{'' if heads == 1 else 's'}"]
    if layers > 1 or layer is not None:
        taken = layer_labels[0] if len(layer_labels) == 1 else "all layers"
        counts = [f"{layers} layer{'' if layers == 1 else 's'} ({taken})", *counts]
    whose = f"the mean attention of {tokens - prefix} tokens" if query == "mean" else f"attention of {query_labels[0]}"
    return rows.reshape(-1, tokens), tuple(labels), counts, [whose]


def _chosen(value: int | str, count: int, what: str, words: tuple[str, ...], name: str) -> tuple[slice, list[str]]:
    """Return the slice of `count` that a number or a word means, and a label for each in it."""
    if value in words:
        return slice(0, count), [f"{what} {index}" for index in range(count)]
    if isinstance(value, str):
        raise InvalidInputError(f"{value!r} is no {what}", f"give a number or {', '.join(words)}")
    if not -count <= value < count:
        raise InvalidInputError(f"{name} has no {what} {value}", f"it has {count}, numbers 0 to {count - 1}")
    index = value % count
    return slice(index, index + 1), [f"{what} {index}"]


def _mean(values: NDArray[Any], axis: int) -> NDArray[Any]:
    with np.errstate(invalid="ignore", over="ignore"):  # values that are not finite are counted later
        mean: NDArray[Any] = np.mean(values, axis, dtype=np.float64).astype(values.dtype)
    return mean
