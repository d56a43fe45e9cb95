"""The records that the compiled helpers pass on."""

from __future__ import annotations

from typing import Any, NamedTuple


class Image(NamedTuple):
    """One image of a batch.

    Attributes
    ----------
    pixels : (...) uint8, uint16 or float32
        All values of all images, or of the part of each that the windows read.
    first : int
        The position that pixel (0, 0) of the whole image has in `pixels` or, in a part, would have.
    pitch : int
        Values from one row to the next.
    height, width, channels : int
        Of the whole image.
    """

    pixels: Any
    first: int
    pitch: int
    height: int
    width: int
    channels: int


class Tile(NamedTuple):
    """Some whole rows of a glimpse, `top` to `bottom`, or a part of one row."""

    top: Any
    bottom: Any
    left: Any
    columns: Any


class Run(NamedTuple):
    """The pixels of a tile, row by row; on axis 0 is x, on axis 1 y.

    Attributes
    ----------
    points : (size,) float64
        One coordinate of the point of each, while it is located.
    pixels : (2, size) int32
        The pixel of the image to the left of or above the point of each; at the right or lower end, that at the end.
    fractions : (2, size) float32
        The weights of the next pixels of the image.
    coverage : (2, size) float32
        1 inside the image, and less where the fill colour has a share.
    pairs : (2 * size,) float32
        The two neighbours on the level of the point, for one channel.
    values : (size * channels + LANES,) float32
        The pixels of the glimpse.
    """

    points: Any
    pixels: Any
    fractions: Any
    coverage: Any
    pairs: Any
    values: Any
