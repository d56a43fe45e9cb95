"""The boxes of a data set for its images: those of annotations, or the windows that a batch took, by its manifest."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glimpsecli.annotations.annotated import Annotated, Annotations
from glimpsecli.annotations.boxes import WHOLE
from glimpsecli.annotations.filters import Filters, filtered
from glimpsecli.annotations.matching import match_all
from glimpsecli.annotations.names import Index, key_of
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.lines import is_line, read_lines
from glimpsecli.jobs.replaying import placement_of
from glimpsecli.jobs.requests import BoxRequest, PlaceRequest, Request
from glimpsecli.jobs.sharding import is_receipt
from glimpsecli.storage import is_address, path_of, storage_of

if TYPE_CHECKING:
    from glimpsecli.jobs.groups import Source
    from glimpsecli.jobs.requests import Placement


@dataclass(frozen=True)
class Boxed:
    """The boxes of images.

    Attributes
    ----------
    requests : mapping of str to sequence of (int or None, Request)
        The frame and the request of each box, by the path of its image.
    annotated : mapping of str to Annotated
        What is claimed of an image, by its path.
    labels : tuple of str
        All labels of the file, those of other images too.
    problems : tuple of str
        Entries of the file that were passed over, and images in it that are not there, a line each.
    """

    requests: Mapping[str, Sequence[tuple[int | None, Request]]]
    annotated: Mapping[str, Annotated]
    labels: tuple[str, ...]
    problems: tuple[str, ...] = ()

    def of_image(self, source: Source) -> list[Request]:
        """Give the requests of an image, or those of all frames of a video, which name their frames."""
        return [
            request if frame is None else BoxRequest(WHOLE._replace(frame=frame))
            for frame, request in self.requests.get(source.path, ())
        ]

    def __call__(self, source: Source) -> list[Request]:
        """Give the requests of an image or of a frame."""
        number = None if source.at is None else source.at.number
        return [request for frame, request in self.requests.get(source.path, ()) if frame in (None, number)]


def annotated_boxes(annotations: Annotations, filters: Filters, sources: Sequence[Source]) -> Boxed:
    """Give the boxes of annotations that are wanted; :func:`.filtered` has the errors."""
    paths = dict(zip(_names(sources), (source.path for source in sources), strict=True))
    matched, _ = match_all(annotations, paths, paths.values())
    every = annotations.images.values()
    matched = filtered(matched, every, filters, lambda name, image, box: True, Counter())
    found = {paths[name]: image for name, image in matched.items()}
    labels = {box.label for image in every for box in image.boxes if box.label is not None}
    requests = {path: [(None, BoxRequest(box)) for box in image.boxes] for path, image in found.items()}
    return Boxed(requests, found, (*labels,), (*annotations.problems,))


def is_manifest(path: str) -> bool:
    """Return whether a file is the manifest of a batch."""
    if not (os.path.isfile(path) or (is_address(path) and path.endswith(".jsonl"))):
        return False
    return is_line(next(iter(storage_of(path).log(path_of(path))), ""))


def manifest_boxes(path: str, sources: Sequence[Source]) -> Boxed:
    """Give the windows that a batch took of images, by its ``metadata.jsonl``, or the receipt of a shard.

    Raises
    ------
    InvalidInputError
        A line of the manifest is damaged.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    labels = set[str]()
    for row in _rows(path):
        rows.setdefault(key_of(row["source"]), []).append(row)
        labels |= {row["label"]} - {None}
    images = {key: _claim(mine[0], path) for key, mine in rows.items()}
    paths = dict(zip(_names(sources), (source.path for source in sources), strict=True))
    matched, _ = match_all(Annotations(images, [], "manifest", Index(images), []), paths, paths.values())
    requests: dict[str, list[tuple[int | None, Request]]] = {}
    for name, image in matched.items():
        mine = rows[key_of(image.image)]
        requests[paths[name]] = [(row.get("frame"), PlaceRequest(_scored(row))) for row in mine]
    return Boxed(requests, {paths[name]: image for name, image in matched.items()}, (*labels,))


def refuse_none(boxed: Boxed, sources: Sequence[Source], path: str) -> int:
    """Give the number of images without a box; refuse a file that has none for any of them."""
    without = sum(not boxed.requests.get(source.path) for source in sources)
    if without == len(sources):
        raise InvalidInputError(
            f"{path} has no box that is wanted in any of the images",
            "name the images that it is about, or leave out what chooses boxes",
        )
    return without


def _rows(path: str) -> Iterator[dict[str, Any]]:
    """Generate the rows of a manifest; the last line of a receipt is about its shard."""
    for number, (line, row) in enumerate(read_lines(path), 1):
        if row is not None:
            yield row
        elif not is_receipt(line):
            raise InvalidInputError(
                f"{path}, line {number} is damaged",
                "put the old file back, or mend it with `glimpse batch` and --resume",
            )


def _scored(row: Mapping[str, Any]) -> Placement:
    """Give the placement of a line, with the score of its box."""
    placement, score = placement_of(dict(row)), row.get("score")
    return placement._replace(box=WHOLE._replace(score=score)) if isinstance(score, (int, float)) else placement


def _claim(row: Mapping[str, Any], path: str) -> Annotated:
    size = row["image_size"]
    return Annotated(row["source"], (size["height"], size["width"]), (), path)


def _names(sources: Sequence[Source]) -> list[str]:
    """Give a name for each source: its path below a folder, or its whole path where others have the same."""
    counts = Counter(source.relative for source in sources)
    return [source.relative if counts[source.relative] == 1 else source.path for source in sources]
