"""Animated WebP, frame by frame: stills, which Pillow encodes, under the headers of an animation."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from glimpsecli.errors import FileProblemError
from glimpsecli.images.animated_film import AnimationFilm
from glimpsecli.images.picture import Array
from glimpsecli.images.writing import check_range

QUALITY = 90

_ANIMATED, _ALPHA = 0x02, 0x10  # flags of the file
_REPLACE = 0x02  # flag of a frame: its pixels replace those below, alpha included
_PIXELS = (b"ALPH", b"VP8 ", b"VP8L")
_LARGEST = 2**32 - 10  # bytes of a file


class WebpFilm(AnimationFilm):
    """An animated WebP in the making; it repeats for ever. See :class:`AnimationFilm`.

    Parameters
    ----------
    stream : binary stream
    quality : int, optional
        From 1 to 100, which is lossless; 90 by default.
    """

    title = "WebP"
    ticks = 1000
    longest_side = 16383

    def __init__(self, stream: BinaryIO, *, quality: int | None = None) -> None:
        super().__init__(stream)
        check_range("quality", quality, 1, 100)
        self._options: dict[str, Any] = {"lossless": True} if quality == 100 else {"quality": quality or QUALITY}

    def _start(self, height: int, width: int) -> None:
        flags = _ANIMATED | (_ALPHA if self._alpha else 0)
        self._stream.write(b"RIFF\0\0\0\0WEBP")  # the size is known at the end
        self._stream.write(_chunk(b"VP8X", struct.pack("<I", flags) + _three(width - 1) + _three(height - 1)))
        self._stream.write(_chunk(b"ANIM", struct.pack("<IH", 0, 0)))

    def _page(self, pixels: Array, ticks: int) -> None:
        box = self._changed(pixels, even=True)
        part = pixels[box.top : box.bottom, box.left : box.right]
        place = box.left // 2, box.top // 2, part.shape[1] - 1, part.shape[0] - 1, min(ticks, 2**24 - 1)
        head = b"".join(map(_three, place)) + bytes([_REPLACE])
        still = b"".join(_chunk(name, content) for name, content in _chunks(self._encoded(part)) if name in _PIXELS)
        if self._stream.tell() + len(still) > _LARGEST:
            raise FileProblemError("the film grows over 4 GiB, the most that WebP holds", "use .mkv or .png")
        self._stream.write(_chunk(b"ANMF", head + still))

    def _end(self) -> None:
        size = self._stream.tell() - 8
        self._stream.seek(4)
        self._stream.write(struct.pack("<I", size))
        self._stream.seek(0, io.SEEK_END)

    def _encoded(self, pixels: Array) -> bytes:
        if self._alpha and pixels.shape[2] == 2:
            pixels = pixels[:, :, [0, 0, 0, 1]]
        file = io.BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
        picture.save(file, "WEBP", exact=True, **self._options)
        return file.getvalue()


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the name and the content of each chunk of a still."""
    at = 12
    while at < len(webp):
        (length,) = struct.unpack_from("<I", webp, at + 4)
        yield webp[at : at + 4], webp[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
