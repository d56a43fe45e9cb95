"""TIFF in all its variety: any depth, planar or not, palettes, inverted greys, inks, premultiplied alpha.

imageio's tifffile plugin decodes the samples. This file decides from the tags what they mean. Pillow helps out where
tifffile lacks a codec or a colour model, as long as that costs no depth.
"""

from __future__ import annotations

import importlib
import io
import math
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from glimpsecli.errors import FileProblemError, UnavailableError
from glimpsecli.images import jpeg, pillow
from glimpsecli.images import orientation as turning
from glimpsecli.images.alpha import unpremultiply
from glimpsecli.images.picture import TAKEN, Array, Picture, check_frame, check_size
from glimpsecli.images.profiles import cmyk_to_srgb
from glimpsecli.images.quiet import mute_stderr, silence_logger

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _INKS, _YCBCR, _CIELAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _INKS: 4, _YCBCR: 3, _CIELAB: 3}
_UNCOMPRESSED, _GROUP4, _OLD_JPEG, _JPEG, _ZSTD = 1, 4, 6, 7, 50000
_PILLOWS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925)  # compressions that every Pillow decodes
_ASSOCIATED, _UNASSOCIATED = 1, 2
_MEANING = frozenset((*range(254, 533), 34675))  # of TIFF 6.0, and the colour profile: other tags change no pixel
_ZEROS = 8  # bytes of zero at the end of a strip of Group 4 that no encoder writes but behind the mark of its end
_END_OF_BLOCK = 0x001001  # that mark, of 24 bits
_CONVERT = f"{TAKEN}; convert it first"


@dataclass(frozen=True)
class _Page:
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
            or self.photometric in (_YCBCR, _CIELAB)
            or (self.compression in (_OLD_JPEG, _JPEG) and self.bits == 8)
        )


def measure(stream: BinaryIO, label: str, frame: int, max_pixels: int) -> tuple[int, int]:
    """Return the upright (height, width) of a page from its tags."""
    page = _read_tags(stream, label, frame, max_pixels)
    return turning.upright_shape(page.height, page.width, page.orientation)


def footprint(stream: BinaryIO, label: str, frame: int, max_pixels: int) -> tuple[int, int, int]:
    """Return the upright (height, width) of a page, and the bytes that decoding it takes at most, as measured."""
    page = _read_tags(stream, label, frame, max_pixels)
    a_pixel = 2 * page.samples * page.dtype.itemsize
    if page.for_pillow or page.photometric in (_INKS, _PALETTE):
        a_pixel += 8  # Pillow's own picture, or the colours behind the numbers
    if page.bits not in (8, 16, 32) or page.dtype == np.float16 or page.photometric == _WHITE_IS_ZERO:
        a_pixel += 8 * page.samples  # brought to full scale
    if _ASSOCIATED in page.extras:
        a_pixel += page.samples * page.dtype.itemsize + 16  # divided by alpha, as uint32
    return (*turning.upright_shape(page.height, page.width, page.orientation), a_pixel * page.height * page.width)


def decode(stream: BinaryIO, label: str, frame: int, max_pixels: int) -> Picture:
    """Read one page."""
    page = _read_tags(stream, label, frame, max_pixels)
    if page.compression == _GROUP4:
        _check_group4(stream, page, label)
    if page.for_pillow:
        try:
            with mute_stderr():  # libtiff prints what it finds wrong; Pillow raises it as well
                picture = pillow.decode(stream, "TIFF", label, page.index, max_pixels)
        except (LookupError, OSError, SyntaxError) as error:
            if page.decodable or page.compression in _PILLOWS:
                raise
            raise _uncoded(label) from error
        if page.compression == _JPEG:
            _check_jpeg(stream, page, label)
        deep = page.colormap is not None and _expanded_colormap(page.colormap).dtype != np.uint8
        if not deep:
            return picture
    if not page.decodable:
        raise _uncoded(label)
    counted = page.compression != _UNCOMPRESSED or len(page.segments) > 1  # old files do not count their only strip
    if not all(start and (length or not counted) for start, length in page.segments):
        raise FileProblemError(
            f"{label} has lost data: some of its strips or tiles are empty",
            "get a whole copy of the file; a sparse one of GDAL must be written in full first",
        )
    if page.photometric in (_YCBCR, _CIELAB):
        raise FileProblemError(f"{label} holds YCbCr or Lab colours of {page.bits} bit", "convert it to RGB first")
    if page.start is None:
        samples = _read_samples(stream, page.index).reshape(page.shape)
    else:
        samples = _read_slice(stream, page, page.start)
    # (planes, 1, H, W, 1) or (1, 1, H, W, samples)
    samples = samples[0, 0] if page.shape[0] == 1 else np.moveaxis(samples[:, 0, :, :, 0], 0, -1)
    pixels, alpha = _interpreted(samples, page, label)
    pixels = np.ascontiguousarray(turning.upright(pixels, page.orientation))
    return Picture(pixels, alpha, None if page.photometric == _INKS else page.icc)


