"""The eight EXIF orientations: finding the tag, and turning arrays upright without copying them."""

from __future__ import annotations

import struct

from glimpsecli.images.picture import Array

_TAG = 0x0112
_SHORT = 3

# Orientation n says how the stored rows and columns were laid. Every one is its own inverse except the quarter turns.
_INVERSE = {6: 8, 8: 6}


def exif_orientation(exif: bytes | None) -> int:
    """Find the orientation, 1 to 8, in a block of EXIF; 1 where there is none or it makes no sense.

    Only the first directory is looked at, so a damaged block elsewhere does no harm.
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
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, start + 2 + 12 * entry)
            if tag == _TAG and kind == _SHORT:
                return valid(value)
    except struct.error:
        pass
    return 1


def valid(value: object) -> int:
    """Return a tag's value if it is an orientation, else 1, as every reader does."""
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
