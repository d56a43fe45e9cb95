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
        Of the whole image; for Gaussians of the part in `pixels`.
    """

    pixels: Any
    first: int
    pitch: int
    height: int
    width: int
    channels: int


class Tile(NamedTuple):
    """The points of a tile's pixels and the values around them; room for as many pixels as a tile has.

    Attributes
    ----------
    xs, ys : (size,) float64
        The points, index coordinates.
    x_pixel, y_pixel : (size,) int32
        The upper left of the four neighbours of each; outside the image, -1 or the extent.
    x_fraction, y_fraction : (size,) float32
        The weights of the right and of the lower neighbours.
    corners : (4 * channels * size,)
        The values of the neighbours, int32 for uint8, else in the dtype of the image: a plane for each corner and
        channel, or, with the three channels of uint8 in one number, for each corner.
    """

    xs: Any
    ys: Any
    x_pixel: Any
    y_pixel: Any
    x_fraction: Any
    y_fraction: Any
    corners: Any
