"""The option values of ``glimpse bench``: strides, the excess that is too slow, seconds."""

from __future__ import annotations

from typing import Any

from glimpsecli.commands.values import Value, finite, numbers_of
from glimpsecli.errors import InvalidInputError

LONGEST = 3600
"""The most seconds for each contender."""


class StridesValue(Value):
    """Strides of a sweep."""

    form = "D,..."

    def parse(self, text: str) -> Any:
        """Give positive numbers, each once, in order."""
        hint = "write strides such as 1,2,4,8,16"
        strides = numbers_of(text, "strides", hint)
        if strides[0] <= 0:
            raise InvalidInputError(f"{text!r} has a stride that is not positive", hint)
        return strides


class ExcessValue(Value):
    """The excess over the baseline that is too slow."""

    form = "PERCENT"

    def parse(self, text: str) -> Any:
        """Give a share: 0.1 for 10%."""
        percent = text.strip()
        number = finite(percent.removesuffix("%"))
        if number is None or not percent.endswith("%") or number < 0:
            raise InvalidInputError(f"{text!r} is no percentage from 0", "write 10%")
        return number / 100


class SecondsValue(Value):
    """A time."""

    form = "SECONDS"

    def parse(self, text: str) -> Any:
        """Give seconds: 0 to an hour."""
        seconds = finite(text)
        if seconds is None or not 0 <= seconds <= LONGEST:
            raise InvalidInputError(f"{text!r} is no number of seconds from 0 to {LONGEST}", "write 0.5")
        return seconds
