"""Open Images' boxes, one CSV file with a row for each box.

``XMin, XMax, YMin, YMax`` are edges, as fractions of the image's width and height
(https://storage.googleapis.com/openimages/web/download_v6.html, "Data formats"). ``IsGroupOf`` is the flag ``crowd``;
``IsOccluded``, ``IsTruncated``, ``IsDepiction`` and ``IsInside`` are flags of these names, and -1, unknown, is none.
``ImageID`` is the name of the image without its suffix. ``LabelName`` is a code, which ``class-descriptions*.csv``,
beside the file or in the folder above, names: a row is ``code,name``.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

from glimpsecli.annotations.annotated import Annotated, Notes, box, image_name, label_of, marked, noted, number
from glimpsecli.annotations.delimited import read_delimited, row_of, wrong_header
from glimpsecli.annotations.text import read_text
from glimpsecli.errors import InvalidInputError

COLUMNS = ("imageid", "labelname", "xmin", "xmax", "ymin", "ymax")
_NUMBERS = (*COLUMNS[2:], "confidence")


def has_columns(header: Collection[str]) -> bool:
    """Return whether a header, in lower case, is that of Open Images."""
    return {*COLUMNS} <= {*header}


def read_open_images(path: Path | str, problems: list[str], notes: Notes) -> Iterator[Annotated]:
    """Read a file of boxes; see the module for its columns."""
    header, rows = read_delimited(read_text(path), str(path), COLUMNS, _NUMBERS, problems)
    if not has_columns(header):
        raise wrong_header(str(path), header, "Open Images has ImageID, LabelName, XMin, XMax, YMin, YMax")
    names = _names(path, problems) if isinstance(path, Path) else {}
    for line, cells in rows:
        where = f"{path}, line {line}"
        with noted(problems, where):
            row = row_of(header, cells)
            name, code = image_name(row["imageid"]), label_of(row["labelname"])
            left, right, top, bottom = (number(row[column] or None) for column in COLUMNS[2:])
            label = names.get(code or "")
            if label is None and code:
                notes["boxes whose label is a code, because no class-descriptions*.csv beside the file names it"] += 1
            place = [left, top, right - left, bottom - top]
            found = box(place, label=label or code, category=code, fractions=True)
            yield Annotated(name, None, (marked(found, row, notes),), where)


def _names(path: Path, problems: list[str]) -> dict[str, str]:
    """Read the names of the codes, of the nearest folder that has any."""
    for folder in (path.parent, path.absolute().parent.parent):
        names: dict[str, str] = {}
        for file in sorted(folder.glob("class-descriptions*.csv")):
            with noted(problems, f"{file} gives no class names"):
                try:
                    rows = [row for row in csv.reader(read_text(file).splitlines()) if len(row) > 1]
                except csv.Error as error:
                    raise InvalidInputError(str(error)) from None
                names |= {row[0].strip(): row[1].strip() for row in rows if row[1].strip()}
        if names:
            return names
    return {}
