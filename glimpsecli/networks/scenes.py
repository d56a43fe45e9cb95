"""Scenes: one digit somewhere on a dark canvas, among scraps of others and in noise, and the window it fills."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.networks.glyphs import Split, atlas
from glimpsecli.networks.tiles import put, render, with_noise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.networks.glyphs import Glyphs

BLOCK = 64
"""Images that share one stream of random numbers. Each of them depends on its place in the block, and on no batch."""

FACES = ("train", "held-out")

SMALLEST = 4
"""The smallest digit, in pixels of its longer side."""

LARGEST = 512
"""The largest canvas, in pixels of a side."""


class Batch(NamedTuple):
    """Images with their truth.

    Attributes
    ----------
    images : (N, S, S) or (N, S, S, 3) uint8
        Grey or RGB.
    labels : (N,) int64
    windows : (N, 5) float64
        (cx, cy, width, height, 0) of the upright box of the ink of each digit, in pixels of the image plane. NaN where
        it is not known.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    windows: Floats


class Source(Protocol):
    """The images that a model learns from: scenes, or those of a folder."""

    @property
    def canvas(self) -> int:
        """Height and width of an image in pixels."""

    @property
    def channels(self) -> int:
        """1, grey, or 3, RGB."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels, in their order."""

    def batch(self, seed: int, first: int, count: int) -> Batch:
        """Give images `first` to `first + count - 1` of the endless sequence of a seed."""

    def held_out(self) -> Mapping[str, Source]:
        """Give, by their names, images that the model does not learn from."""


