"""How the options of attention maps are written."""

from __future__ import annotations

from typing import Any

from glimpsecli.commands.values import Value


class PreprocessValue(Value):
    """How a model saw an image."""

    form = "STEP,..."

    def parse(self, text: str) -> Any:
        """Give a Preprocess."""
        from glimpsecli.maps import Preprocess

        return Preprocess.parse(text)


class MapRangeValue(Value):
    """Which values are shown."""

    form = "shared|each|LO,HI|percentile:LO,HI"

    def parse(self, text: str) -> Any:
        """Give a Range."""
        from glimpsecli.maps import Range

        return Range.parse(text)


class ThresholdValue(Value):
    """Which cells are hot."""

    form = "otsu|percentile:Q"

    def parse(self, text: str) -> Any:
        """Give a Threshold."""
        from glimpsecli.maps import Threshold

        return Threshold.parse(text)
