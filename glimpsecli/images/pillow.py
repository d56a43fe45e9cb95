"""Images that Pillow decodes without loss: a plugin for each kind of file, and an array for each mode.

Plugins are called directly instead of through `Image.open`. So a file loads the one plugin that it needs, chosen by its
content and not its name, and the limit on pixels is the caller's and not a global that threads share.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile

from glimpsecli.errors import FileProblemError, InvalidInputError, UnavailableError
from glimpsecli.images import orientation as turning
from glimpsecli.images import png
from glimpsecli.images.picture import TAKEN, Array, Picture, check_frame, check_size

_PLUGINS = {
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "Netpbm": ("PIL.PpmImagePlugin", "PpmImageFile"),
    "JPEG 2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pillow_heif", "HeifImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
}

# mode: (mode to convert to, channels, whether the last is alpha)
_MODES = {
    "1": ("L", 1, False),
    "L": ("L", 1, False),
    "LA": ("LA", 2, True),
    "La": ("LA", 2, True),
    "RGB": ("RGB", 3, False),
    "RGBX": ("RGB", 3, False),
    "YCbCr": ("RGB", 3, False),
    "HSV": ("RGB", 3, False),
    "CMYK": ("RGB", 3, False),
    "LAB": ("RGB", 3, False),
    "RGBA": ("RGBA", 4, True),
    "RGBa": ("RGBA", 4, True),
    "PA": ("RGBA", 4, True),
}
_DEEP_MODES = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2", "I;16N": "=u2", "F": "=f4"}

_MARK = 0x5B  # a sample: hardly any image has a row of it alone
_STRIP_BYTES = 1 << 19  # of pixels converted at a time, so that they stay in the cache


def open_image(stream: BinaryIO, kind: str, label: str, max_pixels: int) -> ImageFile.ImageFile:
    """Read the header of a file whose kind is known from its content."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise InvalidInputError(
            f"{label} cannot be trusted to be whole while PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set", "set it to False"
        )
    module, plugin = _PLUGINS[kind]
    try:
        imported = importlib.import_module(module)
    except ImportError as error:
        raise _unavailable(label, kind) from error
    if not getattr(imported, "SUPPORTED", True):  # the plugin is there, the library that it needs is not
        raise _unavailable(label, kind)
    stream.seek(0)
    image: ImageFile.ImageFile
    try:
        image = getattr(imported, plugin)(stream)
    except SyntaxError:
        if kind != "PNG":
            raise
        image = getattr(imported, plugin)(png.without_notes(stream))
    check_size(label, *image.size, max_pixels)
    bits = image.info.get("bit_depth", 8)  # only pillow_heif says; it would cut deeper files to 8 bit
    if bits > 8:
        raise FileProblemError(f"{label} is a {kind} image of {bits} bit", "convert it to 16-bit TIFF first")
    return image


def orientation_of(image: ImageFile.ImageFile, kind: str, exif: bytes | None) -> int:
    """Return the EXIF orientation that is still to be applied, from the block given or from the image's own."""
    if kind in ("HEIF", "TIFF"):
        return 1  # their plugins apply it
    exif = exif or image.info.get("exif")
    # How ImageMagick put EXIF into PNG before there was a chunk.
    legacy = image.info.get("Raw profile type exif") or image.info.get("Raw profile type APP1")
    if exif is None and isinstance(legacy, str):
        try:
            exif = bytes.fromhex("".join(legacy.split("\n")[3:]))
        except ValueError:
            return 1
    return turning.exif_orientation(exif)


def measure(
    stream: BinaryIO, kind: str, label: str, frame: int, max_pixels: int, *, exif: bytes | None = None
) -> tuple[int, int]:
    """Return the upright (height, width) from the header; the parameters are those of :func:`decode`."""
    image = open_image(stream, kind, label, max_pixels)
    if frame:
        check_frame(label, frame, getattr(image, "n_frames", 1))
    return turning.upright_shape(image.height, image.width, orientation_of(image, kind, exif))


