"""The formats that can be written: a table of the depths and channels that each can hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.depth import DEPTHS


class Format(NamedTuple):
    """One format of output files.

    Attributes
    ----------
    name : str
        Its name on the command line; also the suffix that files get.
    title : str
        Its name in messages.
    suffixes : tuple of str
        All suffixes that mean it, without the dot.
    depths : tuple of str
        Names of the depths that it holds without loss.
    alpha : bool
        Whether it holds an alpha channel.
    any_channels : bool
        Whether it holds any number of channels, not only grey and RGB.
    longest_side : int or None
        The most pixels along a side.
    container : bool
        Whether one file holds many glimpses.
    film : bool
        Whether it shows them one after another.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    depths: tuple[str, ...]
    alpha: bool = True
    any_channels: bool = False
    longest_side: int | None = None
    container: bool = False
    film: bool = False


FORMATS = {
    file_format.name: file_format
    for file_format in (
        Format("png", "PNG", ("png",), ("8", "16")),
        Format("jpg", "JPEG", ("jpg", "jpeg", "jpe"), ("8",), alpha=False, longest_side=65500),
        Format("webp", "WebP", ("webp",), ("8",), longest_side=16383),
        Format("tiff", "TIFF", ("tiff", "tif"), ("8", "16", "float"), any_channels=True),
        Format("npy", ".npy", ("npy",), ("8", "16", "float"), any_channels=True),
        Format("npz", ".npz", ("npz",), ("8", "16", "float"), any_channels=True, container=True),
    )
}
_BY_SUFFIX = {suffix: file_format for file_format in FORMATS.values() for suffix in file_format.suffixes}


def format_named(name: str) -> Format:
    """Return the format of a name or suffix, such as ``jpeg``.

    Raises
    ------
    InvalidInputError
        If there is none of that name.
    """
    if name.lower() not in _BY_SUFFIX:
        raise InvalidInputError(f"there is no format {name!r} to write", f"use {_listed(FORMATS, 'or')}")
    return _BY_SUFFIX[name.lower()]


def format_of(path: str | os.PathLike[str]) -> Format:
    """Return the format that a file name's suffix stands for.

    Raises
    ------
    InvalidInputError
        If the suffix is missing or unknown.
    """
    suffix = os.path.splitext(path)[1]
    if suffix[1:].lower() not in _BY_SUFFIX:
        found = f"the unknown suffix {suffix}" if suffix[1:] else "no suffix to tell its format"
        suffixes = _listed([f".{one}" for one in _BY_SUFFIX], "or")
        raise InvalidInputError(f"{os.fspath(path)} has {found}", f"use {suffixes}")
    return _BY_SUFFIX[suffix[1:].lower()]


def check(file_format: Format, *, depth: str, channels: int, alpha: bool) -> None:
    """Refuse pixels that a format cannot hold, naming the formats that can.

    Parameters
    ----------
    file_format : Format
        The format asked for.
    depth : str
        A name of a depth: ``"8"``, ``"16"`` or ``"float"``.
    channels : int
        All channels, alpha included.
    alpha : bool
        Whether the last channel is alpha.

    Raises
    ------
    InvalidInputError
        If the format cannot hold them.
    UnavailableError
        If it could, with a package that is not installed.
    """
    if alpha and channels < 2:
        raise InvalidInputError(f"{channels} channel cannot be colour and alpha")
    wants_alpha, colours = alpha, channels - alpha
    tests: tuple[tuple[str, Callable[[Format], bool]], ...] = (
        (DEPTHS[depth].title, lambda other: depth in other.depths),
        ("an alpha channel", lambda other: other.alpha or not wants_alpha),
        (
            f"{channels} channels" + (" of which none is alpha" if channels in (2, 4) else ""),
            lambda other: other.any_channels or colours in (1, 3),
        ),
    )
    for what, holds in tests:
        if not holds(file_format):
            able = [other.name for other in FORMATS.values() if all(able(other) for _, able in tests)]
            fill = ", or lay it over a colour with `--fill`" if what == "an alpha channel" else ""
            raise InvalidInputError(f"{file_format.title} cannot hold {what}", f"{_listed(able)} can{fill}")
    if needs_vips(file_format, depth, channels):
        from glimpsecli.images.vips import load_vips

        load_vips("a PNG of 16 bit with colour or alpha")


def check_side(file_format: Format, height: int, width: int) -> None:
    """Refuse a size that a format cannot hold."""
    if height < 1 or width < 1:
        raise InvalidInputError(f"an image of {width} x {height} has no pixels to write")
    if file_format.longest_side is not None and max(height, width) > file_format.longest_side:
        able = [other.name for other in FORMATS.values() if other.longest_side is None]
        raise InvalidInputError(
            f"{file_format.title} cannot hold {width} x {height} pixels: a side has at most {file_format.longest_side}",
            f"{_listed(able)} can",
        )


def needs_vips(file_format: Format, depth: str, channels: int) -> bool:
    """Return whether writing takes pyvips: Pillow writes PNG of 16 bit in grey only."""
    return file_format.name == "png" and depth == "16" and channels > 1


def _listed(names: Iterable[str], last_word: str = "and") -> str:
    """Join names for a sentence: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} {last_word} {last}" if first else last
