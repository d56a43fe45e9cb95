"""Arrays to image files, each whole or not there, the same bytes for the same pixels."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.depth import depth_of
from glimpsecli.images.formats import Format, check, check_side, format_named, format_of, needs_vips
from glimpsecli.images.picture import Array, matching_icc
from glimpsecli.storage import place
from glimpsecli.storage.atomic import explained

__all__ = ["write", "write_npz"]

Target = str | os.PathLike[str] | BinaryIO

QUALITY = 90
COMPRESS = 1
_LOSSLESS = 100


def write(
    target: Target,
    pixels: Array,
    *,
    format: Format | str | None = None,  # noqa: A002 - the name that Pillow and imageio gave it
    alpha: bool = False,
    icc: bytes | None = None,
    quality: int | None = None,
    compress: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write one image.

    Parameters
    ----------
    target : path, address or binary stream
        A stream need not be seekable; it gets the whole file in one piece, and stays open.
    pixels : (H, W, C) or (H, W) array of uint8, uint16 or float32
        Its type is the depth of the file; an array file keeps its shape.
    format : Format or str, optional
        By default the path's suffix decides.
    alpha : bool
        Whether the last channel is straight alpha.
    icc : bytes, optional
        A colour profile; left out where it does not suit the channels or the format.
    quality : int, optional
        1 to 100, 90 by default, for JPEG and WebP. WebP of 100 is lossless.
    compress : int, optional
        0 to 9, for PNG (1 by default) and TIFF (0 by default, which is uncompressed).
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    InvalidInputError
        If the format cannot hold the pixels, an option is out of range, or the file exists.
    UnavailableError
        If the format needs a package that is not installed.
    FileProblemError
        If the system refuses.
    """
    if format is None:
        if not isinstance(target, (str, os.PathLike)):
            raise InvalidInputError("a stream has no suffix to tell its format", "give `--format`")
        kind = format_of(target)
    else:
        kind = format_named(format) if isinstance(format, str) else format
    if kind.container:
        raise InvalidInputError(f"{kind.title} holds named arrays, not one image", "use write_npz()")
    if pixels.ndim not in (2, 3):
        raise InvalidInputError(f"an array of shape {pixels.shape} is no image", "an image is (H, W) or (H, W, C)")
    check_range("quality", quality, 1, 100)
    check_range("compress", compress, 0, 9)
    image = pixels[:, :, None] if pixels.ndim == 2 else pixels
    check(kind, depth=depth_of(image), channels=image.shape[2], alpha=alpha)
    check_side(kind, *image.shape[:2])
    if kind.name == "npy":
        from glimpsecli.images import npy

        _deliver(target, lambda stream: npy.write_array(stream, pixels), overwrite=overwrite)
        return
    image = np.ascontiguousarray(image, image.dtype.newbyteorder("="))
    icc = matching_icc(icc, image.shape[2] - alpha)
    if kind.name == "tiff":
        from glimpsecli.images import tiff

        level = compress or 0
        _deliver(
            target, lambda stream: tiff.encode(stream, image, alpha=alpha, icc=icc, compress=level), overwrite=overwrite
        )
        return
    _deliver(target, lambda stream: stream.write(_encode(image, kind, icc, quality, compress)), overwrite=overwrite)


def write_npz(target: Target, arrays: Mapping[str, Array], *, overwrite: bool = False) -> None:
    """Write named arrays into one `.npz` file.

    Parameters
    ----------
    target : path or binary stream
        As for :func:`write`.
    arrays : mapping of str to array
        Of any shapes, of numbers or strings, not objects.
    overwrite : bool
        Replace an existing file.
    """
    from glimpsecli.images import npy

    _deliver(target, lambda stream: npy.write_arrays(stream, arrays), overwrite=overwrite)


def check_range(option: str, value: int | None, low: int, high: int) -> None:
    """Refuse an option that is out of range."""
    if value is not None and not low <= value <= high:
        raise InvalidInputError(f"{option} {value} is out of range", f"use {low} to {high}")


def _encode(image: Array, kind: Format, icc: bytes | None, quality: int | None, compress: int | None) -> bytes:
    """Encode PNG, JPEG or WebP in memory: Pillow's errors about a full disk would not say so."""
    level = COMPRESS if compress is None else compress
    if needs_vips(kind, depth_of(image), image.shape[2]):
        from glimpsecli.images import vips

        return vips.encode_png(image, icc=icc, compress=level)
    quality = QUALITY if quality is None else quality
    if kind.name == "png":
        options: dict[str, Any] = {"compress_level": level}
    elif kind.name == "jpg":
        # Full colour resolution at high quality; below it half, as cameras do.
        options = {"quality": quality, "subsampling": "4:4:4" if quality >= QUALITY else "4:2:0"}
    elif quality == _LOSSLESS:
        options = {"lossless": True, "exact": True}
    else:
        options = {"quality": quality, "exact": True}
    if kind.name == "webp" and image.shape[2] < 3:
        icc = None  # WebP has no grey: it is stored as RGB, which a grey profile does not describe
    file = _Named()
    file.name = f"glimpse.{kind.name}"
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(file, icc_profile=icc, **options)
    return file.getvalue()


class _Named(io.BytesIO):
    """A file in memory with a name: by its suffix Pillow loads one plugin, by a format it would load five."""

    name = ""


def _deliver(target: Target, encode: Callable[[BinaryIO], object], *, overwrite: bool) -> None:
    """Send the output of an encoder to a path, an address or a stream; encoders get a seekable stream."""
    if isinstance(target, (str, os.PathLike)):
        place(target, encode, overwrite=overwrite)
        return
    content = io.BytesIO()
    encode(content)
    label = str(getattr(target, "name", "the output stream"))
    try:
        target.write(content.getbuffer())
        target.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise explained(label, error) from error