def encode(stream: BinaryIO, pixels: Array, *, alpha: bool, icc: bytes | None, compress: int) -> None:
    """Write (H, W, C) as TIFF: no date and no software tag, so always the same bytes."""
    iio = importlib.import_module("imageio.v3")
    channels = pixels.shape[-1]
    options: dict[str, Any] = {"photometric": "rgb" if channels - alpha == 3 else "minisblack"}
    if channels > 1:
        options["planarconfig"] = "contig"
    if alpha:
        options["extrasamples"] = ["unassalpha"]
    if icc:
        options["extratags"] = [(34675, 7, len(icc), icc, True)]
    if compress:
        options["compression"] = "zlib"
        options["compressionargs"] = {"level": compress}
    big = pixels.nbytes > 2**32 - 2**25  # offsets of plain TIFF have 32 bits
    file = io.BytesIO()  # tifffile trips over a file that was opened by number, as temporary files are
    with iio.imopen(file, "w", plugin="tifffile", bigtiff=big) as writer:
        writer.write(pixels if channels > 1 else pixels[..., 0], software=False, metadata=None, **options)
    stream.write(file.getbuffer())


def _read_tags(stream: BinaryIO, label: str, frame: int, max_pixels: int) -> _Page:
    silence_logger("tifffile")
    tifffile = importlib.import_module("tifffile")
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
        colormap = page.tags.valueof(320) if page.photometric == _PALETTE else None
        return _Page(
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
    """Return the index of a frame's page, the page, and the number of the slice in it, looking no further than that.

    Overviews and masks are no frames of their own, unless there is nothing else. ImageJ writes one page for a whole
    stack beyond 4 GB: its slices follow one another.
    """
    frames: list[tuple[int, Any]] = []
    others: list[tuple[int, Any]] = []
    seen: set[int] = set()
    for index, page in enumerate(file.pages):
        if page.offset in seen:  # a damaged chain of pages may bite its own tail
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
    if isinstance(slices, int) and slices > 1 and page.compression == _UNCOMPRESSED and page.is_contiguous:
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
    """Refuse what would lose depth, or would not be a picture."""
    if page.tags.valueof(50706) is not None:
        raise FileProblemError(f"{label} is a camera's raw file (DNG)", "develop it to TIFF first")
    if page.photometric not in _COLOURS:
        name = getattr(page.photometric, "name", page.photometric)
        raise FileProblemError(f"{label} holds samples of the kind {name}, not a picture", "convert it to RGB first")
    if page.imagedepth > 1:
        raise FileProblemError(f"{label} is a volume of {page.imagedepth} slices", "save its slices as pages first")
    if page.dtype is None or np.dtype(page.dtype) not in (np.bool_, np.uint8, np.uint16, np.float16, np.float32):
        found = f"samples of {page.bitspersample} bit" if page.dtype is None else f"{np.dtype(page.dtype)} samples"
        raise FileProblemError(f"{label} holds {found}", _CONVERT)
    if page.photometric == _INKS and (page.dtype != np.uint8 or page.tags.valueof(332, default=1) != 1):
        raise FileProblemError(
            f"{label} holds inks that are not CMYK of 8 bit", "convert it to RGB first: its profile works on 8 bit only"
        )
    if page.samplesperpixel < _COLOURS[page.photometric]:
        raise FileProblemError(f"{label} has too few samples per pixel: {page.samplesperpixel}")


def _has_codecs(tifffile: Any, page: Any) -> bool:
    """Tell whether tifffile decodes this page; without imagecodecs it knows few compressions."""
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
        tifffile.TIFF.UNPREDICTORS[page.predictor]
        if page.compression == _ZSTD and not hasattr(tifffile.tifffile.imagecodecs, "ZSTD"):
            importlib.import_module("compression.zstd")
    except (KeyError, ImportError):
        return False
    whole = page.bitspersample in (1, 2, 4, 8, 16, 32)
    return whole or hasattr(tifffile.tifffile.imagecodecs, "PACKINTS")


def _uncoded(label: str) -> UnavailableError:
    return UnavailableError(
        f"{label} is compressed in a way that tifffile alone does not read", "pip install imagecodecs"
    )


def _read_samples(stream: BinaryIO, index: int) -> Array:
    iio = importlib.import_module("imageio.v3")
    stream.seek(0)
    with iio.imopen(stream, "r", plugin="tifffile") as file:
        samples: Array = file.read(index=..., page=index)
    return samples


def _check_jpeg(stream: BinaryIO, page: _Page, label: str) -> None:
    """Refuse segments that have lost data: libtiff leaves that to libjpeg, which paints grey over it."""
    for start, length in page.segments:
        stream.seek(start)
        content = stream.read(length)
        if page.tables:
            content = page.tables[:-2] + content[2:]
        jpeg.check(content, label)


def _check_group4(stream: BinaryIO, page: _Page, label: str) -> None:
    """Refuse strips that end in zeros before their end is marked: libtiff leaves the rest of them white."""
    for start, length in page.segments:
        stream.seek(start)
        content = stream.read(length)
        data = content.rstrip(b"\0")
        if len(content) - len(data) < _ZEROS:
            continue
        bits = "".join(f"{byte:08b}"[:: -1 if page.low_first else 1] for byte in data[-4:]).rstrip("0")
        if int(bits[-24:] or "0", 2) != _END_OF_BLOCK:
            raise FileProblemError(
                f"{label} has lost data: zeros stand in place of its image data", "get a whole copy of the file"
            )


def _read_slice(stream: BinaryIO, page: _Page, start: int) -> Array:
    stream.seek(start)
    content = stream.read(math.prod(page.shape) * page.dtype.itemsize)
    return np.frombuffer(content, page.dtype).reshape(page.shape).astype(page.dtype.newbyteorder("="))


def _interpreted(samples: Array, page: _Page, label: str) -> tuple[Array, bool]:
    """Turn the samples (H, W, S) into pixels, and say whether the last channel is alpha."""
    extras = page.samples - page.colours
    kind = page.extras[0] if extras == 1 and page.extras else None
    if page.photometric == _PALETTE:
        if page.colormap is None:
            raise FileProblemError(f"{label} is damaged: its palette is missing")
        if extras:
            raise FileProblemError(f"{label} has a palette and {extras} more channels", "convert it to RGBA first")
        return np.moveaxis(_expanded_colormap(page.colormap)[:, samples[..., 0]], 0, -1), False
    pixels = _full_scale(samples, page.bits)
    if page.photometric == _WHITE_IS_ZERO:
        white = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
        pixels = np.concatenate([white - pixels[..., :1], pixels[..., 1:]], axis=-1, dtype=pixels.dtype)
    if kind == _ASSOCIATED:
        pixels = unpremultiply(pixels)
    if page.photometric == _INKS:
        rgb = cmyk_to_srgb(pixels[..., :4], page.icc)
        pixels = np.concatenate([rgb, pixels[..., 4:]], axis=-1)
    return pixels, kind in (_ASSOCIATED, _UNASSOCIATED)


def _full_scale(samples: Array, bits: int) -> Array:
    """Bring samples to a type of ours so that white is its white: 1 bit to 0 and 255, 12 bit to 0..65535."""
    if samples.dtype == np.float16 or samples.dtype == np.float32:
        return samples.astype(np.float32, copy=False)
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8) * np.uint8(255)
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    if bits in (8, 16):
        return samples
    white, top = 2**bits - 1, int(np.iinfo(samples.dtype).max)
    scaled: Array = ((samples.astype(np.uint32) * top + white // 2) // white).astype(samples.dtype)
    return scaled


def _expanded_colormap(colormap: Array) -> Array:
    """Return the palette as (3, N) uint8 where its 16-bit entries say no more than 8 bits, else as it is."""
    low, high = colormap & 255, colormap >> 8
    if np.all(low == 0) or np.all(low == high):
        return high.astype(np.uint8)
    return colormap
