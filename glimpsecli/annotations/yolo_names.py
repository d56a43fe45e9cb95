"""The names of YOLO classes: ``data.yaml`` or another YAML file, ``classes.txt`` or ``obj.names``.

They are looked for in the folder of labels and in the two above it, which covers ``labels/train`` (Ultralytics),
``train/labels`` (Roboflow) and ``obj_train_data`` (CVAT); the nearest folder with names counts. There every file
``*.yaml`` and ``*.yml`` with names is read, but for ``voc.yaml`` beside a folder ``voc`` that is not the one of these
labels. Files of one folder that call a class differently are an error. The two text files have a name on each line.

Of YAML only the top-level ``names`` is read, in the forms that people write: a list or a mapping from numbers, in
brackets or one to a line, of names with or without quotes. Any other form is a problem, not a guess.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from glimpsecli.annotations.annotated import noted
from glimpsecli.annotations.text import read_text, shown
from glimpsecli.errors import InvalidInputError

LISTS = ("classes.txt", "obj.names")

_BLANK = re.compile(r"\s*(?:#.*)?")
_END = r"(?:\s+#.*|\s*)"
_QUOTED = r"""'(?:[^']|'')*'|"[^"\\]*\""""
_FIRST = r"""[^\s'"#&*!|>%@`,?:\[\]{}-]"""  # the first character of a name without quotes
_ITEM = re.compile(rf"\s*(?:['\"]?(\d+)['\"]?\s*:\s+)?({_QUOTED}|{_FIRST}(?:(?!:\s)[^,\[\]{{}}])*)\s*(?:,|$)")
_LINE = re.compile(rf"\s*(?:-|['\"]?(\d+)['\"]?\s*:)\s+({_QUOTED}|{_FIRST}(?:(?!:\s).)*?){_END}")


class Classes(NamedTuple):
    """Names by class number, why one may be missing, and whether rows carry keypoints after their box."""

    names: dict[int, str]
    missing: str = "no data.yaml, other YAML file with names, classes.txt or obj.names was found"
    keypoints: bool = False


def find_classes(folder: Path, below: Collection[Path], problems: list[str]) -> Classes:
    """Find the names in `folder`, else in the folders `below` it that hold labels, else in the two above.

    Without any, classes keep their numbers.

    Raises
    ------
    InvalidInputError
        Two files that are equally near give a class different names.
    """
    keypoints = False
    here = folder.absolute()
    for places in ([here], sorted(below), *([parent] for parent in here.parents[:2])):
        found: dict[int, tuple[str, Path]] = {}
        for file in (file for place in places for file in _files(place, here)):
            names: dict[int, str] = {}
            with noted(problems, f"{file} gives no class names"):
                text = read_text(file)
                listed = {n: line.strip() for n, line in enumerate(text.split("\n")) if line.strip()}
                names = listed if file.name in LISTS else yaml_names(text)
                if (names or file.stem == "data") and file.name not in LISTS:
                    keypoints = keypoints or re.search(r"^kpt_shape\s*:", text, re.MULTILINE) is not None
            for number, name in names.items():
                known, other = found.setdefault(number, (name, file))
                if known != name:
                    raise InvalidInputError(
                        f"class {number} is {shown(known)} in {other} and {shown(name)} in {file}",
                        "remove one of the two files",
                    )
        if found:
            files = " and ".join(dict.fromkeys(str(file) for _, file in found.values()))
            return Classes({n: name for n, (name, _) in found.items()}, f"{files} does not name it", keypoints)
    return Classes({}, keypoints=keypoints)


def _files(place: Path, here: Path) -> list[Path]:
    """List the files of a folder that may name the classes of the labels in `here`, `data.yaml` first."""
    own = {"data", *(part.name for part in (here, *here.parents[:2]))}
    try:
        files = [place / name for name in sorted(os.listdir(place)) if name.endswith((".yaml", ".yml"))]
    except OSError:  # a folder above may be closed to us
        files = [place / "data.yaml", place / "data.yml"]
    files = [file for file in files if file.stem in own or not os.path.isdir(place / file.stem)]
    files.sort(key=lambda file: file.stem != "data")
    return [file for file in (*files, *(place / name for name in LISTS)) if os.path.isfile(file)]


def yaml_names(text: str) -> dict[int, str]:
    """Read the top-level ``names`` of a YAML text; empty where it has none."""
    found = re.search(r"^names[ \t]*:[ \t]*(.*)$", text.replace("\r", ""), re.MULTILINE)
    if not found:
        return {}
    value, below = found[1], found.string[found.end() + 1 :]
    if value[:1] in ("[", "{"):
        pairs = list(_in_brackets(f"{value}\n{below}"))
    elif _BLANK.fullmatch(value):
        pairs = list(_by_lines(below.split("\n")))
    else:
        raise InvalidInputError(f"names are {shown(value)}, which is beyond this reader")
    if len({given is None for given, _ in pairs}) > 1:
        raise InvalidInputError("names are half a list and half a mapping")
    return {n if given is None else int(given): _unquoted(name) for n, (given, name) in enumerate(pairs)}


def _in_brackets(text: str) -> Iterator[tuple[str | None, str]]:
    closing = "]" if text[0] == "[" else "}"
    uncommented = re.sub(r"""('[^'\n]*'|"[^"\n]*")|(?:(?<=\s)|^)#.*""", lambda match: match[1] or "", text[1:])
    inner, closed, _ = re.sub(r"\s*\n\s*", " ", uncommented).partition(closing)
    if not closed:
        raise InvalidInputError(f"names have no closing {closing}")
    at, inner = 0, inner.strip()
    while at < len(inner):
        item = _ITEM.match(inner, at)
        if not item or (item[1] is None) != (closing == "]"):
            raise InvalidInputError(f"{shown(inner[at:])} among the names is beyond this reader")
        yield item[1], item[2]
        at = item.end()


def _by_lines(lines: list[str]) -> Iterator[tuple[str | None, str]]:
    for line in lines:
        if _BLANK.fullmatch(line):
            continue
        if not line[0].isspace() and not line.startswith("- "):
            return
        item = _LINE.fullmatch(line)
        if not item:
            raise InvalidInputError(f"{shown(line.strip())} among the names is beyond this reader")
        yield item[1], item[2]


def _unquoted(name: str) -> str:
    if name[:1] == "'":
        return name[1:-1].replace("''", "'")
    return name[1:-1] if name[:1] == '"' else name.strip()
