"""The tags of a TIFF page, as tifffile reads them: the meaning of its samples, and the pages that are refused."""

from __future__ import annotations

import importlib
import io
import math
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from glimpsecli.errors import FileProblemError
from glimpsecli.images import orientation as turning
from glimpsecli.images.picture import TAKEN, Array, check_frame, check_size
from glimpsecli.images.silence import silence_logger

WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, PALETTE, INKS, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, PALETTE: 1, INKS: 4, YCBCR: 3, CIELAB: 3}
UNCOMPRESSED, GROUP4, _OLD_JPEG, JPEG, _ZSTD = 1, 4, 6, 7, 50000
_MEANING = frozenset((*range(254, 533), 34675))  # of TIFF 6.0, and the colour profile: other tags change no pixel


@dataclass(frozen=True)
class Page:
    """The tags of one page that say what its samples mean.

    Attributes
    ----------
    index : int
        The number of the page in the file.
    start : int or None
        The byte where the samples begin, of a slice of an ImageJ stack that has no page of its own.
    segments : tuple of (int, int)
        Start and length, in bytes, of each strip or tile.
    tables : bytes or None
        The tables that JPEG streams of the segments share.
    low_first : bool
        Whether the first bit of a byte is the lowest.
    """

    index: int
    start: int | None
    segments: tuple[tuple[int, int], ...]
    tables: bytes | None
    low_first: bool
    width: int
    height: int
    samples: int
    bits: int
    dtype: np.dtype[Any]
    photometric: int
    compression: int
    decodable: bool
    shape: tuple[int, ...]
    extras: tuple[int, ...]
    colormap: Array | None
    orientation: int
    icc: bytes | None

    @property
    def colours(self) -> int:
        """Number of channels without the extra ones."""
        return _COLOURS[self.photometric]

    @property
    def for_pillow(self) -> bool:
        """Whether Pillow decodes it, without loss, where tifffile does not."""
        if self.bits > 8 and (self.samples > 1 or self.photometric != _BLACK_IS_ZERO or self.bits not in (16, 32)):
            return False
        if self.samples != self.colours and self.samples > 4:
            return False
        return (
            not self.decodable
            or self.photometric in (YCBCR, CIELAB)
            or (self.compression in (_OLD_JPEG, JPEG) and self.bits == 8)
        )


def read_tags(stream: BinaryIO, label: str, frame: int, max_pixels: int) -> Page:
    """Read the tags of a page, or refuse it."""
    import tifffile

    silence_logger("tifffile")
    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        index, page, number = _find_page(file, label, frame)
        _check_tags(stream, file.tiff, page, label)
        check_size(label, page.imagewidth, page.imagelength, max_pixels, samples=page.samplesperpixel)
        _refuse(page, label)
        size = stream.seek(0, io.SEEK_END)
        segments = tuple(zip(page.dataoffsets, page.databytecounts, strict=False))
        ends = [start + length for start, length in segments]
        dtype = np.dtype(page.dtype).newbyteorder(file.byteorder)
        start = None
        if number:
            length = math.prod(page.shaped) * dtype.itemsize
            start = page.dataoffsets[0] + number * length
            ends.append(start + length)
        if max(ends, default=0) > size:
            raise FileProblemError(f"{label} is truncated", "get a whole copy of the file")
        colormap = page.tags.valueof(320) if page.photometric == PALETTE else None
        return Page(
            index=index,
            start=start,
            segments=segments,
            tables=page.jpegtables,
            low_first=page.tags.valueof(266, default=1) == 2,
            width=page.imagewidth,
            height=page.imagelength,
            samples=page.samplesperpixel,
            bits=page.bitspersample,
            dtype=dtype,
            photometric=int(page.photometric),
            compression=int(page.compression),
            decodable=_has_codecs(tifffile, page),
            shape=tuple(page.shaped),
            extras=tuple(int(extra) for extra in page.extrasamples),
            colormap=None if colormap is None else np.asarray(colormap, np.uint16).reshape(3, -1),
            orientation=turning.valid(page.tags.valueof(274, default=1)),
            icc=page.tags.valueof(34675),
        )


