"""The boxes of annotations that are wanted: by label, by what their file says of them, and not too many of a class."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from glimpsecli.annotations.annotated import Annotated
from glimpsecli.annotations.boxes import Box
from glimpsecli.annotations.labels import choose
from glimpsecli.errors import InvalidInputError


class Filters(NamedTuple):
    """The boxes that are wanted.

    Attributes
    ----------
    labels, excluded : tuple of str
        Labels, class numbers or patterns of those that are wanted, all where there is none, and of those that are not;
        see :func:`glimpsecli.annotations.labels.choose`.
    skipped : tuple of str
        Flags of boxes that are not wanted, of :data:`glimpsecli.annotations.boxes.FLAGS`.
    min_score : float, optional
    max_per_class : int, optional
        The most boxes of each label: those with the smallest hashes of the name of their image and their number in it.
    seed : int
        Of these hashes.
    outlined : bool
        Whether boxes without an outline are not wanted.
    """

    labels: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    min_score: float | None = None
    max_per_class: int | None = None
    seed: int = 0
    outlined: bool = False


def filtered(
    matched: Mapping[str, Annotated],
    every: Iterable[Annotated],
    filters: Filters,
    fits: Callable[[str, Annotated, Box], bool],
    dropped: Counter[str],
) -> dict[str, Annotated]:
    """Give the annotations of images with the boxes that are wanted.

    Parameters
    ----------
    matched : mapping of str to Annotated
        By the relative paths of images.
    every : iterable of Annotated
        All annotations of the file: a label has to be there, be it in an image that is not.
    filters : Filters
    fits : callable
        Whether a box of an image has an extent that gets a glimpse: others do not count for their class.
    dropped : Counter of str
        Counts the boxes that are not wanted, by the reason.

    Raises
    ------
    InvalidInputError
        No box has a label that is asked for, or no box has a score or an outline.
    """
    every = [*every]
    wanted = choose(every, filters.labels, "--label") if filters.labels else None
    unwanted = choose(every, filters.excluded, "--exclude-label") if filters.excluded else None
    if filters.min_score is not None and all(box.score is None for image in every for box in image.boxes):
        raise InvalidInputError(f"--min-score {filters.min_score:g}: no box has a score", "leave it out")

    if filters.outlined and all(box.outline is None for image in every for box in image.boxes):
        raise InvalidInputError("--cut-out: no object has an outline", "a polygon or a mask; leave it out")

    def problem_of(box: Box) -> str | None:
        if (wanted is not None and not wanted.takes(box)) or (unwanted is not None and unwanted.takes(box)):
            return "of another label"
        flag = next((flag for flag in filters.skipped if flag in box.flags), None)
        if flag is not None:
            return f"marked as {flag}"
        if filters.min_score is not None and not (box.score is not None and box.score >= filters.min_score):
            return "below --min-score" if box.score is not None else "without a score"
        return "without an outline" if filters.outlined and box.outline is None else None

    kept: dict[str, list[tuple[int, Box]]] = {}
    for path, image in matched.items():
        mine = kept[path] = []
        for number, box in enumerate(image.boxes):
            problem = problem_of(box)
            if problem is None:
                mine.append((number, box))
            else:
                dropped[problem] += 1
    if filters.max_per_class is not None:
        fitting = {path: [pair for pair in mine if fits(path, matched[path], pair[1])] for path, mine in kept.items()}
        chosen = _fewest(fitting, filters.max_per_class, filters.seed)
        for path, mine in fitting.items():
            left = [pair for pair in mine if (path, pair[0]) in chosen]
            if len(left) < len(mine):
                dropped["above --max-per-class"] += len(mine) - len(left)
            numbers = {number for number, _ in left} | ({n for n, _ in kept[path]} - {n for n, _ in mine})
            kept[path] = [pair for pair in kept[path] if pair[0] in numbers]
    return {path: matched[path]._replace(boxes=tuple(box for _, box in mine)) for path, mine in kept.items()}


def _fewest(boxes: Mapping[str, list[tuple[int, Box]]], most: int, seed: int) -> set[tuple[str, int]]:
    """Choose boxes of each label, each given by the path of its image and its number there."""
    of_label: dict[str | None, list[tuple[bytes, str, int]]] = {}
    for path, mine in boxes.items():
        for number, box in mine:
            digest = hashlib.sha256(f"{seed}/{number}/{path}".encode("utf-8", "surrogateescape")).digest()
            of_label.setdefault(box.label, []).append((digest, path, number))
    return {(path, number) for every in of_label.values() for _, path, number in heapq.nsmallest(most, every)}
