"""The requests that a batch sends to stores and web servers, reckoned from the images that are planned ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.jobs.batch import AHEAD
from glimpsecli.storage import folder_of, inside_tar, is_address, path_of, storage_of
from glimpsecli.storage.members import HELD, PIECE

if TYPE_CHECKING:
    from glimpsecli.jobs.batch import Batch
    from glimpsecli.jobs.plan import Item
    from glimpsecli.jobs.sources import Sources

LISTED = 1000
"""Objects that a store gives in an answer to a request for their names."""
ASKED = 32
"""Tars that are asked for their size."""


class Requests(NamedTuple):
    """Requests of one process to stores.

    Attributes
    ----------
    reads : int
        One for each image that is an object, and for each 64 MB of a tar.
    puts : int
        One for each glimpse, or for each shard and its receipt.
    lists : int
        One for each thousand objects of a folder, each time that the folders are gone through.
    tars : int
        Tars that are read whole.
    """

    reads: int
    puts: int
    lists: int
    tars: int


def requests_of(batch: Batch, sources: Sources, ahead: Sequence[Item], images: int, written: int) -> Requests:
    """Reckon the requests of a batch.

    Parameters
    ----------
    batch : Batch
    sources : Sources
        Those of the batch.
    ahead : sequence of Item
        The first of its images.
    images, written : int
        Number of all images, and of the glimpses, or shards and receipts, that are written.
    """
    number, parts = batch.part
    share = images / len(ahead)
    addresses = {item.source for item in ahead if is_address(item.source)}
    single = [source for source in addresses if inside_tar(source) is None]
    passes = 2 if images > AHEAD else 1  # they are counted besides
    if parts > 1:  # each part goes through all images to count them, and then as far as its own last one
        passes = parts + number
    tars = tars_of(ahead)
    fetched = len(tars) * parts  # of all parts, which are opened to count their members
    if fetched > HELD:  # they are closed when the turn of their images comes
        fetched += len(tars)
    pages, root = _pages(single, sources.folders), batch.plan.root or ""
    return Requests(
        round(share * (len(single) + fetched * _pieces(tars))), written if is_address(root) else 0,
        round(share * pages * passes + len(sources.folders) * min(passes, 2)), round(share * len(tars)),
    )  # fmt: skip


def tars_of(items: Sequence[Item]) -> list[str]:
    """Give the addresses of the tars that items are members of, in their order."""
    inside = (inside_tar(item.source) for item in items if is_address(item.source))
    return [*dict.fromkeys(found[0] for found in inside if found is not None)]


def _pieces(tars: Sequence[str]) -> float:
    """Give the requests that one of the tars takes, as a mean."""
    found = [storage_of(tar).stat(path_of(tar)) for tar in tars[:ASKED]]
    return sum(-(-entry.size // PIECE) for entry in found if entry is not None) / max(1, len(found))


def _pages(sources: Sequence[str], roots: Sequence[str]) -> int:
    """Give the requests that list the folders of some images, but for the first one of a root."""
    held: dict[str, int] = {}
    for source in sources:
        root = next((root for root in roots if source.startswith(f"{root}/")), None)
        if root is None:  # it was given by its address
            continue
        folder = folder_of(source)
        held[folder] = held.get(folder, 0) + 1
        while len(folder) > len(root):
            folder = folder_of(folder)
            held.setdefault(folder, 0)
    return sum(max(1, -(-count // LISTED)) - (folder in roots) for folder, count in held.items())
