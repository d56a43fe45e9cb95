"""Pictures of any shape fitted onto a square canvas, and windows there taken back to the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images import convert, depth_of, flatten
from glimpsecli.sampling import extract
from glimpsecli.window import Window

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.images import Picture

_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue: ITU-R BT.601


class Letterboxed(NamedTuple):
    """A picture in the middle of a square canvas, with black beside it or above and below.

    Attributes
    ----------
    image : (side, side) or (side, side, 3) uint8
    scale : (float, float)
        Pixels of the canvas for one pixel of the picture, across and down. They differ by less than one pixel in all.
    corner : (int, int)
        Left and top of the picture on the canvas, in pixels.
    """

    image: NDArray[np.uint8]
    scale: tuple[float, float]
    corner: tuple[int, int]

    @property
    def unchanged(self) -> bool:
        """Whether each pixel of the picture is one of the canvas."""
        return self.scale == (1, 1)

    def to_picture(self, windows: Floats) -> Floats:
        """Take windows (N, 5) on the canvas to where they lie on the picture."""
        return (windows - [*self.corner, 0, 0, 0]) / [*self.scale, *self.scale, 1]

    def to_canvas(self, windows: Floats) -> Floats:
        """Take windows (N, 5) on the picture to where they lie on the canvas."""
        return windows * [*self.scale, *self.scale, 1] + [*self.corner, 0, 0, 0]


def letterbox(picture: Picture, side: int, *, colour: bool = False, label: str = "the image") -> Letterboxed:
    """Fit a picture onto a square canvas: its longer side fills it. Enlarging and shrinking are Gaussian glimpses.

    Parameters
    ----------
    picture : Picture
        Of any depth. What is transparent becomes black.
    side : int
        Of the canvas, in pixels.
    colour : bool
        Whether the canvas is RGB; grey otherwise.
    label : str
        Name of the picture in messages.

    Raises
    ------
    InvalidInputError
        The picture has neither 1 nor 3 channels besides alpha.
    FileProblemError
        A pixel is NaN.
    """
    pixels: NDArray[Any] = flatten(picture.pixels, 0) if picture.alpha else picture.pixels
    depth = depth_of(pixels)
    if pixels.shape[2] not in (1, 3):
        raise InvalidInputError(f"{label} has {pixels.shape[2]} channels", "give a grey or an RGB image")
    height, width = pixels.shape[:2]
    rows, columns = (max(1, round(extent * side / max(height, width))) for extent in (height, width))
    if (rows, columns) != (height, width):
        whole = Window(width / 2, height / 2, width, height)
        pixels = extract(pixels, whole, (rows, columns), sampler="gaussian", backend="cpu", threads=1)
    if pixels.shape[2] == 3 and not colour:
        pixels = (pixels.astype(np.float32) @ _GREY)[..., None]
    if depth == "float" and np.isnan(pixels).any():
        raise FileProblemError(f"{label} has pixels that are NaN", "give an image with a number for each pixel")
    seen = convert(pixels, depth, "8").pixels
    top, left = (side - rows) // 2, (side - columns) // 2
    image = np.zeros((side, side, 3 if colour else 1), np.uint8)
    image[top : top + rows, left : left + columns] = seen
    return Letterboxed(image if colour else image[..., 0], (columns / width, rows / height), (left, top))
