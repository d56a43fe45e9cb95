"""The table of the hot regions of maps: windows to look closer through."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from glimpsecli.annotations.tables import table_of
from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.jobs.outputs import check_outputs, make_folder
from glimpsecli.jobs.plan import STREAM
from glimpsecli.storage import place, shown

if TYPE_CHECKING:
    from glimpsecli.jobs.groups import Source
    from glimpsecli.jobs.plan import Plan
    from glimpsecli.jobs.products import Done

SUFFIX = ".csv"


class RegionTable:
    """The regions of a run as a table: gathered image by image, written as CSV.

    Parameters
    ----------
    plan : Plan
        A plan that writes no files.
    sources : sequence of Source
        Its images; one that was found in a folder is named by its path below the folder, any other as it was given.
    target : str
        A name that ends in .csv, or ``-``.
    inputs : sequence of str
        Other files that are read.

    Attributes
    ----------
    rows : list of dict
        The regions, with the image and the label of each.
    images : int
        Number of images whose maps were measured.

    Raises
    ------
    InvalidInputError
        The target is no name for a table, exists, or is an input.
    """

    def __init__(self, plan: Plan, sources: Sequence[Source], target: str, inputs: Sequence[str]) -> None:
        if target != STREAM and not target.lower().endswith(SUFFIX):
            raise InvalidInputError(f"{target} is no name for a table of windows", f"use -o FILE{SUFFIX}, or -o -")
        if target == STREAM and sys.stdout is None:
            raise InvalidInputError("standard output is closed", "name a file")
        self._target, self._overwrite = target, plan.output.overwrite
        images = [item.source for item in plan.items]
        check_outputs([(images[0], target)], [*inputs, *images], overwrite=self._overwrite)
        found = os.path.basename
        self._names = {
            shown(one.path): shown(one.path) if one.relative == found(one.path) else one.relative for one in sources
        }
        self.rows: list[dict[str, Any]] = []
        self.images = 0

    def add(self, done: Done) -> None:
        """Take the regions of an image, unless it failed."""
        self.images += done.failure is None
        for product in done.products:
            for row in product.record["maps"]:
                common = {"image": self._names[done.source], "label": row["label"]}
                self.rows += [common | region for region in row["regions"]]

    def write(self) -> None:
        """Write the table, whole or not at all.

        Raises
        ------
        FileProblemError
            There are no regions, or the system refuses.
        """
        if not self.rows:
            raise FileProblemError("no map has a hot region: the values of each are all the same", "look at the maps")
        content = table_of(self.rows)
        if self._target == STREAM:
            sys.stdout.buffer.write(content)
            return
        make_folder(self._target)
        place(self._target, lambda stream: stream.write(content), overwrite=self._overwrite)
