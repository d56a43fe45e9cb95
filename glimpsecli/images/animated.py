"""Animations that Pillow reads: the frames of a GIF, a WebP, an APNG or an AVIF, with their times."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from glimpsecli.errors import FileProblemError, GlimpseError
from glimpsecli.images import orientation as turning
from glimpsecli.images import pillow, png
from glimpsecli.images.picture import Array, Picture, check_size, matching_icc
from glimpsecli.images.silence import silenced

_ANIMATED = ("GIF", "WebP", "PNG", "AVIF")
_UNTIMED = Fraction(1, 10)  # seconds that browsers show a frame whose duration is given as none
_FINEST = 65535  # largest denominator of a duration in an APNG; other formats count milliseconds


class Timing(NamedTuple):
    """The frames of an animation, found by decoding each once.

    Attributes
    ----------
    durations : tuple of Fraction
        Seconds that each frame is shown.
    alpha : bool
        Whether a pixel of any frame is not opaque.
    problem : str or None
        The reason why frames are missing at the end.
    """

    durations: tuple[Fraction, ...]
    alpha: bool
    problem: str | None


class Animation:
    """An open animation, of which one frame after another, or any, is decoded; for one thread at a time.

    Parameters
    ----------
    stream : BinaryIO
        Stays open as long as the animation is read.
    kind : str
        As `images.reading.kind_of` tells it.
    label : str
        The name of the file in messages.
    max_pixels : int
        Larger ones are refused.

    Attributes
    ----------
    size : (int, int)
        Height and width, upright.
    shown : int
        Number of the frame that was decoded last, or -1.
    timing : Timing
    """

    def __init__(self, stream: BinaryIO, kind: str, label: str, max_pixels: int) -> None:
        header = png.read_header(stream, label) if kind == "PNG" else None
        if header is not None and header.bits == 16:
            raise FileProblemError(
                f"{label} is an animated PNG of 16 bit, which would be cut to 8", "read its frame 0 as an image"
            )
        self._stream, self._label, self._kind, self._max_pixels = stream, label, kind, max_pixels
        self.shown = -1
        self._image: Any = pillow.open_image(stream, kind, label, max_pixels)
        self._turn = pillow.orientation_of(self._image, kind, header.exif if header else None)
        self._icc = matching_icc(self._image.info.get("icc_profile"), 3)
        # The picture that is shown where animations are not known is no frame of the animation.
        self._first = int(bool(getattr(self._image, "default_image", False)))
        self.size = turning.upright_shape(self._image.height, self._image.width, self._turn)
        self.timing = self._timed()

    def decode(self, index: int) -> Picture:
        """Decode a frame by its number, from 0.

        Raises
        ------
        FileProblemError
            The file is damaged there.
        """
        try:
            with silenced:
                pixels = self._pixels(index)
        except GlimpseError:
            raise
        except Exception as error:  # decoders meet damaged files with nearly every exception there is
            reason = " ".join(str(error).split()) or type(error).__name__
            raise FileProblemError(f"{self._label} could not be read at frame {index}: {reason}") from error
        return Picture(pixels, self.timing.alpha, self._icc)

    def _pixels(self, index: int) -> Array:
        if index <= self.shown:  # opened anew: Pillow's way back fails after an animated PNG was read to its end
            self._image = pillow.open_image(self._stream, self._kind, self._label, self._max_pixels)
        self._load(index)
        width, height = self._image.size  # a frame may reach beyond the canvas
        check_size(self._label, width, height, self._max_pixels)
        stored = np.asarray(self._image.convert("RGBA" if self.timing.alpha else "RGB"))
        return np.ascontiguousarray(turning.upright(stored, self._turn))

    def _load(self, index: int) -> None:
        self._image.seek(self._first + index)
        self._image.load()
        self.shown = index

    def _timed(self) -> Timing:
        durations: list[Fraction] = []
        alpha, problem = False, None
        while True:
            try:
                with silenced:
                    self._load(len(durations))
            except EOFError:
                break
            except Exception as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                if not durations:
                    raise FileProblemError(
                        f"{self._label} could not be read as {self._kind}: {reason}", "get a whole copy of the file"
                    ) from error
                problem = f"it breaks off at frame {len(durations)}: {reason}"
                break
            alpha = alpha or self._shows_through()
            seconds = Fraction(self._image.info.get("duration") or 0) / 1000
            durations.append(seconds.limit_denominator(_FINEST) or _UNTIMED)
        return Timing(tuple(durations), alpha, problem)

    def _shows_through(self) -> bool:
        if not self._image.has_transparency_data:
            return False
        lowest, _ = self._image.convert("RGBA").getchannel("A").getextrema()
        return bool(lowest < 255)


def is_animated(stream: BinaryIO, kind: str, label: str, max_pixels: int) -> bool:
    """Return whether an image is an animation of several frames."""
    if kind not in _ANIMATED:
        return False
    if kind == "PNG" and not png.read_header(stream, label).animated:
        return False
    with silenced:
        image = pillow.open_image(stream, kind, label, max_pixels)
        try:
            return bool(getattr(image, "is_animated", False))
        except Exception:  # there is a second frame, and it is damaged
            return True
