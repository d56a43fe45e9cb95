"""The part of an image that a glimpse reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention import ellipses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.attention.ellipses import Ellipses

    Boxes = NDArray[np.int64]

CUT = 5.5
"""Weights are kept where ``z^2 - min z^2 <= CUT^2``, with z in sigmas and the minimum over the pixels of the image.

The cut is relative to the nearest pixel because the rows of a filterbank are renormalised over the image: a Gaussian
beyond the border repeats the edge. The dropped weights change a row by less than 3e-7.
"""

BACK_CUT = 6.5
"""CUT for gradients, in sigmas: larger, because gradients with respect to sigma weigh the tails by ``z^2``."""

EXACT_CUT = 9.0
"""CUT for glimpses and gradients in float64, in sigmas: a weight beyond it is below double precision."""

GONE, SHARPEST = 11.0, 1e-4  # those of ``attention``, again: a cached kernel notices changes in ``backends`` only

_IDENTITY = np.eye(2)
_TAPS = 2**16  # whose ellipses are computed at once


def gaussian_support(params: Floats, size: tuple[int, int], image_size: tuple[int, int], cut: float = CUT) -> Boxes:
    """Give the (N, 4) boxes (top, bottom, left, right), ends excluded, that (N, 7) Gaussian glimpses read."""
    u_y, s_y, d_y, u_x, s_x, d_x, _ = params.T
    rows = _gaussian_span(u_y, s_y, d_y, size[0], image_size[0], cut)
    columns = _gaussian_span(u_x, s_x, d_x, size[1], image_size[1], cut)
    return np.stack([*rows, *columns], axis=1)


def gaussian_reach(params: Floats, size: tuple[int, int], cut: float = EXACT_CUT) -> Floats:
    """Give the (N, 4) boxes (top, bottom, left, right) that (N, 7) Gaussian glimpses read of an image without end."""
    boxes = []
    for (first, sigma, stride), taps in zip((params.T[:3], params.T[3:6]), size, strict=True):
        ends, reach = np.stack([first, first + (taps - 1) * stride]), np.hypot(0.5, cut * sigma)
        boxes += [np.floor(ends.min(axis=0) - reach), np.ceil(ends.max(axis=0) + reach) + 1]
    return np.stack(boxes, axis=1)


def gaussian_kept(
    first: float, sigma: float, stride: float, taps: int, extent: int, cut: float = CUT
) -> NDArray[np.bool_]:
    """Return whether each tap reads each pixel of one axis: (taps, extent)."""
    distance = np.abs(np.arange(extent) - (first + stride * np.arange(taps))[:, None])
    return np.asarray(distance <= np.hypot(distance.min(axis=1, keepdims=True), cut * sigma))


def elliptical_support(
    matrices: Floats, blur: float, size: tuple[int, int], image_size: tuple[int, int], cut: float = CUT
) -> Boxes:
    """Give the (N, 4) boxes (top, bottom, left, right), ends excluded, that elliptical Gaussian glimpses read."""
    found = np.empty((len(matrices), 4), np.int64)
    for n, matrix in enumerate(matrices):
        boxes = []
        for top in range(0, size[0], step := max(1, _TAPS // size[1])):
            boxes.append(ellipse_boxes(ellipses.of_taps(matrix, size, blur, slice(top, top + step)), image_size, cut))
        found[n] = union(np.concatenate(boxes))
    return found


def elliptical_reach(matrices: Floats, blur: float, size: tuple[int, int], cut: float = EXACT_CUT) -> Floats:
    """Give the (N, 4) boxes (top, bottom, left, right) that elliptical Gaussians read of an image without end."""
    found = np.empty((len(matrices), 4))
    found[:, ::2], found[:, 1::2] = np.inf, -np.inf
    for box, matrix in zip(found, matrices, strict=True):
        for top in range(0, size[0], step := max(1, _TAPS // size[1])):
            taps = ellipses.of_taps(matrix, size, blur, slice(top, top + step))
            reach = _sigmas(taps, np.rint(taps.x) - taps.x, np.rint(taps.y) - taps.y, cut)
            for axis, (centre, variance) in enumerate(((taps.y, taps.s_yy), (taps.x, taps.s_xx))):
                far = np.fmax(reach * np.sqrt(variance), 1)  # the pixels on both sides of the centre at least
                low, high = np.floor(centre - far).min(), np.ceil(centre + far).max() + 1
                box[2 * axis], box[2 * axis + 1] = min(box[2 * axis], low), max(box[2 * axis + 1], high)
    return found


def ellipse_boxes(taps: Ellipses, image_size: tuple[int, int], cut: float = CUT) -> Boxes:
    """Give the (n, 4) boxes (top, bottom, left, right), ends excluded, that elliptical Gaussians read.

    They hold the pixels on both sides of the centre, where the image has them: in a cut a tap that lies in the image
    still does. Of a tap that is `GONE` they hold one pixel.
    """
    d_x, d_y = (_nearest(c, extent) - c for c, extent in ((taps.x, image_size[1]), (taps.y, image_size[0])))
    gone = (np.abs(d_x) > GONE * np.sqrt(taps.s_xx) + 0.5) | (np.abs(d_y) > GONE * np.sqrt(taps.s_yy) + 0.5)
    reach = _sigmas(taps, d_x, d_y, cut)
    boxes = []
    for centre, variance, extent in ((taps.y, taps.s_yy, image_size[0]), (taps.x, taps.s_xx, image_size[1])):
        far = np.where(gone, 0, np.fmin(reach * np.sqrt(variance), 4.0 * extent + np.abs(centre)))
        boxes.append(np.clip(np.minimum(np.ceil(centre - far), np.floor(centre)), 0, extent - 1))
        boxes.append(np.clip(np.maximum(np.floor(centre + far), np.ceil(centre)), 0, extent - 1) + 1)
    return np.stack(boxes, axis=1).astype(np.int64)


def from_middle(matrices: Floats, size: tuple[int, int]) -> Floats:
    """Give (N, 2 or 3, 3) matrices whose first tap is the middle of a glimpse: the first may lie outside the image."""
    moved = matrices.copy()
    moved[:, :, 2] += matrices[:, :, :2] @ [(size[1] - 1) / 2, (size[0] - 1) / 2]
    return moved


def _sigmas(taps: Ellipses, d_x: Floats, d_y: Floats, cut: float) -> Floats:
    """Give the sigmas within which taps read pixels, where that nearest to each is (d_x, d_y) away."""
    with np.errstate(over="ignore", invalid="ignore"):
        # Of a very thin ellipse rounding leaves any number, or none.
        square = (taps.s_yy * d_x * d_x - 2 * taps.s_xy * d_x * d_y + taps.s_xx * d_y * d_y) / taps.determinant
        return np.asarray(np.sqrt(np.fmax(square, 0) + cut * cut))


def _nearest(centre: Floats, extent: int) -> Floats:
    return np.clip(np.floor(centre + 0.5), 0, extent - 1)


def matrix_support(matrices: Floats, size: tuple[int, int], image_size: tuple[int, int], border: str) -> Boxes:
    """Give the (N, 4) boxes (top, bottom, left, right), ends excluded, that (N, 2 or 3, 3) matrices read."""
    h, w = size
    ends = np.array([[0, 0, 1], [w - 1, 0, 1], [0, h - 1, 1], [w - 1, h - 1, 1]], dtype=np.float64)
    points = matrices @ ends.T  # (N, 2 or 3, 4)
    if matrices.shape[1] == 3:
        points = points[:, :2] / points[:, 2:]
    return _spans(points, image_size, border)


def for_each(places: Floats, images: int) -> Floats:
    """Give the place of each of several images, where consecutive ones share a place."""
    planes = images // len(places)
    return np.repeat(places, planes, axis=0) if planes > 1 else places


def is_whole(matrix: Floats) -> bool:
    """Return the same as :func:`whole_pixels` for one matrix, by Python's arithmetic, which starts at once."""
    if len(matrix) == 3:
        return False
    (a, b, x), (c, d, y) = matrix.tolist()
    return a == d == 1 and b == c == 0 and x % 1 == y % 1 == 0  # type: ignore[no-any-return]  # floats