@dataclasses.dataclass(frozen=True)
class Scenes:
    """An endless sequence of scenes.

    Image i depends on the seed and on i alone, not on the batch in which it is drawn, so that a run can go on where
    another ended. Another version of NumPy may draw others.

    Attributes
    ----------
    canvas : int
        Height and width of an image in pixels.
    sizes : (float, float)
        Smallest and largest longer side of the box of a digit, in pixels.
    clutter : int
        Scraps of other digits in each image.
    patch : int
        Side of a scrap in pixels.
    noise : float
        Standard deviation of the noise on each pixel, white being 255.
    rotation : float
        Largest angle by which digits are turned, either way, in degrees.
    shear : float
        Largest shift of a row against the next, either way, in pixels.
    aspect : (float, float)
        Smallest and largest factor by which digits are widened, against their height.
    faces : {"train", "held-out"}
        Whether the digits are those to learn from, or those kept for testing.
    glyphs : Split, optional
        Digits to take in place of those that come with this package.

    Raises
    ------
    InvalidInputError
        A value cannot mean anything, or digits would not fit onto the canvas.
    """

    canvas: int = 40
    sizes: tuple[float, float] = (10.0, 16.0)
    clutter: int = 5
    patch: int = 5
    noise: float = 8.0
    rotation: float = 20.0
    shear: float = 0.2
    aspect: tuple[float, float] = (0.85, 1.15)
    faces: str = "train"
    glyphs: Split | None = dataclasses.field(default=None, repr=False, compare=False)

    channels = 1

    def __post_init__(self) -> None:
        if not 8 <= self.canvas <= LARGEST:
            raise InvalidInputError(f"a canvas of {self.canvas} pixels", f"give 8 to {LARGEST}")
        if not SMALLEST <= self.sizes[0] <= self.sizes[1] <= self.canvas:
            raise InvalidInputError(
                f"digits of {self.sizes[0]:g} to {self.sizes[1]:g} pixels on a canvas of {self.canvas}",
                f"give sizes from {SMALLEST} pixels to the canvas, the smaller first",
            )
        if self.clutter < 0 or not 1 <= self.patch <= self.canvas:
            raise InvalidInputError(
                f"{self.clutter} scraps of {self.patch} pixels on a canvas of {self.canvas}",
                "give 0 or more scraps, no larger than the canvas",
            )
        if not (0 <= self.noise <= 255 and 0 <= self.rotation <= 180 and 0 <= self.shear <= 1):
            raise InvalidInputError(
                f"noise {self.noise:g}, rotation {self.rotation:g}, shear {self.shear:g}",
                "give noise from 0 to 255, a rotation from 0 to 180 degrees and a shear from 0 to 1",
            )
        if not 0.5 <= self.aspect[0] <= self.aspect[1] <= 2:
            raise InvalidInputError(
                f"an aspect of {self.aspect[0]:g} to {self.aspect[1]:g}", "give factors of 0.5 to 2"
            )
        if self.faces not in FACES:
            raise InvalidInputError(f"faces {self.faces!r}", f"take one of {', '.join(FACES)}")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels, in their order."""
        return self._split.classes

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any], glyphs: Split | None = None) -> Scenes:
        """Make scenes of what :meth:`as_dict` gave, perhaps by way of JSON."""
        known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        return cls(**known, glyphs=glyphs)

    def as_dict(self) -> dict[str, Any]:
        """Give the settings as data for JSON, without the digits."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "glyphs"}

    def batch(self, seed: int, first: int, count: int) -> Batch:
        """Draw images `first` to `first + count - 1` of a seed; it is fastest where both are multiples of 64."""
        if seed < 0 or first < 0 or count < 0:
            raise InvalidInputError(f"seed {seed}, first {first}, count {count}", "give numbers from 0")
        images = np.empty((count, self.canvas, self.canvas), np.uint8)
        labels, windows = np.empty(count, np.int64), np.zeros((count, 5))
        at = 0
        while at < count:
            block, start = divmod(first + at, BLOCK)
            some = slice(start, min(start + count - at, BLOCK))
            here = slice(at, at + some.stop - some.start)
            images[here], labels[here], windows[here, :4] = self._draw(seed, block, some)
            at = here.stop
        return Batch(images, labels, windows)

    def held_out(self) -> dict[str, Scenes]:
        """Give scenes that a model does not learn from: of other `faces`, and, if they fit, of other sizes.

        Digits are `smaller`, 0.7 to 0.9 of the smallest to learn from, and `larger`, 1.0625 to 1.375 of the largest.
        """
        (least, most), found = self.sizes, {"faces": dataclasses.replace(self, faces="held-out")}
        for name, sizes in (("smaller", (0.7 * least, 0.9 * least)), ("larger", (1.0625 * most, 1.375 * most))):
            if sizes[0] >= SMALLEST and sizes[1] <= self.canvas:
                found[name] = dataclasses.replace(self, sizes=sizes)
        return found

    @property
    def _split(self) -> Split:
        return atlas() if self.glyphs is None else self.glyphs

    def _draw(self, seed: int, block: int, some: slice) -> tuple[NDArray[np.uint8], NDArray[np.int64], Floats]:
        """Draw images of a block; all numbers of a block come in one order, whichever images are asked for."""
        glyphs = self._split.held_out if self.faces == "held-out" else self._split.train
        random = np.random.default_rng([seed, block])
        digits = random.random((BLOCK, 7))[some]
        scraps = random.random((BLOCK, self.clutter, 10))[some]
        count, side = len(digits), self.canvas

        picks = _whole(digits[:, 0], len(glyphs.labels))
        matrices = self._matrices(digits[:, 1:4])
        boxes = glyphs.boxes(picks, matrices)
        scale = self._size(digits[:, 4]) / (boxes[:, 1] - boxes[:, 0]).max(axis=1)
        boxes *= scale[:, None, None]
        extents = boxes[:, 1] - boxes[:, 0]
        corners = digits[:, 5:] * (side - extents)  # of the boxes, wholly on the canvas
        tile = int(np.ceil(self.sizes[1])) + 3  # a pixel more on each side than the box covers
        origins = np.floor(corners).astype(np.int64) - 1
        tiles = render(glyphs, picks, matrices * scale[:, None, None], corners - boxes[:, 0] - origins, tile)

        # Tiles are square and digits are not: a margin of one pixel before, and of a tile behind, holds what is black.
        canvas = np.zeros((count, side + tile, side + tile), np.uint8)
        put(canvas, tiles, origins + 1)
        for patches, places in self._scraps(glyphs, scraps):
            put(canvas, patches, places + 1)
        images = np.empty((count, side, side), np.uint8)
        for k in range(some.stop):  # one by one, in little memory; the numbers of those before are drawn and dropped
            bits = random.integers(0, 1 << 16, (side, side), np.uint16)
            if k >= some.start:
                bare = canvas[k - some.start, 1 : side + 1, 1 : side + 1]
                images[k - some.start] = with_noise(bare, self.noise, bits)
        windows = np.concatenate([corners + extents / 2, extents], axis=1)
        return images, glyphs.labels[picks], windows

    def _scraps(self, glyphs: Glyphs, numbers: Floats) -> list[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Cut scraps of digits of the same kinds and sizes, each with some ink at a point of it.

        Parameters
        ----------
        glyphs : Glyphs
        numbers : (N, clutter, 10) float64

        Returns
        -------
        list of ((N, patch, patch) uint8, (N, 2) int64)
            For each scrap of an image: its pixels, and its left and top on the canvas.
        """
        flat = numbers.reshape(-1, 10)
        picks = _whole(flat[:, 0], len(glyphs.labels))
        scale = self._size(flat[:, 4]) / glyphs.extents[picks]
        matrices = self._matrices(flat[:, 1:4]) * scale[:, None, None]
        centres = glyphs.ink[picks, _whole(flat[:, 5], glyphs.ink.shape[1])] + 0.5
        offsets = self.patch * flat[:, 8:] - (matrices @ centres[:, :, None])[:, :, 0]
        patches = render(glyphs, picks, matrices, offsets, self.patch).reshape(
            *numbers.shape[:2], self.patch, self.patch
        )
        places = _whole(numbers[:, :, 6:8], self.canvas - self.patch + 1)
        return [(patches[:, k], places[:, k]) for k in range(self.clutter)]

    def _matrices(self, numbers: Floats) -> Floats:
        """Turn, shear and widen: (N, 3) numbers from 0 to 1 to (N, 2, 2) matrices on (x, y)."""
        angle = np.deg2rad(self.rotation) * (2 * numbers[:, 0] - 1)
        shear = self.shear * (2 * numbers[:, 1] - 1)
        width = np.sqrt(self.aspect[0] + (self.aspect[1] - self.aspect[0]) * numbers[:, 2])
        cos, sin = np.cos(angle), np.sin(angle)
        rows = [[cos * width, (cos * shear - sin) / width], [sin * width, (sin * shear + cos) / width]]
        return np.array(rows).transpose(2, 0, 1)

    def _size(self, numbers: Floats) -> Floats:
        """Take numbers from 0 to 1 to longer sides in pixels."""
        return self.sizes[0] + (self.sizes[1] - self.sizes[0]) * numbers


PRESETS = {
    40: Scenes(),
    60: Scenes(60, (14.0, 26.0), 6, 8),
    100: Scenes(100, (16.0, 30.0), 8, 8),
}
"""Scenes by their canvas. The largest are the hard ones: there is more to search, and more that distracts."""


def _whole(numbers: Floats, count: int) -> NDArray[np.int64]:
    """Take numbers from 0 to 1 to whole ones below `count`."""
    return (numbers * count).astype(np.int64)
