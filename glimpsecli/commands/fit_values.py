"""How the options of ``glimpse fit`` are written."""

from __future__ import annotations

from typing import Any

from glimpsecli.commands.values import Value


class StrideValue(Value):
    """A stride, or a range of strides."""

    form = "S|LO-HI"

    def parse(self, text: str) -> Any:
        """Give a Range; one number stands for both ends."""
        from glimpsecli.errors import InvalidInputError
        from glimpsecli.learning.places import Range

        numbers = self.plain_numbers(text.replace("-", ","), 1, 2)
        if not 0 < numbers[0] <= numbers[-1]:
            raise InvalidInputError(f"{text!r} is no range of strides", "write 2 or 1.5-3")
        return Range(numbers[0], numbers[-1])


class FreeValue(Value):
    """What a search may turn."""

    form = "NAME,..."

    def parse(self, text: str) -> Any:
        """Give a frozenset of names."""
        from glimpsecli.errors import InvalidInputError
        from glimpsecli.learning.places import FREE

        names = [name.strip().lower() for name in text.split(",")]
        unknown = [name for name in names if name not in FREE]
        if unknown or "position" not in names:
            problem = f"{unknown[0]!r} cannot be free" if unknown else f"{text!r} leaves out the position"
            raise InvalidInputError(problem, f"write position, and of {', '.join([*FREE][1:])} what is not known")
        return frozenset(names)
