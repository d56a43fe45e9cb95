"""Films that FFmpeg encodes, through PyAV."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.video.choosing import LAYOUTS, choose, usable
from glimpsecli.video.codecs import load_av
from glimpsecli.video.muxing import Output

if TYPE_CHECKING:
    from glimpsecli.images.picture import Array
    from glimpsecli.video.film import FilmOptions
    from glimpsecli.video.formats import FilmFormat

TICKS = 90000
"""Fewest ticks of a second in which times are kept; whole frames of the rate are whole ticks."""

MOST_TICKS = 1 << 24
"""Most ticks of a second: encoders and players count in 32 bits."""


class _Held(NamedTuple):
    """A frame that is held back until its end is known."""

    pixels: Array
    alpha: bool
    ticks: int


class EncodedFilm:
    """A film in the making; see :class:`glimpsecli.video.film.Film`.

    Frames are converted to the pixel format of the encoder: BT.709 in limited range, and tagged so, unless they stay
    RGB or grey. The memory does not grow with the film.

    Parameters
    ----------
    stream : binary stream
        Seekable; it stays open.
    kind : FilmFormat
    options : FilmOptions

    Raises
    ------
    InvalidInputError, UnavailableError
        As for :func:`glimpsecli.video.films.open_film`.
    """

    def __init__(self, stream: BinaryIO, kind: FilmFormat, options: FilmOptions) -> None:
        self._av = load_av(f"a film in {kind.title}")
        self._reformatter = self._av.video.reformatter.VideoReformatter()  # a frame's own one is set up anew each time
        self._kind = kind
        self._options = options._replace(rate=options.rate.limit_denominator(65535))
        usable(kind, options)  # the frames are not known yet, but an encoder that is missing shows now
        self._tick = _tick(self._options.rate, fixed=kind.name == "avi")
        self._deep = self._grey = False
        self._conversion: dict[str, Any] = {}
        self._held: _Held | None = None
        self._output = Output(stream, kind, self._options)

    def add(self, pixels: Array, time: Fraction, *, alpha: bool = False) -> None:
        """Append a frame; see :meth:`glimpsecli.video.film.Film.add`."""
        ticks = round(time / self._tick)
        held = self._held
        if held is None:
            self._start(pixels, alpha)
        else:
            if (pixels.shape, pixels.dtype, alpha) != (held.pixels.shape, held.pixels.dtype, held.alpha):
                raise InvalidInputError(
                    f"a frame of the shape {pixels.shape} in a film of the shape {held.pixels.shape}",
                    "the frames of a film are of one size and kind",
                )
            if ticks <= held.ticks:
                raise InvalidInputError(
                    f"a frame at {float(time):g} s after one at {float(held.ticks * self._tick):g} s",
                    f"times ascend, in {self._kind.title} by {self._tick} s at least",
                )
            self._check_steady(time, ticks)
            self._encode(held, ticks)
        self._held = _Held(pixels.copy(), alpha, ticks)

    def finish(self, end: Fraction) -> None:
        """Encode what is left and write the end of the file."""
        if self._held is None:
            raise InvalidInputError("a film of no frames", "give it one at least")
        self._encode(self._held, max(round(end / self._tick), self._held.ticks + 1))
        self._output.finish()

    def close(self) -> None:
        """Give up a film that is not finished."""
        self._output.close()

    def _start(self, pixels: Array, alpha: bool) -> None:
        height, width, channels = pixels.shape
        choice = choose(self._kind, self._options, dtype=pixels.dtype.name, channels=channels, alpha=alpha)
        choice.check_size(height, width)
        self._output.start(choice, (height, width), self._tick)
        self._deep, self._grey, self._conversion = choice.is_deep, choice.is_grey, choice.conversion()

    def _check_steady(self, time: Fraction, ticks: int) -> None:
        """Refuse variable times in AVI, which has none."""
        if self._kind.name == "avi" and abs(ticks - time / self._tick) > Fraction(1, 4):
            rate = float(self._options.rate)
            raise InvalidInputError(
                f"a frame at {float(time):g} s, and AVI keeps only times of {rate:g} frames a second",
                "use .mkv or .mp4, which keep variable times",
            )

    def _encode(self, held: _Held, until: int) -> None:
        pixels = held.pixels
        if self._deep and pixels.dtype == np.uint8:
            pixels = pixels.astype(np.uint16) * 257  # FFmpeg would make 1020 of 1023 of white
        layout, pixels = _laid_out(pixels, alpha=held.alpha, grey=self._grey)
        given = self._av.VideoFrame.from_ndarray(pixels, layout)
        frame: Any = self._reformatter.reformat(given, **self._conversion)
        self._output.encode(frame, held.ticks, until)


def _laid_out(pixels: Array, *, alpha: bool, grey: bool) -> tuple[str, Array]:
    """Give FFmpeg's name of a layout, and the pixels in it: grey where that is kept, else RGB; alpha stays."""
    if pixels.shape[2] == 1 + alpha and (alpha or not grey):
        pixels = pixels[:, :, [0, 0, 0, 1][: 3 + alpha]]
    layout = LAYOUTS[pixels.dtype.name, pixels.shape[2]]
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return layout, pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def _tick(rate: Fraction, *, fixed: bool) -> Fraction:
    """Give the length of a tick, in seconds: frames of the rate begin at whole ticks."""
    if fixed:
        return 1 / rate
    ticks = math.lcm(TICKS, rate.numerator)
    return Fraction(1, ticks if ticks <= MOST_TICKS else rate.numerator * -(-TICKS // rate.numerator))
