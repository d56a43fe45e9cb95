"""Attention masks: checked like a glimpse, computed by the definitions on the part of the image that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import masks
from glimpsecli.names import BLUR
from glimpsecli.sampling.options import Sampling
from glimpsecli.sampling.taps import Taps
from glimpsecli.window import check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.window import Size, Where


def mask(
    image_size: Size,
    where: Where,
    size: Size,
    *,
    sampler: str = "gaussian",
    blur: float = BLUR,
    border: str | None = None,
) -> NDArray[np.float32]:
    """Give the attention mask of one or several windows: how much each pixel of the image counts.

    Parameters
    ----------
    image_size : (int, int)
        Height and width of the image.
    where, size, sampler, blur, border
        As in :func:`~glimpsecli.extract`.

    Returns
    -------
    (H, W) float32, 0 to 1
        The weight with which the sampler reads each pixel: its adjoint applied to ones, relative to the peak that the
        same taps have on an unbounded image; of several windows the maximum. See :mod:`glimpsecli.attention.masks`.

    Raises
    ------
    InvalidInputError
        An argument cannot mean anything; the message says which.

    Examples
    --------
    >>> from glimpsecli import Window, mask
    >>> mask((3, 4), Window.from_box(1, 1, 2, 2), (2, 2), sampler="hard")
    array([[0., 0., 0., 0.],
           [0., 1., 1., 0.],
           [0., 1., 1., 0.]], dtype=float32)
    """
    sampling = Sampling(sampler=sampler, blur=blur, border=border, fill=0 if border == "constant" else None)
    taps = Taps.make(where, size, check_size(image_size), sampling)
    whole = np.zeros(taps.image_size, np.float32)
    join_masks(taps, whole)
    return whole


def join_masks(taps: Taps, whole: NDArray[np.float32]) -> None:
    """Raise an (H, W) mask to the masks of some windows where these are higher; only what they read is touched."""
    for number in range(taps.windows):
        one = taps._replace(places=taps.places[number : number + 1])
        top, bottom, left, right = one.boxes()[0].tolist()
        cut = one.moved(top, left, (bottom - top, right - left))
        if taps.sampler == "gaussian":
            part = masks.gaussian_mask(cut.places[0].tolist(), cut.size, cut.image_size)
        else:
            part = masks.affine_mask(cut.places[0], cut.size, cut.image_size, cut.border, one.order)
        target = whole[top:bottom, left:right]
        np.maximum(target, part.astype(np.float32), out=target)
