"""The option values of attention maps."""

from __future__ import annotations

import re
from typing import Any

from glimpsecli.commands.values import Value
from glimpsecli.errors import InvalidInputError


class PreprocessValue(Value):
    """The preprocessing of a model's images."""

    form = "STEP,..."

    def parse(self, text: str) -> Any:
        """Give a Preprocess."""
        from glimpsecli.maps import Preprocess

        return Preprocess.parse(text)


class MapRangeValue(Value):
    """The range of values that is shown."""

    form = "shared|each|LO,HI|percentile:LO,HI"

    def parse(self, text: str) -> Any:
        """Give a Range."""
        from glimpsecli.maps import Range

        return Range.parse(text)


class ThresholdValue(Value):
    """The threshold of hot cells."""

    form = "otsu|percentile:Q"

    def parse(self, text: str) -> Any:
        """Give a Threshold."""
        from glimpsecli.maps import Threshold

        return Threshold.parse(text)


class GridValue(Value):
    """The grid of a map."""

    form = "WxH"

    def parse(self, text: str) -> Any:
        """Give (height, width)."""
        parts = re.fullmatch("0*([1-9][0-9]{0,5})x0*([1-9][0-9]{0,5})", text.strip().lower())
        if parts is None:
            raise InvalidInputError(f"{text!r} is no grid", "write WxH, such as 24x16")
        return int(parts[2]), int(parts[1])


class ChoiceValue(Value):
    """A number, or one of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.form = "|".join(("I", *words))
        super().__init__()

    def parse(self, text: str) -> Any:
        """Give an int or a word."""
        word = text.strip().lower()
        if word in self.words:
            return word
        if re.fullmatch("-?[0-9]{1,9}", word) is None:
            raise InvalidInputError(f"{text!r} is neither a number nor {' or '.join(self.words)}")
        return int(word)
