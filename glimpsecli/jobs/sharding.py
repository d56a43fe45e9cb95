"""How glimpses are shared out among shards: the name of a shard, its images, and the names of its members."""

from __future__ import annotations

import json
import os
import posixpath
import re
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.storage import folder_of, shown

PER_SHARD = 1000
"""Images of a shard."""

SUFFIX = ".tar"

DOTTED = "in a shard a dot in the name of an image becomes _"

_FIELD = re.compile(r"\{shard(?::0[1-9]d)?\}")


class Sharding(NamedTuple):
    """How glimpses are shared out among shards.

    Attributes
    ----------
    template : str
        The path or the address of a shard, with ``{shard:05d}`` for its number.
    per_shard : int
        Images of a shard, whether they have glimpses or not.
    """

    template: str
    per_shard: int = PER_SHARD

    @classmethod
    def of(cls, target: str, per_shard: int | None) -> Sharding:
        """Read the output that the user names.

        Raises
        ------
        InvalidInputError
            The name has no place for the number, or others than that.
        """
        name = target.rpartition("/")[2]
        if len(_FIELD.findall(name)) != 1 or re.search(r"[{}]", _FIELD.sub("", target)):
            raise InvalidInputError(f"-o {shown(target)} has no one number", "name shards like out-{shard:05d}.tar")
        return cls(target, PER_SHARD if per_shard is None else per_shard)

    @property
    def folder(self) -> str:
        """The folder of the shards."""
        return folder_of(self.template) or os.curdir

    def path(self, number: int) -> str:
        """Give the path of a shard."""
        return _FIELD.sub(lambda field: field[0].format(shard=number), self.template)

    def receipt(self, number: int) -> str:
        """Give the path of the receipt of a shard."""
        return self.path(number).removesuffix(SUFFIX) + ".jsonl"

    def number_of(self, name: str) -> int | None:
        """Give the number of the shard that a file, or its temporary file, is of; None where it is of none."""
        before, after = _FIELD.split(self.template.rpartition("/")[2].removesuffix(SUFFIX))
        found = re.fullmatch(rf"{re.escape(before)}([0-9]+){re.escape(after)}\.(?:tar|jsonl)", name)
        return None if found is None else int(found[1])


def member_of(target: str) -> str:
    """Give the name of a glimpse in a shard: its key must not have a dot, where WebDataset would end it."""
    folder, name = posixpath.split(target)
    stem, suffix = posixpath.splitext(name)
    return posixpath.join(folder, stem.replace(".", "_") + suffix)


def is_receipt(line: str) -> bool:
    """Return whether a line is the last one of a receipt, and not that of a glimpse."""
    try:
        mark = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(mark, dict) and mark.keys() >= {*Receipt._fields}


class Receipt(NamedTuple):
    """What the last line of a shard's receipt says.

    Attributes
    ----------
    shard : int
    glimpses, failed : int
        Number of glimpses, and of images that failed.
    bytes : int
    sha256 : str
        Of the tar.
    lines : str
        The SHA-256 of the lines before this one.
    plan : str
        A hash of the images and of how their glimpses are made.
    """

    shard: int
    glimpses: int
    failed: int
    bytes: int
    sha256: str
    lines: str
    plan: str
