"""Batches that have ended, as their folders hold them: of one run or of parts, in files or in shards."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.lines import read_lines, read_run
from glimpsecli.jobs.naming import safe
from glimpsecli.jobs.objects import are_objects, completed
from glimpsecli.jobs.sharding import SUFFIX, Sharding
from glimpsecli.storage import is_address, shown

Runs = dict[str, dict[str, Any]]
"""The content of each ``run.json``, by its name."""

_PART = re.compile(r"run-([0-9]+)-of-([0-9]+)\.json")


def runs_of(folder: str) -> Runs:
    """Read the ``run.json`` of a folder, or those of all parts, in their order.

    Raises
    ------
    InvalidInputError
        There is none, one of a part is missing, or they are of several batches.
    """
    if is_address(folder):
        raise InvalidInputError(f"{shown(folder)} is an address, and finished batches are read here", "copy it here")
    names = _names(folder)
    if "run.json" in names:
        return {"run.json": read_run(os.path.join(folder, "run.json"))}
    parts = {(int(found[2]), int(found[1])): found[0] for found in map(_PART.fullmatch, names) if found}
    if not parts:
        raise InvalidInputError(f"{folder} holds no run.json", "name the output folder of a batch")
    of, _ = max(parts)
    first = next(number for number in count(1) if (of, number) not in parts)
    if first <= of or len(parts) > of:
        problem = f"lacks the run.json of part {first} of {of}" if first <= of else "holds parts of several batches"
        raise InvalidInputError(f"{folder} {problem}", "run all parts of one batch first")
    runs = {name: read_run(os.path.join(folder, name)) for _, name in sorted(parts.items())}
    if len({json.dumps([run["how"], run["output"]], sort_keys=True) for run in runs.values()}) > 1:
        raise InvalidInputError(f"{folder} holds parts of several batches", "run all parts of one batch first")
    return runs


def manifests_of(folder: str, runs: Runs) -> dict[str, Runs]:
    """Give the path of each manifest of a batch in files, with the runs whose lines it holds."""
    whole = os.path.join(folder, "metadata.jsonl")  # of one run, or of parts that were joined
    if os.path.lexists(whole):
        return {whole: runs}
    return {os.path.join(folder, f"metadata{name[3:-5]}.jsonl"): {name: run} for name, run in runs.items()}


class Finished(NamedTuple):
    """A batch that has ended.

    Attributes
    ----------
    folder : str
    manifests : tuple of str
        The paths of the files that hold its lines, in their order; receipts, of shards.
    sharding : Sharding, optional
        How its glimpses are shared out among shards.
    format : str
        The format of the glimpses.
    lines : int
        Their number.
    checksum : str
        Of the lines of its one run.
    """

    folder: str
    manifests: tuple[str, ...]
    sharding: Sharding | None
    format: str
    lines: int
    checksum: str

    @classmethod
    def of(cls, folder: str) -> Finished:
        """Find the batch in a folder.

        Raises
        ------
        InvalidInputError
            There is none, or it has not ended.
        """
        runs = runs_of(folder)
        if any(run["lines"] is None for run in runs.values()):
            raise InvalidInputError(f"the batch in {folder} has not ended", "go on with batch --resume")
        first, lines = next(iter(runs.values())), sum(run["lines"] for run in runs.values())
        checksum = str(first["checksum"])
        template, file_format = first["parameters"].get("shards"), str(first["output"]["format"])
        if template is None:
            return cls(folder, (*manifests_of(folder, runs),), None, file_format, lines, checksum)
        sharding = Sharding.of(os.path.join(folder, str(template)), None)
        numbers = sorted({number for name in _names(folder) if (number := sharding.number_of(name)) is not None})
        return cls(folder, tuple(map(sharding.receipt, numbers)), sharding, file_format, lines, checksum)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Generate the rows of all glimpses; the name of a file is relative to the folder, ``x-00000.tar/a.png``.

        Raises
        ------
        InvalidInputError
            A line is damaged, or some are missing.
        """
        found = 0
        for path in self.manifests:
            for number, (line, row) in enumerate(_lines(path), 1):
                if row is None and self.sharding is not None and '"sha256"' in line:  # a receipt's own line
                    continue
                if row is None or not _is_inside(row) or not are_objects(row.get("objects")):
                    raise InvalidInputError(
                        f"{path}, line {number} is damaged", "mend it with `glimpse batch` and --resume"
                    )
                found += 1
                if row.get("objects") is not None:
                    row = {**row, "objects": completed(row["objects"])}
                if self.sharding is not None:
                    tar = os.path.basename(path).removesuffix(".jsonl") + SUFFIX
                    row = {**row, "file_name": f"{tar}/{row['file_name']}"}
                yield row
        if found != self.lines:
            raise InvalidInputError(
                f"{self.folder} has {found} lines of the {self.lines} that the batch wrote", "run batch with --resume"
            )


def _is_inside(row: dict[str, Any]) -> bool:
    """Return whether a row names a file, and a split, in its folder."""
    split = row.get("split", "all")
    inside = not os.path.isabs(row["file_name"]) and ".." not in row["file_name"].split("/")
    return inside and isinstance(split, str) and safe(split) == split


def _lines(path: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    try:
        yield from read_lines(path)
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read: {error.strerror or error}", "run batch with --resume"
        ) from None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise InvalidInputError(f"{folder}: {error.strerror or error}", "name the output folder of a batch") from None
