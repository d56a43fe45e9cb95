"""The names of outputs."""

from __future__ import annotations

import os
import re
import string

from glimpsecli.errors import InvalidInputError

DEFAULT_NAME = "{stem}_{index:03d}"
_FIELDS = {"stem": "", "index": 0, "label": "", "scale": 1, "ext": ""}


def check_template(template: str) -> None:
    """Refuse a template that names unknown fields or leads out of the output folder."""
    known = ", ".join(f"{{{field}}}" for field in _FIELDS)
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
        unknown = [field for field in fields if field not in _FIELDS]
        if unknown:
            raise InvalidInputError(f"the name {template!r} has the unknown field {{{unknown[0]}}}", f"use {known}")
        example = template.format_map(_FIELDS)
    except (ValueError, IndexError, KeyError) as error:
        raise InvalidInputError(f"the name {template!r} is no template: {error}", f"use {known}") from None
    if os.path.isabs(example) or ".." in example.split("/") or template.endswith("/") or "\0" in template:
        raise InvalidInputError(f"the name {template!r} leads out of the output folder", "give a relative file name")


def output_name(template: str, suffix: str, *, source: str, index: int, label: str | None, scale: int) -> str:
    """Fill in a checked template and add the format's suffix.

    ``{stem}`` and ``{ext}`` are the source's name without its suffix, and the suffix without its dot.
    """
    stem, ext = os.path.splitext(os.path.basename(source))
    name = template.format(stem=safe(stem), index=index, label=safe(label or ""), scale=scale, ext=safe(ext[1:]))
    return f"{name}.{suffix}"


def safe(text: str) -> str:
    """Make one path component of a text: separators, control characters and a leading dot become ``_``."""
    return re.sub(r"[\x00-\x1f\x7f/\\:]|^\.", "_", text)
