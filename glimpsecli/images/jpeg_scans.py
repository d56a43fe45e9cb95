"""The scans of a JPEG file: where their data lie, and whether they give the whole image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_SOF_HUFFMAN, _SOF_PROGRESSIVE = (0xC0, 0xC1, 0xC2), 0xC2
_SOF_OTHERS = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)  # lossless, differential, arithmetic
EOI, _SOS, _DRI = 0xD9, 0xDA, 0xDD
_ALONE = (0x00, 0x01, *range(0xD0, 0xD9))  # markers without a segment

_BLOCK, _LONGEST_BLOCK = 1 << 12, 1 << 18  # bytes searched for a marker at a time: at first, and at most
_NONE = 64  # in place of the number of bits to come, where an earlier scan is missing


class Scan(NamedTuple):
    """One scan: its entropy-coded data are the bytes from start to end."""

    start: int
    end: int


class Layout(NamedTuple):
    """The scans of a file whose decoding can be watched.

    Attributes
    ----------
    scans : list of Scan
    multiple : bool
        Whether rows come out only when the last scan was decoded.
    restarts : bool
        Whether scans hold markers from which a decoder may restart.
    ended : bool
        Whether there is a marker behind the last scan.
    complete : bool
        Whether the scans give all bits of all coefficients.
    """

    scans: list[Scan]
    multiple: bool
    restarts: bool
    ended: bool
    complete: bool


def restarts_in_order(content: bytes, scan: Scan) -> bool:
    """Return whether no restart marker of a scan is missing: libjpeg goes on with the one that it finds."""
    numbers = re.findall(rb"\xff([\xd0-\xd7])", memoryview(content)[scan.start : scan.end])
    return all(number[0] & 7 == place % 8 for place, number in enumerate(numbers))


def next_restart(content: bytes, scan: Scan) -> bytes:
    """Return the restart marker that would come after those of a scan."""
    last = max((content.rfind(b"\xff" + bytes([0xD0 + number]), *scan), number) for number in range(8))
    return b"\xff" + bytes([0xD0 + (last[1] + 1) % 8 if last[0] >= 0 else 0xD0])


def layout_of(content: bytes) -> Layout | None:
    """Find the scans of a file; None if its decoding cannot be watched."""
    scans: list[Scan] = []
    missing: dict[int, list[int]] = {}  # bits of each coefficient that are still to come, for each component
    progressive = multiple = restarts = ended = False
    for marker, start, end in _segments(content):
        if marker in _SOF_OTHERS:
            return None
        if marker in _SOF_HUFFMAN:
            progressive = marker == _SOF_PROGRESSIVE
            missing = {component: [_NONE] * 64 for component in content[start + 6 : end : 3]}
        elif marker == _DRI:
            restarts = any(content[start:end])
        elif marker == _SOS:
            count = content[start]
            scans.append(Scan(end, _next_marker(content, end)))
            multiple = progressive or count < len(missing)
            if not multiple:
                return Layout(scans, False, restarts, scans[0].end < len(content), True)  # libjpeg reads no further
            first, last, bits = content[start + 2 * count + 1 : start + 2 * count + 4] if progressive else (0, 63, 0)
            for component in content[start + 1 : start + 2 * count : 2]:
                for index in range(first, last + 1):
                    refines = missing[component][index] == bits >> 4
                    missing[component][index] = bits & 15 if bits < 16 or refines else _NONE
        elif marker == EOI:
            ended = True
    return Layout(scans, multiple, restarts, ended, not any(map(any, missing.values()))) if scans else None


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Give marker, start and end of all segments, up to the end of the image."""
    position = 2
    while True:
        position = content.find(b"\xff", position)
        if not 0 <= position < len(content) - 1:
            return
        marker = content[position + 1]
        position += 1 if marker == 0xFF else 2
        if marker == 0xFF or marker in _ALONE:
            continue
        if marker == EOI:
            yield marker, position, position
            return
        end = position + int.from_bytes(content[position : position + 2], "big")
        yield marker, position + 2, end
        position = _next_marker(content, end) if marker == _SOS else end


def _next_marker(content: bytes, position: int) -> int:
    """Find the marker that ends a scan: no stuffed byte and no restart."""
    length = _BLOCK
    while position < len(content) - 1:
        block = np.frombuffer(content, np.uint8, min(length + 1, len(content) - position), position)
        at = np.flatnonzero(block[:-1] == 0xFF)
        following = block[at + 1]
        found = at[(following != 0) & (following != 0xFF) & (following & 0xF8 != 0xD0)]
        if found.size:
            position += int(found[0])
            while content[position - 1] == 0xFF:  # fill bytes
                position -= 1
            return position
        position += length
        length = min(2 * length, _LONGEST_BLOCK)
    return len(content)
