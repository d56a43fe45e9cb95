"""MOTChallenge sequences as annotations of their images: ``gt.txt``, ``det.txt``, or a folder with some of them.

The boxes are those of :mod:`glimpsecli.annotations.mot`. Frame 1 is the image ``img1/000001.jpg`` of the sequence; its
``seqinfo.ini`` may name another folder (``imDir``) and suffix (``imExt``). Names have six digits, or as many as the
images that are there. The file of a sequence lies in it, or in a folder ``gt`` or ``det`` of it; one of any other name
is called like its sequence, as results are. A sequence with ``gt.txt`` is read from this file alone.

The seventh number is the confidence of a detection; in ``gt.txt`` it is 0 for a box that the evaluation ignores
(https://motchallenge.net/instructions/), which becomes a flag. The eighth of nine numbers of ``gt.txt`` is a class, as
MOT16 and MOT20 number them (arXiv 1603.00831, 2003.09003). The id of a box is that of its track. Frames of a video take
the same files as a table of windows.

CVAT and Datumaro write ``labels.txt`` beside ``gt.txt``, with a class on each line, and places on the image plane
(Datumaro's ``mot_format.py`` adds no 1): beside this file the pixels count from 0, and rows of ten have a class too.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Iterator
from pathlib import Path

from glimpsecli.annotations.annotated import Annotated, Notes, files_under, noted, read_each, score_of
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.mot import box_of_row, is_mot
from glimpsecli.annotations.text import read_text
from glimpsecli.errors import InvalidInputError

TRUTH, DETECTIONS = "gt.txt", "det.txt"

_CLASSES = (
    "pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle", "static person",
    "distractor", "occluder", "occluder on the ground", "occluder full", "reflection", "crowd",
)  # fmt: skip
_WITH_CLASS = 9
"""Number of values of a row that has a class: ten are a place in space, as in MOT15."""


def read_mot(path: Path, problems: list[str], notes: Notes) -> Iterable[Annotated]:
    """Read the sequences of a folder, or one file; see the module for what they hold."""
    if not path.is_dir():
        return _read_one(path, problems, notes)
    return read_each(sequence_files(path, problems), lambda file: _read_one(file, problems, notes), problems)


def sequence_files(folder: Path, problems: list[str]) -> list[Path]:
    """List the files of the sequences in a folder: of each the truth, or the detections where it has none."""
    found: dict[Path, Path] = {}
    files = [file for file in files_under(folder, ".txt", problems) if file.name in (TRUTH, DETECTIONS)]
    for file in sorted(files, key=lambda file: file.name == DETECTIONS):
        found.setdefault(_sequence_of(file), file)
    return [found[sequence] for sequence in sorted(found)]


def _sequence_of(file: Path) -> Path:
    return file.parent.parent if file.parent.name == file.stem and file.name in (TRUTH, DETECTIONS) else file.parent


def _read_one(file: Path, problems: list[str], notes: Notes) -> Iterator[Annotated]:
    text = read_text(file)
    if not is_mot(text):
        raise InvalidInputError(f"{file} is no MOT file", "its rows are frame,id,x,y,width,height,confidence")
    sequence, truth = _sequence_of(file), file.name == TRUTH
    if file.name in (TRUTH, DETECTIONS):
        name = sequence.absolute().name
    else:
        name, sequence = file.stem, sequence / file.stem
    images, suffix = _info(sequence, problems)
    digits = _digits(sequence / images)
    classes = _classes(file) if truth else None
    frames: dict[int, list[Box]] = {}
    where: dict[int, str] = {}
    for line, row in enumerate(text.split("\n"), 1):
        if row.strip():
            with noted(problems, f"{file}, line {line}"):
                cells = row.split(",")
                found = box_of_row(cells, first_pixel=1 if classes is None else 0)
                frame = (found.frame or 0) + 1
                frames.setdefault(frame, []).append(_marked(found, cells, classes, notes, truth=truth))
                where.setdefault(frame, f"{file}, line {line}")
    for frame in sorted(frames):
        yield Annotated(f"{name}/{images}/{frame:0{digits}d}{suffix}", None, tuple(frames[frame]), where[frame])


def _marked(found: Box, cells: list[str], classes: dict[int, str] | None, notes: Notes, *, truth: bool) -> Box:
    """Give a box of an image its score, id, flags and class in place of its frame."""
    score = score_of(cells[6].strip(), notes) if len(cells) > 6 else None
    found = found._replace(frame=None, label=None)
    if not truth:
        return found._replace(score=score)
    if score == 0:
        found = found._replace(flags=("ignored",))
    if len(cells) != _WITH_CLASS and (classes is None or len(cells) < _WITH_CLASS):
        return found
    chosen = score_of(cells[7].strip(), notes)
    if chosen is None or chosen < 1 or not chosen.is_integer():
        return found
    known = dict(enumerate(_CLASSES, 1)) if classes is None else classes
    category = str(int(chosen))
    return found._replace(label=known.get(int(chosen), category), category=category)


def _info(sequence: Path, problems: list[str]) -> tuple[str, str]:
    """Read the folder and the suffix of the images."""
    file = sequence / "seqinfo.ini"
    if file.is_file():
        parser = configparser.ConfigParser(interpolation=None)
        with noted(problems, str(file)):
            try:
                parser.read_string(read_text(file), file.name)
            except configparser.Error as error:
                raise InvalidInputError(f"no seqinfo.ini: {error}") from None
            images = parser.get("Sequence", "imDir", fallback="img1").replace("\\", "/").strip("/ ") or "img1"
            return images, parser.get("Sequence", "imExt", fallback="").strip() or ".*"
    return "img1", ".*"


def _digits(images: Path) -> int:
    """Give the number of digits in the names of the images; six where none is there."""
    try:
        return next((len(one.stem) for one in images.iterdir() if one.stem.isdecimal()), 6)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return 6


def _classes(file: Path) -> dict[int, str] | None:
    labels = file.parent / "labels.txt"
    if not labels.is_file():
        return None
    return {n: line.strip() for n, line in enumerate(read_text(labels).split("\n"), 1) if line.strip()}
