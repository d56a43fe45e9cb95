"""WebP files whose data end in zeros, which libwebp decodes as if they were data."""

from __future__ import annotations

import io
import struct

from glimpsecli.errors import FileProblemError

_ZEROS = 8  # bytes of zero at the end of the data that make them suspect
_SPARE = 4  # of these, bytes that an encoder writes only if they are needed


def check(content: bytes, label: str) -> None:
    """Refuse a still image where zeros stand in place of the end of its data.

    Zeros that code blank parts of an image are needed to the last, and zeros behind the data are not needed at all.
    Zeros in place of lost data are needed, but not to the last.
    """
    place = 12
    while place + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, place)
        if name in (b"VP8 ", b"VP8L"):
            data = content[place + 8 : place + 8 + length]
            zeros = len(data) - len(data.rstrip(b"\0"))
            if (
                zeros >= _ZEROS
                and _decodes(_shortened(content, place, _SPARE))
                and not _decodes(_shortened(content, place, zeros - 1))
            ):
                raise FileProblemError(
                    f"{label} has lost data: zeros stand in place of its image data", "get a whole copy of the file"
                )
        place += 8 + length + length % 2


def _shortened(content: bytes, place: int, count: int) -> bytes:
    """Cut `count` bytes from the end of the chunk at `place`, and correct the sizes."""
    (length,) = struct.unpack_from("<I", content, place + 4)
    kept = length - count
    chunk = content[place : place + 4] + struct.pack("<I", kept) + content[place + 8 : place + 8 + kept]
    body = content[8:place] + chunk + bytes(kept % 2) + content[place + 8 + length + length % 2 :]
    return content[:4] + struct.pack("<I", len(body)) + body


def _decodes(content: bytes) -> bool:
    from PIL.WebPImagePlugin import WebPImageFile

    try:
        WebPImageFile(io.BytesIO(content)).load()
    except (OSError, EOFError, SyntaxError, ValueError):
        return False
    return True
