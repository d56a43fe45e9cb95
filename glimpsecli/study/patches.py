"""Patches: the pictures of objects, of things that hide them, and of the backgrounds over which they move."""

from __future__ import annotations

import functools
import math
import os
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling import extract
from glimpsecli.window import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Colours = NDArray[np.uint8]

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "retina.jpg", "rocket.jpg")
"""The sample photos in colour."""

FINER = 2
"""Pixels of a picture for each pixel of a frame, along each axis: see ``layers``."""

CONTRAST = 22.0
"""Least standard deviation of a patch's grey values, white being 255: an object can be told from a wall."""

_TRIES, _LARGEST, _TEXTURE = 60, 720, 512
_GREY = np.array([0.299, 0.587, 0.114])


def background(random: np.random.Generator, name: str, folder: str) -> Colours:
    """Give a photo, as it is or out of focus, or a smooth texture: (H, W, 3)."""
    what = random.choice(["photo", "soft photo", "texture"], p=[0.4, 0.3, 0.3])
    if what == "texture":
        return _texture(random)
    picture = photo(name, folder)
    if what == "photo":
        return picture
    height, width = picture.shape[:2]
    whole = Window(width / 2, height / 2, width, height)
    return _rounded(extract(picture, whole, (height, width), blur=random.uniform(2, 4), backend="cpu", threads=1))


def patch(random: np.random.Generator, name: str, folder: str, extent: tuple[float, float]) -> Colours:
    """Cut a patch with some contrast from a photo, at the resolution of the layers.

    Parameters
    ----------
    random : numpy.random.Generator
    name : str
        Of a photo.
    folder : path
    extent : (float, float)
        Width and height in the frame, pixels.

    Returns
    -------
    (h, w, 3) uint8
        Of the places that were tried the first with contrast, else that with the most.
    """
    picture = photo(name, folder)
    size = _size(extent)
    best, most = np.zeros((*size, 3), np.uint8), -1.0
    for _ in range(_TRIES):
        zoom = min(random.uniform(0.8, 1.6), *(0.9 * p / s for p, s in zip(picture.shape, size, strict=False)))
        height, width = size[0] * zoom, size[1] * zoom
        cx = random.uniform(width / 2, picture.shape[1] - width / 2)
        cy = random.uniform(height / 2, picture.shape[0] - height / 2)
        seen = extract(picture, Window(cx, cy, width, height), size, backend="cpu", threads=1)
        contrast = float((seen @ _GREY).std())
        if contrast > most:
            best, most = _rounded(seen), contrast
        if contrast >= CONTRAST:
            break
    return best


def stretched(picture: Colours, extent: tuple[float, float]) -> Colours:
    """Give a picture at the resolution of the layers for another extent (width, height)."""
    height, width = picture.shape[:2]
    whole = Window(width / 2, height / 2, width, height)
    return _rounded(extract(picture, whole, _size(extent), backend="cpu", threads=1))


@functools.lru_cache(maxsize=8)
def photo(name: str, folder: str) -> Colours:
    """Read a sample photo, (H, W, 3) uint8, at most about 700 pixels long.

    Raises
    ------
    InvalidInputError
        The folder does not hold it.
    """
    from glimpsecli.images import read

    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        raise InvalidInputError(
            f"{folder} does not hold {name}", "`glimpse samples` makes a folder of the sample photos"
        )
    picture = read(path).pixels[..., :3]
    height, width = picture.shape[:2]
    if max(height, width) > _LARGEST:
        scale = _LARGEST / max(height, width)
        size = round(height * scale), round(width * scale)
        picture = _rounded(
            extract(picture, Window(width / 2, height / 2, width, height), size, backend="cpu", threads=1)
        )
    picture.flags.writeable = False
    return picture


def _texture(random: np.random.Generator) -> Colours:
    """Make smooth noise, of an amplitude of 1 / f^p, in a few colours."""
    frequency = np.hypot(np.fft.fftfreq(_TEXTURE)[:, None], np.fft.rfftfreq(_TEXTURE))
    frequency[0, 0] = np.inf
    shape = frequency ** -random.uniform(1.4, 2.0)
    planes = []
    for _ in range(3):
        waves = np.fft.rfft2(random.standard_normal((_TEXTURE, _TEXTURE))) * shape
        noise = np.fft.irfft2(waves, (_TEXTURE, _TEXTURE))
        planes.append(noise / noise.std())
    mixed = np.stack(planes, axis=2) * 12 + planes[0][..., None] * 25
    return _rounded(random.uniform(90, 160, 3) + mixed)


def _size(extent: tuple[float, float]) -> tuple[int, int]:
    return max(4, math.ceil(FINER * extent[1])), max(4, math.ceil(FINER * extent[0]))


def _rounded(values: NDArray[np.floating]) -> Colours:
    whole: Colours = np.clip(np.round(values), 0, 255).astype(np.uint8)
    return whole
