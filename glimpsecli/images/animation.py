"""Animations: frames as arrays to a GIF."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence

import numpy as np
from PIL import Image

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.picture import Array

COLOURS = 255
"""Colours of the palette: one less than a GIF may have, whose last index marks pixels that have not changed."""

_SHIFT = 3  # lowest bits of each channel, passed over in the choice of a colour


def encode_gif(frames: Sequence[Array], milliseconds: Sequence[int]) -> bytes:
    """Encode an animation that repeats for ever.

    All frames share one palette, and nothing is dithered, so that unchanged pixels do not flicker; they are
    transparent, which keeps the file small.

    Parameters
    ----------
    frames : sequence of (H, W, 3) uint8
        Of one size.
    milliseconds : sequence of int
        The duration of each; GIF counts in steps of 10.

    Returns
    -------
    bytes
    """
    if not frames or len(frames) != len(milliseconds):
        raise InvalidInputError(f"{len(frames)} frames and {len(milliseconds)} durations", "give one for each frame")
    shapes = {frame.shape for frame in frames}
    if len(shapes) > 1 or frames[0].ndim != 3 or frames[0].shape[2] != 3 or frames[0].dtype != np.uint8:
        raise InvalidInputError(f"frames of {frames[0].dtype} and the shapes {sorted(shapes)}", "use (H, W, 3) uint8")
    # A quarter of the pixels of five frames is enough to choose the colours.
    some = [frames[round(share * (len(frames) - 1))][::2, ::2] for share in (0, 0.25, 0.5, 0.75, 1)]
    palette = Image.fromarray(np.concatenate(some)).quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)
    nearest = _nearest(palette)
    pages = [nearest[tuple(np.moveaxis(frame >> _SHIFT, 2, 0))] for frame in frames]
    changes = [pages[0], *(np.where(page == before, COLOURS, page) for before, page in itertools.pairwise(pages))]
    height, width = pages[0].shape
    images = [Image.frombytes("P", (width, height), change.astype(np.uint8).tobytes()) for change in changes]
    for image in images:
        image.putpalette(palette.getpalette() or [])
        image.info["transparency"] = COLOURS
    stream = io.BytesIO()
    images[0].save(
        stream, "GIF", save_all=True, append_images=images[1:], duration=list(milliseconds), loop=0, disposal=1,
        transparency=COLOURS, optimize=False,
    )  # fmt: skip
    return stream.getvalue()


def _nearest(palette: Image.Image) -> Array:
    """Give the index of the nearest colour of a palette for all colours, 5 bits to each channel."""
    levels = np.arange(1 << (8 - _SHIFT))
    cells = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    middles = ((cells << _SHIFT) + (1 << _SHIFT >> 1)).astype(np.uint8)
    middles[cells == levels[-1]], middles[cells == 0] = 255, 0  # white and black stay what they are
    sheet = Image.fromarray(middles.reshape(len(levels), -1, 3)).quantize(palette=palette, dither=Image.Dither.NONE)
    return np.asarray(sheet).reshape(cells.shape[:3])
