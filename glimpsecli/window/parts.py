"""Places over a part of an image, which may have another size, and the steps between their taps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.window.places import Affine, GaussianParams
from glimpsecli.window.projective import Projective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.window.checks import Size


def in_part(
    place: Affine | Projective | GaussianParams, origin: tuple[int, int], scale: tuple[float, float]
) -> Affine | Projective | GaussianParams:
    """Give a place in the index coordinates of a part of its image.

    A point p of the image plane lies at (p - origin) scale on the plane of the part.

    Parameters
    ----------
    place : Affine, Projective or GaussianParams
        In index coordinates of the whole image.
    origin : (int, int)
        Pixel (top, left) of the image where the part begins; it may be negative.
    scale : (float, float)
        Pixels of the part for each of the image, in y and x.
    """
    (top, left), (k_y, k_x) = origin, scale
    if isinstance(place, GaussianParams):
        first_y, first_x = (place.u_y + 0.5 - top) * k_y - 0.5, (place.u_x + 0.5 - left) * k_x - 0.5
        widths = place.s_y * k_y, place.d_y * k_y, place.s_x * k_x, place.d_x * k_x
        return GaussianParams(first_y, *widths[:2], first_x, *widths[2:], place.gain)
    corner, factor, matrix = np.array([left, top]), np.array([k_x, k_y]), place.matrix
    if isinstance(place, Projective):
        shift = (0.5 - corner) * factor - 0.5
        return Projective(np.vstack([matrix[:2] * factor[:, None] + shift[:, None] * matrix[2], matrix[2]]))
    moved = matrix * factor[:, None]
    moved[:, 2] = (matrix[:, 2] + 0.5 - corner) * factor - 0.5
    return Affine(moved)


def tap_steps(place: Affine | Projective, size: Size) -> NDArray[np.float64]:
    """Give the steps from a tap to the next of its row and of its column, in pixels of the image.

    Returns
    -------
    (2, 2) or (4, 2, 2) float64
        The last two axes are x and y of the image, and x and y of the glimpse. A projective place, whose steps differ,
        has them at each corner of the glimpse.
    """
    if isinstance(place, Affine):
        return place.matrix[:, :2]
    h, w = size
    taps = np.array([[0, 0, 1], [w - 1, 0, 1], [0, h - 1, 1], [w - 1, h - 1, 1]], dtype=np.float64)
    points = taps @ place.matrix.T
    ahead = points[:, :, None] + place.matrix[:, :2]
    return ahead[:, :2] / ahead[:, 2:] - (points[:, :2] / points[:, 2:])[:, :, None]
