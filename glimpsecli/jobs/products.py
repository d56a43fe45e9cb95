"""The two ends of the work on an image: what was decoded of it, and what is made of that for one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.jobs.requests import Sight, as_matrix
from glimpsecli.window import Affine, GaussianParams, Place, Projective, stack_gaussians

if TYPE_CHECKING:
    from glimpsecli.images.picture import Array, Picture
    from glimpsecli.window import Size


class View(NamedTuple):
    """What was decoded of an image: a part of it, or all of it made smaller.

    Attributes
    ----------
    picture : Picture
    image_size : (int, int)
        Height and width of the whole upright image.
    decoded : str
        ``whole``, ``window``, or ``reduced:2`` and the like, for the manifest.
    origin : (int, int)
        Pixel (top, left) of the image where the picture begins; negative where a reduced one hangs over.
    scale : (float, float)
        Pixels of the picture for each of the image, in y and x.
    """

    picture: Picture
    image_size: Size
    decoded: str = "whole"
    origin: tuple[int, int] = (0, 0)
    scale: tuple[float, float] = (1.0, 1.0)

    def places(self, sights: Sequence[Sight], sampler: str, blur: float) -> list[Place]:
        """Give the places of some sights of the whole image in index coordinates of what was decoded."""
        if self.decoded == "whole":
            return [sight.place for sight in sights]
        if sampler == "gaussian":
            return [self._gaussian(stack_gaussians(sight.place, sight.size, blur)[0]) for sight in sights]
        return [self._matrix(as_matrix(sight)) for sight in sights]

    def _gaussian(self, row: np.ndarray) -> Place:
        u_y, s_y, d_y, u_x, s_x, d_x, gain = row.tolist()
        (k_y, k_x), (top, left) = self.scale, self.origin
        first_y, first_x = (u_y + 0.5 - top) * k_y - 0.5, (u_x + 0.5 - left) * k_x - 0.5
        return GaussianParams(first_y, s_y * k_y, d_y * k_y, first_x, s_x * k_x, d_x * k_x, gain)

    def _matrix(self, place: Affine | Projective) -> Place:
        scale, origin = np.array([self.scale[1], self.scale[0]]), np.array([self.origin[1], self.origin[0]])
        shift, matrix = (0.5 - origin) * scale - 0.5, place.matrix
        if isinstance(place, Projective):
            return Projective(np.vstack([matrix[:2] * scale[:, None] + shift[:, None] * matrix[2], matrix[2]]))
        moved = matrix * scale[:, None]
        moved[:, 2] = (matrix[:, 2] + 0.5 - origin) * scale - 0.5
        return Affine(moved)


class Product(NamedTuple):
    """A glimpse or another picture in memory.

    Attributes
    ----------
    pixels : (H, W, C) array
    alpha : bool
        Whether the last channel is alpha.
    icc : bytes or None
    record : dict
        What a program is told of it; its ``index`` counts the products of an image.
    notes, details : tuple of str
        What a person should know, and what one who asks may.
    """

    pixels: Array
    alpha: bool
    icc: bytes | None
    record: dict[str, Any]
    notes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
