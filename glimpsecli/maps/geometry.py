"""The place of a map on the image, found from the steps of preprocessing between the image and a model's input.

Every step scales or moves along the axes, so for each axis ``image = origin + scale * input``, both on the image plane
(pixel k covers [k, k + 1)), and one rectangle says where a grid over the whole input lies on the image.

===================  ==============================================================================================
step                 effect
===================  ==============================================================================================
``resize:256``       shorter side to 256, the longer to ``int(256 * long / short)`` (torchvision's ``Resize(256)``)
``resize:WxH``       to exactly W x H
``stretch:224``      to exactly 224 x 224, or ``stretch:WxH``
``crop:224``         224 x 224, or ``crop:WxH``, from the centre; a smaller side is padded (torchvision's
                     ``CenterCrop``)
``letterbox:640``    the whole image as large as fits into 640 x 640, or ``letterbox:WxH``, padded on both sides
                     (Ultralytics' ``LetterBox``)
``pad:square``       the shorter side padded on both sides to the length of the longer (LLaVA's ``expand2square``)
``patch:16``         last: each cell of the grid is a whole patch of 16 x 16, or ``patch:WxH``, counted from the top
                     left; the rest at the right and the bottom is not seen
===================  ==============================================================================================
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.window import Size, check_size

_SIZE = re.compile(r"([1-9][0-9]{0,5})(?:x([1-9][0-9]{0,5}))?", re.ASCII)
_FORMS = {
    "resize": "resize:S or resize:WxH",
    "stretch": "stretch:S or stretch:WxH",
    "crop": "crop:S or crop:WxH",
    "letterbox": "letterbox:S or letterbox:WxH",
    "pad": "pad:square",
    "patch": "patch:S or patch:WxH",
}
_SQUARE = "square"


class Rect(NamedTuple):
    """A rectangle on the image plane, in pixels: its left top corner and its extent."""

    x: float
    y: float
    width: float
    height: float


class _Axis(NamedTuple):
    """One axis of the input: its length in pixels, and ``image = origin + scale * input``, without rounding."""

    length: int
    origin: Fraction
    scale: Fraction

    def resized(self, length: int) -> _Axis:
        return _Axis(length, self.origin, self.scale * self.length / length)

    def cut(self, start: int, length: int) -> _Axis:
        """Keep `length` pixels from `start` on; they may reach beyond the ends."""
        return _Axis(length, self.origin + self.scale * start, self.scale)


class Step(NamedTuple):
    """One step: its name, and its width and height; both 0 for ``pad:square``, height 0 for ``resize:S``."""

    name: str
    width: int = 0
    height: int = 0

    @classmethod
    def parse(cls, text: str) -> Step:
        """Read a step such as ``crop:224``; see the module for the forms."""
        name, _, argument = (part.strip().lower() for part in text.partition(":"))
        if (name, argument) == ("pad", _SQUARE):
            return cls(name)
        size = _SIZE.fullmatch(argument)
        if name not in _FORMS or name == "pad" or size is None:
            forms = _FORMS.get(name) or ", ".join(form.split(" or ")[0] for form in _FORMS.values())
            raise InvalidInputError(f"{text.strip()!r} is no step of preprocessing", f"write {forms}")
        width = int(size[1])
        return cls(name, width, int(size[2] or (0 if name == "resize" else width)))

    def __str__(self) -> str:
        if not self.height:
            return f"{self.name}:{self.width or _SQUARE}"
        return f"{self.name}:{self.width}x{self.height}"


class Preprocess(NamedTuple):
    """The preprocessing of an image before a model saw it.

    Attributes
    ----------
    steps : tuple of Step
        In order. Without any, the model saw the whole image.
    patch : (int, int) or None
        Height and width in pixels of the input that one cell of the grid stands for.
    """

    steps: tuple[Step, ...] = ()
    patch: Size | None = None

    @classmethod
    def parse(cls, text: str) -> Preprocess:
        """Read steps separated by commas, such as ``resize:256,crop:224,patch:16``.

        Raises
        ------
        InvalidInputError
            A step is unknown, or ``patch`` is not the last; the message names the step.
        """
        steps = [Step.parse(part) for part in text.split(",")]
        patch = None
        if steps[-1].name == "patch":
            last = steps.pop()
            patch = last.height, last.width
        early = next((step for step in steps if step.name == "patch"), None)
        if early:
            raise InvalidInputError(f"{str(early)!r} is not the last step", "the patches are cut when all else is done")
        return cls(tuple(steps), patch)

    def __str__(self) -> str:
        patch = [] if self.patch is None else [Step("patch", self.patch[1], self.patch[0])]
        return ",".join(map(str, [*self.steps, *patch]))

    def input_size(self, image_size: Size) -> Size:
        """Give the (height, width) of the model's input for an image of `image_size` (height, width)."""
        y, x = self._axes(image_size)
        return y.length, x.length

    def covered(self, image_size: Size, grid: Size) -> Rect:
        """Give the rectangle of the image that a whole grid stands for.

        Parameters
        ----------
        image_size : (int, int)
            Height and width of the upright image.
        grid : (int, int)
            Height and width of the map in cells.

        Returns
        -------
        Rect
            On the image plane. It lies inside the image after a crop, and hangs over its edges after padding.

        Raises
        ------
        InvalidInputError
            The grid is not the one that the patches make.
        """
        y, x = self._axes(image_size)
        rows, columns = check_size(grid)
        if self.patch is not None:
            height, width = self.patch
            if (rows, columns) != (y.length // height, x.length // width):
                raise InvalidInputError(
                    f"the map is a grid of {columns}x{rows}, but patches of {width}x{height} on an input of "
                    f"{x.length}x{y.length} make {x.length // width}x{y.length // height}",
                    "check the sizes of the preprocessing",
                )
            y, x = y.cut(0, rows * height), x.cut(0, columns * width)
        return Rect(float(x.origin), float(y.origin), float(x.scale * x.length), float(y.scale * y.length))

    def _axes(self, image_size: Size) -> tuple[_Axis, _Axis]:
        y, x = (_Axis(length, Fraction(0), Fraction(1)) for length in check_size(image_size))
        for step in self.steps:
            y, x = _taken(step, y, x)
        return y, x


def _taken(step: Step, y: _Axis, x: _Axis) -> tuple[_Axis, _Axis]:
    """Take one step."""
    name, width, height = step
    if not width:
        side = max(y.length, x.length)
        return _centred(y, side), _centred(x, side)
    if not height:  # the longer side follows the shorter
        short, long = sorted((y.length, x.length))
        longer = int(width * long / short)
        size = (longer, width) if y.length > x.length else (width, longer)
        return y.resized(size[0]), x.resized(size[1])
    if name == "crop":
        return _centred(y, height), _centred(x, width)
    if name == "letterbox":
        ratio = min(height / y.length, width / x.length)
        inner = round(y.length * ratio), round(x.length * ratio)
        if 0 in inner:
            raise InvalidInputError(f"{step} leaves nothing of {x.length}x{y.length} pixels", "use a larger letterbox")
        return _boxed(y.resized(inner[0]), height), _boxed(x.resized(inner[1]), width)
    return y.resized(height), x.resized(width)


def _centred(axis: _Axis, length: int) -> _Axis:
    """Cut from the centre, rounding half to even, or pad, with the odd pixel at the end."""
    if length > axis.length:
        return axis.cut(-((length - axis.length) // 2), length)
    return axis.cut(round((axis.length - length) / 2), length)


def _boxed(axis: _Axis, length: int) -> _Axis:
    return axis.cut(-round((length - axis.length) / 2 - 0.1), length)
