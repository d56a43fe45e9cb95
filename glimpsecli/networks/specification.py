"""The description of a model, in numbers and words that a file can hold. Needs no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLUR, LEARNT, STARTS
from glimpsecli.window import Window

SAMPLERS = (*LEARNT, "fixed", "oracle", "whole")
"""All samplers; the last three are references."""

CLASSIFIERS = ("strided", "pooled")

MARGIN = 1.25
"""Extent of a window over the longer side of the largest digit that it shall show."""

_PRESETS = {40: (12, 20.0), 60: (16, 32.0), 100: (16, 36.0)}
"""For each canvas of the scenes: the taps of a side, and the extent of the window in pixels."""

_BOUNDS = {
    "canvas": (8, 512),
    "channels": (1, 3),
    "classes": (2, 1000),
    "size": (4, 64),
    "glimpses": (1, 16),
}
"""Smallest and largest whole number of each field. A file of a stranger can ask for no more."""

GREATEST = 10**6
"""Largest number of any field in a file; a file may hold numbers that no float can hold."""

SHOWN = 60
"""Letters of a stranger's word that are shown in a message."""


@dataclasses.dataclass(frozen=True)
class Specification:
    """A model that looks at a part of an image and says what it is.

    Attributes
    ----------
    sampler : str
        ``gaussian``, ``bilinear``, ``blurred`` (bilinear, on the image blurred as ``gaussian`` would) or ``hard``. Or a
        reference: ``fixed`` always looks at the whole image, ``oracle`` where the digit is, both by ``gaussian``;
        ``whole`` is a convolutional network on all pixels.
    canvas : int
        Height and width of the images in pixels.
    channels : int
        1 or 3.
    classes : int
    size : int
        Taps of a side of a glimpse; by default 12 for a canvas below 50 pixels, else 16.
    extent : float
        Width and height of a window in pixels, of which free scales are multiples; by default half of the canvas, or
        what suits the digits of the scenes.
    scale_free : bool
        Whether the network says how large the window is, too.
    angle_free : bool
        Whether it says how far the window is turned, too.
    start : {"narrow", "wide"}
        The window before anything is learnt, around the middle: of the extent, or the whole image, which needs a free
        scale.
    glimpses : int
        Glimpses of an image. Of several, the first one is of the whole image, and a recurrent network places the
        others.
    blur : float
        Sigma of the Gaussians in strides (in pixels where the stride is below one).
    annealing : float
        Blur at the first step of training, from which it falls to `blur`. 0 for none; only for ``gaussian``.
    classifier : {"strided", "pooled"}
        Whether the classifier's convolutions have strides, or are followed by max-pooling.

    Raises
    ------
    InvalidInputError
        A value cannot mean anything, or contradicts another.
    """

    sampler: str = "gaussian"
    canvas: int = 40
    channels: int = 1
    classes: int = 10
    size: int = 0
    extent: float = 0.0
    scale_free: bool = False
    angle_free: bool = False
    start: str = "narrow"
    glimpses: int = 1
    blur: float = BLUR
    annealing: float = 0.0
    classifier: str = "strided"

    def __post_init__(self) -> None:
        size, extent = _PRESETS.get(self.canvas, (12 if self.canvas < 50 else 16, self.canvas / 2))
        object.__setattr__(self, "size", self.size or size)
        object.__setattr__(self, "extent", float(self.extent or extent))
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise InvalidInputError(f"{name} {value}", f"give {least} to {most}")
        for name, known in (("sampler", SAMPLERS), ("start", STARTS), ("classifier", CLASSIFIERS)):
            if getattr(self, name) not in known:
                raise InvalidInputError(f"{name} {getattr(self, name)[:SHOWN]!r}", f"take one of {', '.join(known)}")
        if not 1 <= self.extent <= self.canvas:
            raise InvalidInputError(
                f"windows of {self.extent:g} pixels on a canvas of {self.canvas}", "give 1 to the canvas"
            )
        if not 0 < self.blur <= 100 or not 0 <= self.annealing <= 100:
            raise InvalidInputError(
                f"blur {self.blur:g}, annealing {self.annealing:g}", "give a blur above 0, and both at most 100"
            )
        if self.start == "wide" and not self.scale_free:
            raise InvalidInputError("a wide start with a known scale", "let the scale be free, or start narrow")
        if self.annealing and self.sampler != "gaussian":
            raise InvalidInputError(f"annealing with the sampler {self.sampler}", "only gaussian has a blur to anneal")
        if self.sampler == "hard" and (self.scale_free or self.angle_free):
            what = "scale" if self.scale_free else "angle"
            raise InvalidInputError(f"a free {what} with the sampler hard", "its policy draws positions only")
        if self.glimpses > 1 and self.sampler not in LEARNT:
            raise InvalidInputError(
                f"{self.glimpses} glimpses with the sampler {self.sampler}", f"take one of {', '.join(LEARNT)}"
            )

    @property
    def free(self) -> tuple[str, ...]:
        """Parts of a window that the network says."""
        return ("position", *["scale"] * self.scale_free, *["angle"] * self.angle_free)

    @property
    def first(self) -> Window:
        """The window before anything is learnt."""
        extent = self.canvas if self.start == "wide" else self.extent
        return Window(self.canvas / 2, self.canvas / 2, extent, extent)

    @property
    def whole(self) -> Window:
        """The window on the whole image."""
        return Window(self.canvas / 2, self.canvas / 2, self.canvas, self.canvas)

    @property
    def scales(self) -> tuple[float, float]:
        """Smallest and largest factor of the first window's extent, where the scale is free."""
        extent = self.first.width
        return min(self.extent / 4, 4.0) / extent, max(self.canvas * 1.25 / extent, 1.25)

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as data for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Specification:
        """Make a specification of what :meth:`as_dict` gave, perhaps by way of a file that somebody else wrote.

        Raises
        ------
        InvalidInputError
            A field is missing, unknown, of another type, or has a value that cannot mean anything.
        """
        fields: dict[str, type] = {field.name: type(field.default) for field in dataclasses.fields(cls)}
        if odd := sorted(fields.keys() ^ values.keys()):
            raise InvalidInputError(
                f"a model with{'out' * (odd[0] in fields)} {odd[0][:SHOWN]!r}", "another version wrote it"
            )
        made: dict[str, Any] = {}
        for name, kind in fields.items():
            value: Any = values[name]
            is_number = type(value) in (int, float)
            if is_number and not abs(value) <= GREATEST:
                raise InvalidInputError(f"a model with {name} beyond {GREATEST}", "no field is that large")
            if kind is float and is_number:
                value = float(value)
            if type(value) is not kind:
                raise InvalidInputError(f"a model with {name} {str(value)[:SHOWN]!r}", f"it is a {kind.__name__}")
            made[name] = value
        return cls(**made)