def whole_pixels(matrices: Floats) -> NDArray[np.bool_]:
    """Return whether each of (N, 2 or 3, 3) matrices reads whole pixels one by one: a crop, with no interpolation."""
    if matrices.shape[-2] == 3:
        return np.zeros(matrices.shape[:-2], np.bool_)
    upright = np.asarray((matrices[..., :2] == _IDENTITY).all(axis=(-2, -1)))
    return upright & (matrices[..., 2] % 1 == 0).all(axis=-1) if upright.any() else upright


def union(boxes: Boxes) -> tuple[int, int, int, int]:
    """Give the smallest box that holds all of (N, 4) boxes."""
    low, high = boxes.min(axis=0), boxes.max(axis=0)
    return int(low[0]), int(high[1]), int(low[2]), int(high[3])


def _spans(points: Floats, image_size: tuple[int, int], border: str) -> Boxes:
    """Give the boxes that hold the neighbours of (N, 2, K) points, x and y."""
    ends = [end for axis in (1, 0) for end in (points[:, axis].min(axis=1) - 1, points[:, axis].max(axis=1) + 2)]
    return visible(ends, image_size, border)


def visible(ends: Sequence[Floats] | Floats, image_size: tuple[int, int], border: str) -> Boxes:
    """Give the (N, 4) boxes of the image's own pixels that are seen in boxes of the image as its border continues it.

    `ends` are top, bottom, left and right, (N,) each.
    """
    spans = []
    for (first, last), extent in zip((ends[:2], ends[2:]), image_size, strict=True):
        if border == "reflect":  # a fold may bring any pixel of the axis into view
            folded = (first < 0) | (last > extent)
            first, last = np.where(folded, 0, first), np.where(folded, extent, last)
        start = np.clip(np.floor(first), 0, extent - 1).astype(np.int64)
        stop = np.clip(np.ceil(last), 1, extent).astype(np.int64)
        spans += [start, np.maximum(stop, start + 1)]
    return np.stack(spans, axis=1)


def _gaussian_span(
    first: Floats, sigma: Floats, stride: Floats, taps: int, extent: int, cut: float
) -> tuple[Boxes, Boxes]:
    """Give start and stop on one axis: the first and the last tap reach furthest."""
    last = first + (taps - 1) * stride
    starts, stops = [], []
    for centre in (first, last):
        nearest = np.clip(np.floor(centre + 0.5), 0, extent - 1)
        reach = np.hypot(nearest - centre, cut * sigma)
        starts.append(np.clip(np.ceil(centre - reach), 0, nearest))
        stops.append(np.clip(np.floor(centre + reach), nearest, extent - 1) + 1)
    return np.minimum(*starts).astype(np.int64), np.maximum(*stops).astype(np.int64)
