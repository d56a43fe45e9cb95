"""A film of a training: the windows of a few scenes, at each check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.pictures.scale import as_rgb, fitted, magnify
from glimpsecli.pictures.sequence import draw_sequence
from glimpsecli.pictures.text import FAINT, line_height, missing_glyphs, write
from glimpsecli.window import Window, corners

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Figure
    from glimpsecli.networks.scenes import Batch

SCENES, COLUMNS = 6, 3
"""Scenes of a frame, and how many of them stand side by side."""

SIDE, MARGIN, TEXT = 208, 16, 15
"""Longest side of a scene in a frame, the distance between them, and the size of the words, in pixels."""

_RIGHT, _WRONG = (20, 120, 60), (180, 40, 40)


def frames_of(
    scenes: Batch, classes: Sequence[str], steps: int, lines: Sequence[Mapping[str, Any]]
) -> Iterator[Figure]:
    """Draw a frame for each check.

    Parameters
    ----------
    scenes : Batch
    classes : sequence of str
        Names of the labels.
    steps : int
        Steps of the whole training.
    lines : sequence of mapping
        The figures of the checks; under ``scenes`` each has the ``label`` and the ``windows`` of every scene.

    Yields
    ------
    (H, W, 3) uint8
    """
    names = film_names(classes)
    photos = [_enlarged(image) for image in scenes.images]
    scale = photos[0].shape[0] / scenes.images.shape[1]
    for line in lines:
        head = 2 * line_height(TEXT)
        pitch = photos[0].shape[0] + line_height(TEXT) + MARGIN
        rows = -(-len(photos) // COLUMNS)
        width = MARGIN + COLUMNS * (photos[0].shape[1] + MARGIN)
        frame = np.full((MARGIN + head + rows * pitch, width, 3), 255, np.uint8)
        write(frame, f"step {line['step']} of {steps}", MARGIN, MARGIN // 2, size=TEXT, bold=True)
        write(frame, _words(line), MARGIN, MARGIN // 2 + line_height(TEXT), size=TEXT, colour=FAINT)
        for number, (photo, truth, said) in enumerate(zip(photos, scenes.labels, line["scenes"], strict=True)):
            picture = photo.copy()
            windows = [Window(*row) for row in said["windows"]]
            draw_sequence(picture, [scale * corners(one.to_affine((1, 1)), (1, 1)) for one in windows])
            row, column = divmod(number, COLUMNS)
            top, left = MARGIN + head + row * pitch, MARGIN + column * (picture.shape[1] + MARGIN)
            frame[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            colour = _RIGHT if said["label"] == truth else _WRONG
            write(frame, names[said["label"]], left, top + picture.shape[0], size=TEXT, bold=True, colour=colour)
        yield frame


def film_names(classes: Sequence[str]) -> list[str]:
    """Give the names of classes as a film has them: a number from 0 where the font lacks a letter of the name."""
    return [f"class {number}" if missing_glyphs(name) else name for number, name in enumerate(classes)]


def _words(line: Mapping[str, Any]) -> str:
    words = f"accuracy {line['accuracy']:.0%}"
    if line["found"] is not None:
        words += f", found {line['found']:.0%}, {line['error']:.2f} digits off"
    return words


def _enlarged(image: Array) -> Figure:
    """Give an image as a picture, its pixels as squares where it is small."""
    factor = SIDE // max(image.shape[:2])
    return magnify(as_rgb(image), factor) if factor else fitted(as_rgb(image), SIDE, SIDE)
