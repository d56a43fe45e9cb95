"""The folders of glimpses in the output folder of a batch."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.naming import safe


class Layout(NamedTuple):
    """How glimpses lie in the output folder.

    Attributes
    ----------
    kind : str
        One of :data:`glimpsecli.names.FOLDERINGS`.
    """

    kind: str = "mirror"

    @property
    def mirrors(self) -> bool:
        """Whether glimpses of images in two folders never meet."""
        return self.kind == "mirror"

    def folder(self, relative: str, label: str | None, split: str) -> str:
        """Give the folder of a glimpse, below the output folder.

        Parameters
        ----------
        relative : str
            The relative path of its image.
        label : str or None
        split : str
            The split of its image; empty where there are none.
        """
        folder = posixpath.dirname(relative) if self.kind == "mirror" else ""
        return posixpath.join(split, safe(label or "") if self.kind == "class" else folder)

    def check_labels(self, labels: Iterable[str | None]) -> None:
        """Refuse labels that no folder can be named by, or two that would share one.

        Raises
        ------
        InvalidInputError
            With the layout ``class`` a glimpse has no label, or two labels differ only in what a name cannot hold.
        """
        if self.kind != "class":
            return
        folders: dict[str, str] = {}
        for label in dict.fromkeys(labels):
            if label:
                check_folder_name(safe(label), f"--layout class: the label {label!r}")
            else:
                raise InvalidInputError(
                    "--layout class: a window has no label",
                    "give them with --annotations, or in a column label, and with --label '*' leave others out",
                )
            other = folders.setdefault(safe(label), label)
            if other != label:
                raise InvalidInputError(
                    f"--layout class: the labels {other!r} and {label!r} would share the folder {safe(label)}",
                    "rename one of them",
                )


def check_folder_name(name: str, what: str) -> None:
    """Refuse a folder in the output folder that has the name of a file which a run writes there."""
    if re.fullmatch(r"(metadata|run|failures|annotations)\b.*\.jsonl?|data\.yaml|README\.md|\..*", name):
        raise InvalidInputError(f"{what} can be no folder in the output folder", "rename it")
