"""Option values and their syntax: numbers with percentages, boxes, sizes, colours."""

from __future__ import annotations

import abc
import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.errors import GlimpseError, InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.annotations.boxes import Length

_GEOMETRY = r"(?P<width>[^x,+-]+)x(?P<height>[^x,+-]+)(?P<x>[+-]+[^x,+-]+)(?P<y>[+-]+[^x,+-]+)"


class RegularPath(click.Path):
    """A file that is read more than once, so that it cannot be a pipe; or a folder of files."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a pipe, a FIFO and a device."""
        from glimpsecli.images.streams import is_stream

        if is_stream(value):
            self.fail(f"{value} is no regular file; save what it gives to a file first.", param, ctx)
        return super().convert(value, param, ctx)


class Value(click.ParamType[Any], abc.ABC):
    """A value whose errors show in one line the text that was given and the form it must have."""

    form = ""

    def __init__(self) -> None:
        self.name = self.form

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Show the form in the help."""
        return self.form

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse, and turn any refusal into click's."""
        if not isinstance(value, str):
            return value
        try:
            return self.parse(value)
        except GlimpseError as error:
            self.fail(str(error), param, ctx)

    @abc.abstractmethod
    def parse(self, text: str) -> Any:
        """Give the value of a text."""

    def numbers(self, text: str, *counts: int) -> list[Length]:
        """Split a text at its commas into numbers, as many as one of `counts`."""
        from glimpsecli.annotations.boxes import Length

        parts = text.split(",")
        if len(parts) not in counts:
            found = "1 number" if len(parts) == 1 else f"{len(parts)} numbers"
            raise InvalidInputError(f"{text!r} is {found}", f"write {self.form}")
        return [Length.parse(part) for part in parts]

    def floats(self, text: str, *counts: int) -> tuple[float, ...]:
        """Split a text into numbers that are no percentages."""
        numbers = self.numbers(text, *counts)
        if any(number.percent for number in numbers):
            raise InvalidInputError(f"{text!r} has a percentage", "these numbers are relative to the image already")
        return tuple(number.value for number in numbers)


class BoxValue(Value):
    """A box in COCO's order or as ImageMagick's geometry."""

    form = "X,Y,W,H|WxH+X+Y"

    def parse(self, text: str) -> Any:
        """Give a Box."""
        from glimpsecli.annotations.boxes import Box, Length

        geometry = re.fullmatch(_GEOMETRY, text.strip()) if "," not in text else None
        if geometry:
            # ImageMagick writes a negative offset as +-5.
            x, y, width, height = (
                Length.parse(geometry[name].replace("+-", "-")) for name in ("x", "y", "width", "height")
            )
        elif "x" in text.lower() and "," not in text:
            raise InvalidInputError(f"{text!r} is not a geometry", "write WxH+X+Y")
        else:
            x, y, width, height = self.numbers(text, 4)
        return Box(x, y, width, height).checked()


class PointValue(Value):
    """A point on the image plane."""

    form = "X,Y"

    def parse(self, text: str) -> Any:
        """Give two Lengths."""
        return self.numbers(text, 2)


class ExtentValue(Value):
    """The extent of a window."""

    form = "WxH"

    def parse(self, text: str) -> Any:
        """Give two Lengths."""
        return self.numbers(text.lower().replace(",", ";").replace("x", ","), 2)


class SizeValue(Value):
    """The size of a glimpse."""

    form = "WxH|N"

    def parse(self, text: str) -> Any:
        """Give a SizeRequest."""
        from glimpsecli.jobs.shaping import SizeRequest

        parts = text.strip().lower().split("x")
        if len(parts) > 2 or not all(re.fullmatch("0*[1-9][0-9]{0,8}", part) for part in parts):
            raise InvalidInputError(f"{text!r} is not a size", "write WxH, such as 128x96, or N for the longer side")
        if len(parts) == 1:
            return SizeRequest(longer=int(parts[0]))
        return SizeRequest(width=int(parts[0]), height=int(parts[1]))


class TilesValue(Value):
    """Columns and rows of tiles."""

    form = "CxR"

    def parse(self, text: str) -> Any:
        """Give the columns and the rows."""
        parts = re.fullmatch("0*([1-9][0-9]{0,3})x0*([1-9][0-9]{0,3})", text.strip().lower())
        if parts is None:
            raise InvalidInputError(f"{text!r} are no tiles", "write CxR, such as 3x2")
        return int(parts[1]), int(parts[2])


