"""How the option values of ``glimpse bench`` are written: lists, and how much slower is too slow."""

from __future__ import annotations

import math
from typing import Any

from glimpsecli.commands.values import Value

LONGEST = 3600
"""Seconds that may be asked for each contender."""
MOST_STRIDES = 100


class WordsValue(Value):
    """Some of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.form = ",".join(words)
        super().__init__()

    def parse(self, text: str) -> Any:
        """Give the words, each once, in the order of the list."""
        from glimpsecli.errors import InvalidInputError

        given = [word.strip().lower() for word in text.split(",")]
        for word in given:
            if word not in self.words:
                raise InvalidInputError(f"{word!r} is not among {', '.join(self.words)}", f"write {self.form}")
        return tuple(word for word in self.words if word in given)


class StridesValue(Value):
    """Strides of a sweep."""

    form = "D,..."

    def parse(self, text: str) -> Any:
        """Give positive numbers, each once, in order."""
        from glimpsecli.errors import InvalidInputError

        hint = "write strides such as 1,2,4,8,16"
        numbers = [number for part in text.split(",") if (number := _finite(part)) is not None]
        if len(numbers) <= text.count(","):
            raise InvalidInputError(f"{text!r} is no list of numbers", hint)
        if len(numbers) > MOST_STRIDES:
            raise InvalidInputError(f"{len(numbers)} strides", f"give at most {MOST_STRIDES}")
        if min(numbers) <= 0:
            raise InvalidInputError(f"{text!r} has a stride that is not positive", hint)
        return tuple(sorted(set(numbers)))


class ExcessValue(Value):
    """How much slower is too slow."""

    form = "PERCENT"

    def parse(self, text: str) -> Any:
        """Give a share: 0.1 for 10%."""
        from glimpsecli.errors import InvalidInputError

        percent = text.strip()
        number = _finite(percent.removesuffix("%"))
        if number is None or not percent.endswith("%") or number < 0:
            raise InvalidInputError(f"{text!r} is no percentage from 0", "write 10%")
        return number / 100


class SecondsValue(Value):
    """A time."""

    form = "SECONDS"

    def parse(self, text: str) -> Any:
        """Give seconds: 0 to an hour."""
        from glimpsecli.errors import InvalidInputError

        seconds = _finite(text)
        if seconds is None or not 0 <= seconds <= LONGEST:
            raise InvalidInputError(f"{text!r} is no number of seconds from 0 to {LONGEST}", "write 0.5")
        return seconds


def _finite(text: str) -> float | None:
    """Give the number that a text is; None where it is none, or not finite."""
    try:
        number = float(text.replace("_", "?"))  # Python would take 1_000
    except ValueError:
        return None
    return number if math.isfinite(number) else None
