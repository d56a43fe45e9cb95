"""The encoding of a file of text, recognised by the byte order mark that Windows writes."""

from __future__ import annotations

import codecs

_MARKS = (  # the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(data: bytes) -> str:
    """Give the encoding of text by its first bytes; UTF-8 where there is no mark."""
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
