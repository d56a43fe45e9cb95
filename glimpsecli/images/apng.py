"""Animated PNG, frame by frame: the pixels of stills, which Pillow encodes, under the headers of an animation."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from glimpsecli.images.animated_film import AnimationFilm
from glimpsecli.images.picture import Array
from glimpsecli.images.png import SIGNATURE

_REPLACE = b"\0\0"  # what is shown stays after a frame, and the next one replaces it, alpha included
_LONGEST = 0xFFFF  # ticks that a delay counts; longer ones are counted in seconds


class ApngFilm(AnimationFilm):
    """An animated PNG in the making; it repeats for ever. See :class:`AnimationFilm`."""

    title = "animated PNG"
    ticks = 1000
    longest_side = 2**31 - 1

    def _start(self, height: int, width: int) -> None:
        self._size = height, width
        self._sequence = 0
        self._control = 0

    def _page(self, pixels: Array, ticks: int) -> None:
        box = self._changed(pixels)
        part = pixels[box.top : box.bottom, box.left : box.right]
        chunks = list(_chunks(_encoded(part)))
        first = self.frames == 0
        if first:
            self._stream.write(SIGNATURE)
            self._chunk(b"IHDR", next(content for name, content in chunks if name == b"IHDR"))
            self._control = self._stream.tell()
            self._chunk(b"acTL", struct.pack(">II", 0, 0))  # the number of frames is known at the end
        delay = (ticks, self.ticks) if ticks <= _LONGEST else (min(round(ticks / self.ticks), _LONGEST), 1)
        place = box.right - box.left, box.bottom - box.top, box.left, box.top
        self._chunk(b"fcTL", struct.pack(">IIIIIHH", self._next(), *place, *delay) + _REPLACE)
        for name, content in chunks:
            if name == b"IDAT" and first:
                self._chunk(b"IDAT", content)
            elif name == b"IDAT":
                self._chunk(b"fdAT", struct.pack(">I", self._next()) + content)

    def _end(self) -> None:
        self._chunk(b"IEND", b"")
        self._stream.seek(self._control)
        self._chunk(b"acTL", struct.pack(">II", self.frames, 0))
        self._stream.seek(0, io.SEEK_END)

    def _next(self) -> int:
        """Give the next number of a chunk of the animation."""
        self._sequence += 1
        return self._sequence - 1

    def _chunk(self, name: bytes, content: bytes) -> None:
        self._stream.write(struct.pack(">I", len(content)) + name + content)
        self._stream.write(struct.pack(">I", zlib.crc32(name + content)))


def _encoded(pixels: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the name and the content of each chunk of a PNG."""
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12
