"""The formats of films: a table of the codecs, depths and channels that each can hold."""

from __future__ import annotations

import os
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError


class FilmFormat(NamedTuple):
    """One format of films.

    Attributes
    ----------
    name : str
        Its name on the command line; also the suffix that files get.
    title : str
        Its name in messages.
    suffixes : tuple of str
        All suffixes that mean it, without the dot.
    muxer : str or None
        FFmpeg's name of the container, for PyAV; None where Pillow encodes the frames.
    codec : str or None
        The encoder by default.
    lossless : str or None
        The encoder of `--lossless`; None where there is no such film.
    alpha : str or None
        The encoder of frames with alpha by default; None where alpha is lost.
    sound : bool
        Whether sound is copied into it. AVI would lose the time at which it begins.
    longest_side : int or None
        The most pixels along a side.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    muxer: str | None = None
    codec: str | None = None
    lossless: str | None = None
    alpha: str | None = None
    sound: bool = False
    longest_side: int | None = None


FILMS = {
    film_format.name: film_format
    for film_format in (
        FilmFormat("mp4", "MP4", ("mp4", "m4v"), "mp4", "libx264", sound=True),
        FilmFormat("mkv", "Matroska", ("mkv",), "matroska", "libx264", "ffv1", sound=True),
        FilmFormat("webm", "WebM", ("webm",), "webm", "libvpx-vp9", "libvpx-vp9", "libvpx-vp9", sound=True),
        FilmFormat("mov", "QuickTime", ("mov",), "mov", "libx264", "png", "prores_ks", sound=True),
        FilmFormat("avi", "AVI", ("avi",), "avi", "libx264", "ffv1"),
        FilmFormat("gif", "GIF", ("gif",), alpha="gif", longest_side=65535),
        FilmFormat("webp", "WebP", ("webp",), lossless="webp", alpha="webp", longest_side=16383),
        FilmFormat("png", "animated PNG", ("png", "apng"), lossless="png", alpha="png"),
    )
}
_BY_SUFFIX = {suffix: film_format for film_format in FILMS.values() for suffix in film_format.suffixes}


def film_format(name: str | os.PathLike[str]) -> FilmFormat:
    """Return the format that a name, a suffix or the suffix of a path stands for.

    Raises
    ------
    InvalidInputError
        If the suffix is missing or unknown.
    """
    text = os.fspath(name)
    suffix = os.path.splitext(text)[1][1:] or ("" if os.path.basename(text) != text else text.lstrip("."))
    if suffix.lower() in _BY_SUFFIX:
        return _BY_SUFFIX[suffix.lower()]
    found = f"the unknown suffix .{suffix}" if os.path.splitext(text)[1][1:] else "no suffix to tell its format"
    *first, last = [f".{one}" for one in _BY_SUFFIX]
    raise InvalidInputError(f"{text} has {found}", f"for a film use {', '.join(first)} or {last}")


def is_film(path: str | os.PathLike[str]) -> bool:
    """Return whether a path has the suffix of a film, which `.png` and `.webp` also share with images."""
    return os.path.splitext(path)[1][1:].lower() in _BY_SUFFIX
