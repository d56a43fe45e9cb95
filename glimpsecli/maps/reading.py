"""Files of numbers to arrays: NumPy, safetensors, text and grey images. Nothing is ever unpickled."""

from __future__ import annotations

import importlib
import io
import json
import math
import os
import zipfile
from collections.abc import Iterable
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from glimpsecli.errors import FileProblemError, InvalidInputError, UnavailableError, extra
from glimpsecli.images import opened, read
from glimpsecli.images.reading import explained, kind_of
from glimpsecli.maps.raw import SAVE, as_floats, check_inflation, check_shape, float_type, read_raw
from glimpsecli.maps.texts import read_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAKEN = "a map is .npy, .npz, .safetensors, .csv, .tsv, .txt or a grey image"

_NUMPY, _ZIP, _PICKLE = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06"), b"\x80"
_PICKLES = (".pt", ".pth", ".pkl", ".pickle")
_TEXTS = (".csv", ".txt", ".tsv")
_READ_HEADER = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
_BFLOAT16 = "BF16"
_SAFETENSORS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    _BFLOAT16: "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "<u1",
    "BOOL": "?",
}
_MAX_HEADER = 100_000_000  # bytes of the header of safetensors, the limit of that package too
_LISTED = 20  # names of arrays in a message at most

SUFFIXES = {".npy", ".npz", ".safetensors", ".csv", ".tsv", ".txt", ".png", ".tif", ".tiff"}
"""The suffixes of the files that a folder of maps is searched for."""


def read_array(path: str | os.PathLike[str], key: str | None = None) -> NDArray[Any]:
    """Read an array of numbers.

    Parameters
    ----------
    path : path
        ``.npy``, ``.npz``, safetensors and images are known by their content; ``.csv``, ``.tsv`` and ``.txt`` by their
        suffix; :func:`read_text` says how text is read. An image gives its samples as they are stored, 0 to 255 or 0
        to 65535.
    key : str, optional
        The name of an array in an ``.npz`` or safetensors file; needed where it holds several.

    Returns
    -------
    array of float32 or float64, in native byte order
        Of any number of dimensions. float16, bfloat16, bool and integers of 16 bit or less become float32, longer
        integers float64. May hold NaN and infinities.

    Raises
    ------
    InvalidInputError
        The file does not exist, is of another kind, holds no such array of real numbers, or one of more than
        `MAX_BYTES`.
    FileProblemError
        The file is damaged.
    UnavailableError
        The file is safetensors, and that package is missing.
    """
    label = os.fspath(path)
    if os.path.isdir(path):
        raise InvalidInputError(f"{label} is a folder", "name the file of the map")
    suffix = PurePath(label).suffix.lower()
    with opened(path) as (stream, _):
        head, length = stream.read(16), stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if not length:
            raise FileProblemError(f"{label} is empty", TAKEN)
        kind = _kind(head, length, suffix)
        if kind == "pickle":
            raise _pickled(label)
        if kind == "npz":
            return _read_npz(stream, label, key)
        if kind == "safetensors":
            return _read_safetensors(stream, label, key)
        if key is not None:
            raise InvalidInputError(f"{label} has no arrays with names, so none is {key!r}", "leave the key out")
        if kind == "npy":
            with explained(label, "NumPy"):
                return _read_npy(stream, label, length)
        if kind == "image":
            return _read_image(stream, label)
        numbers = read_text(stream, length, label)
        check_shape(numbers.shape, np.float64, label)
        return numbers


def _kind(head: bytes, length: int, suffix: str) -> str:
    if head.startswith(_NUMPY):
        return "npy"
    # Safetensors begin with the length of their header, then the header as JSON.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= length - 8:
        return "safetensors"
    if suffix in _PICKLES or head.startswith(_PICKLE):
        return "pickle"
    if head.startswith(_ZIP):
        return "npz"
    if suffix == ".safetensors":
        return "safetensors"
    return "text" if suffix in _TEXTS else "image"


def _pickled(label: str) -> InvalidInputError:
    return InvalidInputError(f"{label} holds pickled Python objects, which can run code when read", SAVE)


