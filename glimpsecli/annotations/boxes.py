"""A box as people write it down: in pixels or percent, by its corner or its centre, not yet tied to an image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.annotations.outlines import Outline
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.window import Size, Window


class Length(NamedTuple):
    """A number of pixels, or a percentage of an image's width or height."""

    value: float
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Length:
        """Read ``12``, ``-3.5`` or ``40%``."""
        number = text.strip()
        percent = number.endswith("%")
        number = number.removesuffix("%").strip()
        try:
            value = float(number.replace("_", "?"))  # Python would take 1_000
        except ValueError:
            raise InvalidInputError(
                f"{text.strip()!r} is not a number", "write pixels as 12.5 or a percentage as 40%"
            ) from None
        if not math.isfinite(value):
            raise InvalidInputError(f"{text.strip()!r} is not a finite number")
        return cls(value, percent)

    def pixels(self, extent: int) -> float:
        """Give the length in pixels on an axis of `extent` pixels."""
        return self.value * extent / 100 if self.percent else self.value

    def __str__(self) -> str:
        return f"{self.value:g}%" if self.percent else f"{self.value:g}"


FLAGS = ("crowd", "truncated", "difficult", "occluded", "ignored", "depiction", "inside")
"""Facts that formats tell of an object: a group under one box, cut off by the image's border, hard to recognise, partly
hidden, not to be evaluated, a drawing of it, seen from its inside."""


class Box(NamedTuple):
    """A rectangle on the image plane.

    Parameters
    ----------
    x, y : Length
        The left and top edge, or the centre where `centred`.
    width, height : Length
    centred : bool
    angle : float
        Degrees, clockwise on the screen, about the centre.
    label : str, optional
    image : str, optional
        The only image that the box belongs to, as the table names it.
    category : str, optional
        The number of its class, where `label` may be the name.
    frame : int, optional
        The only frame of a video that the box belongs to, from 0.
    time : str, optional
        The time in a video at which it is shown, as the table says it; for photos it means nothing.
    score : float, optional
        The confidence of a detection, as its file has it.
    id : int or str, optional
        The id of the annotation, or of the track that it belongs to.
    flags : tuple of str
        Those of `FLAGS` that its file sets, in their order there.
    outline : Outline, optional
        The outline of the object, where it is asked for and its file has one.
    """

    x: Length
    y: Length
    width: Length
    height: Length
    centred: bool = False
    angle: float = 0.0
    label: str | None = None
    image: str | None = None
    category: str | None = None
    frame: int | None = None
    time: str | None = None
    score: float | None = None
    id: int | str | None = None
    flags: tuple[str, ...] = ()
    outline: Outline | None = None

    def checked(self) -> Box:
        """Return the box, or raise where it has no extent."""
        if self.width.value <= 0 or self.height.value <= 0:
            raise InvalidInputError(f"a box of {self.width}x{self.height}", "width and height must be positive")
        return self

    def to_window(self, image_size: Size) -> Window:
        """Tie the box to an image of `image_size` (height, width)."""
        from glimpsecli.window import Window

        image_height, image_width = image_size
        x, width = self.x.pixels(image_width), self.width.pixels(image_width)
        y, height = self.y.pixels(image_height), self.height.pixels(image_height)
        make = Window if self.centred else Window.from_box
        return make(x, y, width, height, self.angle)


WHOLE = Box(Length(0), Length(0), Length(100, percent=True), Length(100, percent=True))
"""The whole image."""
