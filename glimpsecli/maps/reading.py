"""Files of numbers to arrays: NumPy, safetensors, text and grey images. Nothing is ever unpickled."""

from __future__ import annotations

import importlib
import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from glimpsecli.errors import FileProblemError, InvalidInputError, UnavailableError
from glimpsecli.images import opened, read
from glimpsecli.images.reading import explained, kind_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAKEN = "a map is .npy, .npz, .safetensors, .csv, .tsv, .txt or a grey image"

_NUMPY, _ZIP, _PICKLE = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06"), b"\x80"
_PICKLES = (".pt", ".pth", ".pkl", ".pickle")
_TEXTS = (".csv", ".txt", ".tsv")
_READ_HEADER = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
_SAVE = "save it with numpy.save as an array of float32"
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
_EXACT = 2**53  # whole numbers up to here are float64 without loss
_LISTED = 20

SUFFIXES = {".npy", ".npz", ".safetensors", ".csv", ".tsv", ".txt", ".png", ".tif", ".tiff"}
"""What a folder of maps is searched for."""


def read_array(path: str | os.PathLike[str], key: str | None = None) -> NDArray[Any]:
    """Read an array of numbers.

    Parameters
    ----------
    path : path
        ``.npy``, ``.npz``, safetensors and images are known by their content; ``.csv``, ``.tsv`` and ``.txt`` by their
        suffix. Text has a row of the grid on each line, separated by commas, semicolons, tabs or spaces; lines that
        begin with ``#`` are passed over. An image gives its samples as they are stored, 0 to 255 or 0 to 65535.
    key : str, optional
        Which array of an ``.npz`` or safetensors file; needed where it holds several.

    Returns
    -------
    array of float32 or float64, in native byte order
        Of any number of dimensions. float16, bfloat16, bool and integers of 16 bit or less become float32, longer
        integers float64. May hold NaN and infinities.

    Raises
    ------
    InvalidInputError
        The file does not exist, is of another kind, or holds no such array of real numbers.
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
            return _checked(_read_npz(stream, label, key), label)
        if kind == "safetensors":
            return _checked(_read_safetensors(stream, label, key), label)
        if key is not None:
            raise InvalidInputError(f"{label} has no arrays with names, so none is {key!r}", "leave the key out")
        if kind == "npy":
            with explained(label, "NumPy"):
                return _checked(_read_npy(stream, label, length), label)
        return _checked(_read_text(stream, label) if kind == "text" else _read_image(stream, label), label)


def _kind(head: bytes, length: int, suffix: str) -> str:
    if head.startswith(_NUMPY):
        return "npy"
    # The length of its header, and then the header as JSON.
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
    return InvalidInputError(f"{label} holds pickled Python objects, which can run code when read", _SAVE)


def _pick(names: Iterable[str], key: str | None, label: str) -> str:
    """Return the name that is meant; where none or several can be, list them."""
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
    if version not in _READ_HEADER:  # 3.0 is for fields with names, and others are not written yet
        raise InvalidInputError(f"{label} holds records, not plain numbers", _SAVE)
    shape, fortran, dtype = _READ_HEADER[version](stream)
    _check_type(dtype, label)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize  # Python's int: a damaged header may claim any shape
    if size > length:
        raise FileProblemError(f"{label} is truncated", "get a whole copy of the file")
    data = stream.read(size)
    if len(data) < size:
        raise FileProblemError(f"{label} is truncated", "get a whole copy of the file")
    return np.ndarray(shape, dtype, data, order="F" if fortran else "C")


def _read_npz(stream: BinaryIO, label: str, key: str | None) -> NDArray[Any]:
    with explained(label, ".npz"), zipfile.ZipFile(stream) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if any(info.filename.endswith(".pkl") for info in members.values()):
            raise _pickled(label)
        name = _pick((name for name, info in members.items() if info.filename != name), key, label)
        with archive.open(members[name]) as member:
            return _read_npy(member, f"{label}, {name}", members[name].file_size)


def _read_safetensors(stream: BinaryIO, label: str, key: str | None) -> NDArray[Any]:
    try:
        safetensors = importlib.import_module("safetensors")
    except ImportError as error:
        raise UnavailableError(f"{label} needs safetensors", "pip install 'glimpsecli[safetensors]'") from error
    with explained(label, "safetensors"):
        tensors: dict[str, Any] = dict(safetensors.deserialize(stream.read()))
    name = _pick(tensors, key, label)
    tensor = tensors[name]
    stored = tensor["dtype"]
    if stored not in _SAFETENSORS:
        raise InvalidInputError(f"{label}, {name} holds {stored} values", "save it as float32")
    array = np.ndarray(tensor["shape"], _SAFETENSORS[stored], tensor["data"])
    if stored == _BFLOAT16:  # the upper half of a float32
        return (array.astype(np.uint32, order="C") << 16).view(np.float32)
    return array


def _read_text(stream: BinaryIO, label: str) -> NDArray[np.float64]:
    try:
        text = stream.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{label} is not UTF-8 text", TAKEN) from None
    rows: list[list[float]] = []
    separator: str | None = None
    for line, source in enumerate(io.StringIO(text, newline=None), 1):
        row = source.strip(" \r\n")
        if not row.strip() or row.startswith("#"):
            continue
        if not rows:
            separator = next((mark for mark in ";,\t" if mark in row), None)
        numbers = [_number(cell, f"{label}, line {line}") for cell in row.split(separator)]
        if rows and len(numbers) != len(rows[0]):
            raise InvalidInputError(
                f"{label}, line {line} has {len(numbers)} numbers, the lines above have {len(rows[0])}",
                "give each row of the grid as many numbers",
            )
        rows.append(numbers)
    return np.array(rows, np.float64)


def _number(cell: str, where: str) -> float:
    try:
        return float(cell.replace("_", "?"))  # Python would take 1_000
    except ValueError:
        shown = cell.strip()[:40]
        raise InvalidInputError(f"{where}: {shown!r} is not a number", "give a row of the grid on each line") from None


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


def _check_type(dtype: np.dtype[Any], label: str) -> None:
    """Refuse what is no real number of a size that float64 holds."""
    if dtype.hasobject:
        raise InvalidInputError(f"{label} holds pickled Python objects, which can run code when read", _SAVE)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise InvalidInputError(f"{label} holds {dtype} values", "a map has real numbers: save it as float32")


def _checked(array: NDArray[Any], label: str) -> NDArray[Any]:
    """Return the array as float32 or float64, or refuse it."""
    _check_type(array.dtype, label)
    if not array.size:
        raise InvalidInputError(f"{label} holds an empty array of shape {array.shape}", "a map has at least one number")
    whole = array.dtype.kind in "iu"
    if whole and array.dtype.itemsize == 8 and (int(array.max()) > _EXACT or int(array.min()) < -_EXACT):
        raise InvalidInputError(f"{label} holds whole numbers beyond 2**53, which would be rounded", _SAVE)
    wide = array.dtype.itemsize > (2 if whole else 4)
    return np.asarray(array, np.float64 if wide else np.float32, order="C")
