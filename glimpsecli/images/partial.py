"""A part of a JPEG: the rows down to a window, or every second, fourth or eighth pixel, at a part of the cost.

Both use Pillow's own decoder, so no other version of libjpeg can give other pixels. A JPEG is one stream of bits, so
everything above a window must be decoded; the rows below need not be. libvips saves no more than that.
"""

from __future__ import annotations

import os
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageFile

from glimpsecli.errors import InvalidInputError
from glimpsecli.images import jpeg, pillow
from glimpsecli.images import orientation as turning
from glimpsecli.images.picture import Array, Picture, matching_icc
from glimpsecli.images.reading import recognised
from glimpsecli.images.sources import Source
from glimpsecli.names import MAX_PIXELS

Box = tuple[int, int, int, int]

FACTORS = (2, 4, 8)

_COLOURS = {"L": 1, "RGB": 3}
# The EXIF orientations whose stored rows or columns run backwards on the upright image.
_LAST_ROW_FIRST = (3, 4, 6, 7)
_LAST_COLUMN_FIRST = (2, 3, 7, 8)
_END = b"\xff\xd9"
_TAIL = 1 << 16  # bytes before the end of a file in which the marker of the image's end must lie


class Reduced(NamedTuple):
    """A picture decoded smaller, and where its pixels lie on the full one.

    Reduced pixel (i, j) stands for the full pixels from ``origin + (i, j) / scale`` to ``origin + (i + 1, j + 1) /
    scale``. A size that is no multiple of the factor is rounded up: the last pixel as stored hangs over the edge, where
    the encoder's padding fills it.

    Attributes
    ----------
    picture : Picture
        Upright.
    scale : (float, float)
        Reduced pixels per full pixel, along y and x: 0.5, 0.25 or 0.125, and 1 for an image too small to reduce.
    origin : (int, int)
        The full pixel (y, x), upright, where the first reduced one begins. Negative where the EXIF orientation has
        brought the hanging edge to the top or to the left.
    """

    picture: Picture
    scale: tuple[float, float]
    origin: tuple[int, int]


def read_window(source: Source, box: Box, *, max_pixels: int = MAX_PIXELS, name: str | None = None) -> Picture | None:
    """Read the pixels in a box, equal to ``read(source).pixels[top:bottom, left:right]``.

    Parameters
    ----------
    source : path or binary stream
        A path.
    box : (int, int, int, int)
        Top, bottom, left, right, ends excluded, in upright pixels.
    max_pixels : int
        Larger images are refused, whatever the box.
    name : str, optional
        The name of the source in messages.

    Returns
    -------
    Picture or None
        None if only :func:`read` can read the file: it is no JPEG, or not grey or RGB.

    Raises
    ------
    InvalidInputError, FileProblemError
        As :func:`read`. Damage below the last row needed goes unnoticed in a JPEG that is not progressive, but for a
        missing end of the file.
    """
    reduced = _read(source, 1, box, max_pixels, name)
    return None if reduced is None else reduced.picture


