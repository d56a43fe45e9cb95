"""The samplers as differentiable functions of tensors: memory is shared, and the gradients come from their backends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from glimpsecli import backends
from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.dispatch import call_vjp, prepare
from glimpsecli.sampling.taps import Taps
from glimpsecli.torch.checks import checked_backend, checked_images, computed
from glimpsecli.window import stack_gaussians, stack_matrices
from glimpsecli.window.pullbacks import stack_vjp

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from glimpsecli.sampling import Sampling
    from glimpsecli.window import Size


def look(images: Tensor, places: Tensor, size: Size, sampling: Sampling) -> Tensor:
    """Look at (B, C, H, W) images through (N, 7) or (N, 2, 3) places, float64 on the host: B is N, or one of them 1."""
    images = computed(checked_images(images))
    if len(places) != len(images) and 1 not in (len(places), len(images)):
        raise InvalidInputError(
            f"{len(places)} places for {len(images)} images", "give one for each image, or one of either for all"
        )
    count = len(places) if len(images) == 1 else len(images)
    glimpses: Tensor = Glimpse.apply(images, places.expand(count, *places.shape[1:]), size, sampling)
    return glimpses


class Glimpse(torch.autograd.Function):
    """From (1 or N, C, H, W) images and N places to (N, C, h, w) glimpses."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, places: Tensor, size: Size, sampling: Sampling) -> Tensor:
        """Look, and remember at what."""
        ctx.save_for_backward(images, places)
        ctx.how = size, sampling
        return _Job.of(images, places, size, sampling).see()

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients with respect to images and places."""
        images, places = ctx.saved_tensors
        return *GlimpseGradient.apply(images, places, cotangent, *ctx.how, ctx.needs_input_grad[:2]), None, None


class GlimpseGradient(torch.autograd.Function):
    """The gradients of glimpses: a function of its own, which refuses to be differentiated again."""

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        places: Tensor,
        cotangent: Tensor,
        size: Size,
        sampling: Sampling,
        wanted: tuple[bool, bool],
    ) -> tuple[Tensor | None, Tensor | None]:
        """Give the gradients that are wanted."""
        return _Job.of(images, places, size, sampling).pull_back(cotangent, *wanted)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        """Refuse."""
        raise InvalidInputError("glimpses have no second derivatives here", "leave create_graph out")


class Places(torch.autograd.Function):
    """From (N, 4) or (N, 5) windows, float64 on the host, to the places that a sampler takes."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, size: Size, sampling: Sampling) -> Tensor:
        """Convert."""
        ctx.save_for_backward(windows)
        ctx.size, ctx.blur = size, sampling.blur
        rows = _host(windows)
        without_angle = sampling.sampler == "gaussian" and rows.shape[1] == 4  # then no gradient turns them either
        return torch.from_numpy(stack_gaussians(rows, size, ctx.blur) if without_angle else stack_matrices(rows, size))

    @staticmethod
    def backward(ctx: Any, by_places: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradient with respect to the windows."""
        (windows,) = ctx.saved_tensors
        return PlacesGradient.apply(windows, by_places, ctx.size, ctx.blur), None, None


class PlacesGradient(torch.autograd.Function):
    """The gradients of places with respect to windows, which cannot be differentiated again either."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, by_places: Tensor, size: Size, blur: float) -> Tensor:
        """Give the gradient."""
        return torch.from_numpy(stack_vjp(_host(windows), size, blur, _host(by_places)))

    backward = GlimpseGradient.backward


class _Job(NamedTuple):
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
    def of(cls, images: Tensor, places: Tensor, size: Size, sampling: Sampling) -> _Job:
        """Check places and backend, and arrange."""
        _, channels, height, width = images.shape
        taps = Taps.at(_host(places), size, (height, width), sampling)
        colour = sampling.colour(channels, np.float64 if images.dtype == torch.float64 else np.float32)
        layout = torch.channels_last
        if len(images) == len(places) and images.is_contiguous():
            layout, taps = torch.contiguous_format, taps.repeated(channels)
        colours = np.tile(colour, (len(places), 1)).reshape(taps.windows, 1 if taps.windows > len(places) else channels)
        backend = checked_backend(images, sampling.backend)
        return cls(images, taps, layout, colours, replace(sampling, backend=backend))

    def see(self) -> Tensor:
        """Give the glimpses."""
        count = self.colours.size // self.images.shape[1]
        shape = (count, self.images.shape[1], *self.taps.size)
        out = torch.empty(shape, dtype=self._kind, device=self.images.device, memory_format=self.layout)
        with self._arrays(self.images, out) as (pixels, glimpses):
            prepare(self.taps, pixels.shape, self.colours, self.sampling)(pixels, glimpses)
        return out

    @np.errstate(over="ignore", invalid="ignore")  # infinities may add up to a NaN
    def pull_back(self, cotangent: Tensor, by_images: bool, by_places: bool) -> tuple[Tensor | None, Tensor | None]:
        """Give the wanted gradients with respect to images and places."""
        loss = cotangent.to(self._kind).contiguous(memory_format=self.layout)
        onto = torch.empty_like(self.images, dtype=self._kind, memory_format=self.layout).zero_() if by_images else None
        moving = np.zeros(self.taps.places.shape) if by_places else None
        with self._arrays(self.images, loss, onto) as (pixels, losses, sums):
            call_vjp(pixels, self.taps, losses, sums, moving, self.colours, self.sampling)
        if moving is None:
            return onto, None
        planes = len(moving) // max(len(cotangent), 1)
        return onto, torch.from_numpy(moving.reshape(len(cotangent), planes, *moving.shape[1:]).sum(axis=1))

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


def _host(tensor: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = tensor.numpy(force=True)
    return array
