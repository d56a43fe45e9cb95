"""How the option values of ``glimpse study`` are written."""

from __future__ import annotations

from typing import Any

from glimpsecli.commands.values import Value, finite

FARTHEST = 2
"""Windows from the true place at which a start may be."""
MOST_OFFSETS = 100


class OffsetsValue(Value):
    """Distances of starts."""

    form = "D,..."

    def parse(self, text: str) -> Any:
        """Give numbers from 0 to 2, each once, in order."""
        from glimpsecli.errors import InvalidInputError

        hint = "write offsets such as 0.1,0.2,0.5"
        numbers = [finite(part) for part in text.split(",")]
        known = [number for number in numbers if number is not None]
        if len(known) < len(numbers):
            raise InvalidInputError(f"{text!r} is no list of numbers", hint)
        if len(known) > MOST_OFFSETS:
            raise InvalidInputError(f"{len(known)} offsets", f"give at most {MOST_OFFSETS}")
        if not 0 <= min(known) <= max(known) <= FARTHEST:
            raise InvalidInputError(f"{text!r} has an offset that is not from 0 to {FARTHEST}", hint)
        return tuple(sorted({abs(number) for number in known}))  # -0 is 0
