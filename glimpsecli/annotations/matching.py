"""Annotations matched with images, and a check that each was made on the image that is there.

:mod:`glimpsecli.annotations.names` ranks how well two names fit. Several that fit equally well are an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from glimpsecli.annotations.annotated import Annotated, Annotations
from glimpsecli.annotations.names import Rank
from glimpsecli.annotations.text import listed, shown
from glimpsecli.errors import FileProblemError, InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.window import Size


def match_all(
    annotations: Annotations, relative_paths: Iterable[str], whole: Iterable[str] | None = None
) -> tuple[dict[str, Annotated], list[Annotated]]:
    """Give each annotation to one image only, the one that it fits best.

    Parameters
    ----------
    annotations : Annotations
    relative_paths : iterable of str
    whole : iterable of str, optional
        The paths of the images as they were given, in the same order: they decide where several annotations fit.

    Returns
    -------
    matched : dict
        By the path of the image. Images without an annotation are left out.
    unmatched : list of Annotated
        The annotations that fit no image.

    Raises
    ------
    InvalidInputError
        An image has several annotations that fit equally well, or an annotation several images.
    """
    claims: dict[str, list[tuple[Rank, str]]] = {}
    keys = list(annotations.images)
    pairs = ((path, path) for path in relative_paths) if whole is None else zip(relative_paths, whole, strict=True)
    for path, given in pairs:
        if found := _best(annotations, keys, path, given):
            claims.setdefault(found[1], []).append((found[0], path))
    matched = {}
    for key, claimed in claims.items():
        strongest = max(rank for rank, _ in claimed)
        paths = [path for rank, path in claimed if rank == strongest]
        if len(paths) > 1:
            raise InvalidInputError(
                f"{annotations.images[key].where}: {shown(key)} fits {listed(paths)}", "name the images by their paths"
            )
        matched[paths[0]] = annotations.images[key]
    return matched, [image for key, image in annotations.images.items() if key not in claims]


def check_size(annotated: Annotated, image_size: Size) -> None:
    """Raise where the annotation claims another size than the upright image's `image_size` (height, width).

    A square image, or one turned by 180 degrees, keeps its size, so its turn goes unnoticed.
    """
    if annotated.size is None or tuple(annotated.size) == tuple(image_size):
        return
    claimed, actual = (f"{width}x{height}" for height, width in (annotated.size, image_size))
    problem = f"{annotated.where}: {shown(annotated.image)} is {claimed} in the annotations and {actual} upright"
    if tuple(annotated.size) == tuple(image_size)[::-1]:
        raise FileProblemError(
            f"{problem}: the boxes were drawn on the unrotated image, without its EXIF orientation",
            "annotate the upright image, or remove the orientation from the file",
        )
    raise FileProblemError(problem, "these boxes belong to another version of the image")


def _best(annotations: Annotations, keys: list[str], relative_path: str, whole: str) -> tuple[Rank, str] | None:
    rank, numbers = annotations.by_name.best(relative_path)
    if len(numbers) > 1:
        _, better = annotations.by_name.best(whole)
        numbers = better if len(better) == 1 and better[0] in numbers else numbers
    if len(numbers) > 1:
        raise InvalidInputError(
            f"{shown(relative_path)} fits the annotations of {listed([keys[n] for n in numbers])}",
            "name the images in the annotations by their paths, and give the folder that holds all of them",
        )
    return (rank, keys[numbers[0]]) if numbers else None
