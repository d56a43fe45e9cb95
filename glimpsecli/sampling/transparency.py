"""Alpha: colours are weighted by it while they are filtered, so that hidden colours do not bleed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def weigh_by_alpha(pixels: NDArray[Any], full_scale: float) -> NDArray[np.float32]:
    """Weight the colours of (..., C) pixels by their last channel, straight alpha; under an alpha of 0 they are 0."""
    weighted = pixels.astype(np.float32)
    colours, alpha = weighted[..., :-1], weighted[..., -1:]
    if pixels.dtype.kind == "f":  # 0 times NaN is NaN
        np.copyto(colours, 0, where=alpha == 0)
    with np.errstate(over="ignore"):
        colours *= alpha / np.float32(full_scale)
    return weighted


def unweigh(glimpses: NDArray[np.float32], full_scale: float) -> None:
    """Undo :func:`weigh_by_alpha` in place. Fully transparent pixels have the colour 0."""
    alpha = glimpses[..., -1:] / np.float32(full_scale)
    with np.errstate(over="ignore", invalid="ignore"):  # infinities, NaN, and numbers near the largest
        np.divide(glimpses[..., :-1], alpha, out=glimpses[..., :-1], where=alpha != 0)
