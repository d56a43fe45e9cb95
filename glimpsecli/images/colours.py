"""Colours as people write them: numbers in the image's own scale, ``#ff8800``, or a CSS name."""

from __future__ import annotations

import math
from typing import NamedTuple

from PIL import ImageColor

from glimpsecli.errors import InvalidInputError


class Colour(NamedTuple):
    """A colour as written, not yet tied to an image.

    Attributes
    ----------
    text : str
        As it was written.
    values : tuple of float
        One number for all channels, or one for each colour channel, and alpha if it was given.
    relative : bool
        Whether 1 stands for full scale; otherwise the values are in the image's own scale.
    """

    text: str
    values: tuple[float, ...]
    relative: bool

    @classmethod
    def parse(cls, text: str) -> Colour:
        """Read ``128``, ``255,0,0``, ``#ff0000`` or ``red``."""
        try:
            numbers = tuple(float(part) for part in text.split(","))
        except ValueError:
            try:
                return cls(text, tuple(value / 255 for value in ImageColor.getrgb(text.strip())), relative=True)
            except ValueError:
                raise InvalidInputError(
                    f"{text!r} is not a colour", "write 128, or 255,0,0, or #ff0000, or a CSS name such as red"
                ) from None
        if not all(math.isfinite(number) for number in numbers):
            raise InvalidInputError(f"the colour {text} is not finite")
        return cls(text, numbers, relative=False)

    def on(self, colours: int, *, alpha: bool, scale: float) -> tuple[float, ...]:
        """Give one value for each of `colours` channels, and one for alpha where there is one; `scale` is full scale.

        An alpha that was not given is opaque; one given for an image without alpha must be opaque.
        """
        values = tuple(value * scale for value in self.values) if self.relative else self.values
        if len(values) == 1:
            values *= colours
        elif colours == 1 and len(values) in (3, 4) and len(set(values[:3])) == 1:
            values = values[:1] + values[3:]  # a grey, written with three numbers
        if len(values) == colours:
            values = (*values, scale)
        if len(values) != colours + 1 or (values[-1] != scale and not alpha):
            kind = "a grey image" if colours == 1 else f"an image of {colours} channels"
            hint = "give one number" if colours == 1 else "give one number, or one for each channel"
            raise InvalidInputError(f"the colour {self.text} does not fit {kind}", hint)
        return values if alpha else values[:-1]
