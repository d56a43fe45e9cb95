"""JPEG files that end well but have lost data: found while they are decoded, at next to no cost.

libjpeg paints grey over everything that it has no data for, once it has met the marker at the end; Pillow hides its
warning. Without a marker libjpeg waits for more data instead. So the decoder gets every scan without the marker behind
it, and then padding: a decoder that has all blocks of the scan passes over the padding, one that lacks some waits.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import BinaryIO

from PIL import Image, ImageFile

from glimpsecli.errors import FileProblemError
from glimpsecli.images.jpeg_scans import EOI, Layout, Scan, layout_of, next_restart, restarts_in_order

_LOOKAHEAD = 8  # bytes that libjpeg may want to see behind the last code before it decodes it: its bit buffer
_PASSED = 3  # bytes of padding in a row that only a decoder between two scans takes one by one
_ONES = (b"\xff\x00",) * (_LOOKAHEAD + _PASSED)  # no Huffman code is all ones, so they decode to as little as can be
_OTHERS = tuple(bytes([byte]) for byte in b"\x5a\x93\x1e\xc7\x68\xb4\x2d\xe1\x76\x0b\xd9")
_SHORT = 1 << 12  # bytes of scans: in shorter ones the few codes that padding can stand in for are worth a second look

_ZEROS = 8  # bytes of zero at the end of a scan that make it suspect
_SPARE = 4  # of these, bytes that an encoder writes only if they are needed

_WHOLE_COPY = "get a whole copy of the file"


def load(image: ImageFile.ImageFile, stream: BinaryIO, label: str, *, cut: bool = False) -> None:
    """Decode an image whose header was read, as its own `load` does, and refuse it where data are missing.

    Parameters
    ----------
    image : ImageFile
        It may be drafted.
    stream : BinaryIO
        The file.
    label : str
        The name of the file in messages.
    cut : bool
        Whether the image was cut to its first rows. Only these must be there, and the decoder's complaint that there
        are more is no error.

    Raises
    ------
    FileProblemError
        If the data of a scan end before its last block, or a scan is missing.
    OSError
        If the decoder finds an error.
    """
    stream.seek(0)
    content = stream.read()
    try:
        layout = layout_of(content)
    except (LookupError, ValueError):  # damaged segments: libjpeg says more about them
        layout = None
    if layout is None:
        with suppress(OSError) if cut else nullcontext():
            image.load()
        image.tile = []
        return
    how = image.mode, image.size, image.tile, image.decoderconfig
    feed = _Feed(image, _ONES)
    ordered = not layout.restarts or all(restarts_in_order(content, scan) for scan in layout.scans)
    if not ordered or not feed.take(content, layout):
        raise FileProblemError(f"{label} has lost data: a part of its image data is missing", _WHOLE_COPY)
    if not feed.done:
        raise FileProblemError(f"{label} is truncated: its image data have no end", _WHOLE_COPY)
    image.tile = []  # so that nothing decodes it once more
    if not layout.complete:
        raise FileProblemError(f"{label} has lost data: its last scans are missing", _WHOLE_COPY)
    start, end = layout.scans[-1]
    zeros = content[max(start, end - _ZEROS) : end] == bytes(_ZEROS)
    if zeros and _ends_in_zeros(content, layout):
        raise FileProblemError(f"{label} has lost data: zeros stand in place of its image data", _WHOLE_COPY)
    if feed.error < 0:
        if cut:
            return
        raise OSError(f"{ImageFile.ERRORS.get(feed.error, 'error')} when reading image file")
    if layout.ended and (zeros or end - layout.scans[0].start <= _SHORT):
        again = _reopened(content)
        again._mode, again._size, again.tile, again.decoderconfig = how
        if not _Feed(again, _OTHERS).take(content, layout) or again.tobytes() != image.tobytes():
            raise FileProblemError(f"{label} has lost data: a part of its image data is missing", _WHOLE_COPY)


def check(content: bytes, label: str) -> None:
    """Refuse a JPEG stream that has lost data, where another decoder gives the pixels.

    A marker at the end may be missing.
    """
    content += bytes([0xFF, EOI])
    try:
        image = _reopened(content)
    except (OSError, SyntaxError):  # no file of its own: the other decoder knows more about it
        return
    image.draft(None, (1, 1))  # pixels are not wanted
    load(image, io.BytesIO(content), label, cut=True)


class _Feed:
    """A decoder that is given a file piece by piece.

    Attributes
    ----------
    done : bool
        Whether it has decoded all rows, or has failed.
    error : int
        Below zero if it has failed.
    """

    def __init__(self, image: ImageFile.ImageFile, padding: Sequence[bytes]) -> None:
        image.load_prepare()
        codec, extents, _, options = image.tile[0]
        image.tile = []
        self._decoder = Image._getdecoder(image.mode, codec, options, image.decoderconfig)
        self._decoder.setimage(image.im, extents)
        self._padding = padding
        self._rest = b""
        self.done = False
        self.error = 0

    def take(self, content: bytes, layout: Layout) -> bool:
        """Feed a file, and return whether the decoder has all blocks of every scan that has an end."""
        position = 0
        for scan in layout.scans:
            self.give(content[position : scan.end])
            position = scan.end
            if layout.ended and not self.has_scan(content, scan, layout):
                return False
        self.give(content[position:])
        return True

    def give(self, data: bytes) -> None:
        """Feed more bytes."""
        if self.done:
            return
        data = self._rest + data if self._rest else data
        used, self.error = self._decoder.decode(data)
        self.done = used < 0
        self._rest = b"" if self.done else data[used:]

    def has_scan(self, content: bytes, scan: Scan, layout: Layout) -> bool:
        """Feed padding, and return whether the decoder has no use for it because it has all blocks of the scan.

        Where rows come out as they are decoded, the decoder must be done. Else it must pass over the padding byte by
        byte; a decoder that waits for the next restart does so too, until it gets the marker.
        """
        passes = self._passes_padding()
        if not layout.multiple:
            return self.done
        if passes and layout.restarts:
            self.give(next_restart(content, scan))
            passes = self._passes_padding()
        return passes

    def _passes_padding(self) -> bool:
        passed = 0
        for byte in self._padding:
            self.give(byte)
            passed = 0 if self._rest else passed + 1
            if self.done or passed == _PASSED:
                return True
        return False


def _ends_in_zeros(content: bytes, layout: Layout) -> bool:
    """Return whether zeros at the end of the last scan were decoded although they are no data.

    Zeros that code blank parts of an image are needed to the last, and zeros behind the data are not needed at all.
    Zeros in place of lost data are needed, but not to the last; where only the first rows were decoded, even all may be
    too few.
    """
    start, end = layout.scans[-1]
    first = start + len(content[start:end].rstrip(b"\0"))
    if _suffices(content[: first + 1], layout):
        return False
    return _suffices(content[: end - _SPARE], layout) or not _suffices(content[:end], layout)


def _suffices(content: bytes, layout: Layout) -> bool:
    """Return whether the beginning of a file holds all blocks of its last scan."""
    image = _reopened(content)
    image.draft(None, (1, 1))  # pixels are not wanted
    feed = _Feed(image, _ONES)
    feed.give(content)
    return feed.has_scan(content, layout.scans[-1], layout)


def _reopened(content: bytes) -> ImageFile.ImageFile:
    from PIL.JpegImagePlugin import JpegImageFile

    return JpegImageFile(io.BytesIO(content))
