"""Arrays between the host and the device."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from glimpsecli.backends.cuda.device import SIMULATED, cuda
from glimpsecli.backends.footprint import union
from glimpsecli.errors import UnavailableError

PIECE = 1000 if SIMULATED else 8 << 20
"""Bytes that go at once; two pieces of memory that the device can reach by itself wait for them."""


def is_device_array(array: Any) -> bool:
    """Return whether an array is one of Numba's, on the device."""
    return bool(getattr(array, "__cuda_ndarray__", False))


def as_device_array(array: Any) -> Any:
    """Take any object with ``__cuda_array_interface__`` as Numba's device array, without a copy."""
    return array if is_device_array(array) else cuda.as_cuda_array(array)


def empty(shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
    """Allocate on the device."""
    try:
        return cuda.device_array(shape, dtype)
    except Exception as error:  # CudaAPIError, or MemoryError from another memory manager
        room = int(np.prod(shape, dtype=np.float64)) * np.dtype(dtype).itemsize
        raise UnavailableError(
            f"the device could not allocate {room} bytes: {' '.join(str(error).split())}",
            "look through fewer windows at once, or use the cpu backend",
        ) from error


def rows_on_device(images: Any, boxes: Callable[[], np.ndarray]) -> tuple[Any, int, int]:
    """Give (B, H, W, C) images as (B, H, W * C) on the device, and the row and column of their first pixel.

    Arrays on the device stay as they are. Of host arrays, the part that the windows read is copied; `boxes` gives it.
    """
    top = left = 0
    if not is_device_array(images):
        top, bottom, left, right = union(boxes())
        images = upload(images[:, top:bottom, left:right])
    b, height, width, channels = images.shape
    return images.reshape(b, height, width * channels), top, left


def upload(array: np.ndarray) -> Any:
    """Copy a host array, of any strides, to the device: (...) contiguous, same dtype."""
    source = np.ascontiguousarray(array)
    flat = source.reshape(source.size).view(np.uint8)
    target = empty((flat.size,), np.uint8)
    with _staging() as (halves, events, stream):
        for turn, begin in enumerate(range(0, flat.size, PIECE)):
            piece, event = flat[begin : begin + PIECE], events[turn % 2]
            half = halves[turn % 2][: piece.size]
            event.synchronize()  # until the copy before last has left this half
            half[:] = piece
            target[begin : begin + piece.size].copy_to_device(half, stream)
            event.record(stream)
        stream.synchronize()
    return target.view(source.dtype).reshape(*source.shape)


def download(array: Any, out: np.ndarray) -> None:
    """Copy a contiguous device array into a contiguous host array of its shape and dtype."""
    source = array.reshape(array.size).view(np.uint8)
    target = out.reshape(out.size).view(np.uint8)
    cuda.synchronize()
    with _staging() as (halves, events, stream):
        begins = list(range(0, target.size, PIECE))
        for turn in range(len(begins) + 1):
            if turn < len(begins):
                begin = begins[turn]
                end = min(begin + PIECE, target.size)
                source[begin:end].copy_to_host(halves[turn % 2][: end - begin], stream)
                events[turn % 2].record(stream)
            if turn > 0:  # the piece before, while this one is on its way
                piece = target[begins[turn - 1] : begins[turn - 1] + PIECE]
                events[(turn - 1) % 2].synchronize()
                piece[:] = halves[(turn - 1) % 2][: piece.size]


class _Staging:
    """Two halves of page-locked memory, made once: locking pages takes longer than most copies."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.parts = ([_pinned(), _pinned()], [cuda.event(), cuda.event()], cuda.stream())

    def __enter__(self) -> Any:
        self.lock.acquire()
        return self.parts

    def __exit__(self, *_: object) -> None:
        self.lock.release()


@functools.cache
def _staging() -> _Staging:
    return _Staging()


def _pinned() -> np.ndarray:
    try:
        pinned: np.ndarray = cuda.pinned_array(PIECE, np.uint8)
        return pinned
    except Exception:  # the system limits locked memory: the driver then copies once more, and all works
        return np.empty(PIECE, np.uint8)


def added_to(by_images: Any, rows: Any) -> Any:
    """Give the array on the device that the kernels add to, like the `rows` of images; one number for None."""
    if by_images is None:
        return empty((1, 1, 1))
    if is_device_array(by_images):
        return by_images.reshape(*by_images.shape[:2], -1)
    onto = empty(rows.shape)
    onto[:] = np.float32(0)
    return onto


def give_back(onto: Any, by_images: Any, top: int, left: int) -> None:
    """Add the gradients on the device to `by_images` on the host."""
    if by_images is None or is_device_array(by_images):
        return
    b, height, values = onto.shape
    channels = by_images.shape[3]
    found = np.empty(onto.shape, np.float32)
    download(onto, found)
    width = values // channels
    by_images[:, top : top + height, left : left + width] += found.reshape(b, height, width, channels)
