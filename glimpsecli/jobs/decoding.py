"""The decoding of an image, limited where possible to the pixels that its windows need."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from glimpsecli import images
from glimpsecli.errors import FileProblemError, FrameProblemError
from glimpsecli.images.streams import is_stream, standard_input
from glimpsecli.jobs.frames import is_footage
from glimpsecli.jobs.plan import STREAM
from glimpsecli.jobs.products import View
from glimpsecli.jobs.requests import Placement, as_matrix
from glimpsecli.names import MAX_PIXELS
from glimpsecli.sampling import Taps
from glimpsecli.storage import is_stored
from glimpsecli.window.parts import tap_steps

if TYPE_CHECKING:
    from glimpsecli.images.picture import Picture
    from glimpsecli.jobs.plan import How
    from glimpsecli.video.clip import Clip
    from glimpsecli.window import Size

REDUCTIONS = (8, 4, 2)
WORTH_CUTTING = 1_000_000
"""Pixels of an image below which decoding a part of it saves nothing."""
LARGEST_PART = 0.5
"""Share of the pixels of an image above which decoding a part of it saves nothing."""
LEAST_STRIDE = 1.5
"""Least stride of the taps that ``--fast-decode`` leaves, in pixels of the reduced image."""


def reduction(placements: Sequence[Placement]) -> int:
    """Give the largest factor by which the image may shrink before taps come too close; 1 for none."""
    strides = [np.abs(tap_steps(as_matrix(placement), placement.size)).max(axis=-2).min() for placement in placements]
    nearest = min(strides, default=0.0)
    return next((factor for factor in REDUCTIONS if nearest / factor >= LEAST_STRIDE), 1)


class Origin(NamedTuple):
    """The origin of an image: a file, the bytes of one, or a frame of a video.

    Attributes
    ----------
    name : str
        Its name in messages: its path, where it has one.
    content : bytes or None
        The bytes of the file, where they were read already.
    clip : Clip, optional
        The video whose frame it is.
    frame : int
        The number of that frame.
    """

    name: str
    content: bytes | None = None
    clip: Clip | None = None
    frame: int = 0

    @classmethod
    def of(cls, source: str) -> Origin:
        """Find an image by its path; standard input, ``-``, what is irregular or in a storage is read at once."""
        if source != STREAM:
            if not is_stream(source) and not is_stored(source):
                return cls(source)
            with images.opened(source) as (stream, label):
                return cls(label, stream.read())
        return cls("standard input", standard_input().read())

    def open(self) -> str | BinaryIO:
        """Give the path, or a stream of the bytes from the start."""
        return self.name if self.content is None else io.BytesIO(self.content)

    def is_jpeg(self) -> bool:
        """Return whether it is a file whose first bytes are those of a JPEG."""
        if self.clip is not None:
            return False
        with images.opened(self.open(), self.name) as (stream, _):
            return stream.read(3) == b"\xff\xd8\xff"


def read_frame(path: str, frame: int, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read an image, or one frame of a video, an animation or a folder of frames, by its number from 0."""
    if not is_footage(path):
        origin = Origin.of(path)
        return images.read(origin.open(), frame=frame, max_pixels=max_pixels, name=origin.name)
    from glimpsecli.video.opening import open_clip

    with open_clip(path, max_pixels=max_pixels) as clip:
        return clip.frame(frame).picture


def upright_size_of(origin: Origin, how: How) -> Size:
    """Read the size of an image from its header."""
    if origin.clip is not None:
        return origin.clip.size
    return images.upright_size(origin.open(), frame=how.frame, max_pixels=how.max_pixels, name=origin.name)


