"""The format of an output, by its suffix or as it is asked for: an image's, an array's or a film's."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.formats import FORMATS, Format, check, format_named, format_of
from glimpsecli.jobs.plan import STREAM, Output
from glimpsecli.names import FILMS
from glimpsecli.storage import is_address, path_of

if TYPE_CHECKING:
    from glimpsecli.jobs.groups import Source


def chosen_format(output: Output, sources: Sequence[Source] = ()) -> Format:
    """Give the format that is asked for, or that of the suffix; in a folder, and where no file is written, PNG.

    Frames of videos may become a film; WebP and PNG are films where there are several.
    """
    frames = sum(source.at is not None for source in sources)
    film = _film_format(output, several=frames > 1)
    if film is not None:
        if not frames:
            raise InvalidInputError(f"{film.title} holds a film", "give a video, or choose frames with --frames")
        if output.depth not in (None, *film.depths):
            raise InvalidInputError(f"--depth {output.depth} with {film.title}", f"use {' or '.join(film.depths)}")
        return film
    if output.format in FILMS and is_folder(output.target):
        raise InvalidInputError(f"--format {output.format} is a film, and {output.target} a folder", "name a file")
    asked = format_named(output.format) if output.format else None
    if output.target in (STREAM, "") or is_folder(output.target) or is_special(output.target):
        if asked is None and output.target == STREAM:
            raise InvalidInputError("standard output has no suffix that names its format", "give --format")
        found = asked or (format_of(output.target) if is_special(output.target) else format_named("png"))
    else:
        known = (
            _of_suffix(output.target, frames=frames > 0) if asked is None or _has_known_suffix(output.target) else asked
        )
        found = asked or known
        if found != known:
            raise InvalidInputError(
                f"{output.target} is not a name for --format {output.format}", "leave out one of the two"
            )
    if output.depth is not None:
        check(found, depth=output.depth, channels=1, alpha=False)
    return found


def _of_suffix(target: str, *, frames: bool) -> Format:
    try:
        return format_of(target)
    except InvalidInputError as error:
        if not frames:
            raise
        raise InvalidInputError(error.message, f"{error.hint}, or for a film .{', .'.join(FILMS)}") from None


def holds_film(output: Output) -> bool:
    """Return whether an output is a film, whatever goes into it."""
    return _film_format(output, several=False) is not None


def _film_format(output: Output, *, several: bool) -> Format | None:
    """Give the format of a film that a target or its format stands for; None for everything else."""
    from glimpsecli.video import formats

    if output.target == "" or is_folder(output.target):
        return None
    suffix = output.target if formats.is_film(output.target) else output.format or ""
    name = formats.film_format(suffix).name if formats.is_film(suffix) or suffix in formats.FILMS else None
    if name is None or (name in FORMATS and not several):
        return None
    if output.format not in (None, name):
        raise InvalidInputError(
            f"{output.target} is not a name for --format {output.format}", "leave out one of the two"
        )
    kind = formats.FILMS[name]
    depths = ("8", "16") if kind.muxer is not None else ("8",)
    alpha = kind.alpha is not None or (output.film.lossless and kind.lossless is not None)
    return Format(
        name, kind.title, kind.suffixes, depths, alpha, longest_side=kind.longest_side, container=True, film=True
    )


def _has_known_suffix(path: str) -> bool:
    suffix = os.path.splitext(path)[1][1:].lower()
    return any(suffix in file_format.suffixes for file_format in FORMATS.values())


def is_folder(target: str) -> bool:
    """Return whether a target is a folder, or the name of one to be made; an address is one if it ends in a slash."""
    if is_address(target):
        return target.endswith("/") or not path_of(target)
    return target != STREAM and (target.endswith(os.sep) or os.path.isdir(target))


def is_special(target: str) -> bool:
    """Return whether a target is a FIFO or a device, which is written to and not replaced."""
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
