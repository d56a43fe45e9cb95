"""DRAW: a network that reads and writes an image through Gaussian attention, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from glimpsecli.torch.glimpses import gaussian_glimpse, gaussian_write
from glimpsecli.window import check_size

if TYPE_CHECKING:
    from torch import Tensor

    from glimpsecli.window import Size


class DRAWState(NamedTuple):
    """A state between two steps.

    Attributes
    ----------
    canvas : (N, C, H, W) tensor
        The picture so far: its sigmoid is that of the pixels.
    encoder, decoder : ((N, hidden) tensor, (N, hidden) tensor)
        Output and memory of the two LSTMs.
    """

    canvas: Tensor
    encoder: tuple[Tensor, Tensor]
    decoder: tuple[Tensor, Tensor]


class DRAWStep(NamedTuple):
    """A step: the state after it, and how it came about.

    Attributes
    ----------
    state : DRAWState
    mean, log_sigma : (N, latent) tensor
        Of the Gaussian that the latent was drawn from.
    read, write : (N, 7) tensor
        Parameters of the attention, as :func:`~glimpsecli.torch.gaussian_glimpse` takes them.
    """

    state: DRAWState
    mean: Tensor
    log_sigma: Tensor
    read: Tensor
    write: Tensor

    @property
    def divergence(self) -> Tensor:
        """The step's part of the latent loss, (N,), in nats: from its Gaussian to the standard normal one."""
        squares = self.mean.square() + torch.exp(2 * self.log_sigma)
        return (squares - 2 * self.log_sigma - 1).sum(dim=1) / 2


class DRAW(nn.Module):
    """The cell of DRAW (Gregor et al. 2015, https://arxiv.org/abs/1502.04623, equations 3 to 8 and 19 to 29).

    With c the canvas and W linear layers, a step is::

        r = [read(x), read(x - sigmoid(c))]     attention from W decoder, times gamma
        encoder = LSTM([r, decoder])
        z = mean + sigma noise                  mean, log sigma = W encoder
        decoder = LSTM(z)
        c = c + write(W decoder)                attention from W decoder, divided by gamma

    Parameters
    ----------
    image_size : (int, int)
        Height and width of the images in pixels.
    channels : int
        Of the images.
    read_size, write_size : (int, int)
        Height and width of what is read, and of what is written: the numbers of Gaussians.
    hidden : int
        Length of the states of encoder and decoder.
    latent : int
        Length of z.
    """

    def __init__(
        self,
        image_size: Size,
        channels: int = 1,
        *,
        read_size: Size = (5, 5),
        write_size: Size = (5, 5),
        hidden: int = 256,
        latent: int = 10,
    ) -> None:
        super().__init__()
        self.image_size, self.channels = check_size(image_size), channels
        self.read_size, self.write_size = check_size(read_size), check_size(write_size)
        seen = 2 * channels * read_size[0] * read_size[1]
        self.encoder, self.decoder = nn.LSTMCell(seen + hidden, hidden), nn.LSTMCell(latent, hidden)
        self.posterior = nn.Linear(hidden, 2 * latent)
        self.where_read, self.where_write = nn.Linear(hidden, 5), nn.Linear(hidden, 5)
        self.patch = nn.Linear(hidden, channels * write_size[0] * write_size[1])
        self.canvas = nn.Parameter(torch.zeros(channels, *self.image_size))
        self.states = nn.Parameter(torch.zeros(4, hidden))

    def start(self, count: int) -> DRAWState:
        """Give the state, which is learnt too, before the first step of `count` images."""
        one, two, three, four = (state.expand(count, -1) for state in self.states)
        return DRAWState(self.canvas.expand(count, -1, -1, -1), (one, two), (three, four))

    def forward(
        self, images: Tensor, state: DRAWState | None = None, generator: torch.Generator | None = None
    ) -> DRAWStep:
        """Read, and write.

        Parameters
        ----------
        images : (N, C, H, W) tensor
            From 0 to 1.
        state : DRAWState, optional
            That of the step before; that of :meth:`start` by default.
        generator : torch.Generator, optional
            Where the noise comes from.
        """
        canvas, encoder, decoder = state or self.start(len(images))
        read = draw_params(self.where_read(decoder[0]), self.read_size, self.image_size)
        both = torch.cat([images, images - torch.sigmoid(canvas)], dim=1)
        seen = gaussian_glimpse(both, read, self.read_size).flatten(1)
        encoder = self.encoder(torch.cat([seen, decoder[0]], dim=1), encoder)
        mean, log_sigma = self.posterior(encoder[0]).chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        after, write = self.write(DRAWState(canvas, encoder, decoder), mean + torch.exp(log_sigma) * noise)
        return DRAWStep(after, mean, log_sigma, read, write)

    def write(self, state: DRAWState, latent: Tensor) -> tuple[DRAWState, Tensor]:
        """Decode an (N, latent) latent onto the canvas: the state after it, and the (N, 7) attention."""
        decoder = self.decoder(latent, state.decoder)
        params = draw_params(self.where_write(decoder[0]), self.write_size, self.image_size)
        patch = self.patch(decoder[0]).reshape(-1, self.channels, *self.write_size)
        return DRAWState(state.canvas + gaussian_write(patch, params, self.image_size), state.encoder, decoder), params

    def generate(self, count: int, steps: int, generator: torch.Generator | None = None) -> Tensor:
        """Paint (N, C, H, W) images, from 0 to 1, out of noise."""
        state = self.start(count)
        for _ in range(steps):
            latent = torch.randn(
                count, self.decoder.input_size, generator=generator, dtype=self.canvas.dtype, device=self.canvas.device
            )
            state, _ = self.write(state, latent)
        return torch.sigmoid(state.canvas)

    def extra_repr(self) -> str:
        """Give the settings, for ``print``."""
        return f"image_size={self.image_size}, read_size={self.read_size}, write_size={self.write_size}"


def draw_params(numbers: Tensor, size: Size, image_size: Size) -> Tensor:
    """Give the parameters of attention for the five numbers of DRAW, as :meth:`glimpsecli.GaussianParams.from_draw`.

    Parameters
    ----------
    numbers : (..., 5) tensor
        gx, gy, log_variance, log_stride, log_gain. As the paper has it, 0 is the middle of the image, a grid as wide
        as the image, a variance and a gain of 1.
    size, image_size : (int, int)
        Height and width of the glimpses and of the images.

    Returns
    -------
    (..., 7) tensor
        u_y, s_y, d_y, u_x, s_x, d_x, gain: see :func:`~glimpsecli.torch.gaussian_glimpse`.
    """
    gx, gy, log_variance, log_stride, log_gain = numbers.unbind(dim=-1)
    sigma, span = torch.exp(log_variance / 2), (max(image_size) - 1) * torch.exp(log_stride)
    axes = []
    for g, extent, taps in zip((gy, gx), image_size, size, strict=True):
        reach = span if taps > 1 else 0 * span  # a single tap looks at the middle, and has no stride
        axes += [(extent + 1) / 2 * (g + 1) - 1 - reach / 2, sigma, reach / max(taps - 1, 1)]
    return torch.stack([*axes, torch.exp(log_gain)], dim=-1)
