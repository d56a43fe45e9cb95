"""A specification made a network, of modules of :mod:`glimpsecli.torch.modules`. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import astuple
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from glimpsecli.networks.specification import MARGIN, Specification
from glimpsecli.torch import gaussian_glimpse
from glimpsecli.torch.modules import (
    RAM,
    AffineGlimpse,
    AttentionClassifier,
    GaussianGlimpse,
    HardGlimpse,
    LocationPolicy,
    WindowHead,
)

if TYPE_CHECKING:
    from torch import Tensor

    from glimpsecli.window import Window

FEATURES = 64
"""Length of the last hidden layer of the network that says where, and of the one that says what."""

STATE = 96
"""Length of the state of a recurrent model."""

COARSEST = 8
"""Largest side to which convolutions shrink an image before all of it goes into a linear layer."""


class Seen(NamedTuple):
    """The course of T glimpses of N images.

    Attributes
    ----------
    classes : (N, T, K) tensor
        Unnormalised logarithms of the classes' probabilities, as known after each glimpse.
    windows : (N, T, 5) tensor
    log_prob : (N, T) or (N, T - 1) tensor, or None
        Of each place that was drawn; None where none was.
    """

    classes: Tensor
    windows: Tensor
    log_prob: Tensor | None = None


class Model(nn.Module):
    """A network of a specification, with one way to call it whatever it consists of.

    Attributes
    ----------
    specification : Specification
    network : module
        An :class:`~glimpsecli.torch.modules.AttentionClassifier`, a :class:`~glimpsecli.torch.modules.RAM`, or the
        classifier of whole images.
    policy : LocationPolicy or None
        Of hard attention, from which places are drawn in training.
    """

    def __init__(self, specification: Specification, network: nn.Module, policy: LocationPolicy | None) -> None:
        super().__init__()
        self.specification, self.network, self.policy = specification, network, policy

    def forward(
        self, images: Tensor, truth: Tensor | None = None, generator: torch.Generator | None = None, draws: int = 1
    ) -> Seen:
        """Look at images.

        Parameters
        ----------
        images : (N, C, S, S) float32 tensor, 0 to 1
        truth : (N, 5) tensor, optional
            The windows of the digits, which only the sampler ``oracle`` looks at.
        generator : torch.Generator, optional
            Where the chance of a policy comes from; only in training.
        draws : int
            Courses that are drawn for each image from a policy in training; they come one image after the other, and
            N is then that of all of them.
        """
        if isinstance(self.network, RAM):
            if self.policy is not None and self.training:
                images = images.repeat_interleave(draws, dim=0)
            found = self.network(images, generator)
            return Seen(found.classes, found.windows, found.log_prob)
        if not isinstance(self.network, AttentionClassifier):
            return Seen(self.network(images)[:, None], self._rows(self.specification.whole, images)[:, None])
        windows, log_prob = self._windows(images, truth), None
        if self.policy is not None and self.training:
            windows, log_prob = self._drawn(self.policy, windows.repeat_interleave(draws, dim=0), generator)
            images = images.repeat_interleave(draws, dim=0)
        return Seen(self.network.classify(images, windows)[:, None], windows[:, None], log_prob)

    def where(self) -> Iterator[nn.Parameter]:
        """Generate the parameters that say where to look."""
        if isinstance(self.network, RAM):
            yield from self.network.head.parameters()
        elif isinstance(self.network, AttentionClassifier):
            yield from self.network.where.parameters()

    def glimpses(self, images: Tensor, windows: Tensor) -> Tensor | None:
        """Give what is seen through (N, T, 5) windows, (N, T, C, h, w); None where the model sees all pixels."""
        if self.specification.sampler == "whole":
            return None
        return torch.stack([self.network.glimpse(images, one) for one in windows.unbind(1)], dim=1)

    def set_blur(self, blur: float) -> None:
        """Change the sigma of a Gaussian sampler, in strides."""
        if isinstance(self.network.glimpse, GaussianGlimpse):
            self.network.glimpse.blur = blur

    def _windows(self, images: Tensor, truth: Tensor | None) -> Tensor:
        if self.specification.sampler == "fixed":
            return self._rows(self.specification.whole, images)
        if self.specification.sampler != "oracle":
            windows: Tensor = self.network.windows(images)
            return windows
        if truth is None:
            raise ValueError("an oracle needs the truth")
        windows = self._rows(self.specification.first, images).clone()
        windows[:, :2] = truth[:, :2]
        if self.specification.scale_free:
            windows[:, 2:4] = MARGIN * truth[:, 2:4].amax(dim=1, keepdim=True)
        return windows

    def _drawn(
        self, policy: LocationPolicy, windows: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Give windows around drawn places, moved into the image, and the log-probability of those as drawn."""
        centres, log_prob = policy(windows[:, :2], generator)
        inside = centres.clamp(0, self.specification.canvas)
        return torch.cat([inside, windows[:, 2:].detach()], dim=1), log_prob[:, None]

    @staticmethod
    def _rows(window: Window, images: Tensor) -> Tensor:
        rows: Tensor = images.new_tensor(astuple(window)).expand(len(images), 5)
        return rows


