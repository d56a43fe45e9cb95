"""Names of images as people and programs write them, ranked by how surely two mean the same image.

Names in tables seldom are the paths that the user gave: they are relative to another folder, absolute on another
machine, with backslashes, in another Unicode form, or without a suffix. Names are compared as texts, part by part from
the end. From the strongest to the weakest:

1. the same file name; 2. the same, where one of them has no suffix; 3. the same but for the suffixes;

and within each: the same path, then one that is the end of the other, then the longest common end.

``plate.v2`` is a name without a suffix: only the suffixes of pictures count, and ``*``, which stands for any.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from glimpsecli.images.suffixes import SUFFIXES

_UNREAD = "arw cr2 cr3 dcm dds dng eps exr fits hdr ico jxl jxr nef orf pcx pdf psd qoi raf raw rw2 sgi svg tga xbm xpm"
_OF_PICTURES = frozenset({"*", *_UNREAD.split(), *(suffix for some in SUFFIXES.values() for suffix in some)})


class Rank(NamedTuple):
    """The rank of two names: how well they fit; a larger one fits better.

    Parameters
    ----------
    name : int
        3 for the same file name, 2 where one has no suffix, 1 where the suffixes differ.
    path : int
        2 for the same folders, 1 where those of one are the end of those of the other.
    common : int
        Number of common folders, from the end.
    """

    name: int
    path: int
    common: int


class _Name(NamedTuple):
    folders: tuple[str, ...]
    last: str
    stem: str


class Index:
    """Names that others are compared with, in their order.

    Attributes
    ----------
    names : list of str
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._names = [_parse(name) for name in self.names]
        self._by_end: dict[str, list[int]] = {}
        for n, name in enumerate(self._names):
            for end in {name.last, name.stem}:
                self._by_end.setdefault(end, []).append(n)

    def best(self, name: str, *, same_folders: bool = False) -> tuple[Rank, list[int]]:
        """Give the best rank, and the numbers of all names that have it; no numbers where no name fits.

        Of names that differ by their Unicode form alone, the one that is equal letter by letter fits best.
        """
        asked = _parse(name)
        ranked: dict[Rank, list[int]] = {}
        for n in {*self._by_end.get(asked.last, ()), *self._by_end.get(asked.stem, ())}:
            if not same_folders or self._names[n].folders == asked.folders:
                ranked.setdefault(_rank(asked, self._names[n]), []).append(n)
        if not ranked:
            return Rank(0, 0, 0), []
        strongest = max(ranked)
        found = sorted(ranked[strongest])
        return strongest, [n for n in found if len(found) > 1 and self.names[n] == name] or found


def candidates(names: Iterable[str], asked: Iterable[str]) -> Iterator[str]:
    """Give those of many names that some of those asked for may fit; the others an :class:`Index` need not hold."""
    ends = {end for name in map(_parse, asked) for end in (name.last, name.stem)}
    return (name for name in names if not ends.isdisjoint(_parse(name)[1:]))


def key_of(name: str) -> str:
    """Write a name in the one way in which names are compared: no root, drive or ``.``, and Unicode composed (NFC)."""
    composed = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    parts = composed.split("/")
    if "" not in parts and "." not in parts and parts[0][1:] != ":":  # nearly all of perhaps a million names
        return composed
    return "/".join(part for n, part in enumerate(parts) if part not in ("", ".") and not (n == 0 and part[1:] == ":"))


def _parse(name: str) -> _Name:
    *folders, last = key_of(name).split("/")
    stem, dot, suffix = last.rpartition(".")
    stem = stem if dot and stem and suffix.lower() in _OF_PICTURES else last
    return _Name(tuple(folders), stem if suffix == "*" else last, stem)


def _rank(one: _Name, other: _Name) -> Rank:
    common = 0
    for a, b in zip(reversed(one.folders), reversed(other.folders), strict=False):
        if a != b:
            break
        common += 1
    name = 3 if one.last == other.last else 1 + (one.last == other.stem or one.stem == other.last)
    return Rank(name, (common == len(one.folders)) + (common == len(other.folders)), common)
