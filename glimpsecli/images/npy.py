"""NumPy's own files: `.npy` in and out, `.npz` out. Nothing is ever unpickled or pickled."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from glimpsecli.errors import FileProblemError
from glimpsecli.images.picture import TAKEN, Array, Picture, check_size

_READ_HEADER = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


def measure(stream: BinaryIO, label: str, max_pixels: int) -> tuple[int, int]:
    """Return (height, width) from the header, after checking that it is an image and whole."""
    shape, _, _ = _read_header(stream, label, max_pixels)
    return int(shape[0]), int(shape[1])


def memory_of(stream: BinaryIO, label: str, max_pixels: int) -> int:
    """Return the bytes that :func:`decode` takes at most: the array, and a copy where it is kept in another form."""
    shape, fortran, dtype = _read_header(stream, label, max_pixels)
    size = stream.seek(0, io.SEEK_END)
    kept = _kept_as(dtype)
    return size if dtype == kept and not fortran else size + math.prod(shape) * (kept.itemsize + 1)  # 1: a mask


def decode(stream: BinaryIO, label: str, max_pixels: int) -> Picture:
    """Read an image. An array says nothing about alpha, so no channel is taken for it.

    Floating-point numbers become float32. bool, and integers other than uint8 and uint16, have no value for white, and
    are refused.
    """
    _read_header(stream, label, max_pixels)
    stream.seek(0)
    array: Array = npy_format.read_array(stream, allow_pickle=False)
    with np.errstate(over="ignore"):
        kept = np.ascontiguousarray(array, _kept_as(array.dtype))
    if array.dtype.itemsize > 4 and np.count_nonzero(np.isinf(kept)) > np.count_nonzero(np.isinf(array)):
        raise FileProblemError(f"{label} holds numbers that float32 does not hold", "scale them first")
    return Picture(kept.reshape(*kept.shape[:2], -1))


def write_array(stream: BinaryIO, array: Array) -> None:
    """Write one array as `.npy`."""
    npy_format.write_array(stream, array, allow_pickle=False)


def write_arrays(stream: BinaryIO, arrays: Mapping[str, Array]) -> None:
    """Write named arrays as `.npz`, the same bytes for the same arrays on every machine and day."""
    import zipfile  # only here: it takes longer to import than a small image to read

    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o600 << 16
            with archive.open(entry, "w", force_zip64=True) as member:
                npy_format.write_array(member, np.asanyarray(array), allow_pickle=False)


def _kept_as(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if dtype.kind == "f" else dtype.newbyteorder("=")


def _read_header(stream: BinaryIO, label: str, max_pixels: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, Fortran order and type, after checking that they are those of an image, and that it is whole."""
    stream.seek(0)
    version = npy_format.read_magic(stream)
    if version not in _READ_HEADER:
        raise FileProblemError(f"{label} holds no plain array of numbers", TAKEN)
    shape, fortran, dtype = _READ_HEADER[version](stream)
    if dtype.newbyteorder("=") not in (np.uint8, np.uint16, np.float16, np.float32, np.float64):
        raise FileProblemError(
            f"{label} holds {dtype} values", f"{TAKEN}, and of .npy files float16 and float64 too; convert it first"
        )
    if len(shape) not in (2, 3) or (len(shape) == 3 and not 1 <= shape[2] <= 4):
        raise FileProblemError(
            f"{label} holds an array of shape {shape}", "an image is (H, W) or (H, W, C) with 1 to 4 channels"
        )
    check_size(label, shape[1], shape[0], max_pixels)
    start = stream.tell()
    if stream.seek(0, io.SEEK_END) - start < dtype.itemsize * math.prod(shape):
        raise FileProblemError(f"{label} is truncated", "get a whole copy of the file")
    return shape, fortran, dtype