def _find_page(file: Any, label: str, frame: int) -> tuple[int, Any, int]:
    """Return the index of a frame's page, the page, and the number of the slice in it, without reading later pages.

    Overviews and masks are no frames of their own, unless there is nothing else. ImageJ writes one page for a whole
    stack beyond 4 GB: its slices follow one another.
    """
    frames: list[tuple[int, Any]] = []
    others: list[tuple[int, Any]] = []
    seen: set[int] = set()
    for index, page in enumerate(file.pages):
        if page.offset in seen:  # a damaged chain of pages may be a ring
            break
        seen.add(page.offset)
        (others if page.is_reduced or page.is_mask else frames).append((index, page))
        if len(frames) == frame + 1:
            break
    frames = frames or others
    if not frames:
        raise FileProblemError(f"{label} is truncated or damaged: it has no pages", "get a whole copy of the file")
    index, page = frames[0]
    metadata = file.imagej_metadata or {}  # of the first page
    slices = metadata.get("images") if len(frames) == 1 and index == 0 else 1
    if isinstance(slices, int) and slices > 1 and page.compression == UNCOMPRESSED and page.is_contiguous:
        check_frame(label, frame, slices)
        return index, page, frame
    check_frame(label, frame, len(frames))
    return *frames[frame], 0


def _check_tags(stream: BinaryIO, layout: Any, page: Any, label: str) -> None:
    """Refuse a page whose tags lie in part behind the end of the file: tifffile goes on without them."""
    stream.seek(page.offset)
    (count,) = struct.unpack(layout.tagnoformat, stream.read(layout.tagnosize))
    tags = stream.read(count * layout.tagsize)
    codes = struct.iter_unpack(f"{layout.byteorder}H{layout.tagsize - 2}x", tags)
    if any(code in _MEANING and code not in page.tags for (code,) in codes):
        raise FileProblemError(
            f"{label} is truncated or damaged: some of its tags are missing", "get a whole copy of the file"
        )


def _refuse(page: Any, label: str) -> None:
    """Refuse a page that would lose depth, or is no picture."""
    if page.tags.valueof(50706) is not None:
        raise FileProblemError(f"{label} is a camera's raw file (DNG)", "develop it to TIFF first")
    if page.photometric not in _COLOURS:
        name = getattr(page.photometric, "name", page.photometric)
        raise FileProblemError(f"{label} holds samples of the kind {name}, not a picture", "convert it to RGB first")
    if page.imagedepth > 1:
        raise FileProblemError(f"{label} is a volume of {page.imagedepth} slices", "save its slices as pages first")
    if page.dtype is None or np.dtype(page.dtype) not in (np.bool_, np.uint8, np.uint16, np.float16, np.float32):
        found = f"samples of {page.bitspersample} bit" if page.dtype is None else f"{np.dtype(page.dtype)} samples"
        raise FileProblemError(f"{label} holds {found}", f"{TAKEN}; convert it first")
    if page.photometric == INKS and (page.dtype != np.uint8 or page.tags.valueof(332, default=1) != 1):
        raise FileProblemError(
            f"{label} holds inks that are not CMYK of 8 bit", "convert it to RGB first: its profile works on 8 bit only"
        )
    if page.samplesperpixel < _COLOURS[page.photometric]:
        raise FileProblemError(f"{label} has too few samples per pixel: {page.samplesperpixel}")


def _has_codecs(tifffile: Any, page: Any) -> bool:
    """Return whether tifffile decodes this page; without imagecodecs it knows few compressions."""
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
        tifffile.TIFF.UNPREDICTORS[page.predictor]
        if page.compression == _ZSTD and not hasattr(tifffile.tifffile.imagecodecs, "ZSTD"):
            importlib.import_module("compression.zstd")
    except (KeyError, ImportError):
        return False
    return page.bitspersample in (1, 2, 4, 8, 16, 32) or hasattr(tifffile.tifffile.imagecodecs, "PACKINTS")
