"""The names of outputs."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError

DEFAULT_NAME = "{stem}_{index:03d}"
DEFAULT_FRAME_NAME = "{stem}_{frame:06d}_{index:03d}"
_FIELDS: dict[str, str | int] = {
    "stem": "photo",
    "index": 0,
    "label": "cat",
    "scale": 1,
    "frame": 0,
    "ext": "png",
    "folder": "photos",
    "id": "7",
    "category": "3",
}


def check_template(template: str) -> None:
    """Refuse a template that names unknown fields or leads out of the output folder."""
    known = ", ".join(f"{{{field}}}" for field in _FIELDS)
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise InvalidInputError(f"the name {template!r} is no template: {error}", f"use {known}") from None
    for _, field, spec, _ in parts:
        if field is not None and field not in _FIELDS:
            raise InvalidInputError(f"the name {template!r} has the unknown field {{{field}}}", f"use {known}")
        if spec and "{" in spec:
            raise InvalidInputError(f"the name {template!r} has a field in a field", f"use {known}")
    if template.startswith("/") or template.endswith("/"):
        raise InvalidInputError(f"the name {template!r} is not a file in the output folder", "give a relative name")
    _filled(template, _FIELDS)


def names_object(template: str) -> bool:
    """Return whether a checked template names the object that is shown."""
    return any(field in ("id", "label") for _, field, _, _ in string.Formatter().parse(template))


class Label(NamedTuple):
    """What a product can be named by, beside its image.

    Attributes
    ----------
    text : str, optional
    scale : int
        Of a retina.
    id, category : optional
        Of the annotation that it is of; by default both are the text.
    """

    text: str | None = None
    scale: int = 1
    id: int | str | None = None
    category: str | None = None


def output_name(
    template: str, suffix: str, *, source: str, index: int, label: Label, frame: int = 0, folder: str = ""
) -> str:
    """Fill in a checked template and add the format's suffix.

    ``{stem}`` and ``{ext}`` are the source's name without its suffix, and the suffix without its dot; ``{folder}`` is
    its relative folder with ``_`` for each ``/``. A part of the path that comes out empty becomes ``_``.

    Raises
    ------
    InvalidInputError
        The name leads out of the output folder, or no file can be called that.
    """
    stem, ext = os.path.splitext(os.path.basename(source))
    text = label.text or ""
    fields: dict[str, str | int] = {"index": index, "scale": label.scale, "frame": frame}
    fields |= {"stem": safe(stem), "label": safe(text), "ext": safe(ext[1:]), "folder": safe(folder)}
    for name, value in (("id", label.id), ("category", label.category)):
        fields[name] = safe(text if value is None else str(value))
    return f"{_filled(template, fields)}.{suffix}"


def _filled(template: str, fields: Mapping[str, str | int]) -> str:
    try:
        name = template.format(**fields)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(f"the name {template!r} is no template: {error}", "check its fields") from None
    parts = [part or "_" for part in name.split("/")]
    if ".." in parts or any(character < " " for character in name):
        raise InvalidInputError(f"the name {template!r} leads out of the output folder", "give a relative name")
    return "/".join(parts)


def safe(text: str) -> str:
    """Make one path component of a text.

    Separators, control characters, a leading dot and halves of surrogate pairs become ``_``; the bytes of a file name
    that is no UTF-8 stay.
    """
    return re.sub(r"[\x00-\x1f\x7f/\\:\ud800-\udc7f\udd00-\udfff]|^\.", "_", text)