class BlurredGlimpse(nn.Module):
    """The spatial transformer on an image that was first blurred as Gaussian attention would blur it there.

    Each image gets the sigma of its own window, so the gradient with respect to the extent passes through the blur.

    Parameters
    ----------
    size : int
        Taps of a side.
    blur : float
        Sigma in strides (in pixels where the stride is below one).
    """

    def __init__(self, size: int, blur: float) -> None:
        super().__init__()
        self.size, self.blur = size, blur
        self.look = AffineGlimpse((size, size), threads=1)

    def forward(self, images: Tensor, windows: Tensor) -> Tensor:
        """Look through (N, 5) windows at (N, C, H, W) images."""
        sigma = self.blur * (windows[:, 2:4] / self.size).clamp(min=1)
        zero, one = torch.zeros_like(sigma[:, 0]), torch.ones_like(sigma[:, 0])
        params = torch.stack([zero, sigma[:, 1], one, zero, sigma[:, 0], one], dim=1)
        glimpses: Tensor = self.look(gaussian_glimpse(images, params, images.shape[2:], threads=1), windows)
        return glimpses


def build(specification: Specification, seed: int) -> Model:
    """Make a model with the weights it begins with.

    A part that two samplers share begins with the same weights in both, so that runs with one seed can be compared.

    Parameters
    ----------
    specification : Specification
    seed : int
        From 0.
    """
    one = specification
    policy = LocationPolicy(one.canvas / 2) if one.sampler == "hard" else None
    if one.sampler == "whole":
        return Model(one, _seeded(seed, 2, lambda: _whole(one)), None)
    what = _seeded(seed, 1, lambda: _features(one))
    if one.glimpses > 1:
        return Model(one, _seeded(seed, 3, lambda: _recurrent(one, what, policy)), policy)
    head = _seeded(seed, 4, lambda: nn.Linear(FEATURES, one.classes))
    where = nn.Identity()
    if one.sampler not in ("fixed", "oracle"):
        where = _seeded(seed, 0, lambda: _where(one))
    return Model(one, AttentionClassifier(where, _glimpse(one), nn.Sequential(what, head)), policy)


def _seeded(seed: int, part: int, make: Callable[[], nn.Module]) -> nn.Module:
    """Make a module with weights from a seed, and leave torch's own generator as it was.

    Weights keep the variance of what passes through them, and black begins as nothing (He et al. 2015,
    https://arxiv.org/abs/1502.01852): with torch's own, small weights beside large offsets, all images look alike.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8 * seed + part)
        made = make()
        for one in made.modules():
            if isinstance(one, (nn.Conv2d, nn.Linear)):
                nn.init.zeros_(one.bias)
                if one.weight.any():  # the last layer of a WindowHead begins with zeros
                    nn.init.kaiming_normal_(one.weight, nonlinearity="relu")
    return made


def _glimpse(one: Specification) -> nn.Module:
    size = (one.size, one.size)
    if one.sampler == "bilinear":
        return AffineGlimpse(size, threads=1)
    if one.sampler == "blurred":
        return BlurredGlimpse(one.size, one.blur)
    if one.sampler == "hard":
        return HardGlimpse(size, threads=1)
    return GaussianGlimpse(size, one.blur, threads=1)


def _where(one: Specification) -> nn.Module:
    """Make the network from an image to a window: convolutions of stride 2, and two linear layers."""
    layers: list[nn.Module] = [nn.Conv2d(one.channels, 16, 5, 2, 2), nn.ReLU()]
    side, width = math.ceil(one.canvas / 2), 16
    while side > COARSEST or width < 32:
        layers += [nn.Conv2d(width, 32, 3, 2, 1), nn.ReLU()]
        side, width = math.ceil(side / 2), 32
    # Normalised, for the first gradients, which mean nothing yet, would push all rectifiers below zero for ever.
    layers += [nn.Flatten(), nn.Linear(side * side * width, FEATURES), nn.LayerNorm(FEATURES), nn.ReLU()]
    return nn.Sequential(*layers, WindowHead(FEATURES, (one.canvas, one.canvas), one.first, one.free, one.scales))


def _convolutions(channels: int, widths: tuple[int, ...], side: int, classifier: str) -> tuple[list[nn.Module], int]:
    """Make convolutions that halve the side, all but the first, and give the length of their output."""
    layers: list[nn.Module] = []
    for number, width in enumerate(widths):
        halves = number > 0
        stride = 2 if halves and classifier == "strided" else 1
        layers += [nn.Conv2d(channels, width, 3, stride, 1), nn.ReLU()]
        if halves and classifier == "pooled":
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        channels, side = width, math.ceil(side / 2) if halves else side
    return layers, channels * side * side


def _features(one: Specification) -> nn.Module:
    """Make the network from a glimpse to features."""
    layers, length = _convolutions(one.channels, (24, 48, 64), one.size, one.classifier)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(length, FEATURES), nn.LayerNorm(FEATURES), nn.ReLU())


def _whole(one: Specification) -> nn.Module:
    """Make the classifier of whole images: the same convolutions, and more of them."""
    first = [nn.Conv2d(one.channels, 24, 5, 2, 2), nn.ReLU()]
    layers, length = _convolutions(24, (48, 64, 64), math.ceil(one.canvas / 2), one.classifier)
    return nn.Sequential(*first, *layers, nn.Flatten(), nn.Linear(length, 128), nn.ReLU(), nn.Linear(128, one.classes))


def _recurrent(one: Specification, what: nn.Module, policy: LocationPolicy | None) -> RAM:
    return RAM(
        _glimpse(one), what, FEATURES, (one.canvas, one.canvas), one.classes, glimpses=one.glimpses, hidden=STATE,
        core="gru", first=one.whole, start=one.first, free=one.free, scales=one.scales, policy=policy,
    )  # fmt: skip
