"""A call of a backend on the memory of tensors: images and glimpses become arrays, channels last, without a copy."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from glimpsecli import backends
from glimpsecli.sampling.dispatch import call_vjp, prepare
from glimpsecli.sampling.taps import Taps
from glimpsecli.torch.checks import checked_backend, exact

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from glimpsecli.arrays import Floats
    from glimpsecli.sampling import Sampling
    from glimpsecli.window import Size


class Job(NamedTuple):
    """A call in the form that backends take: channels last.

    Attributes
    ----------
    images : (B, C, H, W) tensor
    taps : Taps
        N, or N * C where each plane of the images is taken for a grey image of its own and is not moved.
    layout : torch.memory_format
        Order in memory of glimpses and gradients: channels last, but for planes.
    colours : (N, C) or (N * C, 1)
    sampling : Sampling
    """

    images: Tensor
    taps: Taps
    layout: torch.memory_format
    colours: NDArray[Any]
    sampling: Sampling

    @classmethod
    def of(cls, images: Tensor, places: Floats, size: Size, sampling: Sampling, checked: bool = False) -> Job:
        """Check the backend and, unless they were `checked` on the way forward, the places; and arrange."""
        images = exact(images)
        _, channels, height, width = images.shape
        taps = Taps.at(places, size, (height, width), sampling, checked)
        colour = sampling.colour(channels, np.float64 if images.dtype == torch.float64 else np.float32)
        colours, layout = np.repeat(colour[None], len(places), axis=0), torch.channels_last
        if len(images) == len(places) and images.is_contiguous():
            layout = torch.contiguous_format
            if channels > 1:
                taps, colours = taps.repeated(channels), colours.reshape(-1, 1)
        return cls(images, taps, layout, colours, _with_backend(sampling, checked_backend(images, sampling.backend)))

    def see(self) -> Tensor:
        """Give the glimpses: (N, C, h, w)."""
        count = self.colours.size // self.images.shape[1]
        shape = (count, self.images.shape[1], *self.taps.size)
        out = torch.empty(shape, dtype=self._kind, device=self.images.device, memory_format=self.layout)
        with self._arrays(self.images, out) as (pixels, glimpses):
            prepare(self.taps, pixels.shape, self.colours, self.sampling)(pixels, glimpses)
        return out

    def pull_back(self, cotangent: Tensor, by_images: bool, by_places: bool) -> tuple[Tensor | None, Floats | None]:
        """Give the wanted gradients with respect to images and places."""
        loss = cotangent.to(self._kind).contiguous(memory_format=self.layout)
        onto = torch.empty_like(self.images, dtype=self._kind, memory_format=self.layout).zero_() if by_images else None
        moving = np.zeros(self.taps.places.shape) if by_places else None
        with self._arrays(self.images, loss, onto) as (pixels, losses, sums):
            filled = None if self.taps.sampler == "hard" else moving  # which moves in jumps, and has zeros
            call_vjp(pixels, self.taps, losses, sums, filled, self.colours, self.sampling)
        if moving is None or len(moving) == len(cotangent):
            return onto, moving
        planes = len(moving) // max(len(cotangent), 1)
        with np.errstate(over="ignore", invalid="ignore"):  # infinities may add up to a NaN
            return onto, moving.reshape(len(cotangent), planes, *moving.shape[1:]).sum(axis=1)

    @property
    def _kind(self) -> torch.dtype:
        """Dtype of glimpses and gradients."""
        return torch.float64 if self.images.dtype == torch.float64 else torch.float32

    @contextlib.contextmanager
    def _arrays(self, *tensors: Tensor | None) -> Iterator[list[Any]]:
        """Give tensors as arrays of four axes, channels last, to the kernels, which run on the default stream."""
        arrays = [None if tensor is None else self._array(tensor) for tensor in tensors]
        if not self.images.is_cuda:
            yield arrays
            return
        current, default = (
            stream(self.images.device) for stream in (torch.cuda.current_stream, torch.cuda.default_stream)
        )
        if current != default:
            current.synchronize()
        yield arrays
        if current != default:
            default.synchronize()

    def _array(self, tensor: Tensor) -> Any:
        """Give the memory of a tensor: a NumPy array or, contiguous, a device array."""
        if tensor.is_cuda:
            tensor = tensor.contiguous(memory_format=self.layout)
        planes = self.layout == torch.contiguous_format
        last = tensor.reshape(-1, *tensor.shape[2:], 1) if planes else tensor.permute(0, 2, 3, 1)
        return backends.load("cuda").as_device_array(last.detach()) if tensor.is_cuda else last.numpy(force=True)


@functools.lru_cache
def _with_backend(sampling: Sampling, backend: str) -> Sampling:
    return replace(sampling, backend=backend)


def on_host(tensor: Tensor) -> Floats:
    """Give the numbers of a tensor as NumPy's float64."""
    array: Floats = tensor.detach().double().numpy(force=True)
    return array
