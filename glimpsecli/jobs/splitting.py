"""The splits of a data set, such as train, val and test, each image with all its glimpses in one of them."""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.groups import Source, folder_of
from glimpsecli.storage import is_address, name_of

Keyed = Callable[[str], "str | None"]
"""A function that gives something of an image by its relative path, or None."""


@dataclass(frozen=True)
class Shares:
    """Splits by chance: each image falls into one by a hash of its name, whatever other images there are.

    Attributes
    ----------
    names : tuple of str
    shares : tuple of float
        Of all images, or groups of them; they add up to 1.
    seed : int
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]
    seed: int = 0

    def __call__(self, key: str) -> str:
        """Give the split of an image, or of a group of images, by its name."""
        digest = hashlib.sha256(f"{self.seed}/{key}".encode("utf-8", "surrogateescape")).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        return self.names[min(bisect_right([*accumulate(self.shares)], place), len(self.names) - 1)]


@dataclass(frozen=True)
class Split:
    """The split of each image.

    Attributes
    ----------
    split_of : callable
        Gives the split of an image by its relative path, or of its group by its name; None for one that is in none.
    group_of : callable, optional
        Gives the name of the group of a source, whose images stay together; None for one that is alone.
    only : str, optional
        The split that is made; by default all.
    """

    split_of: Keyed
    group_of: Callable[[Source], str | None] | None = None
    only: str | None = None

    def __call__(self, source: Source) -> str | None:
        """Give the split of an image, None where it is not made."""
        found = self.of(source)
        return found if self.only in (None, found) else None

    def of(self, source: Source) -> str | None:
        """Give the split of an image, made or not; None where it is in none."""
        group = None if self.group_of is None else self.group_of(source)
        return self.split_of(source.relative if group is None else group)


def folder_of_image(source: Source) -> str:
    """Give the relative folder of an image, or for one that was named by itself the name of the folder it lies in."""
    if folder := folder_of(source.relative):
        return folder
    above = source.path if is_address(source.path) else os.path.abspath(source.path)
    return name_of(above.rpartition("/")[0] if is_address(above) else os.path.dirname(above))


def check_shares(shares: dict[str, float]) -> None:
    """Refuse shares that are none, or do not add up to all images."""
    for name, share in shares.items():
        if not 0 < share <= 1:
            raise InvalidInputError(f"--split {name}={share:g} is no share", "write a number above 0 and up to 1")
    total = sum(shares.values())
    if abs(total - 1) > 1e-6:
        raise InvalidInputError(f"--split: the shares add up to {total:g}", "let them add up to 1")
