"""Alpha: colours are weighted by it while they are filtered, so that hidden colours do not bleed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def weigh_by_alpha(pixels: NDArray[Any], full_scale: float) -> NDArray[np.float32]:
    """Weight the colours of (..., C) pixels by their last channel, straight alpha."""
    weighted = pixels.astype(np.float32)
    weighted[..., :-1] *= weighted[..., -1:] / np.float32(full_scale)
    return weighted


def unweigh(glimpses: NDArray[np.float32], full_scale: float) -> None:
    """Undo :func:`weigh_by_alpha` in place. What is fully transparent has no colour: 0."""
    alpha = glimpses[..., -1:] / np.float32(full_scale)
    np.divide(glimpses[..., :-1], alpha, out=glimpses[..., :-1], where=alpha != 0)
