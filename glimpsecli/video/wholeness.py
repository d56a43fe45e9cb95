"""Whether a video file is as long as its outermost parts say, read from a few bytes of each."""

from __future__ import annotations

import io
from typing import BinaryIO

_UNKNOWN = 0xFFFFFFFF  # the length of a RIFF chunk that was never filled in
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067  # the two outermost elements of a Matroska file


def missing_bytes(file: BinaryIO, kind: str) -> int:
    """Return how many bytes a file lacks at its end, or 0 where its format does not say.

    Parameters
    ----------
    file : BinaryIO
        Seekable; it is left anywhere.
    kind : str
        As `images.video_kinds.video_kind` tells it.
    """
    size = file.seek(0, io.SEEK_END)
    follow = _FOLLOWED.get(kind)
    return max(0, follow(file, size) - size) if follow is not None else 0


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Follow the boxes of an MP4 or QuickTime film: a length of 1 leads to a longer one, 0 to the end of the file."""
    at = 0
    while at < size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return at
        at += length
    return at


def _end_of_chunks(file: BinaryIO, size: int) -> int:
    """Follow the RIFF chunks of an AVI, of which a large one has several; a live recording knows no length."""
    at = 0
    while at < size:
        file.seek(at)
        head = file.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or length == _UNKNOWN:
            return at
        at += 8 + length
    return at


def _end_of_segment(file: BinaryIO, size: int) -> int:
    """Find the end of the segment of a Matroska file; a live recording does not know it."""
    at = 0
    for wanted in (_EBML, _SEGMENT):
        file.seek(at)
        head = file.read(12)
        width = 9 - head[4:5][0].bit_length() if len(head) > 4 and head[4] else 0
        if int.from_bytes(head[:4], "big") != wanted or not width:
            return at
        length = int.from_bytes(head[4 : 4 + width], "big") & ((1 << 7 * width) - 1)
        if length == (1 << 7 * width) - 1:
            return at
        at += 4 + width + length
    return at


_FOLLOWED = {"MP4": _end_of_boxes, "AVI": _end_of_chunks, "Matroska": _end_of_segment}
