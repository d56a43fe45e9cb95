"""The option values of ``glimpse track``."""

from __future__ import annotations

from typing import Any

from glimpsecli.commands.values import Value
from glimpsecli.errors import InvalidInputError

FREE = ("position", "scale", "angle")


class FreeValue(Value):
    """Parameters of a window that may change from frame to frame."""

    form = "NAME,..."

    def parse(self, text: str) -> Any:
        """Give a frozenset of names."""
        names = [name.strip().lower() for name in text.split(",")]
        unknown = [name for name in names if name not in FREE]
        if unknown or "position" not in names:
            problem = f"{unknown[0]!r} cannot be free" if unknown else f"{text!r} leaves out the position"
            raise InvalidInputError(problem, f"write position, and those of {', '.join(FREE[1:])} that change")
        return frozenset(names)
