"""Attention masks: checked like a glimpse, computed on the part of the image that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli import backends
from glimpsecli.attention import masks
from glimpsecli.attention.soft import separable_mask
from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLUR
from glimpsecli.sampling.continued import Part
from glimpsecli.sampling.dispatch import choose_backend
from glimpsecli.sampling.options import Sampling
from glimpsecli.sampling.taps import Taps
from glimpsecli.window import check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.window import Size, Where

LARGEST_PLANE = 2**27
"""The most pixels of an unbounded image on which the peak of elliptical Gaussians is sought."""


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
        one = taps.one(number)
        top, bottom, left, right = one.boxes()[0].tolist()
        cut = one.moved(top, left, (bottom - top, right - left))
        beyond = Part.of(cut)
        cut = cut if beyond is None else beyond.taps(cut)
        if one.elliptical:
            peak, ones = unbounded_peak(one), written(cut, np.ones((*one.size, 1), np.float32))[..., 0]
            part = ones / (peak or ones.max())
        elif one.sampler == "gaussian":
            part = separable_mask(*masks.gaussian_profiles(cut.places[0].tolist(), cut.size, cut.image_size))
        else:
            part = masks.affine_mask(cut.places[0], cut.size, cut.image_size, cut.border, one.order)
        if beyond is not None:  # a pixel counts for those that it stands in for, too
            own = np.zeros((1, *beyond.image_size, 1), part.dtype)
            beyond.give_back(part[None, ..., None], own)
            part = own[0, ..., 0]
        target = whole[top:bottom, left:right]
        np.maximum(target, np.minimum(part, 1).astype(np.float32), out=target)


def written(one: Taps, glimpse: NDArray[np.float32]) -> NDArray[np.float32]:
    """Write a glimpse, (h, w, C), onto an empty image by the elliptical Gaussians of one window: (H, W, C)."""
    canvas: NDArray[np.float32] = np.zeros((1, *one.image_size, glimpse.shape[2]), np.float32)
    backend = backends.load(choose_backend(one, glimpse.shape[2], backward=True)[0])
    backend.elliptical_vjp(canvas, one.places, one.blur, glimpse[None], canvas, None)
    return canvas.reshape(canvas.shape[1:])


def unbounded_peak(one: Taps) -> float | None:
    """Give the largest sum of weights that the elliptical Gaussians of one window put on a pixel of an unbounded image.

    It is None where the image holds all that they read: then it is the largest on the image.
    """
    top, bottom, left, right = masks.elliptical_bounds(one.places[0], one.size, one.blur)
    if min(top, left) >= 0 and bottom <= one.image_size[0] and right <= one.image_size[1]:
        return None
    peak = masks.wide_peak(one.places[0], one.size, one.blur)
    if peak is not None:
        return peak
    plane = bottom - top, right - left
    if plane[0] * plane[1] > LARGEST_PLANE:
        raise InvalidInputError(
            f"elliptical Gaussians over {plane[1]}x{plane[0]} pixels are too wide for a mask",
            "look at a smaller window, or use the bilinear sampler",
        )
    return float(written(one.moved(top, left, plane), np.ones((*one.size, 1), np.float32)).max())
