"""The recurrent attention model: glimpses one after the other, each placed by what the ones before have shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from glimpsecli.errors import InvalidInputError
from glimpsecli.torch.modules.heads import SCALES, WindowHead
from glimpsecli.torch.modules.policy import LocationPolicy, reinforce_loss
from glimpsecli.window import Window, check_size

if TYPE_CHECKING:
    from torch import Tensor

    from glimpsecli.window import Size

CORES = ("relu", "gru")
"""Recurrent cores: the paper's rectified layer, and one with gates."""


class RAMResult(NamedTuple):
    """The course of T glimpses of N images.

    Attributes
    ----------
    classes : (N, T, K) tensor
        Unnormalised logarithms of the classes' probabilities, as known after each glimpse.
    windows : (N, T, 5) tensor
    log_prob : (N, T - 1) tensor, or None
        Of each place that was drawn: the first is not. None where places are not drawn.
    baseline : (N, T - 1) tensor
        The reward that was expected before each place was drawn. It has no gradient to the rest of the model.
    """

    classes: Tensor
    windows: Tensor
    log_prob: Tensor | None
    baseline: Tensor


class RAM(nn.Module):
    """The recurrent attention model (Mnih et al. 2014, https://arxiv.org/abs/1406.6247).

    With h the state and l the window, as numbers from about -1 to 1::

        g = relu(A what(glimpse(image, l)) + B relu(C l))     the glimpse network: what is seen, and where
        h = core(g, h)
        classes = D h          l = head(h), or drawn around it          baseline = E h

    The paper's own is hard: a :class:`Retina` of :class:`HardGlimpse`, and a `policy`. With a differentiable glimpse
    and no policy, places are learnt by the gradient of the classes alone.

    Parameters
    ----------
    glimpse : module
        From images and windows to glimpses.
    what : module
        From (N, C, h, w) glimpses to (N, features).
    features : int
        Length of the result of `what`.
    image_size : (int, int)
        Height and width of the images in pixels.
    classes : int
        Number of classes.
    glimpses : int
        T, the first one included.
    hidden : int
        Length of the state.
    core : {"relu", "gru"}
        The paper's rectified layer, or one with gates.
    first : Window, optional
        Window of the first glimpse, the whole image by default.
    start : Window, optional
        Window of the later ones before anything is learnt; by default `first` with half its width and height.
    free, scales
        As for :class:`WindowHead`.
    policy : LocationPolicy, optional
        In training places are drawn from it, around those that the head says, and moved into the image for looking. It
        learns positions only.

    Raises
    ------
    InvalidInputError
        A setting cannot mean anything.
    """

    def __init__(
        self,
        glimpse: nn.Module,
        what: nn.Module,
        features: int,
        image_size: Size,
        classes: int,
        *,
        glimpses: int = 6,
        hidden: int = 256,
        core: str = "relu",
        first: Window | None = None,
        start: Window | None = None,
        free: Iterable[str] = ("position",),
        scales: tuple[float, float] = SCALES,
        policy: LocationPolicy | None = None,
    ) -> None:
        super().__init__()
        height, width = self.image_size = check_size(image_size)
        if glimpses < 1:
            raise InvalidInputError(f"a model of {glimpses} glimpses", "give 1 or more")
        if core not in CORES:
            raise InvalidInputError(f"unknown core {core!r}", f"choose from {', '.join(CORES)}")
        self.first = first or Window(width / 2, height / 2, width, height)
        self.glimpses, self.glimpse, self.what, self.policy = glimpses, glimpse, what, policy
        self.head = WindowHead(hidden, image_size, start or self.first.scaled(0.5), free, scales)
        if policy is not None and self.head.free != ("position",):
            raise InvalidInputError(
                f"a policy and {', '.join(self.head.free)} free", 'it draws positions only: give free=("position",)'
            )
        self.seen, self.at = nn.Linear(features, hidden), nn.Linear(hidden // 2, hidden)
        self.place = nn.Linear(5, hidden // 2)
        self.core = nn.GRUCell(hidden, hidden) if core == "gru" else nn.RNNCell(hidden, hidden, nonlinearity="relu")
        self.classes, self.baseline = nn.Linear(hidden, classes), nn.Linear(hidden, 1)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> RAMResult:
        """Look several times at (N, C, H, W) images.

        Parameters
        ----------
        images : (N, C, H, W) tensor
        generator : torch.Generator, optional
            Where the policy's chance comes from in training; in evaluation nothing is drawn.
        """
        weight, first = self.core.weight_hh, self.first
        window = weight.new_tensor(
            [first.cx, first.cy, first.width, first.height, first.angle],
            dtype=torch.promote_types(weight.dtype, torch.float32),  # as the head gives them
        ).expand(len(images), 5)
        state = weight.new_zeros(len(images), self.core.hidden_size)
        classes, windows, log_probs, expected = [], [], [], []
        for step in range(self.glimpses):
            if step:
                expected.append(self.baseline(state.detach())[:, 0])
                window, log_prob = self._next(state, generator)
                log_probs.append(log_prob)
            state = self.core(self._look(images, window), state)
            classes.append(self.classes(state))
            windows.append(window)
        none = window.new_zeros(len(images), 0)
        drawn = self.policy is not None and self.training
        return RAMResult(
            torch.stack(classes, dim=1),
            torch.stack(windows, dim=1),
            (torch.stack(log_probs, dim=1) if log_probs else none) if drawn else None,
            torch.stack(expected, dim=1) if expected else none,
        )

    def _look(self, images: Tensor, window: Tensor) -> Tensor:
        """Give the glimpse network's (N, hidden) of what is seen, and where."""
        height, width = self.image_size
        extent = window.new_tensor([width, height])
        centre, ratio, angle = 2 * window[:, :2] / extent - 1, window[:, 2:4] / extent, window[:, 4:]
        place = torch.cat([centre, ratio.log(), torch.deg2rad(angle)], dim=1)
        at = functional.relu(self.place(place.to(self.place.weight.dtype)))
        seen = self.what(self.glimpse(images, window))
        return functional.relu(self.seen(seen) + self.at(at))

    def _next(self, state: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor | None]:
        """Give the next windows, and the log-probability of their centres if these are drawn."""
        window = self.head(state)
        if self.policy is None or not self.training:
            return window, None
        drawn, log_prob = self.policy(window[:, :2], generator)
        height, width = self.image_size
        inside = torch.stack([drawn[:, 0].clamp(0, width), drawn[:, 1].clamp(0, height)], dim=1)
        return torch.cat([inside, window[:, 2:].detach()], dim=1), log_prob

    def extra_repr(self) -> str:
        """Give the settings, for ``print``."""
        return f"glimpses={self.glimpses}, first={self.first}"


def ram_loss(result: RAMResult, labels: Tensor) -> Tensor:
    """Give the paper's hybrid loss of a model with a policy, or the cross-entropy of one without.

    Places are rewarded with 1 where the class after the last glimpse is right. The baseline learns the reward.

    Parameters
    ----------
    result : RAMResult
    labels : (N,) integer tensor

    Returns
    -------
    tensor
        One number, to be minimised.
    """
    last = result.classes[:, -1]
    loss = functional.cross_entropy(last, labels)
    if result.log_prob is None or not result.log_prob.numel():
        return loss
    right = (last.argmax(dim=1) == labels).to(last.dtype)
    reward = right[:, None].expand_as(result.log_prob)
    unlearnt = functional.mse_loss(result.baseline, reward)
    course = result.log_prob.shape[1] * reinforce_loss(result.log_prob, reward, result.baseline)
    return loss + course + unlearnt
