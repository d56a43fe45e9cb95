"""What becomes of each window before it is sampled: its extent, the size of its glimpse, and whether it gets one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.window import Size


class SizeRequest(NamedTuple):
    """The size of the glimpses: exact, or the longer side with the window's aspect kept."""

    height: int | None = None
    width: int | None = None
    longer: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether no size is asked for."""
        return self.width is None and self.longer is None

    def for_extent(self, width: float, height: float) -> Size:
        """Give (height, width) for a window of this extent."""
        if self.height is not None and self.width is not None:
            return self.height, self.width
        if self.longer is None:
            return max(1, round(height)), max(1, round(width))
        if width == height:  # also where both are 0
            return self.longer, self.longer
        factor = self.longer / max(width, height)
        return max(1, round(height * factor)), max(1, round(width * factor))

    def for_taps(self, option: str) -> Size:
        """Give (height, width) for a place that is a grid of taps and has no extent of its own."""
        if self.height is not None and self.width is not None:
            return self.height, self.width
        if self.longer is None:
            raise InvalidInputError(f"{option} gives no extent", "say how many taps with --size WxH")
        return self.longer, self.longer


class Limits(NamedTuple):
    """The extents of windows that get a glimpse, in pixels of the image.

    Attributes
    ----------
    min_size : float
        Of the shorter side.
    max_size : float
        Of the longer side.
    min_area : float
        In square pixels.
    of : str
        What is measured: ``box``, the window as it is given, or ``window``, as it is sampled, with context and squared.
    """

    min_size: float = 0.0
    max_size: float = math.inf
    min_area: float = 0.0
    of: str = "box"

    def problem_of(self, width: float, height: float) -> str | None:
        """Give the reason why an extent gets no glimpse, None where it gets one."""
        if min(width, height) < self.min_size:
            return "below --min-size"
        if max(width, height) > self.max_size:
            return "above --max-size"
        return "below --min-area" if width * height < self.min_area else None


class Shaping(NamedTuple):
    """The changes of each window before it is sampled, and the size of the glimpse."""

    size: SizeRequest = SizeRequest()
    context: float = 1.0
    square: bool = False
    retina: int = 1
    limits: Limits = Limits()
    clamp: bool = False

    @property
    def is_default(self) -> bool:
        """Whether windows are taken as they are."""
        return self.context == 1 and not self.square and self.retina == 1 and not self.clamp
