"""The kinds of outputs of objects that were followed, by their names, and the options that each has a use for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.formats import FORMATS
from glimpsecli.jobs.formats import is_folder
from glimpsecli.jobs.plan import STREAM
from glimpsecli.video.formats import FILMS, film_format, is_film

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Output
    from glimpsecli.jobs.shaping import SizeRequest
    from glimpsecli.sampling import Sampling

_SUFFIXES = {".csv": "csv", ".txt": "mot", ".jsonl": "jsonl", ".ndjson": "jsonl", ".npz": "npz"}
FOLDER = "folder"


class Showing(NamedTuple):
    """The options of the pictures.

    Attributes
    ----------
    sampling : Sampling
    size : SizeRequest
        Of the glimpses.
    context : float
        Factor of the windows of glimpses.
    trail : int
        Places of a trail.
    inset, overlay : bool
        Whether the glimpse stands beside the frame, and whether a folder holds frames and not glimpses.
    """

    sampling: Sampling
    size: SizeRequest
    context: float
    trail: int
    inset: bool
    overlay: bool


def kind_of(target: str, asked: str | None) -> str:
    """Give the kind of an output: ``csv``, ``jsonl``, ``mot``, ``npz``, ``folder``, or the name of a film's format."""
    if not target:
        raise InvalidInputError("--output '' names nothing", "give a file, or a folder that ends in /")
    if is_folder(target):
        return FOLDER
    suffix = os.path.splitext(target)[1].lower()
    kind = _SUFFIXES.get(suffix) or (film_format(target).name if is_film(target) else None)
    if kind is None and asked is not None and (target == STREAM or not suffix):
        kind = asked
    if kind is None or (kind in FORMATS and kind not in FILMS and kind != "npz"):
        if target == STREAM:
            raise InvalidInputError("standard output has no suffix that names its format", "give --format")
        raise InvalidInputError(
            f"{target} is no name for a track",
            "end it in .csv, .jsonl, .txt (MOT), .npz, in that of a film such as .mp4 or .gif, or in / for a folder",
        )
    return kind


def check_options(kinds: Sequence[str], output: Output, showing: Showing) -> None:
    """Refuse options that no output has a use for, and targets that contradict the format."""
    films, folder = [kind for kind in kinds if kind in FILMS], FOLDER in kinds
    drawn = bool(films) or (folder and showing.overlay)
    if output.format is not None and output.format not in kinds and not (folder and output.format in FORMATS):
        raise InvalidInputError(f"--format {output.format} with no output of it", "leave it out")
    for option, given, use in (
        ("--name", output.name is not None, folder),
        ("--overlay", showing.overlay, drawn),
        ("--inset", showing.inset, drawn),
        ("--depth", output.depth is not None, folder or "npz" in kinds),
        ("--audio", output.audio == "copy", bool(films)),
        ("--compress", output.compress is not None, folder),
        ("--quality", output.quality is not None, folder or "webp" in films),
        ("--size", not showing.size.is_open, "npz" in kinds or (folder and not showing.overlay)),
    ):
        if given and not use:
            raise InvalidInputError(f"{option} has no use here", "no output takes it; see --help")
