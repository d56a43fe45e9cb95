"""An image as read from a file, and the limits that every reader keeps to."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from glimpsecli.errors import FileProblemError, InvalidInputError

Array = np.ndarray[Any, np.dtype[Any]]

TAKEN = "glimpse takes uint8, uint16 and float32"

_COLOURS_OF_PROFILE = {b"GRAY": 1, b"RGB ": 3}


class Picture(NamedTuple):
    """An upright image in memory.

    Attributes
    ----------
    pixels : (H, W, C) array of uint8, uint16 or float32
        In native byte order; the EXIF orientation is applied.
    alpha : bool
        Whether the last channel is straight (not premultiplied) alpha.
    icc : bytes or None
        The colour profile, where it still describes the pixels.
    """

    pixels: Array
    alpha: bool = False
    icc: bytes | None = None


def matching_icc(icc: bytes | None, colours: int) -> bytes | None:
    """Return the profile if its colour space has this many colours, else None.

    A profile of another colour model would change how the picture looks, or make other readers refuse it.
    """
    if icc and _COLOURS_OF_PROFILE.get(icc[16:20]) == colours:
        return icc
    return None


def check_size(label: str, width: int, height: int, max_pixels: int, *, samples: int = 1) -> None:
    """Refuse a size that only a decompression bomb or a damaged header would claim.

    Parameters
    ----------
    label : str
        The name of the file in messages.
    width, height : int
        As the header states them.
    max_pixels : int
        The limit; an image of more than four channels may hold four times as many values.
    samples : int
        Channels as the file stores them.
    """
    if width < 1 or height < 1:
        raise FileProblemError(f"{label} has no pixels: it is {width} x {height}")
    if width * height > max_pixels or width * height * samples > 4 * max_pixels:
        size = f"{width} x {height} pixels" + (f" of {samples} channels" if samples > 4 else "")
        raise FileProblemError(
            f"{label} claims {size}, over the limit of {max_pixels} pixels",
            "if it is no decompression bomb, raise the limit with --max-pixels (max_pixels in Python)",
        )


def check_frame(label: str, frame: int, frames: int) -> None:
    """Refuse a frame number that the file does not have."""
    if not 0 <= frame < frames:
        holds = "1 frame, number 0" if frames == 1 else f"{frames} frames, numbers 0 to {frames - 1}"
        raise InvalidInputError(f"{label} has no frame {frame}", f"it holds {holds}")
