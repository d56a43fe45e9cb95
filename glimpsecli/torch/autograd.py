"""The samplers as differentiable functions of tensors: memory is shared, and the gradients come from their backends."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from glimpsecli.errors import InvalidInputError
from glimpsecli.torch.checks import exact
from glimpsecli.torch.job import Job, on_host

if TYPE_CHECKING:
    from torch import Tensor

    from glimpsecli.arrays import Floats
    from glimpsecli.torch.lowering import Lowering


class _Function(torch.autograd.Function):
    """A function that ``torch.func`` can transform, of some tensors and then other arguments.

    Backends know no batch of batches, so ``vmap`` makes its axis part of the batch where each of the N has an image of
    its own; it calls once for each element where images are shared.
    """

    tensors = 2
    """Number of arguments, the first, that are tensors."""

    def __init_subclass__(cls) -> None:
        # torch asks for it at each call, and to find it anew takes as long as a small glimpse.
        cls.forward.__signature__ = inspect.signature(cls.forward)

    @staticmethod
    def jvp(ctx: Any, *_: Any) -> Any:
        """Refuse derivatives in forward mode."""
        raise InvalidInputError("glimpses have no derivatives in forward mode here", "use backward, grad or jacrev")

    @classmethod
    def vmap(cls, info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
        """Apply to each element along `in_dims`."""
        count, rest = info.batch_size, args[cls.tensors :]
        mapped = [dim is not None for dim in in_dims[: cls.tensors]]
        tensors = [
            tensor.movedim(dim, 0) if dim is not None else tensor
            for tensor, dim in zip(args[: cls.tensors], in_dims[: cls.tensors], strict=True)
        ]
        sizes = {tensor.shape[some] for tensor, some in zip(tensors, mapped, strict=True)}
        if mapped[0] and len(sizes) == 1:
            (size,) = sizes
            all_of = (
                tensor if some else tensor.expand(count, *tensor.shape)
                for tensor, some in zip(tensors, mapped, strict=True)
            )
            found = cls.apply(*(tensor.flatten(0, 1) for tensor in all_of), *rest)
            return _mapped(found, lambda output: output.unflatten(0, (count, size)))
        calls = [
            cls.apply(*(tensor[n] if some else tensor for tensor, some in zip(tensors, mapped, strict=True)), *rest)
            for n in range(count)
        ]
        several = isinstance(calls[0], tuple)
        return _mapped(tuple(zip(*calls, strict=True)) if several else calls, _stacked)


def _stacked(outputs: Any) -> Any:
    return None if outputs[0] is None else torch.stack([*outputs])


def _mapped(found: Any, change: Any) -> tuple[Any, Any]:
    """Change each output but those that are None, and name the axis along which it is mapped."""
    if not isinstance(found, tuple):
        return change(found), 0
    changed = tuple(None if output is None else change(output) for output in found)
    return changed, tuple(None if output is None else 0 for output in changed)


class Glimpse(_Function):
    """From (1 or N, C, H, W) images and N rows that say where to (N, C, h, w) glimpses."""

    @staticmethod
    def forward(images: Tensor, where: Tensor, lowering: Lowering) -> Tensor:
        """Look."""
        places = lowering.places(on_host(where))
        return Job.of(images, places, lowering.size, lowering.sampling).see()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Remember at what was looked."""
        ctx.save_for_backward(*inputs[:2])
        ctx.lowering = inputs[2]

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients with respect to images and places."""
        return *GlimpseGradient.apply(*ctx.saved_tensors, cotangent, ctx.lowering, ctx.needs_input_grad[:2]), None


class _Gradient(_Function):
    """Gradients: functions of their own, which refuse to be differentiated again."""

    tensors = 3

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Remember nothing."""

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        """Refuse."""
        raise InvalidInputError("glimpses have no second derivatives here", "leave create_graph out")


class GlimpseGradient(_Gradient):
    """The gradients of glimpses."""

    @staticmethod
    def forward(
        images: Tensor, where: Tensor, cotangent: Tensor, lowering: Lowering, wanted: tuple[bool, bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        """Give the gradients that are wanted."""
        rows = on_host(where)
        job = Job.of(images, lowering.places(rows, checked=True), lowering.size, lowering.sampling, checked=True)
        by_images, by_places = job.pull_back(cotangent, *wanted)
        return by_images, None if by_places is None else _like(where, lowering.pull_back(rows, by_places))


class Write(_Function):
    """From N patches, (N, C, h, w), and N rows that say where to (N, C, H, W) images: the transpose of a glimpse."""

    @staticmethod
    def forward(patches: Tensor, where: Tensor, lowering: Lowering) -> Tensor:
        """Write onto black."""
        patches = exact(patches, "patches")
        patches = patches if patches.is_floating_point() else patches.float()
        # The transpose of a linear function does not depend on the pixels, so they are not even set.
        blank = patches.new_empty(*patches.shape[:2], *lowering.image_size)
        places = lowering.places(on_host(where))
        written, _ = Job.of(blank, places, lowering.size, lowering.sampling).pull_back(patches, True, False)
        return written

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Remember what was written where."""
        ctx.save_for_backward(*inputs[:2])
        ctx.lowering = inputs[2]

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients with respect to patches and places."""
        patches, where = ctx.saved_tensors
        return *WriteGradient.apply(cotangent, where, patches, ctx.lowering, ctx.needs_input_grad[:2]), None


class WriteGradient(_Gradient):
    """The gradients of writing: glimpses of the cotangent, and the gradients of these with respect to places."""

    @staticmethod
    def forward(
        cotangent: Tensor, where: Tensor, patches: Tensor, lowering: Lowering, wanted: tuple[bool, bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        """Give the gradients that are wanted."""
        rows = on_host(where)
        job = Job.of(cotangent, lowering.places(rows, checked=True), lowering.size, lowering.sampling, checked=True)
        _, by_places = job.pull_back(patches, False, wanted[1])
        by_where = None if by_places is None else _like(where, lowering.pull_back(rows, by_places))
        return job.see() if wanted[0] else None, by_where


def _like(where: Tensor, gradient: Floats) -> Tensor:
    return torch.from_numpy(gradient).to(where)
