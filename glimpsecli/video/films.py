"""Films to files: frames with times go in, one after another."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.storage.atomic import placing
from glimpsecli.video.film import Film, FilmOptions
from glimpsecli.video.formats import FILMS, FilmFormat, film_format, is_film

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from glimpsecli.images.animated_film import AnimationFilm
    from glimpsecli.window import Size

__all__ = ["FILMS", "FilmFormat", "check_film", "film_format", "is_film", "open_film", "sound_problem", "write_film"]

FASTEST = 1000
"""Most frames per second: WebP counts in milliseconds."""


def open_film(
    stream: BinaryIO, film_format: FilmFormat | str | os.PathLike[str], options: FilmOptions | None = None
) -> Film:
    """Start a film.

    Parameters
    ----------
    stream : binary stream
        Seekable, empty; it stays open. Give one of :func:`glimpsecli.storage.atomic.placing`, so that the film appears
        whole or not at all.
    film_format : FilmFormat, str or path
        A format, or a name that :func:`film_format` understands.
    options : FilmOptions, optional

    Returns
    -------
    Film

    Raises
    ------
    InvalidInputError
        An option is out of range, or of another format.
    UnavailableError
        This installation has no PyAV, or its FFmpeg lacks the encoder.
    """
    kind = film_format if isinstance(film_format, FilmFormat) else _named(film_format)
    options = FilmOptions() if options is None else options
    _check_options(kind, options)
    if kind.muxer is not None:
        from glimpsecli.video.encoding import EncodedFilm

        return EncodedFilm(stream, kind, options)
    if kind.name == "webp":
        from glimpsecli.images.animated_webp import WebpFilm

        return WebpFilm(stream, quality=100 if options.lossless else options.quality)
    return _animation(kind)(stream)


def write_film(
    path: str | os.PathLike[str],
    frames: Iterable[ArrayLike],
    *,
    rate: Fraction | float = 25,
    alpha: bool = False,
    overwrite: bool = False,
    options: FilmOptions | None = None,
) -> None:
    """Write arrays as a film that appears whole or not at all.

    Parameters
    ----------
    path : path
        Its suffix names the format: ``.mp4 .mkv .webm .mov .avi``, with PyAV, or ``.gif .webp .png``.
    frames : iterable of (H, W) or (H, W, C) uint8 or uint16
        Of one size, one after another, so that memory does not grow with their number.
    rate : float
        Frames per second.
    alpha : bool
        Whether the last channel is straight alpha.
    overwrite : bool
        Replace a file that exists.
    options : FilmOptions, optional
        How the film is encoded; its rate is `rate`.

    Raises
    ------
    InvalidInputError
        The file exists, there are no frames, or the format cannot hold them.
    UnavailableError
        This installation has no PyAV, or its FFmpeg lacks the encoder.
    """
    speed, count = Fraction(rate).limit_denominator(1001), 0
    with placing(path, overwrite=overwrite) as stream:
        film = open_film(stream, path, (options or FilmOptions())._replace(rate=speed))
        try:
            for count, frame in enumerate(frames, 1):
                pixels = np.asarray(frame)
                film.add(pixels[..., None] if pixels.ndim == 2 else pixels, (count - 1) / speed, alpha=alpha)
            film.finish(count / speed)
        except BaseException:
            film.close()
            raise


def check_film(
    film_format: FilmFormat | str | os.PathLike[str],
    options: FilmOptions,
    *,
    dtype: str = "uint8",
    channels: int = 3,
    alpha: bool = False,
    size: Size | None = None,
) -> None:
    """Refuse a film that cannot be made, before any work is done.

    Parameters
    ----------
    film_format : FilmFormat, str or path
    options : FilmOptions
    dtype : str
        Type of the frames' pixels.
    channels : int
        All channels, alpha included.
    alpha : bool
        Whether the last channel is alpha.
    size : (int, int), optional
        Height and width of the frames, where they are known.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`open_film`, and as the first frame of such a film.
    """
    kind = film_format if isinstance(film_format, FilmFormat) else _named(film_format)
    _check_options(kind, options)
    if kind.muxer is not None:
        from glimpsecli.video.choosing import choose

        chosen = choose(kind, options, dtype=dtype, channels=channels, alpha=alpha)
        if size is not None:
            chosen.check_size(*size)
        if options.sound is not None and (problem := sound_problem(options.sound.path, kind)):
            raise InvalidInputError(problem, "use .mkv, or `--audio none`")
        return
    height, width = size or (1, 1)
    _animation(kind).check(height, width, dtype=dtype, channels=channels, alpha=alpha)


def sound_problem(path: str, film_format: FilmFormat | str | os.PathLike[str]) -> str | None:
    """Return the reason why a format cannot hold the sound of a video; None where it can.

    Raises
    ------
    UnavailableError
        PyAV is not installed.
    FileProblemError
        The video cannot be read.
    """
    kind = film_format if isinstance(film_format, FilmFormat) else _named(film_format)
    if not kind.sound:
        return f"no sound is copied into {kind.title}"
    from glimpsecli.video import sound

    return sound.sound_problem(path, kind)


_named = film_format


def _animation(kind: FilmFormat) -> type[AnimationFilm]:
    """Import the class of a format that Pillow encodes."""
    if kind.name == "gif":
        from glimpsecli.images.gif import GifFilm

        return GifFilm
    if kind.name == "webp":
        from glimpsecli.images.animated_webp import WebpFilm

        return WebpFilm
    from glimpsecli.images.apng import ApngFilm

    return ApngFilm


def _check_options(kind: FilmFormat, options: FilmOptions) -> None:
    """Refuse options that are out of range, or that mean nothing in a format."""
    if not 0 < options.rate <= FASTEST:
        raise InvalidInputError(
            f"{float(options.rate):g} frames per second", f"a rate is positive, and at most {FASTEST}"
        )
    if options.quality is not None and kind.name != "webp":
        raise InvalidInputError(
            f"{kind.title} has no quality, and {options.quality} was given", "use `--crf`, or .webp"
        )
    if options.sound is not None and not kind.sound:
        able = ", ".join(f".{other.name}" for other in FILMS.values() if other.sound)
        raise InvalidInputError(f"no sound is copied into {kind.title}", f"use {able}, or leave the sound out")
    if kind.muxer is not None:
        return
    for option, value in (("codec", options.codec), ("crf", options.crf), ("pix-fmt", options.pix_fmt)):
        if value is not None:
            able = ", ".join(f".{other.name}" for other in FILMS.values() if other.muxer)
            raise InvalidInputError(
                f"{kind.title} has no `--{option}`, and {value} was given", f"films that do: {able}"
            )
    if options.lossless and kind.lossless is None:
        raise InvalidInputError(f"{kind.title} cannot be lossless: it has 256 colours", "use .webp, .png or .mkv")
    film = _animation(kind)
    if options.rate > film.ticks / film.least:
        raise InvalidInputError(
            f"{kind.title} shows at most {film.ticks // film.least} frames a second, not {float(options.rate):g}",
            "take fewer frames, or use .webp or .mp4",
        )
