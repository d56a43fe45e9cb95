"""Digits drawn onto small tiles, tiles laid onto images, and noise."""

from __future__ import annotations

import functools
import statistics
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.sampling import extract_batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.networks.glyphs import Glyphs

FINE = 2
"""Points of a glyph that are averaged along each side of a pixel."""

COARSEST = 2.0
"""Largest distance between these points, in pixels of the picture that is read: beyond it a smaller copy is read."""

_SHIFT = 4
"""Bits of 16 that are dropped: noise is looked up by 12, six times as fast as it is drawn, and ends at 3.7 sigmas."""


def render(glyphs: Glyphs, picks: NDArray[np.int64], matrices: Floats, offsets: Floats, side: int) -> NDArray[np.uint8]:
    """Draw pictures onto tiles.

    Parameters
    ----------
    glyphs : Glyphs
    picks : (N,) int64
        Which pictures.
    matrices : (N, 2, 2) float64
    offsets : (N, 2) float64
        A point p on the plane of a picture goes to ``matrix @ p + offset`` on the plane of its tile.
    side : int
        Of a tile, in pixels.

    Returns
    -------
    (N, side, side) uint8
        0 to 255; 0 outside the pictures.
    """
    back = np.linalg.inv(matrices)
    step = np.sqrt(np.abs(np.linalg.det(back))) / FINE  # from point to point, in pixels of the whole picture
    levels = np.clip(np.ceil(np.log2(step / COARSEST)), 0, len(glyphs.levels) - 1).astype(np.int64)
    out, fine = np.empty((len(picks), side, side), np.uint8), (side * FINE, side * FINE)
    for level in np.unique(levels):
        some = levels == level
        theta = np.empty((some.sum(), 2, 3))
        theta[:, :, :2] = back[some] / (FINE * 2**level)
        # Point j of a row lies at (j + 1/2) / FINE of the tile, and pixel k of a picture at k + 1/2.
        start = np.full(2, 0.5 / FINE) - offsets[some]
        theta[:, :, 2] = (back[some] @ start[:, :, None])[:, :, 0] / 2**level - 0.5
        pictures = glyphs.levels[level][picks[some], :, :, None]
        seen = extract_batch(
            pictures, theta, fine, layout="NHWC", sampler="bilinear", border="zeros", backend="cpu", threads=1
        )[..., 0]
        rows = functools.reduce(np.add, (seen[:, k::FINE] for k in range(FINE)))
        total = functools.reduce(np.add, (rows[:, :, k::FINE] for k in range(FINE)))
        out[some] = np.rint(total / np.float32(FINE * FINE))
    return out


def put(canvas: NDArray[np.uint8], tiles: NDArray[np.uint8], places: NDArray[np.int64]) -> None:
    """Lay a tile onto each image of a canvas (N, H, W), its (left, top) given: of two values the larger stays."""
    count, height, width = tiles.shape
    image = np.arange(count)[:, None, None]
    rows = places[:, 1, None, None] + np.arange(height)[:, None]
    columns = places[:, 0, None, None] + np.arange(width)
    where = (image * canvas.shape[1] + rows) * canvas.shape[2] + columns
    flat = canvas.reshape(-1)
    flat[where] = np.maximum(flat[where], tiles)


def with_noise(image: NDArray[np.uint8], sigma: float, bits: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Add normal noise of whole grey values, made of random numbers of 16 bits, to an image; cut it to 0 to 255."""
    values = _quantiles(sigma).take(bits >> _SHIFT)
    values += image
    return values.clip(0, 255, out=values).astype(np.uint8)


@functools.cache
def _quantiles(sigma: float) -> NDArray[np.int16]:
    """Give the values of noise at quantiles that are evenly spaced."""
    count = 1 << 16 - _SHIFT
    normal = map(statistics.NormalDist().inv_cdf, (np.arange(count) + 0.5) / count)
    return np.rint(sigma * np.fromiter(normal, np.float64, count)).astype(np.int16)
