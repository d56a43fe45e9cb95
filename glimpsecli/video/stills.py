"""Clips that images make: one image, an animation, or a folder of frames."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import FileProblemError
from glimpsecli.images.animated import Animation
from glimpsecli.images.reading import read
from glimpsecli.video.clip import Clip

if TYPE_CHECKING:
    from glimpsecli.images.picture import Picture

NEAR = 8
"""Frames that are kept as they are passed, on the way to one that is asked for."""

RATE = Fraction(25)
"""Frames per second of images that have no times."""


class ImagesClip(Clip):
    """Images as frames, one file each; a single one is a clip of one frame.

    Parameters
    ----------
    paths : sequence of str
        In their order.
    label : str
        The name of the clip in messages.
    rate : Fraction
        Frames per second.
    max_pixels : int
        Larger images are refused.
    first : Picture
        The first image, decoded.
    """

    def __init__(self, paths: Sequence[str], label: str, rate: Fraction, max_pixels: int, first: Picture) -> None:
        super().__init__()
        self.label, self.rate = label, rate
        self.size = first.pixels.shape[0], first.pixels.shape[1]
        self.alpha, self.grey = first.alpha, first.pixels.shape[2] - first.alpha == 1
        self.times = [index / rate for index in range(len(paths))]
        self.end = len(paths) / rate
        self._paths, self._max_pixels, self._first = paths, max_pixels, first
        self.files_read = paths

    def close(self) -> None:
        """Close nothing: each file was closed when it was read."""

    def _decoded(self, index: int) -> int:
        return index  # files are read below, where threads may do so at once

    def _picture(self, decoded: int) -> Picture:
        if decoded == 0:
            return self._first
        path = self._paths[decoded]
        picture = read(path, max_pixels=self._max_pixels)
        height, width = picture.pixels.shape[:2]
        if (height, width) != self.size:
            raise FileProblemError(
                f"{path} is {width} x {height} pixels, and the first frame {self.size[1]} x {self.size[0]}",
                "frames have one size: resize it first",
            )
        return _alike(picture, self._first, path)


class AnimationClip(Clip):
    """An animated GIF, WebP, APNG or AVIF.

    Parameters
    ----------
    animation : Animation
    files : ExitStack
        The file, which the clip closes.
    label : str
        The name of the clip in messages.
    """

    def __init__(self, animation: Animation, files: ExitStack, label: str) -> None:
        super().__init__()
        durations = animation.timing.durations
        *self.times, self.end = accumulate(durations, initial=Fraction(0))
        self.label, self.size, self.rate = label, animation.size, len(durations) / self.end
        self.alpha, self.problem = animation.timing.alpha, animation.timing.problem
        self.weight = self.size[0] * self.size[1] * (3 + self.alpha)
        self._animation, self._files = animation, files

    def close(self) -> None:
        """Close the file."""
        self._files.close()

    def _decoded(self, index: int) -> Picture:
        # Threads ask for neighbouring frames in any order, and the way back begins at the first frame.
        if 0 < index - self._animation.shown <= NEAR:
            for passed in range(self._animation.shown + 1, index):
                self._keep(passed, self._animation.decode(passed))
        return self._animation.decode(index)

    def _picture(self, decoded: Picture) -> Picture:
        return decoded


def _alike(picture: Picture, first: Picture, path: str) -> Picture:
    """Give a frame the channels of the first one, if nothing is lost by that.

    Programs that write frames store a black one as grey, and leave alpha out where all is opaque.
    """
    pixels = picture.pixels
    if pixels.dtype != first.pixels.dtype:
        raise FileProblemError(
            f"{path} is {pixels.dtype}, and the first frame {first.pixels.dtype}", "give frames of one depth"
        )
    colours = pixels[..., :-1] if picture.alpha else pixels
    alpha = pixels[..., -1:] if picture.alpha else None
    wanted = first.pixels.shape[2] - first.alpha
    opaque = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    if colours.shape[2] == 1 and wanted == 3:
        colours = np.repeat(colours, 3, axis=2)
    if colours.shape[2] != wanted:
        raise FileProblemError(f"{path} is in colour, and the first frame is grey", "give frames of one kind")
    if first.alpha:
        alpha = np.full_like(colours[..., :1], opaque) if alpha is None else alpha
        colours = np.concatenate([colours, alpha], axis=2)
    elif alpha is not None and np.any(alpha != opaque):
        raise FileProblemError(f"{path} has transparent pixels, and the first frame has no alpha", "add alpha to all")
    return picture._replace(pixels=np.ascontiguousarray(colours), alpha=first.alpha)
