"""The folders of glimpses in the output folder of a batch."""

from __future__ import annotations

import posixpath
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
            if not label:
                raise InvalidInputError(
                    "--layout class: a window has no label", "choose those that have one, --label '*'"
                )
            other = folders.setdefault(safe(label), label)
            if other != label:
                raise InvalidInputError(
                    f"--layout class: the labels {other!r} and {label!r} would share the folder {safe(label)}",
                    "rename one of them",
                )
