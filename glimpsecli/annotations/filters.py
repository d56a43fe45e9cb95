"""Which boxes of an image are looked at, and whether they were drawn on the image that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from glimpsecli.annotations.annotated import Annotated, shown
from glimpsecli.annotations.boxes import Box
from glimpsecli.errors import FileProblemError

if TYPE_CHECKING:
    from glimpsecli.window import Size


def keep(
    boxes: Iterable[Box], labels: Sequence[str] | None, min_size: float | None, image_size: Size
) -> tuple[tuple[Box, ...], int]:
    """Choose boxes by label and by the shorter side.

    Parameters
    ----------
    boxes : iterable of Box
    labels : sequence of str, optional
        The labels to keep; None keeps all, also boxes without a label.
    min_size : float, optional
        Pixels of `image_size` that the shorter side must have.
    image_size : (int, int)
        (height, width)

    Returns
    -------
    kept : tuple of Box
    dropped_small : int
        How many boxes with a chosen label were too small.
    """
    chosen = [box for box in boxes if labels is None or box.label in labels]
    kept = tuple(box for box in chosen if min_size is None or _shorter_side(box, image_size) >= min_size)
    return kept, len(chosen) - len(kept)


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


def _shorter_side(box: Box, image_size: Size) -> float:
    height, width = image_size
    return min(box.width.pixels(width), box.height.pixels(height))
