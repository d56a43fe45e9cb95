"""The score function in torch: places are drawn, and learnt without a gradient through the glimpse.

The definitions are those of :mod:`glimpsecli.attention.score`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from glimpsecli.errors import InvalidInputError
from glimpsecli.window.checks import number

if TYPE_CHECKING:
    from torch import Tensor


class LocationPolicy(nn.Module):
    """Locations from a Gaussian with the same sigma on both axes: :class:`~glimpsecli.attention.score.GaussianPolicy`.

    Parameters
    ----------
    sigma : float
        Standard deviation in pixels, positive. It may be changed at any time: :attr:`sigma`.

    Raises
    ------
    InvalidInputError
        Sigma is not a positive number.
    """

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    @property
    def sigma(self) -> float:
        """Standard deviation in pixels."""
        return self._sigma

    @sigma.setter
    def sigma(self, sigma: float) -> None:
        self._sigma = number(sigma, "sigma")
        if not 0 < self._sigma < math.inf:
            raise InvalidInputError(f"a policy with sigma {sigma:g}", "a standard deviation is positive and finite")

    def forward(self, mean: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw one location around each mean.

        Parameters
        ----------
        mean : (..., 2) tensor
            (x, y) on the image plane, pixels; as many draws as means, so `expand` it for several.
        generator : torch.Generator, optional
            Where the chance comes from, on the device of the mean.

        Returns
        -------
        drawn : (..., 2) tensor
            Anywhere on the plane, without a gradient.
        log_prob : (...) tensor
            As :meth:`log_prob` of the location as it was drawn.
        """
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        drawn = mean.detach() + self.sigma * noise
        return drawn, self.log_prob(drawn, mean)

    sample = forward

    def log_prob(self, drawn: Tensor, mean: Tensor) -> Tensor:
        """Give the logarithm of the density, per square pixel, at (..., 2) locations; its gradient goes to the mean.

        A location that was moved afterwards, into the image for one, has another distribution: give it as drawn.
        """
        z = (drawn.detach() - mean) / self.sigma
        return -z.square().sum(dim=-1) / 2 - math.log(2 * math.pi) - 2 * math.log(self.sigma)

    def extra_repr(self) -> str:
        """Give the settings, for ``print``."""
        return f"sigma={self.sigma:g}"


def reinforce_loss(log_prob: Tensor, reward: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
    """Give a number whose gradient is that of the expected loss: ``-mean((reward - baseline) log_prob)``.

    Parameters
    ----------
    log_prob : (...) tensor
        Of each draw, as drawn.
    reward : (...) tensor
        Of each draw: a negative loss. It gets no gradient.
    baseline : tensor that broadcasts, or float
        A value that does not depend on its own draw. It gets no gradient: a loss of its own trains it.

    Returns
    -------
    tensor
        One number; its value means nothing, its gradient is :func:`glimpsecli.attention.score.score_gradient`.

    Raises
    ------
    InvalidInputError
        Reward and log_prob have different shapes, which would pair each draw with every reward.
    """
    if log_prob.shape != reward.shape:
        raise InvalidInputError(
            f"rewards of shape {tuple(reward.shape)} for draws of shape {tuple(log_prob.shape)}",
            "give a reward for each draw",
        )
    advantage = (reward - baseline).detach()
    if advantage.shape != reward.shape:
        raise InvalidInputError(
            f"a baseline for rewards of shape {tuple(reward.shape)} that makes them {tuple(advantage.shape)}",
            "give one for each draw, or one for all",
        )
    return -(advantage * log_prob).mean()
