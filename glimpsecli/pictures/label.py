"""The label of a window: a word on a dark strip, above the window's first corner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.pictures.outline import line_weight
from glimpsecli.pictures.scale import scale_of
from glimpsecli.pictures.text import render

if TYPE_CHECKING:
    from glimpsecli.arrays import Array

_STRIP = 0.6  # opacity of the strip
_LETTERS = 8.0  # size of the letters, in weights of a line
_SMALLEST = 11  # pixels


def label(picture: Array, text: str, corners: Array, *, colour: tuple[float, float, float]) -> None:
    """Draw a label into a picture, in place, moved into the picture where it would reach out of it.

    Parameters
    ----------
    picture : (H, W, 3 or 4) uint8, uint16 or float32
        RGB, or RGB with straight alpha.
    text : str
    corners : (4, 2) float
        x and y of the window's corners, on the image plane.
    colour : (3,) float
        RGB of the letters in 0..1.
    """
    height, width = picture.shape[:2]
    letters = render(text, max(_SMALLEST, round(_LETTERS * line_weight((height, width)))), bold=True)
    margin = max(2, letters.shape[0] // 6)
    strip = np.pad(letters, ((0, 0), (margin, margin)))[:height, :width]
    left = int(np.clip(np.min(corners[:, 0]), 0, width - strip.shape[1]))
    above = np.min(corners[:, 1]) - strip.shape[0] - margin - line_weight((height, width))
    top = int(np.clip(above, 0, height - strip.shape[0]))
    part = picture[top : top + strip.shape[0], left : left + strip.shape[1]]
    scale = scale_of(picture)
    cover = strip[..., None]
    colours = part[..., :3] / scale * (1 - _STRIP) * (1 - cover) + np.asarray(colour) * cover
    part[..., :3] = np.round(colours * scale) if picture.dtype.kind == "u" else colours
    part[..., 3:] = scale
