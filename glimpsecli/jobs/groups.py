"""Images in groups, one for each folder, and the natural order in which the images of all groups come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli.images.ordering import natural_key
from glimpsecli.jobs.spool import Spool
from glimpsecli.storage import shown

if TYPE_CHECKING:
    from glimpsecli.jobs.at import At


class Source(NamedTuple):
    """An image of a batch: its path, and its path below the folder that was given, with ``/``; of a video, a frame."""

    path: str
    relative: str
    at: At | None = None

    @property
    def key(self) -> Key:
        """The path and the number of the frame: the key of the item that is made of it."""
        return shown(self.path), None if self.at is None else self.at.number

    @property
    def order(self) -> Order:
        """The key by which sources are sorted."""
        return order_of(self.relative, None if self.at is None else self.at.number)


Key = tuple[str, int | None]
"""What a source is known by: its path, and of a video the number of the frame."""

Order = tuple[list[tuple[bool, int, str]], int]
"""What sources are sorted by."""


@dataclass(eq=False)
class Group:
    """The images with one relative folder, in natural order: their glimpses share an output folder, and no others do.

    Attributes
    ----------
    folder : str
        With ``/``; empty for the uppermost.
    sources : Spool of Source
    checked : bool
        Whether the outputs of all of them were checked.
    """

    folder: str
    sources: Spool[Source]
    checked: bool = False


def order_of(relative: str, frame: int | None) -> Order:
    """Give the key by which images are sorted: naturally by their relative paths, frames by their numbers."""
    return natural_key(relative), -1 if frame is None else frame


def grouped(sources: Spool[Source]) -> Iterator[Group]:
    """Generate the groups of sources that are sorted by :func:`folders_first`."""
    for folder, mine in groupby(sources, key=lambda source: folder_of(source.relative)):
        yield Group(folder, Spool(None, mine))


def folders_first(source: Source) -> Any:
    """Give a key that brings the images of a folder together, before those of the folders in it."""
    *folders, name = source.relative.split("/")
    return [*((1, natural_key(f"{folder}/")) for folder in folders), (0, natural_key(name))]


def in_order(groups: Iterable[Group]) -> Iterator[tuple[Group, Source]]:
    """Generate the sources of groups in natural order, each with its group.

    Only the groups of a folder and of those that it lies in are held at a time.

    Parameters
    ----------
    groups : iterable of Group
        A folder before those in it, and these in natural order.
    """
    begun: list[_Begun] = []
    for group in groups:
        while begun and not _is_below(group.folder, begun[-1].group.folder):
            yield from begun.pop().before(None)
        if begun:
            above = begun[-1].group.folder
            child = group.folder[len(above) :].lstrip("/").partition("/")[0]
            yield from begun[-1].before(natural_key(f"{above}/{child}/" if above else f"{child}/"))
        begun.append(_Begun(group))
    while begun:
        yield from begun.pop().before(None)


def changed(groups: Iterable[Group], change: Callable[[Source], Iterable[Source]]) -> Iterator[Group]:
    """Generate groups in which each source is changed into others of its relative path: a video into its frames."""
    for group in groups:
        yield replace(group, sources=Spool(None, (one for source in group.sources for one in change(source))))


def folder_of(relative: str) -> str:
    """Give the folder of a relative path."""
    return relative.rpartition("/")[0]


class _Begun:
    """A group of which some sources were given."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._coming = iter(group.sources)
        self._next = next(self._coming, None)

    def before(self, bound: Any) -> Iterator[tuple[Group, Source]]:
        """Generate the sources that come before a natural key, or all that are left."""
        while self._next is not None and (bound is None or natural_key(self._next.relative) < bound):
            yield self.group, self._next
            self._next = next(self._coming, None)


def _is_below(folder: str, above: str) -> bool:
    return not above or folder == above or folder.startswith(f"{above}/")