def read_reduced(
    source: Source, factor: int, *, box: Box | None = None, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> Reduced | None:
    """Read a JPEG at a half, a quarter or an eighth of its size, which its blocks of 8 x 8 allow to do cheaply.

    Parameters
    ----------
    source : path or binary stream
        A path.
    factor : int
        2, 4 or 8. An image with fewer pixels than that on a side is reduced less: `scale` says by how much.
    box : (int, int, int, int), optional
        Top, bottom, left, right, ends excluded, in upright pixels of the full size: the picture covers no more than
        it takes to hold this box, and rows below it are not decoded.
    max_pixels : int
        Images of a larger full size are refused.
    name : str, optional
        The name of the source in messages.

    Returns
    -------
    Reduced or None
        None if only :func:`read` can read the file: it is no JPEG, or not grey or RGB.

    Raises
    ------
    InvalidInputError, FileProblemError
        As :func:`read_window`.
    """
    if factor not in FACTORS:
        raise InvalidInputError(f"a JPEG is not reduced by {factor}", "take 2, 4 or 8")
    return _read(source, factor, box, max_pixels, name)


def given_factor(source: Source, factor: int, *, max_pixels: int = MAX_PIXELS, name: str | None = None) -> int | None:
    """Give the factor by which :func:`read_reduced` would reduce a file, from its header; None where it gives None."""
    with recognised(source, name) as (stream, label, kind):
        if kind != "JPEG":
            return None
        image = pillow.open_image(stream, kind, label, max_pixels)
        return _draft(image, factor) if image.mode in _COLOURS else None


def _read(source: Source, factor: int, box: Box | None, max_pixels: int, name: str | None) -> Reduced | None:
    with recognised(source, name) as (stream, label, kind):
        if kind != "JPEG":
            return None
        image = pillow.open_image(stream, kind, label, max_pixels)
        if image.mode not in _COLOURS:
            return None
        width, height = image.size
        orientation = pillow.orientation_of(image, kind, None)
        top, bottom, left, right = _stored_box(box, height, width, orientation, label)
        given = _draft(image, factor)
        covered = (top // given, -(-bottom // given), left // given, -(-right // given))
        if not _decode_rows(image, stream, covered[1], label):
            image = pillow.open_image(stream, kind, label, max_pixels)
            _draft(image, factor)
            jpeg.load(image, stream, label)
        pixels = turning.upright(_cut(image, covered), orientation).copy()
        icc = matching_icc(image.info.get("icc_profile"), pixels.shape[2])
    top, bottom, left, right = (given * edge for edge in covered)
    y = height - bottom if orientation in _LAST_ROW_FIRST else top
    x = width - right if orientation in _LAST_COLUMN_FIRST else left
    origin = (x, y) if orientation >= 5 else (y, x)
    return Reduced(Picture(pixels, False, icc), (1 / given, 1 / given), origin)


def _stored_box(box: Box | None, height: int, width: int, orientation: int, label: str) -> Box:
    """Find the box of an upright image in the stored one, whose size is given."""
    if box is None:
        return 0, height, 0, width
    top, bottom, left, right = box
    upright_height, upright_width = turning.upright_shape(height, width, orientation)
    if not (0 <= top < bottom <= upright_height and 0 <= left < right <= upright_width):
        raise InvalidInputError(
            f"rows {top} to {bottom} and columns {left} to {right} are no part of {label}",
            f"it has {upright_height} rows and {upright_width} columns",
        )
    if orientation >= 5:
        top, bottom, left, right = left, right, top, bottom
    if orientation in _LAST_ROW_FIRST:
        top, bottom = height - bottom, height - top
    if orientation in _LAST_COLUMN_FIRST:
        left, right = width - right, width - left
    return top, bottom, left, right


def _draft(image: ImageFile.ImageFile, factor: int) -> int:
    """Have an image decoded smaller, and return the factor that it gets."""
    if factor == 1:
        return 1
    width, height = image.size
    # Pillow takes the largest power of 2 up to the smaller ratio of the sizes: this gives the factor and no other.
    drafted = image.draft(None, (max(1, width // factor), max(1, height // factor)))
    return 1 if drafted is None else round(width / drafted[1][2])


def _decode_rows(image: ImageFile.ImageFile, stream: BinaryIO, rows: int, label: str) -> bool:
    """Decode the first rows of an image; False if that has failed, or may have, and it must be decoded whole.

    For the decoder the image ends there: it fills the rows and complains that there are more, in the same words as
    about a damaged file. So the last row is filled with noise first: a row that is noise no longer was decoded.
    """
    width, height = image.size
    if rows == height:
        jpeg.load(image, stream, label)
        return True
    if len(image.tile) != 1 or not _ends(stream):
        return False
    image._size = (width, rows)
    image.tile = [image.tile[0]._replace(extents=(0, 0, width, rows))]
    image.load_prepare()
    noise = os.urandom(width * _COLOURS[image.mode])
    last = (0, rows - 1, width, rows)
    image.im.paste(Image.frombytes(image.mode, (width, 1), noise).im, last)
    jpeg.load(image, stream, label, cut=True)
    return image.crop(last).tobytes() != noise


def _ends(stream: BinaryIO) -> bool:
    """Return whether a JPEG whose header has just been read has an end: only then is it surely not truncated."""
    start = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(start, size - _TAIL))
    return _END in stream.read()


def _cut(image: Image.Image, box: Box) -> Array:
    top, bottom, left, right = box
    cut = pillow.packed(image, (left, top, right, bottom))
    return np.frombuffer(cut, np.uint8).reshape(bottom - top, right - left, _COLOURS[image.mode])
