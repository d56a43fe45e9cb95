"""The memory that decoding an image takes, estimated from its header."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from glimpsecli.images.reading import recognised, upright_size
from glimpsecli.images.sources import Source
from glimpsecli.names import MAX_PIXELS

_BYTES_A_PIXEL = {
    "JPEG": 8,
    "GIF": 10,
    "WebP": 17,
    "BMP": 8,
    "Netpbm": 8,
    "JPEG 2000": 20,
    "AVIF": 11,
    "HEIF": 12,
}
"""Bytes per pixel at the peak of decoding, the array included, in the most expensive mode of each kind: measured, and
rounded up."""

_OF_PNG = {0: 3, 2: 8, 3: 6, 4: 7, 6: 9}
"""Bytes per pixel of a PNG of 8 bit, by its type of colour; one of 16 bit takes at most twice as many."""

_DEEP_NETPBM = 44
"""Bytes per pixel of a Netpbm file of more than 8 bit."""


class Memory(NamedTuple):
    """The size of an image, and the most bytes that its decoder and its pixels take together."""

    height: int
    width: int
    decoding: int


def memory_of(source: Source, *, frame: int = 0, max_pixels: int = MAX_PIXELS, name: str | None = None) -> Memory:
    """Estimate, from the header, the bytes that :func:`read` will take beside the file itself; raise its errors."""
    with recognised(source, name) as (stream, label, kind):
        if kind == "TIFF":
            from glimpsecli.images import tiff

            return Memory(*tiff.memory_of(stream, label, frame, max_pixels))
        stream.seek(0)
        height, width = upright_size(stream, frame=frame, max_pixels=max_pixels, name=label)
        if kind == "NumPy":
            from glimpsecli.images import npy

            return Memory(height, width, npy.memory_of(stream, label, max_pixels))
        return Memory(height, width, height * width * _bytes_a_pixel(stream, kind))


def _bytes_a_pixel(stream: BinaryIO, kind: str) -> int:
    if kind == "PNG":
        stream.seek(24)
        bits, colour = stream.read(2)
        return _OF_PNG.get(colour, 8) * (2 if bits == 16 else 1)
    if kind == "Netpbm":
        from glimpsecli.images import netpbm

        header = netpbm.read_header(stream)
        return _DEEP_NETPBM if header is not None and header.largest > 255 else _BYTES_A_PIXEL[kind]
    return _BYTES_A_PIXEL[kind]
