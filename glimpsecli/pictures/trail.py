"""The trail of a window: the way that its centre has gone, fading with age."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.outline import CASING, line_weight
from glimpsecli.pictures.scale import scale_of
from glimpsecli.pictures.strokes import stroke

if TYPE_CHECKING:
    from glimpsecli.arrays import Array

_DOT, _LOOK = 2.6, 4.5
"""Diameters of the dot at the end, and of the dots that are looks, in weights of the line."""


def trail(
    picture: Array,
    points: Sequence[tuple[float, float]],
    *,
    colour: tuple[float, float, float] = (1.0, 0.85, 0.0),
    weight: float | None = None,
    dots: bool = False,
) -> None:
    """Draw a trail into a picture, in place: it ends in a dot, and the older it is the paler.

    Like the outline of a window it lies in a dark casing half a weight wide on either side. Alpha is not changed.

    Parameters
    ----------
    picture : (H, W, 3 or 4) uint8 or uint16
        RGB, or RGB with straight alpha.
    points : sequence of (float, float)
        x and y on the image plane, the oldest first; they may lie outside the picture. Neighbours that are one point
        count once.
    colour : (3,) float
        RGB in 0..1.
    weight : float, optional
        The weight of the line in pixels; without it, that of an outline.
    dots : bool
        Whether each point is a dot, as the looks of an eye are.
    """
    if picture.ndim != 3 or picture.shape[2] not in (3, 4) or picture.dtype.kind != "u":
        raise InvalidInputError(
            f"a picture of shape {picture.shape}, {picture.dtype}", "use (H, W, 3) or (H, W, 4) of whole numbers"
        )
    places = [point for before, point in pairwise([None, *points]) if point is not None and point != before]
    if not places:
        return
    weight = line_weight((picture.shape[0], picture.shape[1])) if weight is None else weight
    colours, white = picture[:, :, :3], scale_of(picture)
    shares = [k / len(places) for k in range(1, len(places) + 1)]
    for share, wide, ink in ((CASING, 1.0, (0.0, 0.0, 0.0)), (1.0, 0.0, colour)):
        pen, casing = tuple(white * value for value in ink), wide * weight
        opacities = [share * value for value in shares]
        stroke(colours, places, weight + casing, pen, opacities=opacities[1:])
        for (x, y), opacity in zip(places, opacities, strict=True) if dots else [(places[-1], share)]:
            size = (_LOOK if dots else _DOT) * weight + casing
            stroke(colours, [(x, y), (x, y)], size, pen, opacities=[opacity])
