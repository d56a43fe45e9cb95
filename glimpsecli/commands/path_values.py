"""Option values of ``glimpse path``: places, times, rates and shares."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from glimpsecli.commands.values import FRACTION, BoxValue, PointValue, Value
from glimpsecli.errors import InvalidInputError

_LONGEST = 10**9  # seconds


class PlaceValue(Value):
    """A window: a box, or a centre and a zoom."""

    form = "X,Y,W,H|X,Y@ZOOM"

    def parse(self, text: str) -> Any:
        """Give a Box."""
        from glimpsecli.annotations.boxes import Box, Length

        centre, at, zoom = text.partition("@")
        if not at:
            return BoxValue().parse(text)
        x, y = PointValue().parse(centre)
        factor = Length.parse(zoom)
        if factor.percent or factor.value <= 0:
            raise InvalidInputError(f"{zoom!r} is no zoom", "2 shows half of the image's width and height")
        extent = Length(100 / factor.value, percent=True)
        return Box(x, y, extent, extent, centred=True)


class DurationValue(Value):
    """A span of time."""

    form = "SECONDS"

    def parse(self, text: str) -> Any:
        """Give the seconds, a Fraction; ``2s``, ``40ms`` and ``HH:MM:SS`` are understood too."""
        from glimpsecli.video.clock import parse_time

        word, factor = text.strip().lower(), Fraction(1)
        for unit, seconds in (("ms", Fraction(1, 1000)), ("s", Fraction(1))):
            if word.endswith(unit):
                word, factor = word.removesuffix(unit), seconds
                break
        value = parse_time(word, "the option") * factor
        if not 0 <= value <= _LONGEST:
            raise InvalidInputError(f"{text!r} is no span of time", f"give 0 to {_LONGEST} seconds")
        return value


class ShareValue(Value):
    """A share of the window's extent."""

    form = "PERCENT"

    def parse(self, text: str) -> Any:
        """Give the share, 0 to 1."""
        from glimpsecli.annotations.boxes import Length

        share = Length.parse(text)
        if not share.percent or not 0 <= share.value <= 100:
            raise InvalidInputError(f"{text!r} is no share of the window", "write it as 4%")
        return share.value / 100


class AspectValue(Value):
    """Width over height."""

    form = "W:H"

    def parse(self, text: str) -> Any:
        """Give the quotient."""
        width, _, height = text.strip().partition(":")
        if not all(map(FRACTION.fullmatch, (width, height))) or 0 in (sides := [*map(Fraction, (width, height))]):
            raise InvalidInputError(f"{text!r} is no aspect", "write it as 16:9")
        return float(sides[0] / sides[1])
