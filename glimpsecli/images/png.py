"""The chunks of a PNG file: its header, read before anything is decoded, and the check of its data."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from glimpsecli.errors import FileProblemError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_COLOUR, _GREY_ALPHA, _COLOUR_ALPHA = 2, 4, 6
_LONGEST_EXIF = 1 << 20  # bytes; a longer chunk is passed over
_NOTES = (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs", b"bKGD", b"gAMA", b"cHRM", b"sBIT", b"hIST", b"sPLT", b"oFFs")
_RAW_PROFILE = b"Raw profile type"  # a text that is EXIF or a colour profile
_SAMPLES = {0: 1, _COLOUR: 3, 3: 1, _GREY_ALPHA: 2, _COLOUR_ALPHA: 4}
# The passes of an interlaced image: first column and row, and steps from column to column and from row to row.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_BLOCK = 1 << 18  # bytes inflated at a time


class Header(NamedTuple):
    """The facts that the chunks of a PNG file state.

    Attributes
    ----------
    width, height : int
        As stored, before turning upright.
    bits : int
        Bits per sample.
    colour_type : int
        0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
    interlaced : bool
        Whether its pixels come in seven passes.
    animated : bool
        Whether it is an APNG.
    exif : bytes or None
        The eXIf chunk.
    """

    width: int
    height: int
    bits: int
    colour_type: int
    interlaced: bool
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
    header: tuple[int, int, int, int, bool] | None = None
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
            header = struct.unpack(">IIBBxx?", stream.read(13))
        elif kind == b"eXIf" and length <= _LONGEST_EXIF:
            exif = stream.read(length)
        elif kind == b"acTL":
            animated = True
        elif kind == b"IEND":
            return Header(*header, animated, exif)


def without_notes(stream: BinaryIO) -> io.BytesIO:
    """Copy a file whose header was read, without the chunks that change no pixel: Pillow refuses them if damaged."""
    stream.seek(0)
    copy = io.BytesIO()
    copy.write(stream.read(len(SIGNATURE)))
    kind = b""
    while kind != b"IEND":
        start = stream.read(8)
        length, kind = struct.unpack(">I4s", start)
        content = stream.read(length + 4)
        if kind not in _NOTES or content.startswith(_RAW_PROFILE):
            copy.write(start + content)
    copy.seek(0)
    return copy


def check_data(stream: BinaryIO, header: Header, label: str, frame: int, *, suspect: bool) -> None:
    """Refuse a file whose compressed data are not those that were written, or end too early.

    Pillow does not check their checksums, and takes the end of the data for the end of the image.

    Parameters
    ----------
    stream : BinaryIO
        The file.
    header : Header
        Its header.
    label : str
        The name of the file in messages.
    frame : int
        The number of the frame that was decoded, which may show parts of those before it.
    suspect : bool
        Whether to inflate the data even if their checksums are right.
    """
    for number, (size, parts, sound) in enumerate(_frames(stream, header)):
        if number > frame:
            break
        if (suspect or not sound) and not _inflates(stream, parts, size):
            raise FileProblemError(
                f"{label} has lost data: a part of its image data is missing", "get a whole copy of the file"
            )


def _frames(stream: BinaryIO, header: Header) -> Iterator[tuple[Header, list[tuple[int, int]], bool]]:
    """Give each frame: a header of its size, where its compressed data lie, and whether their checksums are right."""
    frame, parts, sound = header, list[tuple[int, int]](), True
    position, tail = len(SIGNATURE), b""
    kind = b""
    while kind != b"IEND":
        stream.seek(position)
        length, kind = struct.unpack(">I4s", stream.read(8))
        if kind in (b"fcTL", b"IEND") and parts:
            yield frame, parts, sound and tail != bytes(4)  # the last checksum is never zero
            parts, sound = [], True
        if kind == b"fcTL":
            stream.seek(position + 8)  # the reader of a frame has moved the stream
            width, height = struct.unpack(">4xII", stream.read(12))
            frame = header._replace(width=width, height=height)
        elif kind in (b"IDAT", b"fdAT"):
            content, checksum = stream.read(length), stream.read(4)
            sound &= zlib.crc32(content, zlib.crc32(kind)) == int.from_bytes(checksum, "big")
            tail = content[-4:]
            skipped = 0 if kind == b"IDAT" else 4  # a sequence number comes first
            parts.append((position + 8 + skipped, length - skipped))
        position += 12 + length


def _inflates(stream: BinaryIO, parts: list[tuple[int, int]], header: Header) -> bool:
    """Return whether data inflate, with the right checksum at the end, to all rows of an image."""
    bits = header.bits * _SAMPLES[header.colour_type]
    wanted = 0
    for left, top, step_x, step_y in _PASSES if header.interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(header.width - left) // step_x), -(-(header.height - top) // step_y)
        wanted += rows * (1 + -(-columns * bits // 8)) if columns > 0 and rows > 0 else 0
    inflater = zlib.decompressobj()
    try:
        for start, length in parts:
            stream.seek(start)
            part = stream.read(max(0, length))
            while part and not inflater.eof:
                wanted -= len(inflater.decompress(part, _BLOCK))
                part = inflater.unconsumed_tail
        wanted -= len(inflater.flush())
    except zlib.error:
        return False
    return inflater.eof and wanted <= 0
