"""The article's attention: a network says where, a sampler looks, a network says what is seen there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class AttentionClassifier(nn.Module):
    """A network that sees nothing but its glimpse: ``what(glimpse(images, where(images)))``.

    Parameters
    ----------
    where : module
        From images to windows, (N, 5): convolutions that end in a :class:`WindowHead`, for one.
    glimpse : module
        From images and windows to glimpses, one of :mod:`glimpsecli.torch.modules`.
    what : module
        From glimpses to classes, or to anything else.
    """

    def __init__(self, where: nn.Module, glimpse: nn.Module, what: nn.Module) -> None:
        super().__init__()
        self.where, self.glimpse, self.what = where, glimpse, what

    def forward(self, images: Tensor) -> Tensor:
        """Give the classes of (N, C, H, W) images."""
        return self.classify(images, self.windows(images))

    def windows(self, images: Tensor) -> Tensor:
        """Give the windows, (N, 5), that the network looks through."""
        windows: Tensor = self.where(images)
        return windows

    def classify(self, images: Tensor, windows: Tensor) -> Tensor:
        """Give the classes of what is seen through given windows: drawn ones, or those that are known to be right."""
        classes: Tensor = self.what(self.glimpse(images, windows))
        return classes
