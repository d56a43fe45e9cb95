"""Which annotation belongs to which image, and whether it was made on the image that is there.

Names in annotations seldom are the paths that the user gave: they are relative to another folder, absolute on another
machine, or only a stem. Both are compared as texts, part by part from the end. From the strongest to the weakest:

1. the same path; 2. one is the end of the other; 3. the same file name; 4. to 6. the same without the suffixes.

Where several fit equally well, the longest common end decides; where that ties too, nobody guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from glimpsecli.annotations.annotated import Annotated, key_of, shown
from glimpsecli.errors import FileProblemError, InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.annotations.reading import Annotations
    from glimpsecli.window import Size

_SUFFIX = re.compile(r"(?<=.)\.(?:\*|[A-Za-z]\w{0,4})$")  # not the .001 of scan.001

_Rank = tuple[bool, int, int]


def match(annotations: Annotations, relative_path: str) -> Annotated | None:
    """Find the annotation of one image.

    Raises
    ------
    InvalidInputError
        Several fit equally well; the message names them.
    """
    found = _best(annotations, relative_path)
    return annotations.images[found[1]] if found else None


def match_all(annotations: Annotations, relative_paths: Iterable[str]) -> tuple[dict[str, Annotated], list[Annotated]]:
    """Give each annotation to one image only, the one that it fits best.

    Returns
    -------
    matched : dict
        By the path of the image. Images without an annotation are left out.
    unmatched : list of Annotated
        Those that fit no image.

    Raises
    ------
    InvalidInputError
        An image has several annotations that fit equally well, or the other way round.
    """
    claims: dict[str, list[tuple[_Rank, str]]] = {}
    for path in relative_paths:
        if found := _best(annotations, path):
            claims.setdefault(found[1], []).append((found[0], path))
    matched = {}
    for key, claimed in claims.items():
        strongest = max(rank for rank, _ in claimed)
        paths = [path for rank, path in claimed if rank == strongest]
        if len(paths) > 1:
            raise InvalidInputError(
                f"{annotations.images[key].where}: {shown(key)} fits {_listed(paths)}", "name the images by their paths"
            )
        matched[paths[0]] = annotations.images[key]
    return matched, [image for key, image in annotations.images.items() if key not in claims]


def check_size(annotated: Annotated, image_size: Size) -> None:
    """Raise where the annotation claims another size than the upright image's `image_size` (height, width).

    An image turned by 180 degrees, or a square one, keeps its size, so that this cannot see it.
    """
    if annotated.size is None or tuple(annotated.size) == tuple(image_size):
        return
    claimed, actual = (f"{width}x{height}" for height, width in (annotated.size, image_size))
    told = f"{annotated.where}: {shown(annotated.image)} is {claimed} in the annotations and {actual} upright"
    if tuple(annotated.size) == tuple(image_size)[::-1]:
        raise FileProblemError(
            f"{told}: the boxes were drawn on the unrotated image, without its EXIF orientation",
            "annotate the upright image, or remove the orientation from the file",
        )
    raise FileProblemError(told, "these boxes belong to another version of the image")


def stem_of(key: str) -> str:
    """Give the last part of a key without its suffix."""
    return _SUFFIX.sub("", key.rpartition("/")[2])


def _best(annotations: Annotations, relative_path: str) -> tuple[_Rank, str] | None:
    path = key_of(relative_path)
    ranked = [(_rank(key, path), key) for key in annotations.by_stem.get(stem_of(path), ())]
    if not ranked:
        return None
    strongest = max(rank for rank, _ in ranked)
    keys = [key for rank, key in ranked if rank == strongest]
    if len(keys) > 1:
        told = f"{shown(relative_path)} fits the annotations of {_listed(keys)}"
        raise InvalidInputError(told, "name the images in the annotations by their paths")
    return strongest, keys[0]


def _rank(key: str, path: str) -> _Rank:
    """Tell how well two names with the same stem fit: with their suffixes?, which rule, how long a common end."""
    *folders, name = key.split("/")
    *path_folders, path_name = path.split("/")
    common = 0
    for one, other in zip(reversed(folders), reversed(path_folders), strict=False):
        if one != other:
            break
        common += 1
    rule = (common == len(folders)) + (common == len(path_folders))
    return name == path_name, rule, common


def _listed(names: list[str]) -> str:
    return ", ".join(map(shown, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
