"""A sequence of windows on an image: numbered, in colours that grow lighter, and the way between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.pictures.colour import LEVELS, table
from glimpsecli.pictures.label import label
from glimpsecli.pictures.outline import CASING, line_weight, outline
from glimpsecli.pictures.scale import as_rgb, magnify
from glimpsecli.pictures.strokes import stroke

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Figure, Floats

SHORTEST = 320
"""Longer side, in pixels, up to which a picture is magnified, so that numbers do not hide it."""

_RAMP, _FIRST = "viridis", 0.4
"""Colour map of the windows, and the value of the first, on [0, 1]; lower ones are too dark for a line."""

_SPACING = 10.0
"""Distance of a number from where the one before would stand above the same window, in weights of the line."""


def sequence_picture(image: Array, windows: Sequence[Floats]) -> Figure:
    """Draw windows over an image: the first is green, the last yellow.

    Parameters
    ----------
    image : (H, W) or (H, W, C) uint8, uint16 or float32
        A small one is magnified by a whole number.
    windows : sequence of (4, 2) float
        x and y of the corners of each, in their order, on the image plane.

    Returns
    -------
    (H', W', 3) uint8
    """
    factor = max(1, SHORTEST // max(image.shape[:2]))
    figure = magnify(as_rgb(image), factor)
    draw_sequence(figure, [factor * corners for corners in windows])
    return figure


def draw_sequence(figure: Figure, windows: Sequence[Floats], *, numbers: bool = True) -> None:
    """Draw windows into a figure, in place; more than one are joined by lines, and numbered from 1.

    Parameters
    ----------
    figure : (H, W, 3) uint8
    windows : sequence of (4, 2) float
    numbers : bool
        Whether several windows are numbered.
    """
    colours = sequence_colours(len(windows))
    weight = line_weight((figure.shape[0], figure.shape[1]))
    centres = [(float(x), float(y)) for x, y in (corners.mean(axis=0) for corners in windows)]
    for corners, colour in zip(windows, colours, strict=True):
        outline(figure, corners, colour=colour)
    for wide, opacity in ((2.0, CASING), (1.0, 1.0)):
        for before, after, colour in zip(centres, centres[1:], colours[1:], strict=False):
            pen = (0.0, 0.0, 0.0) if wide > 1 else tuple(255 * part for part in colour)
            stroke(figure, [before, after], wide * weight, pen, opacities=[opacity])
    if numbers and len(windows) > 1:
        for number, (corners, colour) in enumerate(zip(windows, colours, strict=True)):
            label(figure, str(number + 1), corners + np.array([number * _SPACING * weight, 0]), colour=colour)


def sequence_colours(count: int) -> list[tuple[float, float, float]]:
    """Give a colour for each of some windows, RGB in 0..1: they grow lighter; a single one is the lightest."""
    rows = table(_RAMP)[np.rint(np.linspace(1, _FIRST, count) * (LEVELS - 1)).astype(int)][::-1]
    return [(float(red), float(green), float(blue)) for red, green, blue in rows]
