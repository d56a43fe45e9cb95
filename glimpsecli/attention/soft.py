"""Soft attention: each pixel counts as much as a mask says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def attend(image: ArrayLike, mask: ArrayLike) -> NDArray[np.float64]:
    """Multiply an image by an attention mask: ``a ⊙ I``.

    Parameters
    ----------
    image : (H, W) or (H, W, C)
    mask : (H, W)
        Values from 0 to 1.

    Returns
    -------
    (H, W) or (H, W, C) float64

    Raises
    ------
    InvalidInputError
        The mask has another height or width than the image, or values outside 0 to 1.
    """
    pixels = np.asarray(image, dtype=np.float64)
    weights = np.asarray(mask, dtype=np.float64)
    if weights.shape != pixels.shape[:2]:
        raise InvalidInputError(f"a mask of shape {weights.shape} does not fit an image of shape {pixels.shape}")
    if not np.all((weights >= 0) & (weights <= 1)):
        raise InvalidInputError(f"the mask runs from {weights.min():g} to {weights.max():g}", "a mask is within 0 to 1")
    return pixels * (weights if pixels.ndim == 2 else weights[:, :, None])


def separable_mask(a_y: ArrayLike, a_x: ArrayLike) -> NDArray[np.float64]:
    """Give the mask ``a_y a_x^T`` of two attention vectors: (H,) and (W,) give (H, W)."""
    return np.outer(np.asarray(a_y, dtype=np.float64), np.asarray(a_x, dtype=np.float64))