class RangeValue(Value):
    """A range of sizes."""

    form = "LO-HI"

    def parse(self, text: str) -> Any:
        """Give two Lengths."""
        low, high = self.numbers(text.replace("-", ","), 2)
        if not 0 < low.value <= high.value or low.percent != high.percent:
            raise InvalidInputError(f"{text!r} is no range of sizes", "write 32-128 or 10%-40%")
        return low, high


class GaussianValue(Value):
    """The article's Gaussian parameters."""

    form = "UY,SY,DY,UX,SX,DX"

    def parse(self, text: str) -> Any:
        """Give a GaussianRequest."""
        from glimpsecli.jobs.requests import GaussianRequest

        numbers = self.numbers(text, 6)
        for sigma in numbers[1::3]:
            if sigma.value <= 0:
                raise InvalidInputError(f"{text!r} has the sigma {sigma}", "SY and SX must be positive")
        return GaussianRequest(*numbers)  # type: ignore[arg-type]  # six, as counted


class DrawValue(Value):
    """DRAW's attention parameters."""

    form = "GX,GY,LOGVAR,LOGSTRIDE,LOGGAIN"

    def parse(self, text: str) -> Any:
        """Give a DrawRequest."""
        from glimpsecli.jobs.requests import DrawRequest

        return DrawRequest(self.floats(text, 5))  # type: ignore[arg-type]  # five, as counted


class ThetaValue(Value):
    """A spatial transformer's theta."""

    form = "SX,TX,SY,TY|A,B,TX,C,D,TY"

    def parse(self, text: str) -> Any:
        """Give four or six floats."""
        return self.floats(text, 4, 6)


class QuadValue(Value):
    """The corners of a quadrilateral."""

    form = "X1,Y1,...,X4,Y4"

    def parse(self, text: str) -> Any:
        """Give a QuadRequest."""
        from glimpsecli.jobs.requests import QuadRequest

        numbers = self.numbers(text, 8)
        return QuadRequest(tuple(zip(numbers[::2], numbers[1::2], strict=True)))


class ColourValue(Value):
    """A colour."""

    form = "COLOUR"

    def parse(self, text: str) -> Any:
        """Give a Colour."""
        from glimpsecli.images.colours import Colour

        return Colour.parse(text)


class WordsValue(Value):
    """A selection of the words."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.form = ",".join(words)
        super().__init__()

    def parse(self, text: str) -> Any:
        """Give the words, each once, in the order of the list."""
        given = [word.strip().lower() for word in text.split(",")]
        for word in given:
            if word not in self.words:
                raise InvalidInputError(f"{word!r} is not among {', '.join(self.words)}", f"write {self.form}")
        return tuple(word for word in self.words if word in given)


def finite(text: str) -> float | None:
    """Give the finite number that a text holds; None where it holds none."""
    try:
        number = float(text.replace("_", "?"))  # Python would take 1_000
    except ValueError:
        return None
    return number if math.isfinite(number) else None


MOST_NUMBERS = 100
"""The most numbers in a list."""


def numbers_of(text: str, noun: str, hint: str) -> tuple[float, ...]:
    """Read a list of numbers, D,..., and give each once, in order; `noun` is their name in messages."""
    numbers = [finite(part) for part in text.split(",")]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        raise InvalidInputError(f"{text!r} is no list of numbers", hint)
    if len(known) > MOST_NUMBERS:
        raise InvalidInputError(f"{len(known)} {noun}", f"give at most {MOST_NUMBERS}")
    return tuple(sorted(set(known)))


FRACTION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?(/[1-9][0-9]{0,8})?", re.ASCII)
"""A positive number or a quotient of whole ones, as the options of time take them."""


class FractionValue(Value):
    """A positive number, exactly as it is written: 30, or 29.97, or 30000/1001."""

    form = "N|N/M"

    def parse(self, text: str) -> Any:
        """Give a Fraction."""
        word = text.strip()
        number, _, divisor = word.partition("/")
        value = Fraction(number) / Fraction(divisor or 1) if FRACTION.fullmatch(word) else Fraction(0)
        if value <= 0:
            raise InvalidInputError(
                f"{text!r} is no positive number of at most nine digits", "write 2, or 29.97, or 30000/1001"
            )
        return value
