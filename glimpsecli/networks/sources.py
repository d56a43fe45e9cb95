"""The images to learn from, with a description of them by which a training that goes on knows them again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from glimpsecli.networks.digits import read_digits
from glimpsecli.networks.folders import read_folder
from glimpsecli.networks.scenes import PRESETS, Scenes

if TYPE_CHECKING:
    from glimpsecli.networks.scenes import Source


def scenes_source(canvas: int, clutter: int | None = None, data: str | None = None) -> tuple[Source, dict[str, Any]]:
    """Give scenes, of the preset of a canvas where it has one, and their description as data for JSON.

    Parameters
    ----------
    canvas : int
        Height and width of an image in pixels. Without a preset, sizes are those of 40 pixels in proportion.
    clutter : int, optional
        Scraps of other digits in each image.
    data : path, optional
        A file of digits: :func:`~glimpsecli.networks.digits.read_digits`.

    Raises
    ------
    InvalidInputError, FileProblemError
        As :class:`~glimpsecli.networks.scenes.Scenes` and :func:`~glimpsecli.networks.digits.read_digits`.
    """
    scenes = PRESETS.get(canvas)
    if scenes is None:
        usual = Scenes()
        share = canvas / usual.canvas
        sizes = usual.sizes[0] * share, usual.sizes[1] * share
        scenes = dataclasses.replace(usual, canvas=canvas, sizes=sizes, patch=max(1, round(usual.patch * share)))
    if clutter is not None:
        scenes = dataclasses.replace(scenes, clutter=clutter)
    known: dict[str, Any] = {"kind": "scenes", **scenes.as_dict()}
    if data is not None:
        scenes = dataclasses.replace(scenes, glyphs=read_digits(data))
        with open(data, "rb") as file:
            known["data"] = hashlib.sha256(file.read()).hexdigest()
    return scenes, known


def folder_source(
    path: str, canvas: int, *, colour: bool = False, progress: Callable[[int, int], object] | None = None
) -> tuple[Source, dict[str, Any]]:
    """Give the images of a folder with a subfolder for each class, and their description as data for JSON.

    Parameters
    ----------
    path, canvas, colour, progress
        As for :func:`~glimpsecli.networks.folders.read_folder`, whose errors these are.
    """
    images = read_folder(path, canvas, colour=colour, progress=progress)
    known = {"kind": "folder", "canvas": canvas, "channels": images.channels, "images": images.fingerprint()}
    return images, known
