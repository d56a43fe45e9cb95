"""The images: photos, textures and glyphs, in grey; and the exact averages over the cells of a window."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.formats import FORMATS
from glimpsecli.sampling import Sampler, Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats, Image


KINDS = ("photos", "textures", "glyphs")
HELD_OUT = 2
"""Images of each kind on which only the learning rates are chosen."""

LEAST_PHOTOS = HELD_OUT + 1
POINTS = 16
"""Points along a side of a cell whose mean is taken where the window is turned."""
SIDE = 512
_LETTERS = "abcdefghkmnopqrstuvwxyzABCDEFGHJKLMNPRSTUVWXYZ23456789&?!@%"
_GREY = np.array([0.299, 0.587, 0.114])


def find_photos(folder: str) -> list[str]:
    """Name the photos of a folder, in the order of their names.

    Raises
    ------
    InvalidInputError
        There is no such folder, or there are too few photos in it.
    """
    hint = "name a folder of photos with --images FOLDER"
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise InvalidInputError(f"{folder}: {error.strerror or error}", hint) from None
    pictures = {suffix for kind in FORMATS.values() if not kind.container for suffix in kind.suffixes} - {"npy"}
    found = [os.path.join(folder, name) for name in names if name.rpartition(".")[2].lower() in pictures]
    if len(found) < LEAST_PHOTOS:
        raise InvalidInputError(
            f"{folder} holds {len(found)} photos, and {HELD_OUT} of {LEAST_PHOTOS} or more are kept for choosing rates",
            hint,
        )
    return found


def scene(kind: str, index: int, seed: int, photos: Sequence[str]) -> Image:
    """Make or read an image.

    Parameters
    ----------
    kind : {"photos", "textures", "glyphs"}
    index : int
        Which image of its kind.
    seed : int
    photos : sequence of path

    Returns
    -------
    (H, W) float32
        Grey, 0 to 1.
    """
    if kind == "photos":
        return _photo(photos[index])
    random = np.random.default_rng([seed, KINDS.index(kind), index])
    return _texture(random) if kind == "textures" else _glyphs(random)


def area_average(image: Image, windows: Floats, taps: int) -> Floats:
    """Give the mean of each cell of windows, pixels being squares of one value.

    It is exact where windows are upright. Where one is turned it is that of :data:`POINTS` x :data:`POINTS` points.

    Parameters
    ----------
    image : (H, W)
    windows : (N, 5) float64
        On the image plane, inside the image.
    taps : int
        Cells of a row and of a column.

    Returns
    -------
    (N, taps, taps) float64
    """
    cells, sampling = [], Sampling(sampler="hard", backend="cpu", threads=1)
    for window in windows:
        cx, cy, width, height, angle = window
        if angle:
            points = (taps * POINTS, taps * POINTS)
            seen = Sampler(window[None], points, image.shape, sampling)(image)[0]
            cells.append(seen.reshape(taps, POINTS, taps, POINTS).mean(axis=(1, 3), dtype=np.float64))
            continue
        top, down = _shares(cy - height / 2, height, taps, image.shape[0])
        left, across = _shares(cx - width / 2, width, taps, image.shape[1])
        part = image[top : top + down.shape[1], left : left + across.shape[1]]
        cells.append(down @ part.astype(np.float64) @ across.T)
    return np.stack(cells)


def _shares(start: float, extent: float, taps: int, pixels: int) -> tuple[int, Floats]:
    """Give the first pixel of an axis that a window reads, and the share of each cell in each pixel: (taps, pixels)."""
    edges = start + extent / taps * np.arange(taps + 1)
    first = max(math.floor(edges[0]), 0)
    k = np.arange(first, min(math.ceil(edges[-1]), pixels))
    overlap = np.minimum(edges[1:, None], k + 1) - np.maximum(edges[:-1, None], k)
    shares: Floats = np.maximum(overlap, 0) * (taps / extent)
    return first, shares


def _photo(path: str) -> Image:
    from glimpsecli.images import convert, depth_of, read

    pixels: NDArray[Any] = read(path).pixels
    grey = convert(pixels, depth_of(pixels), "float").pixels
    if grey.ndim == 3:
        grey = grey[..., 0] if grey.shape[2] < 3 else grey[..., :3] @ _GREY
    return np.ascontiguousarray(grey, np.float32)


def _texture(random: np.random.Generator) -> Image:
    """Make noise with an amplitude of 1 / f^p: coarse and fine structure everywhere, and nothing that stands out."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE))
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(random.standard_normal((SIDE, SIDE)))
    noise = np.fft.irfft2(waves * frequency ** -random.uniform(0.8, 1.6), (SIDE, SIDE))
    grey: Image = np.clip(0.5 + 0.2 * (noise - noise.mean()) / noise.std(), 0, 1).astype(np.float32)
    return grey


def _glyphs(random: np.random.Generator) -> Image:
    """Scatter letters of many sizes over black: most of the image is black."""
    from glimpsecli.pictures.text import render

    canvas = np.zeros((SIDE, SIDE), np.float32)
    covered = 0
    while covered < 0.35 * SIDE * SIDE:  # by their boxes: ink is about a fifth of that
        letter = render(random.choice(list(_LETTERS)), int(np.exp(random.uniform(np.log(10), np.log(120)))))
        height, width = letter.shape
        top, left = random.integers(0, SIDE - height), random.integers(0, SIDE - width)
        part = canvas[top : top + height, left : left + width]
        np.maximum(part, letter * np.float32(random.uniform(0.5, 1)), out=part)
        covered += height * width
    return canvas
