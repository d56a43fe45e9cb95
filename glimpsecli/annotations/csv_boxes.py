"""CSV with a header and a row for each box; :mod:`glimpsecli.annotations.delimited` finds the separator.

There is no standard, so the user says what the numbers are, and the header must have their columns, in any case:

==========  =====================================================  ==================================
box_format  columns                                                meaning
==========  =====================================================  ==================================
``xywh``    ``x, y, width, height`` or ``x, y, w, h``              left, top and extent
``xyxy``    ``xmin, ymin, xmax, ymax`` or ``x1, y1, x2, y2``       edges: x2 - x1 is the width
``cxcywh``  ``cx, cy, width, height`` or ``cx, cy, w, h``          centre and extent
==========  =====================================================  ==================================

All are on the image plane: they count from 0, and an edge is no pixel to include (tables made from VOC's 1-based
numbers are off by one pixel; read the XML files instead). In `unit` ``fractions``, x is divided by the image's width
and y by its height. ``angle``, where there is one, turns the box about its centre: degrees, clockwise, as in a table of
windows.

The image is in the column ``image``, ``filename``, ``file_name``, ``image_path``, ``image_name`` or ``path``; the label
in ``label``, ``class``, ``class_name`` or ``category``; the image's size in ``image_width`` and ``image_height``, or
for ``xyxy`` also ``width`` and ``height``, as TensorFlow's tables have them; the confidence in ``score``,
``confidence`` or ``conf``, the id of the object in ``id``. ``iscrowd``, ``truncated``, ``difficult``, ``occluded`` and
``ignored`` are flags: 1 or true. The first of each list counts; other columns are passed over. A row without any of the
four numbers is an image without boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from glimpsecli.annotations.annotated import (
    SCORES,
    Annotated,
    Notes,
    box,
    claimed_size,
    image_name,
    label_of,
    marked,
    noted,
    number,
    unread_angle,
)
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.delimited import read_delimited, row_of, wrong_header
from glimpsecli.annotations.text import read_text
from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BOX_UNITS

_WIDTH, _HEIGHT = ("width", "w"), ("height", "h")
COLUMNS = {
    "xywh": (("x",), ("y",), _WIDTH, _HEIGHT),
    "xyxy": (("xmin", "x1"), ("ymin", "y1"), ("xmax", "x2"), ("ymax", "y2")),
    "cxcywh": (("cx",), ("cy",), _WIDTH, _HEIGHT),
}
_SIZES = ("image_width", "width"), ("image_height", "height")
IMAGE_COLUMNS = ("image", "filename", "file_name", "image_path", "image_name", "path")
_LABEL = ("label", "class", "class_name", "category")


def read_csv(
    path: Path | str, problems: list[str], notes: Notes, box_format: str = "xywh", unit: str = "pixels"
) -> Iterator[Annotated]:
    """Read a CSV file; see the module for its columns."""
    for name, value, choices in (("box format", box_format, COLUMNS), ("unit", unit, BOX_UNITS)):
        if value not in choices:
            raise InvalidInputError(f"{value!r} is no {name}", f"choose {', '.join(choices)}")
    numbers = ["angle", *(name for names in (*COLUMNS[box_format], *_SIZES) for name in names)]
    known = {*numbers, *IMAGE_COLUMNS, *_LABEL}
    header, rows = read_delimited(read_text(path), str(path), known, [*numbers, *SCORES], problems)
    image = _column(header, IMAGE_COLUMNS)
    columns = [_column(header, names) for names in COLUMNS[box_format]]
    if image is None or None in columns:
        wanted = ", ".join(names[0] for names in COLUMNS[box_format])
        raise wrong_header(str(path), header, f"a table of {box_format} has image, {wanted}")
    width, height = (_column(header, names if box_format == "xyxy" else names[:1]) for names in _SIZES)
    label_column = _column(header, _LABEL)
    for line, cells in rows:
        where = f"{path}, line {line}"
        with noted(problems, where):
            row = row_of(header, cells)
            name, label = image_name(row[image]), label_of(row.get(label_column))
            size = claimed_size(row.get(width), row.get(height), problems, where)
            boxes: tuple[Box, ...] = ()
            if any(row[column] for column in columns):
                a, b, c, d = (number(row[column] or None) for column in columns)
                place = [a, b, c - a, d - b] if box_format == "xyxy" else [a, b, c, d]
                angle = number(row.get("angle") or 0)
                centred, fractions = box_format == "cxcywh", unit == "fractions"
                found = box(place, label=label, angle=angle, fractions=fractions, centred=centred)
                boxes = (marked(found, row, notes),)
                if "angle" not in row:
                    unread_angle(row, notes, ("rotation", "theta"))
            yield Annotated(name, size, boxes, where)


def _column(header: list[str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in header), None)
