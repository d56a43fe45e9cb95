"""Pictures of digits, white on black, and the outlines and the ink that scenes ask them for."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats

INKED = 128
"""Grey value from which a pixel counts as ink."""

INK_POINTS = 16
"""Pixels of ink that are remembered of each picture, spread evenly over it."""

LEVELS = 3
"""Sizes in which the pictures are kept: whole, half and a quarter."""

_ATLAS = Path(__file__).with_name("glyphs.npz")


class Glyphs(NamedTuple):
    """Pictures of digits, and where their ink is.

    Attributes
    ----------
    levels : tuple of (G, side, side) uint8
        The pictures, and copies of half and of a quarter of their size, each pixel the mean of four.
    labels : (G,) int64
    outlines : (G, 4 side, 2) uint8
        Points (x, y) on the plane of each whole picture: the corners of the first and of the last pixel of ink of each
        row. No ink lies outside their convex hull.
    ink : (G, INK_POINTS, 2) uint8
        Indices (x, y) of pixels of ink.
    extents : (G,) float64
        The longer side of the box of the ink, in pixels.
    """

    levels: tuple[NDArray[np.uint8], ...]
    labels: NDArray[np.int64]
    outlines: NDArray[np.uint8]
    ink: NDArray[np.uint8]
    extents: Floats

    @classmethod
    def of(cls, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Glyphs:
        """Prepare pictures.

        Parameters
        ----------
        images : (G, side, side) uint8
            White on black, each with at least one pixel of :data:`INKED` or more. The side is a multiple of 4, and at
            most 252.
        labels : (G,) int64
        """
        levels = [images]
        for _ in range(LEVELS - 1):
            levels.append(_halved(levels[-1]))
        outlines = _outlines(images)
        extents = (outlines.max(axis=1).astype(np.float64) - outlines.min(axis=1)).max(axis=1)
        return cls(tuple(levels), labels, outlines, _ink(images), extents)

    def boxes(self, picks: NDArray[np.int64], matrices: Floats) -> Floats:
        """Give the upright boxes of the ink of pictures that are turned, sheared and scaled about their corner.

        Parameters
        ----------
        picks : (N,) int64
            Which pictures.
        matrices : (N, 2, 2) float64
            Take (x, y) on the plane of a picture to where it goes.

        Returns
        -------
        (N, 2, 2) float64
            ((left, top), (right, bottom)).
        """
        points = matrices @ self.outlines[picks].transpose(0, 2, 1).astype(np.float64)
        return np.stack([points.min(axis=2), points.max(axis=2)], axis=1)


class Split(NamedTuple):
    """Pictures to learn from, and others that are kept for testing.

    Attributes
    ----------
    train, held_out : Glyphs
    classes : tuple of str
        Names of the labels, in their order.
    """

    train: Glyphs
    held_out: Glyphs
    classes: tuple[str, ...]


@functools.cache
def atlas() -> Split:
    """Read the digits 0 to 9 that come with this package: 18 faces to learn from, and 4 of other kinds to test with."""
    with np.load(_ATLAS) as file:
        images, held_out = file["images"], file["held_out"]
    digits = images.shape[1]

    def of(some: NDArray[np.uint8]) -> Glyphs:
        labels = np.tile(np.arange(digits, dtype=np.int64), len(some))
        return Glyphs.of(some.reshape(-1, *some.shape[2:]), labels)

    return Split(of(images[~held_out]), of(images[held_out]), tuple(map(str, range(digits))))


def _halved(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give images of half the size, each pixel the rounded mean of four."""
    wide = images.astype(np.uint16)
    total = wide[:, ::2, ::2] + wide[:, 1::2, ::2] + wide[:, ::2, 1::2] + wide[:, 1::2, 1::2]
    return ((total + 2) // 4).astype(np.uint8)


def _outlines(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give the corners of the ends of the ink of each row: (G, 4 side, 2). A row without ink repeats another."""
    ink = images >= INKED
    side = ink.shape[1]
    inked = ink.any(axis=2)
    some = inked.argmax(axis=1)[:, None]  # a row with ink
    rows = np.where(inked, np.arange(side), some)
    left = np.take_along_axis(ink.argmax(axis=2), rows, axis=1)
    right = np.take_along_axis(side - ink[:, :, ::-1].argmax(axis=2), rows, axis=1)
    x = np.concatenate([left, left, right, right], axis=1)
    y = np.concatenate([rows, rows + 1, rows, rows + 1], axis=1)
    return np.stack([x, y], axis=2).astype(np.uint8)


def _ink(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give pixels of ink of each picture, spread evenly over their sequence row by row: (G, INK_POINTS, 2)."""
    which, y, x = np.nonzero(images >= INKED)
    counts = np.bincount(which, minlength=len(images))
    starts = np.cumsum(counts) - counts
    chosen = starts[:, None] + (counts[:, None] * (np.arange(INK_POINTS) + 0.5) / INK_POINTS).astype(np.int64)
    return np.stack([x[chosen], y[chosen]], axis=2).astype(np.uint8)
