"""Hard attention: some pixels are seen as they are, the others not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention.borders import resolve
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def crop(
    image: ArrayLike, top: int, left: int, size: tuple[int, int], border: str = "zeros", fill: ArrayLike = 0
) -> NDArray[np.generic]:
    """Cut out ``I[top : top + h, left : left + w]``.

    Parameters
    ----------
    image : (H, W) or (H, W, C)
    top, left : int
        Index of the first row and column; they may lie outside the image.
    size : (int, int)
        Height and width of the crop.
    border : {"zeros", "constant", "edge", "reflect"}
        What stands outside the image: see :mod:`~glimpsecli.attention.borders`.
    fill : array_like, scalar or (C,)
        The colour of the ``constant`` border.

    Returns
    -------
    (h, w) or (h, w, C), dtype of the image
    """
    pixels = np.asarray(image)
    rows, row_present = resolve(top + np.arange(size[0]), pixels.shape[0], border)
    columns, column_present = resolve(left + np.arange(size[1]), pixels.shape[1], border)
    cut: NDArray[np.generic] = pixels[rows[:, None], columns]
    missing = ~(row_present[:, None] & column_present)
    colour = np.asarray(fill if border == "constant" else 0)
    if not np.array_equal(colour, colour.astype(cut.dtype)):
        raise InvalidInputError(
            f"the fill {fill!r} does not fit {cut.dtype} pixels", "crop a float image, or round the fill"
        )
    cut[missing] = colour
    return cut


def index(features: ArrayLike, attention: ArrayLike) -> NDArray[np.generic]:
    """Select the features that a 0/1 vector attends to: ``z[a]``.

    Parameters
    ----------
    features : (n, ...)
    attention : (n,)
        Zeros and ones.

    Returns
    -------
    (m, ...) with m the number of ones, dtype of the features
    """
    values, choice = np.asarray(features), np.asarray(attention)
    if choice.shape != values.shape[:1]:
        raise InvalidInputError(f"an attention of shape {choice.shape} does not fit features of shape {values.shape}")
    if not np.all((choice == 0) | (choice == 1)):
        raise InvalidInputError("hard attention is made of zeros and ones", "use soft.attend for anything between")
    chosen: NDArray[np.generic] = values[choice == 1]
    return chosen
