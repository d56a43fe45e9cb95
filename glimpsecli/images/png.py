"""The chunks of a PNG file: what the header says, before anything is decoded."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, NamedTuple

from glimpsecli.errors import FileProblemError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_COLOUR, _GREY_ALPHA, _COLOUR_ALPHA = 2, 4, 6
_LONGEST_EXIF = 1 << 20


class Header(NamedTuple):
    """What a PNG file says of itself.

    Attributes
    ----------
    width, height : int
        As stored, before turning upright.
    bits : int
        Bits per sample.
    colour_type : int
        0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
    animated : bool
        Whether it is an APNG.
    exif : bytes or None
        The eXIf chunk.
    """

    width: int
    height: int
    bits: int
    colour_type: int
    animated: bool
    exif: bytes | None

    @property
    def deep_colour(self) -> bool:
        """Whether Pillow would cut this file to 8 bits, and say nothing."""
        return self.bits == 16 and self.colour_type in (_COLOUR, _GREY_ALPHA, _COLOUR_ALPHA)


def read_header(stream: BinaryIO, label: str) -> Header:
    """Walk over the chunks from the start to the end, decoding none.

    Raises
    ------
    FileProblemError
        If the file ends before its last chunk does, or does not begin with a header.
    """
    size = stream.seek(0, io.SEEK_END)
    position = len(SIGNATURE)
    header: tuple[int, int, int, int] | None = None
    animated, exif = False, None
    while True:
        stream.seek(position)
        chunk = stream.read(8)
        if len(chunk) < 8:
            raise FileProblemError(f"{label} is truncated: its last chunk is missing", "get a whole copy of the file")
        length, kind = struct.unpack(">I4s", chunk)
        position += 12 + length
        if position > size:
            raise FileProblemError(f"{label} is truncated: it ends inside a chunk", "get a whole copy of the file")
        if header is None:
            if kind != b"IHDR" or length != 13:
                raise FileProblemError(f"{label} is damaged: it does not begin with a PNG header")
            header = struct.unpack(">IIBB", stream.read(10))
        elif kind == b"eXIf" and length <= _LONGEST_EXIF:
            exif = stream.read(length)
        elif kind == b"acTL":
            animated = True
        elif kind == b"IEND":
            return Header(*header, animated, exif)
