"""PGM and PPM of more than 8 bit, which Pillow widens to int32 or cuts to uint8."""

from __future__ import annotations

import re
from typing import BinaryIO, NamedTuple

import numpy as np

from glimpsecli.errors import FileProblemError
from glimpsecli.images.picture import Picture, check_size

_COMMENT = rb"(?:\s|#[^\n]*\n)"
_HEADER = re.compile(rb"P([2356])" + (rb"%s+(\d{1,9})" % _COMMENT) * 3 + rb"(?:#[^\n]*\n)?\s")
_LONGEST_HEADER = 4096  # bytes


class Header(NamedTuple):
    """The header of a grey or a colour map: its kind (a digit), its size, its largest value and its length."""

    kind: int
    width: int
    height: int
    largest: int
    length: int


def read_header(stream: BinaryIO) -> Header | None:
    """Read the header, or return None for the kinds that have no largest value and for damaged files."""
    stream.seek(0)
    match = _HEADER.match(stream.read(_LONGEST_HEADER))
    if match is None:
        return None
    kind, width, height, largest = map(int, match.groups())
    return Header(kind, width, height, largest, match.end())


def decode(stream: BinaryIO, header: Header, label: str, max_pixels: int) -> Picture:
    """Read the samples of a map whose largest value is over 255 and scale them so that this value becomes 65535."""
    check_size(label, header.width, header.height, max_pixels)
    if header.kind not in (5, 6) or header.largest > 65535:
        raise FileProblemError(
            f"{label} is a plain-text map of up to {header.largest}", "convert it to binary PGM or PPM first"
        )
    channels = 1 if header.kind == 5 else 3
    stream.seek(header.length)
    content = stream.read(2 * header.height * header.width * channels)
    if len(content) < 2 * header.height * header.width * channels:
        raise FileProblemError(f"{label} is truncated", "get a whole copy of the file")
    pixels = np.frombuffer(content, ">u2").reshape(header.height, header.width, channels).astype(np.uint16)
    if header.largest < 65535:
        scaled = np.minimum(pixels, header.largest).astype(np.uint32) * 65535 + header.largest // 2
        pixels = (scaled // header.largest).astype(np.uint16)
    return Picture(pixels)
