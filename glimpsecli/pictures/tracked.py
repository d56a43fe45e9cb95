"""The window of an object that is followed, in the colour and the line of its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpsecli.names import DOUBTFUL, FOUND, LOST
from glimpsecli.pictures.outline import line_weight, outline
from glimpsecli.pictures.strokes import stroke

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Figure

GREEN, AMBER, RED = (0.2, 0.85, 0.2), (1.0, 0.7, 0.0), (1.0, 0.25, 0.2)
COLOURS = {FOUND: GREEN, DOUBTFUL: AMBER, LOST: RED}
_DASHES = {DOUBTFUL: 5.0, LOST: 2.0}
"""Lengths of dashes, in weights of the line, so that the states differ without colour too."""


def tracked_outline(figure: Figure, corners: Array, state: str) -> tuple[float, float, float]:
    """Draw a window into a figure, in place: whole where it was found, dashed where it is only a guess.

    Parameters
    ----------
    figure : (H, W, 3) uint8
    corners : (4, 2) float
        x and y on the image plane, in order.
    state : str
        ``found``, ``doubtful`` or ``lost``.

    Returns
    -------
    (float, float, float)
        The colour of the state, 0 to 1.
    """
    colour = COLOURS[state]
    if state not in _DASHES:
        outline(figure, corners, colour=colour)
        return colour
    weight = line_weight((figure.shape[0], figure.shape[1]))
    points = [(float(x), float(y)) for x, y in [*corners, corners[0]]]
    dash = _DASHES[state] * weight
    stroke(figure, points, 2 * weight, (0.0, 0.0, 0.0), dash=dash)
    stroke(figure, points, weight, (255 * colour[0], 255 * colour[1], 255 * colour[2]), dash=dash)
    return colour
