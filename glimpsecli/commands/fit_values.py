"""The option values of ``glimpse fit``, and of ``glimpse track``, which searches the same numbers."""

from __future__ import annotations

import math
import re
from typing import Any

from glimpsecli.commands.values import Value
from glimpsecli.errors import InvalidInputError

_NUMBER = r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*"
_STRIDES = re.compile(f"{_NUMBER}(?:[-,]{_NUMBER})?", re.ASCII)


class StrideValue(Value):
    """A stride, or a range of strides."""

    form = "S|LO-HI"

    def parse(self, text: str) -> Any:
        """Give a Range; one number stands for both ends."""
        from glimpsecli.learning.places import Range

        parts = _STRIDES.fullmatch(text)
        low, high = (float(parts[1]), float(parts[2] or parts[1])) if parts else (0.0, 0.0)
        if not 0 < low <= high < math.inf:
            raise InvalidInputError(
                f"{text!r} is no stride",
                "write how many pixels of the image there are to one of the target, such as 2, or a range, as 1.5-3",
            )
        return Range(low, high)


class FreeValue(Value):
    """Numbers of a window that may vary: its position, and some of those that are named.

    Parameters
    ----------
    *others : str
        The names besides ``position``.
    why : str
        The words of a message for those that are to be given.
    """

    form = "NAME,..."

    def __init__(self, *others: str, why: str) -> None:
        self._others, self._why = others, why

    def parse(self, text: str) -> Any:
        """Give a frozenset of names."""
        names = [name.strip().lower() for name in text.split(",")]
        unknown = [name for name in names if name not in ("position", *self._others)]
        if unknown or "position" not in names:
            problem = f"{unknown[0]!r} cannot be free" if unknown else f"{text!r} leaves out the position"
            raise InvalidInputError(problem, f"write position, and those of {', '.join(self._others)} {self._why}")
        return frozenset(names)
