"""GIF, frame by frame: a palette serves as long as it suits the frames."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from PIL import GifImagePlugin, Image

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.animated_film import AnimationFilm, Box
from glimpsecli.images.picture import Array

COLOURS = 255
"""Colours of a palette: one less than a GIF may have, whose last index marks pixels that have not changed."""

KEEP, CLEAR = 1, 2
"""Disposals: whether a frame stays below the next one."""

SLACK, ALLOWED = 1.25, 0.5
"""A palette is replaced where the mean error, in levels, exceeds SLACK times that of its first frame, plus ALLOWED."""

FAR = 32
"""Difference of a channel, in levels, beyond which a colour is far from another: drawn by it, green would be grey."""

SEEN, SHARE = 16, 20_000
"""Pixels of far colours that a palette may lack: SEEN, or in a large frame one of SHARE. A word of green has more."""

_SHIFT = 3  # lowest bits of each channel, passed over in the choice of a colour
_LONGEST = 0xFFFF  # ticks that a frame may stay
_HALF = 128  # alpha from which a pixel is opaque: GIF knows no other


def encode_gif(frames: Sequence[Array], milliseconds: Sequence[int]) -> bytes:
    """Encode an animation that repeats for ever.

    Parameters
    ----------
    frames : sequence of (H, W, 3) uint8
        Of one size.
    milliseconds : sequence of int
        The duration of each; GIF counts in steps of 10.
    """
    if len(frames) != len(milliseconds):
        raise InvalidInputError(f"{len(frames)} frames and {len(milliseconds)} durations", "give one for each frame")
    file = io.BytesIO()
    film, end = GifFilm(file), 0
    for pixels, duration in zip(frames, milliseconds, strict=True):
        film.add(pixels, Fraction(end, 1000))
        end += duration
    film.finish(Fraction(end, 1000))
    return file.getvalue()


class _Palette(NamedTuple):
    """256 colours that were chosen for a frame.

    Attributes
    ----------
    colours : (256, 3) uint8
    nearest : (32, 32, 32) uint8
        Index of the nearest one for each colour, 5 bits to each channel.
    far : (32, 32, 32) bool
        Whether that one is far.
    error : float
        Mean error in the frame, in levels.
    strange : int
        Pixels of the frame whose colour is far from all of these.
    extended : bool
        Whether the palette before suits all but a few pixels of the frame, which need not be drawn anew.
    """

    colours: Array
    nearest: Array
    far: Array
    error: float
    strange: int
    extended: bool


class GifFilm(AnimationFilm):
    """A GIF in the making; it repeats for ever. See :class:`AnimationFilm`.

    Each frame is drawn with 255 colours that suit it; they change only when they suit the frames no more, so that
    what stands still does not flicker. Where a frame has other colours on a few pixels only, the next 255 are chosen
    from these, the frame and the last 255, so that they serve the frames before as well. Pixels that do not change are
    transparent, unless all colours are new, which keeps the file small.
    """

    title = "GIF"
    ticks = 100
    least = 2  # browsers take less as a tenth of a second
    longest_side = 65535

    def _start(self, height: int, width: int) -> None:
        self._size = height, width
        self._palette: _Palette | None = None
        self._first: _Palette | None = None

    def _page(self, pixels: Array, ticks: int) -> None:
        colours = pixels[:, :, :-1] if self._alpha else pixels
        colours = np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else colours
        palette, before = self._suiting(colours), self._palette
        page, box = _indices(colours, palette.nearest), Box(0, 0, *self._size)
        if self._alpha:
            page = np.where(pixels[:, :, -1] < _HALF, COLOURS, page)
        elif self._shown is not None and palette is before:
            page = np.where(np.all(pixels == self._shown, axis=2), COLOURS, page)
            box = self._changed(pixels)
        elif self._shown is not None and before is not None and palette.extended:
            page = np.where(np.all(pixels == self._shown, axis=2) & ~before.far[_cells(colours)], COLOURS, page)
        if self._first is None:
            self._first = palette
            self._head(palette)
        self._palette = palette
        part = np.ascontiguousarray(page[box.top : box.bottom, box.left : box.right], np.uint8)
        image = Image.fromarray(part)
        image.putpalette(palette.colours.tobytes())
        blocks = GifImagePlugin.getdata(
            image, (box.left, box.top), duration=10 * min(ticks, _LONGEST), transparency=COLOURS,
            disposal=CLEAR if self._alpha else KEEP,
            include_color_table=palette is not self._first and bool(np.any(part != COLOURS)),
        )  # fmt: skip
        for block in blocks:
            self._stream.write(block)

    def _end(self) -> None:
        self._stream.write(b";")

    def _head(self, palette: _Palette) -> None:
        """Write the size, and a palette that serves all frames without one of their own."""
        height, width = self._size
        self._stream.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + palette.colours.tobytes())
        self._stream.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")  # again and again

    def _suiting(self, colours: Array) -> _Palette:
        """Give the last palette where it suits a frame, else a new one."""
        last, some = self._palette, colours[::2, ::2].reshape(-1, 3)
        suits = last is not None and _error(colours, last.colours, last.nearest) <= SLACK * last.error + ALLOWED
        if last is not None and suits:
            strange = last.far[_cells(colours)]
            if np.count_nonzero(strange) <= last.strange + max(SEEN, strange.size // SHARE):
                return last
            some = np.concatenate([some, colours[strange], last.colours[:COLOURS]])
        chosen = Image.fromarray(some[None]).quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=1)
        nearest = _nearest(chosen)
        listed = np.zeros((256, 3), np.uint8)
        given = np.array(chosen.getpalette() or [], np.uint8).reshape(-1, 3)
        listed[: len(given)] = given
        far = np.max(np.abs(listed[nearest].astype(np.int16) - _middles()), axis=-1) > FAR
        strange = far[_cells(colours)]
        error, count = _error(colours, listed, nearest), int(np.count_nonzero(strange))
        return _Palette(listed, nearest, far, error, count, suits)


def _cells(colours: Array) -> tuple[Array, ...]:
    """Give the indices of colours in a table of 5 bits to each channel."""
    return tuple(np.moveaxis(colours >> _SHIFT, 2, 0))


def _indices(colours: Array, nearest: Array) -> Array:
    return np.asarray(nearest[_cells(colours)])


def _error(colours: Array, listed: Array, nearest: Array) -> float:
    """Give the mean error of some pixels, in levels."""
    some = colours[::4, ::4]
    return float(np.mean(np.abs(some.astype(np.int16) - listed[_indices(some, nearest)])))


def _nearest(palette: Image.Image) -> Array:
    """Give the index of the nearest colour of a palette for all colours, 5 bits to each channel."""
    middles = _middles()
    sheet = Image.fromarray(middles.reshape(len(middles), -1, 3)).quantize(palette=palette, dither=Image.Dither.NONE)
    return np.asarray(sheet).reshape(middles.shape[:3])


def _middles() -> Array:
    """Give the colours for which a table of 5 bits to each channel stands, (32, 32, 32, 3)."""
    levels = np.arange(1 << (8 - _SHIFT))
    cells = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    middles = ((cells << _SHIFT) + (1 << _SHIFT >> 1)).astype(np.uint8)
    middles[cells == levels[-1]], middles[cells == 0] = 255, 0  # white and black stay what they are
    return middles
