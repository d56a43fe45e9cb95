"""The last layer of a network that says where to look."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple
from typing import TYPE_CHECKING

import torch
from torch import nn

from glimpsecli.errors import InvalidInputError
from glimpsecli.window import Window, check_size

if TYPE_CHECKING:
    from torch import Tensor

    from glimpsecli.window import Size

NUMBERS = {"position": 2, "scale": 1, "aspect": 1, "angle": 1}
"""Numbers of the network's output for each freedom of a window, in the order of the output."""

SCALES = (1 / 8, 2.0)
"""Smallest and largest factor of the start's extent by default: a window on the whole image may shrink to an eighth."""


class WindowHead(nn.Module):
    """A linear layer to windows, which begins with the same window for every input.

    The layer starts at zero, so that the first windows are exactly `start`, whatever the features are. Its numbers
    r are bounded smoothly::

        centre = start + side / 2 (tanh(r + o) - tanh(o))     o such that the centre stays within the image
        extent = start * exp(half (tanh(r / half + o) - tanh(o)))     o such that the factor stays within `scales`
        aspect: height over width times exp(2 tanh(r / 2)), at the same area
        angle = start + r radians

    Parameters
    ----------
    features : int
        Length of the input.
    image_size : (int, int)
        Height and width of the images in pixels.
    start : Window, optional
        The whole image by default. Its centre lies inside the image.
    free : iterable of {"position", "scale", "aspect", "angle"}
        What of the window the network says; the rest stays as in `start`.
    scales : (float, float)
        Smallest and largest factor of the start's width and height; 1 lies between them.

    Raises
    ------
    InvalidInputError
        A setting cannot mean anything.
    """

    def __init__(
        self,
        features: int,
        image_size: Size,
        start: Window | None = None,
        free: Iterable[str] = ("position", "scale"),
        scales: tuple[float, float] = SCALES,
    ) -> None:
        super().__init__()
        height, width = self.image_size = check_size(image_size)
        self.start = start = start or Window(width / 2, height / 2, width, height)
        free = set(free)
        if unknown := sorted(free - NUMBERS.keys()) or (not free and ["nothing"]):
            raise InvalidInputError(f"{unknown[0]!r} cannot be free", f"choose from {', '.join(NUMBERS)}")
        if not (0 < start.cx < width and 0 < start.cy < height):
            raise InvalidInputError(
                f"a start around {start.cx:g},{start.cy:g}, not inside an image of {width}x{height}",
                "give a window whose centre is inside",
            )
        if not 0 < scales[0] < 1 < scales[1] < math.inf:
            raise InvalidInputError(f"scales from {scales[0]:g} to {scales[1]:g}", "give a range around 1")
        self.free = tuple(name for name in NUMBERS if name in free)
        self.scales = scales
        low, high = (math.log(end) for end in scales)
        self._half = (high - low) / 2
        offsets = (2 * start.cx / width - 1, 2 * start.cy / height - 1, -(low + high) / (high - low))
        self._offsets = tuple(math.atanh(one) for one in offsets)  # numbers: a buffer would follow the model to half
        self.linear = nn.Linear(features, sum(NUMBERS[name] for name in self.free))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Give the windows, (..., 5), of (..., F) features; never in less than float32."""
        return self.windows(self.linear(features))

    def windows(self, numbers: Tensor) -> Tensor:
        """Give the windows, (..., 5), of the layer's output, (..., K), of which zeros are the start."""
        numbers = numbers.to(torch.promote_types(numbers.dtype, torch.float32))  # half would move a centre by pixels
        start, offsets = numbers.new_tensor(astuple(self.start)), numbers.new_tensor(self._offsets)
        parts = dict(zip(self.free, numbers.split([NUMBERS[name] for name in self.free], dim=-1), strict=True))
        centre, extent, angle = (start[some].expand(*numbers.shape[:-1], -1) for some in ([0, 1], [2, 3], [4]))
        if "position" in parts:
            reach = numbers.new_tensor(self.image_size[::-1]) / 2
            centre = centre + reach * _bent(parts["position"], offsets[:2])
        if "scale" in parts:
            extent = extent * torch.exp(self._half * _bent(parts["scale"] / self._half, offsets[2]))
        if "aspect" in parts:
            slim = torch.tanh(parts["aspect"] / 2)
            extent = extent * torch.exp(torch.cat([-slim, slim], dim=-1))
        if "angle" in parts:
            angle = angle + torch.rad2deg(parts["angle"])
        return torch.cat([centre, extent, angle], dim=-1)

    def extra_repr(self) -> str:
        """Give the settings, for ``print``."""
        return f"image_size={self.image_size}, start={self.start}, free={self.free}, scales={self.scales}"


def _bent(numbers: Tensor, offset: Tensor) -> Tensor:
    """Give tanh about an offset, 0 for 0 to the last bit: both terms are then the same number."""
    return torch.tanh(numbers + offset) - torch.tanh(offset)
