"""TIFF in all its variety: any depth, planar or not, palettes, inverted greys, inks, premultiplied alpha.

imageio's tifffile plugin decodes the samples. The tags decide what they mean. Pillow helps out where tifffile lacks
a codec or a colour model, as long as that costs no depth.
"""

from __future__ import annotations

import io
import math
from typing import Any, BinaryIO

import numpy as np

from glimpsecli.errors import FileProblemError, UnavailableError
from glimpsecli.images import jpeg, pillow
from glimpsecli.images import orientation as turning
from glimpsecli.images.alpha import unpremultiply
from glimpsecli.images.picture import Array, Picture
from glimpsecli.images.profiles import cmyk_to_srgb
from glimpsecli.images.silence import mute_stderr
from glimpsecli.images.tiff_tags import (
    CIELAB,
    GROUP4,
    INKS,
    JPEG,
    PALETTE,
    UNCOMPRESSED,
    WHITE_IS_ZERO,
    YCBCR,
    Page,
    read_tags,
)

_PILLOWS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925)  # compressions that every Pillow decodes
_ASSOCIATED, _UNASSOCIATED = 1, 2
_ZEROS = 8  # bytes of zero at the end of a strip of Group 4, which encoders write only behind the mark of its end
_END_OF_BLOCK = 0x001001  # the mark of the end, of 24 bits


def measure(stream: BinaryIO, label: str, frame: int, max_pixels: int) -> tuple[int, int]:
    """Return the upright (height, width) of a page from its tags."""
    page = read_tags(stream, label, frame, max_pixels)
    return turning.upright_shape(page.height, page.width, page.orientation)


def memory_of(stream: BinaryIO, label: str, frame: int, max_pixels: int) -> tuple[int, int, int]:
    """Return the upright (height, width) of a page, and the bytes that decoding it takes at most, as measured."""
    page = read_tags(stream, label, frame, max_pixels)
    a_pixel = 2 * page.samples * page.dtype.itemsize
    if page.for_pillow or page.photometric in (INKS, PALETTE):
        a_pixel += 8  # Pillow's own picture, or the colours behind the numbers
    if page.bits not in (8, 16, 32) or page.dtype == np.float16 or page.photometric == WHITE_IS_ZERO:
        a_pixel += 8 * page.samples  # brought to full scale
    if _ASSOCIATED in page.extras:
        a_pixel += page.samples * page.dtype.itemsize + 16  # divided by alpha, as uint32
    return (*turning.upright_shape(page.height, page.width, page.orientation), a_pixel * page.height * page.width)


def decode(stream: BinaryIO, label: str, frame: int, max_pixels: int) -> Picture:
    """Read one page."""
    page = read_tags(stream, label, frame, max_pixels)
    if page.compression == GROUP4:
        _check_group4(stream, page, label)
    if page.for_pillow:
        try:
            with mute_stderr():  # libtiff prints what it finds wrong; Pillow raises it as well
                picture = pillow.decode(stream, "TIFF", label, page.index, max_pixels)
        except (LookupError, OSError, SyntaxError) as error:
            if page.decodable or page.compression in _PILLOWS:
                raise
            raise _uncoded(label) from error
        if page.compression == JPEG:
            _check_jpeg(stream, page, label)
        if page.colormap is None or _expanded_colormap(page.colormap).dtype == np.uint8:
            return picture
    if not page.decodable:
        raise _uncoded(label)
    counted = page.compression != UNCOMPRESSED or len(page.segments) > 1  # old files do not count their only strip
    if not all(start and (length or not counted) for start, length in page.segments):
        raise FileProblemError(
            f"{label} has lost data: some of its strips or tiles are empty",
            "get a whole copy of the file; a sparse one of GDAL must be written in full first",
        )
    if page.photometric in (YCBCR, CIELAB):
        raise FileProblemError(f"{label} holds YCbCr or Lab colours of {page.bits} bit", "convert it to RGB first")
    if page.start is None:
        samples = _read_samples(stream, page.index).reshape(page.shape)
    else:
        samples = _read_slice(stream, page, page.start)
    # (planes, 1, H, W, 1) or (1, 1, H, W, samples)
    samples = samples[0, 0] if page.shape[0] == 1 else np.moveaxis(samples[:, 0, :, :, 0], 0, -1)
    pixels, alpha = _interpreted(samples, page, label)
    pixels = np.ascontiguousarray(turning.upright(pixels, page.orientation))
    return Picture(pixels, alpha, None if page.photometric == INKS else page.icc)


def encode(stream: BinaryIO, pixels: Array, *, alpha: bool, icc: bytes | None, compress: int) -> None:
    """Write (H, W, C) as TIFF: no date and no software tag, so always the same bytes."""
    import imageio.v3 as iio

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
    with iio.imopen(file, "w", plugin="tifffile", bigtiff=big) as writer:  # type: ignore[call-overload]  # bigtiff
        writer.write(pixels if channels > 1 else pixels[..., 0], software=False, metadata=None, **options)
    stream.write(file.getbuffer())


def _uncoded(label: str) -> UnavailableError:
    return UnavailableError(
        f"{label} is compressed in a way that tifffile alone does not read", "pip install imagecodecs"
    )


def _read_samples(stream: BinaryIO, index: int) -> Array:
    import imageio.v3 as iio

    stream.seek(0)
    return iio.imread(stream, index=..., plugin="tifffile", page=index)  # type: ignore[arg-type]  # ... is all


def _check_jpeg(stream: BinaryIO, page: Page, label: str) -> None:
    """Refuse segments that have lost data: libtiff leaves that to libjpeg, which paints grey over it."""
    for start, length in page.segments:
        stream.seek(start)
        content = stream.read(length)
        if page.tables:
            content = page.tables[:-2] + content[2:]
        jpeg.check(content, label)


def _check_group4(stream: BinaryIO, page: Page, label: str) -> None:
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


def _read_slice(stream: BinaryIO, page: Page, start: int) -> Array:
    stream.seek(start)
    content = stream.read(math.prod(page.shape) * page.dtype.itemsize)
    return np.frombuffer(content, page.dtype).reshape(page.shape).astype(page.dtype.newbyteorder("="))


def _interpreted(samples: Array, page: Page, label: str) -> tuple[Array, bool]:
    """Turn the samples (H, W, S) into pixels, and return whether the last channel is alpha."""
    extras = page.samples - page.colours
    kind = page.extras[0] if extras == 1 and page.extras else None
    if page.photometric == PALETTE:
        if page.colormap is None:
            raise FileProblemError(f"{label} is damaged: its palette is missing")
        if extras:
            raise FileProblemError(f"{label} has a palette and {extras} more channels", "convert it to RGBA first")
        return np.moveaxis(_expanded_colormap(page.colormap)[:, samples[..., 0]], 0, -1), False
    pixels = _full_scale(samples, page.bits)
    if page.photometric == WHITE_IS_ZERO:
        white = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
        pixels = np.concatenate([white - pixels[..., :1], pixels[..., 1:]], axis=-1, dtype=pixels.dtype)
    if kind == _ASSOCIATED:
        pixels = unpremultiply(pixels)
    if page.photometric == INKS:
        rgb = cmyk_to_srgb(pixels[..., :4], page.icc)
        pixels = np.concatenate([rgb, pixels[..., 4:]], axis=-1)
    return pixels, kind in (_ASSOCIATED, _UNASSOCIATED)


def _full_scale(samples: Array, bits: int) -> Array:
    """Bring samples to full scale: 1 bit to 0 and 255, 12 bit to 0..65535."""
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
