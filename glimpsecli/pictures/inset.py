"""An inset: the glimpse of a window, in a corner of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.outline import line_weight
from glimpsecli.pictures.scale import scale_of

if TYPE_CHECKING:
    from glimpsecli.arrays import Array


def inset_size(picture_size: tuple[int, int], glimpse_size: tuple[int, int]) -> tuple[int, int]:
    """Give the (height, width) at which a glimpse fits a corner: within 0.36 of the picture, and with its frame."""
    frame, margin = _frame(picture_size)
    room_y, room_x = (min(0.36 * extent, extent - 2 * (frame + margin)) for extent in picture_size)
    if min(room_y, room_x) < 1:
        raise InvalidInputError(
            f"a picture of {picture_size[1]}x{picture_size[0]} has no room for an inset", "leave the inset out"
        )
    height, width = glimpse_size
    factor = min(room_y / height, room_x / width)
    return max(1, int(height * factor)), max(1, int(width * factor))


def _frame(picture_size: tuple[int, int]) -> tuple[int, int]:
    """Give the weight of the frame and the margin around it, in pixels."""
    frame = max(2, round(line_weight(picture_size)))
    return frame, 3 * frame


def inset(picture: Array, glimpse: Array, away_from: tuple[float, float]) -> tuple[int, int]:
    """Paste a glimpse with a white frame into the corner of a picture that is farthest from a point, in place.

    Parameters
    ----------
    picture : (H, W, 3 or 4) uint8, uint16 or float32
    glimpse : (h, w, 3) array of the same type
        At the size it is to have, for which see `inset_size`.
    away_from : (x, y)
        The middle of the window, on the image plane.

    Returns
    -------
    (top, left) : int
        Where the glimpse's first pixel lies.

    Raises
    ------
    InvalidInputError
        If the glimpse does not fit with its frame and margin.
    """
    height, width = glimpse.shape[:2]
    frame, margin = _frame((picture.shape[0], picture.shape[1]))
    casing = max(1, frame // 2)
    if glimpse.dtype != picture.dtype or glimpse.ndim != 3 or glimpse.shape[2] != 3:
        raise InvalidInputError(f"a glimpse {glimpse.shape} of {glimpse.dtype} for a picture of {picture.dtype}")
    room_y, room_x = (extent - 2 * (margin + frame) for extent in picture.shape[:2])
    if height > room_y or width > room_x:
        raise InvalidInputError(
            f"an inset of {width}x{height} has no room in {picture.shape[1]}x{picture.shape[0]}", "make it smaller"
        )
    x, y = away_from
    edge = margin + frame
    top = edge if 2 * y > picture.shape[0] else picture.shape[0] - edge - height
    left = edge if 2 * x >= picture.shape[1] else picture.shape[1] - edge - width
    white = scale_of(picture)
    dark, bright = round(0.25 * white) if white > 1 else 0.25, white
    for border, value in ((frame + casing, dark), (frame, bright)):
        picture[top - border : top + height + border, left - border : left + width + border] = value
    if picture.shape[2] == 4:
        reach = frame + casing
        picture[top - reach : top + height + reach, left - reach : left + width + reach, 3] = white
    picture[top : top + height, left : left + width, :3] = glimpse
    return top, left
