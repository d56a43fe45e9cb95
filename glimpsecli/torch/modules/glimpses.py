"""The samplers as modules: from images and windows to glimpses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLUR
from glimpsecli.sampling import Sampling
from glimpsecli.torch.glimpses import affine_glimpse, gaussian_glimpse, window_glimpse
from glimpsecli.window import check_size
from glimpsecli.window.checks import number

if TYPE_CHECKING:
    from torch import Tensor

    from glimpsecli.window import Size


class _Glimpse(nn.Module):
    """The settings that all samplers share.

    Parameters
    ----------
    size : (int, int)
        Height and width of the glimpses in pixels.
    backend : {"auto", "cpu", "numpy", "cuda"}
        As for :func:`~glimpsecli.torch.gaussian_glimpse`.
    threads : int, optional
        The most threads that the cpu backend may use, all processors by default.

    Raises
    ------
    InvalidInputError
        A setting cannot mean anything.
    """

    def __init__(self, size: Size, *, backend: str = "auto", threads: int | None = None) -> None:
        super().__init__()
        self.size = check_size(size)
        self._how: dict[str, Any] = {"backend": backend, "threads": threads}
        Sampling(backend=backend, threads=threads)

    def extra_repr(self) -> str:
        """Give the settings, for ``print``."""
        return f"size={self.size}"


class GaussianGlimpse(_Glimpse):
    """Gaussian attention: the mean of the pixels around each tap, weighted by a Gaussian.

    Parameters
    ----------
    size, backend, threads
        As for :class:`HardGlimpse`.
    blur : float
        Sigma of the Gaussians in strides (in pixels where the stride is below one). It may be changed at any time.
    """

    def __init__(self, size: Size, blur: float = BLUR, *, backend: str = "auto", threads: int | None = None) -> None:
        super().__init__(size, backend=backend, threads=threads)
        self.blur = Sampling(blur=blur).blur

    def forward(self, images: Tensor, where: Tensor) -> Tensor:
        """Look.

        Parameters
        ----------
        images : (N, C, H, W) tensor
        where : (N, 5), (N, 4), (N, 7) or (N, 6) tensor, or (N, T, ...)
            Windows, or rows of :func:`~glimpsecli.torch.gaussian_glimpse`, which have their own sigma. One of images
            and places may be 1 in number, and serves all of the other.

        Returns
        -------
        (N, C, h, w) or (N, T, C, h, w) tensor
        """
        if where.shape[-1:] in ((6,), (7,)):
            return gaussian_glimpse(images, where, self.size, **self._how)
        return window_glimpse(images, where, self.size, blur=self.blur, **self._how)

    def extra_repr(self) -> str:
        """Give the settings, for ``print``."""
        return f"size={self.size}, blur={self.blur:g}"


class AffineGlimpse(_Glimpse):
    """The spatial transformer: bilinear interpolation at each tap.

    Parameters
    ----------
    size, backend, threads
        As for :class:`HardGlimpse`.
    border : {"zeros", "edge", "reflect"}
        What stands outside the image.
    """

    def __init__(self, size: Size, border: str = "zeros", *, backend: str = "auto", threads: int | None = None) -> None:
        super().__init__(size, backend=backend, threads=threads)
        Sampling(sampler="bilinear", border=border)
        self.border = border

    def forward(self, images: Tensor, where: Tensor) -> Tensor:
        """Look.

        Parameters
        ----------
        images : (N, C, H, W) tensor
        where : (N, 5), (N, 4) or (N, 2, 3) tensor, or (N, T, ...)
            Windows, or the theta of ``torch.nn.functional.affine_grid`` with ``align_corners=False``.

        Returns
        -------
        (N, C, h, w) or (N, T, C, h, w) tensor
        """
        if where.shape[-2:] == (2, 3):
            return affine_glimpse(images, where, self.size, border=self.border, **self._how)
        return window_glimpse(images, where, self.size, sampler="bilinear", border=self.border, **self._how)

    def extra_repr(self) -> str:
        """Give the settings, for ``print``."""
        return f"size={self.size}, border={self.border}"


class HardGlimpse(_Glimpse):
    """Hard attention: the pixel that each tap falls in, black outside the image.

    Images get gradients and windows get zeros, so the windows are learnt with a :class:`LocationPolicy`.

    Parameters
    ----------
    size : (int, int)
        Height and width of the glimpses in pixels.
    backend : {"auto", "cpu", "numpy", "cuda"}
        As for :func:`~glimpsecli.torch.gaussian_glimpse`.
    threads : int, optional
        The most threads that the cpu backend may use, all processors by default.
    """

    def forward(self, images: Tensor, where: Tensor) -> Tensor:
        """Look.

        Parameters
        ----------
        images : (N, C, H, W) tensor
        where : (N, 5) or (N, 4) tensor, or (N, T, ...)
            Windows.

        Returns
        -------
        (N, C, h, w) or (N, T, C, h, w) tensor
        """
        return window_glimpse(images, where, self.size, sampler="hard", **self._how)


class Retina(nn.Module):
    """Glimpses of several scales around one centre, as channels: the first shows the window, each next one more.

    Parameters
    ----------
    glimpse : module
        The sampler, of images and windows.
    scales : int
        Number of glimpses.
    factor : float
        Width of each window over that of the one before, above 1.

    Raises
    ------
    InvalidInputError
        A setting cannot mean anything.
    """

    def __init__(self, glimpse: nn.Module, scales: int = 3, factor: float = 2.0) -> None:
        super().__init__()
        if scales < 1:
            raise InvalidInputError(f"a retina of {scales} scales", "give 1 or more")
        self.glimpse, self.scales, self.factor = glimpse, scales, number(factor, "the factor of a retina")
        if not 1 < self.factor < float("inf"):
            raise InvalidInputError(f"a retina whose windows grow by {factor:g}", "give a finite factor above 1")

    def forward(self, images: Tensor, windows: Tensor) -> Tensor:
        """Look.

        Parameters
        ----------
        images : (N, C, H, W) tensor
        windows : (N, 5) or (N, 4) tensor, or (N, T, ...)

        Returns
        -------
        (N, scales * C, h, w) or (N, T, scales * C, h, w) tensor
            The channels of the smallest window first.
        """
        if windows.shape[-1:] not in ((4,), (5,)):
            raise InvalidInputError(f"windows of shape {tuple(windows.shape)}", "a retina takes (N, 4) or (N, 5)")
        growth = windows.new_ones(windows.shape[-1])
        growth[2:4] = self.factor
        return torch.cat([self.glimpse(images, windows * growth**scale) for scale in range(self.scales)], dim=-3)

    def extra_repr(self) -> str:
        """Give the settings, for ``print``."""
        return f"scales={self.scales}, factor={self.factor:g}"