def _pick(names: Iterable[str], key: str | None, label: str) -> str:
    """Return the name of the array that is meant, or raise with all names where none or several can be."""
    known = sorted(names)
    if not known:
        raise InvalidInputError(f"{label} holds no arrays", TAKEN)
    if key in known:
        return str(key)
    if key is None and len(known) == 1:
        return known[0]
    more = ", ..." if len(known) > _LISTED else ""
    keys = ", ".join(known[:_LISTED]) + more
    if key is None:
        raise InvalidInputError(f"{label} holds {len(known)} arrays", f"choose one by its key: {keys}")
    raise InvalidInputError(f"{label} has no array {key!r}", f"its keys: {keys}")


def _read_npy(stream: IO[bytes], label: str, length: int) -> NDArray[Any]:
    """Read the array that `stream`, of `length` bytes, begins with."""
    version = npy_format.read_magic(stream)
    if version not in _READ_HEADER:  # version 3.0 is for records alone, and no later one is written yet
        raise InvalidInputError(f"{label} holds records, not plain numbers", SAVE)
    shape, fortran, dtype = _READ_HEADER[version](stream)
    kind = float_type(dtype, label)
    if math.prod(shape) * dtype.itemsize > length:  # a damaged header may claim any shape
        raise FileProblemError(f"{label} is truncated", "get a whole copy of the file")
    check_shape(shape, kind, label)
    if not fortran:
        return read_raw(stream, shape, dtype, label)
    return np.ascontiguousarray(read_raw(stream, shape[::-1], dtype, label).T)


def _read_npz(stream: BinaryIO, label: str, key: str | None) -> NDArray[Any]:
    with explained(label, ".npz"), zipfile.ZipFile(stream) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if any(info.filename.endswith(".pkl") for info in members.values()):
            raise _pickled(label)
        name = _pick((name for name, info in members.items() if info.filename != name), key, label)
        info = members[name]
        with archive.open(info) as member:
            check_inflation(info.file_size, info.compress_size, f"{label}, {name}")
            return _read_npy(member, f"{label}, {name}", info.file_size)


def _read_safetensors(stream: BinaryIO, label: str, key: str | None) -> NDArray[Any]:
    try:
        safetensors = importlib.import_module("safetensors")
    except ImportError as error:
        raise UnavailableError(f"{label} needs safetensors", extra("safetensors")) from error
    with explained(label, "safetensors"):
        length = int.from_bytes(stream.read(8), "little")
        if length > _MAX_HEADER:
            raise ValueError(f"its header is {length} bytes long")
        header = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        name = _pick(header, key, label)
        label = f"{label}, {name}"
        stored, shape, (start, end) = (header[name][field] for field in ("dtype", "shape", "data_offsets"))
        if stored not in _SAFETENSORS:
            raise InvalidInputError(f"{label} holds {stored} values", "save it as float32")
        dtype = np.dtype(_SAFETENSORS[stored])
        kind = np.float32 if stored == _BFLOAT16 else float_type(dtype, label)
        check_shape(tuple(shape), kind, label)
        if end - start != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} has the shape {tuple(shape)} and {end - start} bytes")
        # A file of this one tensor: the package checks it, and the others stay on the disk.
        one = json.dumps({name: {"dtype": stored, "shape": shape, "data_offsets": [0, end - start]}}).encode()
        stream.seek(8 + length + start)
        content = b"".join([len(one).to_bytes(8, "little"), one, stream.read(end - start)])
        ((_, tensor),) = safetensors.deserialize(content)
    del content
    array: NDArray[Any] = np.ndarray(shape, dtype, tensor["data"])
    if stored == _BFLOAT16:  # the upper half of a float32
        array = array.astype(np.uint32)
        array <<= 16
        return array.view(np.float32)
    return as_floats(array, label)


def _read_image(stream: BinaryIO, label: str) -> NDArray[np.float32]:
    try:
        kind_of(stream, label)
    except FileProblemError:
        raise InvalidInputError(f"{label} is no file of numbers that glimpse reads", TAKEN) from None
    stream.seek(0)
    picture = read(stream, name=label)
    channels = picture.pixels.shape[2]
    if picture.alpha:
        raise InvalidInputError(f"{label} is an image with alpha", "a map has one channel: save it as grey")
    if channels != 1:
        what = "a colour image" if channels == 3 else f"an image of {channels} channels"
        raise InvalidInputError(f"{label} is {what}", "a map has one channel: save its numbers or a grey image")
    return picture.pixels[..., 0].astype(np.float32)