def decode(
    stream: BinaryIO,
    kind: str,
    label: str,
    frame: int,
    max_pixels: int,
    *,
    header: png.Header | None = None,
) -> Picture:
    """Decode one frame.

    Parameters
    ----------
    stream : BinaryIO
        The file.
    kind : str
        A key of the table of plugins.
    label : str
        The name of the file in messages.
    frame : int
        Its number, from 0.
    max_pixels : int
        The limit on the size.
    header : png.Header, optional
        The header of a PNG.
    """
    image = open_image(stream, kind, label, max_pixels)
    if frame:
        check_frame(label, frame, getattr(image, "n_frames", 1))
        image.seek(frame)
    if kind == "JPEG":
        from glimpsecli.images import jpeg

        jpeg.load(image, stream, label)
    elif header is None:
        image.load()
    elif frame:  # a later frame may have data for a part of the canvas only
        image.load()
        png.check_data(stream, header, label, frame, suspect=True)
    else:
        png.check_data(stream, header, label, frame, suspect=_leaves_rows(image))
    if kind == "WebP":
        from glimpsecli.images import webp

        stream.seek(0)
        webp.check(stream.read(), label)
    check_size(label, *image.size, max_pixels)  # a frame of an animation may reach beyond its canvas
    orientation = orientation_of(image, kind, None if header is None else header.exif)
    icc = image.info.get("icc_profile")
    mode, channels, alpha, dtype = _layout(image, label)
    key = None if alpha else _transparent_colour(image, channels, 8 if header is None else header.bits)
    shape = (*turning.upright_shape(image.height, image.width, orientation), channels + (key is not None))
    pixels = np.empty(shape, dtype.newbyteorder("="))
    _fill(image, _converter(image.mode, mode, icc), dtype, turning.stored(pixels, orientation)[..., :channels])
    if key is not None:
        opaque = 65535 if dtype.itemsize == 2 else 255
        pixels[..., -1] = np.where(np.all(pixels[..., :-1] == key, axis=-1), 0, opaque)
    return Picture(pixels, alpha or key is not None, None if image.mode in ("CMYK", "LAB") else icc)


def _leaves_rows(image: ImageFile.ImageFile) -> bool:
    """Decode an image, and return whether its last row, or the one above, is as it was before.

    Either may be the row of an interlaced image that is decoded last.
    """
    width, height = image.size
    last = (0, max(0, height - 2), width, height)
    marked = Image.new(image.mode, image.size)
    marked.paste(_MARK, last)
    before = marked.crop(last).tobytes()
    image.im = marked.im
    image.load()
    after = image.crop(last).tobytes()
    half = len(before) // 2 if height > 1 else 0
    return before[:half] == after[:half] != b"" or before[half:] == after[half:]


def _layout(image: Image.Image, label: str) -> tuple[str, int, bool, np.dtype[Any]]:
    """Give the mode to convert an image to, its channels, whether the last is alpha, and the type of its samples."""
    if image.mode == "P":
        alpha = image.has_transparency_data
        return ("RGBA", 4, True, np.dtype(np.uint8)) if alpha else ("RGB", 3, False, np.dtype(np.uint8))
    if image.mode in _DEEP_MODES:
        return image.mode, 1, False, np.dtype(_DEEP_MODES[image.mode])
    if image.mode not in _MODES:
        found = "int32 samples" if image.mode == "I" else f"pixels of Pillow's mode {image.mode}"
        raise FileProblemError(f"{label} holds {found}", f"{TAKEN}; convert it first")
    return (*_MODES[image.mode], np.dtype(np.uint8))


def _converter(mode: str, target: str, icc: bytes | None) -> Callable[[Image.Image], Image.Image] | None:
    if mode in ("CMYK", "LAB"):
        from glimpsecli.images.profiles import to_srgb

        return to_srgb(mode, icc)
    return None if mode == target else lambda strip: strip.convert(target)


def _fill(
    image: Image.Image, convert: Callable[[Image.Image], Image.Image] | None, dtype: np.dtype[Any], stored: Array
) -> None:
    """Copy an image into an array in its stored order, strip by strip.

    `numpy.asarray` would make two more copies of the whole image, and give an array that cannot be written to.
    """
    width, height = image.size
    rows = max(1, _STRIP_BYTES // (4 * width))
    for top in range(0, height, rows):
        part = (0, top, width, min(height, top + rows))
        strip = packed(image, part) if convert is None else convert(image.crop(part)).tobytes()
        stored[top : top + rows] = np.frombuffer(strip, dtype).reshape(-1, width, stored.shape[-1])


def packed(image: Image.Image, part: tuple[int, int, int, int]) -> bytes:
    """Give the pixels of a part, (left, top, right, bottom), of a decoded image in one piece.

    `crop` and `tobytes` would copy them twice more.
    """
    left, top, right, bottom = part
    most = 4 * (right - left) * (bottom - top)  # no pixel takes more bytes
    encoder = Image._getencoder(image.mode, "raw", (image.mode,))
    encoder.setimage(image.im, part)
    content: bytes = encoder.encode(most)[2]
    return content


def _transparent_colour(image: Image.Image, channels: int, grey_bits: int) -> Array | None:
    """Return the colour that a PNG or a GIF declares transparent, in the scale of the pixels."""
    key = image.info.get("transparency")
    if image.mode not in ("1", "L", "RGB", "I;16") or key is None or isinstance(key, bytes):
        return None
    colour = np.atleast_1d(np.asarray(key, np.int64))
    if colour.size != channels:
        return None
    if image.mode == "1":
        colour = np.where(colour > 0, 255, 0)  # 1 or 255, as versions of Pillow differ
    elif grey_bits < 8:
        colour = colour * 255 // (2**grey_bits - 1)
    return colour


def _unavailable(label: str, kind: str) -> UnavailableError:
    package = "pillow-heif" if kind == "HEIF" else "--upgrade pillow"
    return UnavailableError(f"{label} is {kind}, which this installation does not read", f"pip install {package}")
