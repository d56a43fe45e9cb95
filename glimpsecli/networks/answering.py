"""The answers of a model about images: classes, and windows. Needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from glimpsecli.arrays import Floats
    from glimpsecli.networks.model import Model
    from glimpsecli.networks.scenes import Batch


class Answers(NamedTuple):
    """What a model says about N images, after each of T glimpses.

    Attributes
    ----------
    probabilities : (N, T, K) float32
    windows : (N, T, 5) float64
    """

    probabilities: NDArray[np.float32]
    windows: Floats


def answer(model: Model, batch: Batch) -> Answers:
    """Ask a model about images; nothing is drawn."""
    was = model.training
    model.eval()
    with torch.inference_mode():
        seen = model(pixels(batch.images), torch.from_numpy(batch.windows).float())
        probabilities = functional.softmax(seen.classes, dim=2)
    model.train(was)
    return Answers(probabilities.numpy(), seen.windows.double().numpy())


def pixels(images: NDArray[np.uint8]) -> Tensor:
    """Give (N, S, S) or (N, S, S, 3) uint8 images as (N, C, S, S) float32, 0 to 1."""
    planes = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(planes)).float() / 255