def decode(
    origin: Origin, placements_of: Callable[[Size], list[Placement]], how: How, *, whole: bool = False
) -> tuple[View, list[Placement]]:
    """Decode the pixels of an image that its placements need; give the view and the placements.

    With ``how.fast_decode`` a JPEG may be decoded at a half, a quarter or an eighth. Otherwise only the part of a large
    JPEG that the placements read is decoded, to the same pixels.

    Parameters
    ----------
    origin : Origin
    placements_of : callable
        Gives the placements of an image of some (height, width).
    how : How
    whole : bool
        Whether all pixels are needed, whatever the placements.
    """
    if not whole and how.frame == 0 and origin.is_jpeg():
        image_size = upright_size_of(origin, how)
        placements = placements_of(image_size)
        view = _part(origin, placements, image_size, how)
        if view is not None:
            return view, placements
    if origin.clip is None:
        picture = images.read(origin.open(), frame=how.frame, max_pixels=how.max_pixels, name=origin.name)
    else:
        try:
            picture = origin.clip.frame(origin.frame).picture
        except FileProblemError as error:
            raise FrameProblemError(error.message, error.hint) from error
    image_size = picture.pixels.shape[:2]
    return View(picture, image_size), placements_of(image_size)


def decoded_as(origin: Origin, placements: Sequence[Placement], image_size: Size, how: How) -> str:
    """Give, from the header of an image, the ``decoded`` of the view that :func:`decode` makes of it."""
    wanted = _wanted(placements, image_size, how) if how.frame == 0 and origin.is_jpeg() else None
    if wanted is None:
        return "whole"
    from glimpsecli.images.partial import given_factor

    given = given_factor(origin.open(), wanted.factor, max_pixels=how.max_pixels, name=origin.name)
    if given is None or (given == 1 and not wanted.worth_cutting):
        return "whole"
    return f"reduced:{given}" if given > 1 else "window"


class _Wanted(NamedTuple):
    """The part of a JPEG to be decoded, (top, bottom, left, right), and the factor by which it is reduced."""

    factor: int
    box: tuple[int, int, int, int]
    worth_cutting: bool


def _wanted(placements: Sequence[Placement], image_size: Size, how: How) -> _Wanted | None:
    factor = reduction(placements) if how.fast_decode else 1
    if not placements or (factor == 1 and image_size[0] * image_size[1] < WORTH_CUTTING):
        return None
    top, bottom, left, right = box = _support(placements, image_size, how)
    worth_cutting = (bottom - top) * (right - left) <= LARGEST_PART * image_size[0] * image_size[1]
    return _Wanted(factor, box, worth_cutting)


def _part(origin: Origin, placements: Sequence[Placement], image_size: Size, how: How) -> View | None:
    """Decode a part of a JPEG, perhaps reduced; None where it must be decoded whole."""
    wanted = _wanted(placements, image_size, how)
    if wanted is None:
        return None
    from glimpsecli.images.partial import read_reduced, read_window

    factor, (top, bottom, left, right) = wanted.factor, wanted.box
    if factor > 1:
        # The neighbour of a tap is one pixel of the reduced image away, which is `factor` pixels here.
        far = 2 * factor
        wide = max(top - far, 0), min(bottom + far, image_size[0]), max(left - far, 0), min(right + far, image_size[1])
        reduced = read_reduced(origin.open(), factor, box=wide, max_pixels=how.max_pixels, name=origin.name)
        if reduced is not None and reduced.scale != (1.0, 1.0):
            name = f"reduced:{round(1 / reduced.scale[0])}"
            return View(reduced.picture, image_size, name, reduced.origin, reduced.scale)
    if not wanted.worth_cutting:
        return None
    part = read_window(origin.open(), wanted.box, max_pixels=how.max_pixels, name=origin.name)
    return part and View(part, image_size, "window", (top, left))


def _support(placements: Sequence[Placement], image_size: Size, how: How) -> tuple[int, int, int, int]:
    boxes = [
        Taps.make(placement.place, placement.size, image_size, how.sampling).boxes()[0] for placement in placements
    ]
    low, high = np.min(boxes, axis=0), np.max(boxes, axis=0)
    return int(low[0]), int(high[1]), int(low[2]), int(high[3])
