"""How the option values of ``glimpse bench`` are written: lists, and how much slower is too slow."""

from __future__ import annotations

from typing import Any

from glimpsecli.commands.values import Value


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

        numbers = self.plain_numbers(text, *range(1, 101))
        if min(numbers) <= 0:
            raise InvalidInputError(f"{text!r} has a stride that is not positive", "write strides such as 1,2,4,8,16")
        return tuple(sorted(set(numbers)))


class ExcessValue(Value):
    """How much slower is too slow."""

    form = "PERCENT"

    def parse(self, text: str) -> Any:
        """Give a share: 0.1 for 10%."""
        from glimpsecli.annotations.boxes import Length
        from glimpsecli.errors import InvalidInputError

        length = Length.parse(text)
        if not length.percent or length.value < 0:
            raise InvalidInputError(f"{text!r} is no percentage from 0", "write 10%")
        return length.pixels(1)
