"""A film in the making: pictures with times go in, one after another."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from glimpsecli.images.picture import Array


class Sound(NamedTuple):
    """The sound of a video, to be copied into a film, packet by packet.

    Attributes
    ----------
    path : str
        The video.
    start, end : Fraction
        The part that the film shows, in seconds from the first frame of the video.
    origin : Fraction
        Time of the first frame of the video on the clock of its sound, in seconds: `Clip.start`.
    """

    path: str
    start: Fraction
    end: Fraction
    origin: Fraction = Fraction(0)


class FilmOptions(NamedTuple):
    """The options of encoding.

    Attributes
    ----------
    rate : Fraction
        Frames per second: nominal, where the rate varies.
    speed : Fraction
        Seconds of the source in a second of the film, for whoever hands over the frames.
    codec : str, optional
        Name of an encoder; by default that of the format.
    crf : float, optional
        Constant rate factor of H.264, H.265, VP9 and AV1: lower is better and larger.
    lossless : bool
    pix_fmt : str, optional
        FFmpeg's name of a pixel format; by default the one that plays everywhere.
    sound : Sound, optional
    quality : int, optional
        Quality of animated WebP, from 1 to 100, which is lossless.
    """

    rate: Fraction = Fraction(30)
    speed: Fraction = Fraction(1)
    codec: str | None = None
    crf: float | None = None
    lossless: bool = False
    pix_fmt: str | None = None
    sound: Sound | None = None
    quality: int | None = None


class Film(Protocol):
    """A film in the making; the frames have one size and number of channels."""

    def add(self, pixels: Array, time: Fraction, *, alpha: bool = False) -> None:
        """Append a frame.

        Parameters
        ----------
        pixels : (H, W, C) uint8 or uint16
            Grey or RGB, with or without alpha.
        time : Fraction
            Seconds from the start of the film; ascending.
        alpha : bool
            Whether the last channel is straight alpha.

        Raises
        ------
        InvalidInputError
            The format cannot hold the frame, or it is of another size than the first.
        FileProblemError
            The encoder or the disk refuses.
        """

    def finish(self, end: Fraction) -> None:
        """Encode what is left and write the end of the file; `end` is the time at which the last frame ends."""

    def close(self) -> None:
        """Give up a film that is not finished; after `finish` this does nothing."""
