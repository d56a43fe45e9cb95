"""Any image file to an upright array, without losing depth in silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from glimpsecli.errors import FileProblemError, GlimpseError
from glimpsecli.images import orientation as turning
from glimpsecli.images import pillow, png
from glimpsecli.images.picture import Picture, check_frame, check_size, matching_icc
from glimpsecli.images.silence import silenced
from glimpsecli.images.sources import Source, opened
from glimpsecli.images.video_kinds import HEAD, video_kind
from glimpsecli.names import MAX_PIXELS

__all__ = ["Picture", "read", "upright_size"]

_SIGNATURES = {
    png.SIGNATURE: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\x93NUMPY": "NumPy",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
_NETPBM_KINDS = b"123456f"
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_SEARCHED = 1 << 20  # bytes at the start of a file that are searched for its headers
_TAKEN = "PNG, JPEG, WebP, TIFF, GIF, BMP, PGM, PPM, JPEG 2000, AVIF, HEIF or .npy"


def read(source: Source, *, frame: int = 0, max_pixels: int = MAX_PIXELS, name: str | None = None) -> Picture:
    """Read an image.

    The content decides the kind of file, never the name. The EXIF orientation is applied; EXIF itself is dropped.

    Parameters
    ----------
    source : path or binary stream
        A stream is read from where it stands; it need not be seekable, and it stays open.
    frame : int
        The frame of an animation, or the page of a TIFF, from 0.
    max_pixels : int
        Larger images are refused before they are decoded.
    name : str, optional
        The name of the source in messages.

    Returns
    -------
    Picture
        Grey has one channel, RGB three; alpha, where there is some, is one more.

    Raises
    ------
    InvalidInputError
        If the source does not exist, is a folder, or has no such frame.
    FileProblemError
        If the file cannot be read whole and without loss.
    UnavailableError
        If reading it takes a package that is not installed.
    """
    with recognised(source, name) as (stream, label, kind):
        picture = _decode(stream, kind, label, frame, max_pixels)
    return picture._replace(icc=matching_icc(picture.icc, picture.pixels.shape[2] - picture.alpha))


def upright_size(
    source: Source, *, frame: int = 0, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> tuple[int, int]:
    """Return the (height, width) that :func:`read` would give, from the header alone, with the same errors."""
    with recognised(source, name) as (stream, label, kind):
        return _measure(stream, kind, label, frame, max_pixels)


def _decode(stream: BinaryIO, kind: str, label: str, frame: int, max_pixels: int) -> Picture:
    if kind == "TIFF":
        from glimpsecli.images import tiff

        return tiff.decode(stream, label, frame, max_pixels)
    if kind == "NumPy":
        check_frame(label, frame, 1)
        from glimpsecli.images import npy

        return npy.decode(stream, label, max_pixels)
    if kind == "PNG":
        header = png.read_header(stream, label)
        check_size(label, header.width, header.height, max_pixels)
        if header.deep_colour:
            return _decode_deep_png(stream, header, label, frame)
        return pillow.decode(stream, kind, label, frame, max_pixels, header=header)
    if kind == "Netpbm":
        from glimpsecli.images import netpbm

        deep = netpbm.read_header(stream)
        if deep is not None and deep.largest > 255:
            check_frame(label, frame, 1)
            return netpbm.decode(stream, deep, label, max_pixels)
    _refuse_deep(stream, kind, label)
    return pillow.decode(stream, kind, label, frame, max_pixels)


def _measure(stream: BinaryIO, kind: str, label: str, frame: int, max_pixels: int) -> tuple[int, int]:
    if kind == "TIFF":
        from glimpsecli.images import tiff

        return tiff.measure(stream, label, frame, max_pixels)
    if kind == "NumPy":
        check_frame(label, frame, 1)
        from glimpsecli.images import npy

        return npy.measure(stream, label, max_pixels)
    exif = None
    if kind == "PNG":
        header = png.read_header(stream, label)
        check_size(label, header.width, header.height, max_pixels)
        exif = header.exif
    elif kind != "Netpbm":
        _refuse_deep(stream, kind, label)
    return pillow.measure(stream, kind, label, frame, max_pixels, exif=exif)


def _decode_deep_png(stream: BinaryIO, header: png.Header, label: str, frame: int) -> Picture:
    from glimpsecli.images import vips

    if not header.animated:
        check_frame(label, frame, 1)
    elif frame:
        raise FileProblemError(f"{label} is an animated PNG of 16 bit: only frame 0 of it can be read")
    pixels, icc = vips.read_png(stream, label)
    orientation = turning.exif_orientation(header.exif)
    return Picture(np.ascontiguousarray(turning.upright(pixels, orientation)), pixels.shape[-1] in (2, 4), icc)


def kind_of(stream: BinaryIO, label: str) -> str:
    """Find the kind of a file from its first bytes."""
    stream.seek(0)
    try:
        head = stream.read(HEAD)
    except OSError as error:
        raise FileProblemError(f"{label} could not be read: {error.strerror or error}", "check the disk") from error
    if not head:
        raise FileProblemError(f"{label} is empty", f"give a file of {_TAKEN}")
    kind = image_kind(head)
    if kind is not None:
        return kind
    video = video_kind(head)
    if video is not None:
        raise FileProblemError(f"{label} is a video ({video}), not an image", "choose frames of it with --frames")
    raise FileProblemError(f"{label} is not an image that glimpse reads", f"it reads {_TAKEN}")


def image_kind(head: bytes) -> str | None:
    """Name the kind of an image from the first bytes of a file, or give None."""
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:1] == b"P" and head[1:2] in _NETPBM_KINDS and (head[2:3].isspace() or head[2:3] == b"#"):
        return "Netpbm"
    if head[4:8] == b"ftyp":
        box = head[8 : int.from_bytes(head[:4], "big")]
        brands = {box[start : start + 4] for start in range(0, len(box), 4)}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    return None


def _refuse_deep(stream: BinaryIO, kind: str, label: str) -> None:
    """Refuse files of more than 8 bit that Pillow would cut to 8 and say nothing."""
    if kind not in ("JPEG 2000", "AVIF"):
        return
    stream.seek(0)
    head = stream.read(_SEARCHED)
    bits = 8
    if kind == "AVIF":
        at = head.find(b"av1C")
        if 0 <= at < len(head) - 6 and head[at + 6] & 0x40:
            bits = 12 if head[at + 6] & 0x20 else 10
    else:
        at = head.find(b"\xff\x4f\xff\x51")
        sizes = head[at + 42 : at + 42 + 3 * int.from_bytes(head[at + 40 : at + 42], "big") : 3]
        if at >= 0 and sizes and (len(sizes) > 1 or sizes[0] & 0x80):  # unsigned grey comes whole, whatever its depth
            bits = max(size & 0x7F for size in sizes) + 1
    if bits > 8:
        raise FileProblemError(
            f"{label} is a {kind} image of {bits} bit, which would be cut to 8", "convert it to 16-bit TIFF first"
        )


@contextmanager
def recognised(source: Source, name: str | None) -> Iterator[tuple[BinaryIO, str, str]]:
    """Open an image, and give its stream, its label and its kind, with the errors of decoders explained."""
    with opened(source, name) as (stream, label):
        kind = kind_of(stream, label)
        with explained(label, kind):
            yield stream, label, kind


@contextmanager
def explained(label: str, kind: str) -> Iterator[None]:
    """Turn any error of a decoder about a damaged file into one line, and silence its warnings."""
    try:
        with silenced:
            yield
    except GlimpseError:
        raise
    except MemoryError as error:
        raise FileProblemError(f"{label} does not fit into memory", "cut it into tiles first") from error
    except Exception as error:  # decoders meet damaged files with nearly every exception there is
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileProblemError(
            f"{label} could not be read as {kind}: {reason}", "it may be truncated or damaged: get a whole copy"
        ) from error
