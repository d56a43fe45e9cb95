"""The labels of windows: words on strips in the colours of their windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.pictures.labelling import places_of
from glimpsecli.pictures.outline import line_weight, outline
from glimpsecli.pictures.scale import scale_of
from glimpsecli.pictures.text import cut, render, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpsecli.arrays import Array
    from glimpsecli.pictures.text import Font

_LETTERS = (4.0, 8.0)  # least and greatest size of the letters, in weights of a line
_SHARE = 0.15  # size of the letters between these, in sides of the median window
_SMALLEST = 11  # pixels
_LONGEST = 14  # ems of a label, where its window is not wider
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_DARK = 0.32
"""Luminance of a colour below which its ink is white; black, of higher contrast from 0.18 on, is heavy."""


class Mark(NamedTuple):
    """A window to be drawn.

    Attributes
    ----------
    corners : (4, 2) float
        x and y on the image plane, in order.
    colour : (float, float, float)
        RGB in 0..1.
    text : str
        Its label.
    note : str
        A word behind the label, which stays whole where that is cut.
    dash : float, optional
        Length of the dashes of its outline, in weights of the line.
    """

    corners: Array
    colour: tuple[float, float, float]
    text: str = ""
    note: str = ""
    dash: float | None = None


def draw_marks(picture: Array, marks: Sequence[Mark], *, font: Font = None) -> None:
    """Draw windows into a picture, in place: large ones first, and then the labels of all.

    Parameters
    ----------
    picture : (H, W, 3 or 4) uint8, uint16 or float32
        RGB, or RGB with straight alpha.
    marks : sequence of Mark
    font : path, optional
        For the labels.
    """
    weight = line_weight((picture.shape[0], picture.shape[1]))
    for mark in sorted(marks, key=lambda mark: -_area(mark.corners)):
        outline(picture, mark.corners, colour=mark.colour, dash=mark.dash and mark.dash * weight)
    labels(picture, [mark for mark in marks if mark.text or mark.note], font=font)


def labels(picture: Array, marks: Sequence[Mark], *, font: Font = None) -> None:
    """Draw the labels of windows into a picture, in place.

    Each lies within the picture, beside its window or in it, where it covers no other label if there is such a place.
    One that is wider than its window and long is cut. Parameters are those of :func:`draw_marks`.
    """
    height, width = picture.shape[:2]
    weight = line_weight((height, width))
    side = float(np.median([_area(mark.corners) for mark in marks])) ** 0.5 if marks else 0.0
    size = max(_SMALLEST, round(min(max(_SHARE * side, _LETTERS[0] * weight), _LETTERS[1] * weight)))
    margin = max(2, size // 4)
    strips = []
    for mark in marks:
        extent = float(np.ptp(mark.corners[:, 0]))
        text = _fitting(mark, size, min(width - 2 * margin, max(extent, _LONGEST * size)), font)
        strips.append(np.pad(render(text, size, font=font, bold=True), ((0, 0), (margin, margin)))[:height, :width])
    found = places_of([strip.shape for strip in strips], [mark.corners for mark in marks], (height, width), weight)
    for mark, strip, (top, left) in zip(marks, strips, found, strict=True):
        _put(picture[top : top + strip.shape[0], left : left + strip.shape[1]], strip, mark.colour)


def label(picture: Array, text: str, corners: Array, *, colour: tuple[float, float, float]) -> None:
    """Draw the label of one window into a picture, in place; see :func:`labels`."""
    labels(picture, [Mark(corners, colour, text)])


def _fitting(mark: Mark, size: int, width: float, font: Font) -> str:
    """Give the words of a mark, its label cut where they are too wide."""
    if not mark.text or not mark.note:
        return cut(mark.text or mark.note, size, width, font=font, bold=True)
    behind = f" {mark.note}"
    return cut(mark.text, size, width - width_of(behind, size, font=font, bold=True), font=font, bold=True) + behind


def _put(part: Array, cover: Array, colour: tuple[float, float, float]) -> None:
    """Draw letters on a strip of a colour, black or white, whichever is read more easily."""
    pen = np.asarray(colour)
    linear = np.where(pen <= 0.04045, pen / 12.92, ((pen + 0.055) / 1.055) ** 2.4)
    ink = float(linear @ _LUMINANCE < _DARK)
    scale = scale_of(part)
    values = (pen + (ink - pen) * cover[..., None]) * scale
    part[..., :3] = np.rint(values) if part.dtype.kind == "u" else values
    part[..., 3:] = scale


def _area(corners: Array) -> float:
    x, y = corners[:, 0], corners[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
