"""The pairing of images with places, for the functions of torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from glimpsecli.errors import InvalidInputError
from glimpsecli.torch.autograd import Glimpse, Write

if TYPE_CHECKING:
    from torch import Tensor

    from glimpsecli.torch.lowering import Lowering

HALVES = (torch.float16, torch.bfloat16)
"""Types that are computed in float32: glimpses and gradients are rounded to them at the end."""


def look(images: Tensor, where: Tensor, lowering: Lowering) -> Tensor:
    """Look at (B, C, H, W) images: B is N, or one of them 1.

    Rows of `where` are (N, ...), or (N, T, ...) for T glimpses of each image, (N, T, C, h, w).
    """
    count, dtype = _count(images, where, "images"), images.dtype
    where = where.expand(count, *where.shape[1:])
    see = _see_all if where.ndim == 1 + lowering.axes else _see_sequences
    glimpses = see(images.float() if dtype in HALVES else images, where, lowering)
    return glimpses.to(dtype) if dtype in HALVES else glimpses


def write(patches: Tensor, where: Tensor, lowering: Lowering) -> Tensor:
    """Write (B, C, h, w) patches: B is N, or one of them 1."""
    count, dtype = _count(patches, where, "patches"), patches.dtype
    patches, where = (one.expand(count, *one.shape[1:]) for one in (patches, where))
    written: Tensor = Write.apply(patches.float() if dtype in HALVES else patches, where, lowering)
    return written.to(dtype) if dtype in HALVES else written


def _count(images: Tensor, where: Tensor, name: str) -> int:
    """Give the number of glimpses, or of sequences of them."""
    if len(where) != len(images) and 1 not in (len(where), len(images)):
        raise InvalidInputError(
            f"{len(where)} places for {len(images)} {name}", "give one for each, or one of either for all"
        )
    return len(where) if len(images) == 1 else len(images)


def _see_all(images: Tensor, where: Tensor, lowering: Lowering) -> Tensor:
    glimpses: Tensor = Glimpse.apply(images, where, lowering)
    return glimpses


def _see_sequences(images: Tensor, where: Tensor, lowering: Lowering) -> Tensor:
    """Give T glimpses of each image in as few calls as can be: kernels take one place for each image, or one image."""
    count, steps = where.shape[:2]
    if len(images) == 1 or 0 in (count, steps):
        glimpses = _see_all(images[:1], where.flatten(0, 1), lowering)
        return glimpses.reshape(count, steps, *glimpses.shape[1:])
    if steps <= count:
        return torch.stack([_see_all(images, one, lowering) for one in where.unbind(1)], dim=1)
    return torch.stack([_see_all(images[n : n + 1], one, lowering) for n, one in enumerate(where.unbind())])
