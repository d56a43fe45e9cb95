"""WebP files whose data end in zeros, which libwebp decodes as if they were data."""

from __future__ import annotations

import io
import struct

from glimpsecli.errors import FileProblemError

_ZEROS = 8  # bytes of zero at the end of the data that are worth a question
_SPARE = 4  # of these, bytes that an encoder would not have written for nothing


def check(content: bytes, label: str) -> None:
    """Refuse a still image where zeros stand in place of the end of its data.

    Blank parts of an image may well be coded as zeros, but then the last of them are needed; and zeros behind the data
    do no harm, but then the first of them are not.
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
    """Take some bytes from the end of the chunk at a place, and put the sizes right."""
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
