"""Stored numbers to one array of float32 or float64: checked by their header, then read in small parts."""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import FileProblemError, InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 1 << 31
"""The limit on the array of one map file, in bytes of memory. The attention of 24 layers of 16 heads over 1025 tokens,
as float32, takes three quarters of it."""

_INFLATED, _RATIO = 1 << 28, 100
"""The limit on the compression of arrays of more than `_INFLATED` bytes: `_RATIO` to 1. Attention as float32 shrinks to
a half, and to a tenth where it is mostly zero."""

SAVE = "save it with numpy.save as an array of float32"
_EXACT = 2**53  # whole numbers up to here are float64 without loss
_PART = 1 << 18  # values that are read at once


def float_type(dtype: np.dtype[Any], label: str) -> type[np.float32] | type[np.float64]:
    """Return the type that holds the numbers of `dtype` without loss, or refuse a type of other values."""
    if dtype.hasobject:
        raise InvalidInputError(f"{label} holds pickled Python objects, which can run code when read", SAVE)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise InvalidInputError(f"{label} holds {dtype} values", "a map has real numbers: save it as float32")
    return np.float64 if dtype.itemsize > (2 if dtype.kind in "iu" else 4) else np.float32


def check_shape(shape: tuple[int, ...], kind: type[np.float32] | type[np.float64], label: str) -> int:
    """Return the number of values of an array, from its header, or refuse an empty or too large array."""
    count = math.prod(shape)
    if not count:
        raise InvalidInputError(f"{label} holds an empty array of shape {shape}", "a map has at least one number")
    size = count * np.dtype(kind).itemsize
    if size > MAX_BYTES:
        raise InvalidInputError(
            f"{label} holds {count} values of shape {shape}, which take {size / 1e9:.1f} GB as {kind.__name__}; "
            f"the limit is {MAX_BYTES / 1e9:.1f} GB",
            "save fewer layers or heads, or save it as float16 or float32",
        )
    return count


def read_raw(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any], label: str) -> NDArray[Any]:
    """Read the values of an array in C order; beside the result only a small part of them is in memory.

    Raises
    ------
    InvalidInputError
        The array is empty, too large, or holds other values than real numbers that float64 holds.
    FileProblemError
        The stream ends before the array does.
    """
    kind = float_type(dtype, label)
    count = check_shape(shape, kind, label)
    values: NDArray[Any] = np.empty(count, kind)
    for start in range(0, count, _PART):
        size = min(_PART, count - start) * dtype.itemsize
        data = stream.read(size)
        if len(data) < size:
            raise FileProblemError(f"{label} is truncated", "get a whole copy of the file")
        values[start : start + _PART] = _whole(np.frombuffer(data, dtype), label)
    return values.reshape(shape)


def as_floats(values: NDArray[Any], label: str) -> NDArray[Any]:
    """Return values as float32 or float64 in C order; copied only where they are not so yet."""
    return np.asarray(_whole(values, label), float_type(values.dtype, label), order="C")


def _whole(values: NDArray[Any], label: str) -> NDArray[Any]:
    """Return values, or refuse whole numbers that float64 would round."""
    large = values.dtype.kind in "iu" and values.dtype.itemsize == 8
    if large and (int(values.max()) > _EXACT or int(values.min()) < -_EXACT):
        raise InvalidInputError(f"{label} holds whole numbers beyond 2**53, which would be rounded", SAVE)
    return values


def check_inflation(size: int, stored: int, label: str) -> None:
    """Refuse a claim of `size` bytes, compressed in `stored` bytes, that only a contrived file would make."""
    if size > _INFLATED and size > _RATIO * stored:
        raise InvalidInputError(
            f"{label} claims {size / 1e9:.1f} GB of values in {stored} compressed bytes, more than {_RATIO} to 1",
            "if it is a map, save it with numpy.save or with fewer layers and heads",
        )
