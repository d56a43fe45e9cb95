"""The eight EXIF orientations: finding the tag, and turning arrays upright without copying them."""

from __future__ import annotations

import struct

from glimpsecli.images.picture import Array

_TAG = 0x0112
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}  # types of a value: the standard asks for 3, a SHORT

# Orientation n says how the stored rows and columns were laid. Every one is its own inverse except the quarter turns.
_INVERSE = {6: 8, 8: 6}


def exif_orientation(exif: bytes | None) -> int:
    """Find the orientation, 1 to 8, in a block of EXIF; 1 where there is none or it makes no sense.

    Only the first directory is looked at, so a damaged block elsewhere does no harm. The tag may be of any type of
    integer, as some cameras store it as LONG.
    """
    if not exif:
        return 1
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(entries):
            at = start + 2 + 12 * entry
            tag, kind, count = struct.unpack_from(order + "HHI", exif, at)
            code = _INTEGERS.get(kind, "") if tag == _TAG else ""
            if code and count * struct.calcsize(code) <= 4:  # more values than that lie elsewhere
                return valid(struct.unpack_from(order + code, exif, at + 8)[0])
    except struct.error:
        pass
    return 1


def valid(value: object) -> int:
    """Return a tag's value if it is an orientation, else 1, as every reader does."""
    if isinstance(value, bytes) and len(value) == 1:  # how tifffile gives a BYTE
        value = value[0]
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def upright_shape(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Return (height, width) after turning upright."""
    return (width, height) if orientation >= 5 else (height, width)


def upright(stored: Array, orientation: int) -> Array:
    """Return a view (H, W, ...) of the stored array as it should be seen."""
    if orientation >= 5:
        stored = stored.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        stored = stored[::-1]
    if orientation in (2, 3, 6, 7):
        stored = stored[:, ::-1]
    return stored


def stored(upright_pixels: Array, orientation: int) -> Array:
    """Return a view of an upright array in stored order, so that a decoder can fill it in place."""
    return upright(upright_pixels, _INVERSE.get(orientation, orientation))
