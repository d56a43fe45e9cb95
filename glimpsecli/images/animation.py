"""Animations: frames as arrays to a GIF."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.picture import Array

COLOURS = 256


def encode_gif(frames: Sequence[Array], milliseconds: Sequence[int]) -> bytes:
    """Encode an animation that repeats for ever.

    All frames share one palette, and nothing is dithered, so that what does not change does not flicker.

    Parameters
    ----------
    frames : sequence of (H, W, 3) uint8
        Of one size.
    milliseconds : sequence of int
        How long each stays; GIF counts in steps of 10.

    Returns
    -------
    bytes
    """
    if not frames or len(frames) != len(milliseconds):
        raise InvalidInputError(f"{len(frames)} frames and {len(milliseconds)} durations", "give one for each frame")
    shapes = {frame.shape for frame in frames}
    if len(shapes) > 1 or frames[0].ndim != 3 or frames[0].shape[2] != 3 or frames[0].dtype != np.uint8:
        raise InvalidInputError(f"frames of {frames[0].dtype} and the shapes {sorted(shapes)}", "use (H, W, 3) uint8")
    some = [frames[0], frames[len(frames) // 2], frames[-1]]
    palette = Image.fromarray(np.concatenate(some)).quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    pages = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    stream = io.BytesIO()
    pages[0].save(
        stream, "GIF", save_all=True, append_images=pages[1:], duration=list(milliseconds), loop=0, optimize=False
    )
    return stream.getvalue()
