"""The definitions of ``attention``, applied to no more of the image than they read. Needs no start-up.

Images, colours, cotangents and `out` may here be float64, all of them together: then nothing is lost to float32, and
the tails of the Gaussians are cut where double precision ends.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.attention import ellipses, elliptical, hard, spatial
from glimpsecli.attention import gaussian as definition
from glimpsecli.backends.footprint import (
    BACK_CUT,
    CUT,
    EXACT_CUT,
    ellipse_boxes,
    gaussian_kept,
    gaussian_support,
    is_whole,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats, Reals
    from glimpsecli.backends.protocol import ImageShape, Interpolation, Read, Size

    Images = NDArray[np.generic]

READ = 2**18
"""Most pixels that elliptical Gaussians read at once, but at least those of a tap."""

POINTS = 2**15
"""Most points that are sampled at once, but at least a row: the definition's arrays of them stay in the cache."""


def prepare_gaussian(params: Floats, size: Size, image_shape: ImageShape, threads: int | None) -> Read:
    """Bind Gaussian glimpses. `threads` is NumPy's own affair here, as in all these functions."""
    return functools.partial(_gaussian, params)


def _gaussian(params: Floats, images: Images, out: Reals) -> None:
    size = (out.shape[1], out.shape[2])
    boxes = gaussian_support(params, size, (images.shape[1], images.shape[2]), _cut(out, CUT))
    for n, (row, (top, bottom, left, right)) in enumerate(zip(params, boxes, strict=True)):
        cut = images[n if len(images) > 1 else 0, top:bottom, left:right]
        shifted = row - [top, 0, 0, left, 0, 0, 0]
        finite = np.isfinite(cut) if cut.dtype.kind == "f" else None
        with np.errstate(over="ignore", invalid="ignore"):  # a gain can lift pixels out of float32, or be 0
            if finite is None or finite.all():
                out[n] = definition.glimpse(cut, shifted, size)
            else:
                # In a product of matrices one NaN would spoil every tap: let it spoil those that read it.
                seen = definition.glimpse(np.where(finite, cut, 0), shifted, size)
                out[n] = seen + row[6] * _not_finite(cut, shifted, size, out)


def _cut(values: Reals, single: float) -> float:
    """Give the sigmas at which the tails of the Gaussians are cut: `single` where the values are float32."""
    return EXACT_CUT if values.dtype == np.float64 else single


def prepare_elliptical(matrices: Floats, blur: float, size: Size, image_shape: ImageShape, threads: int | None) -> Read:
    """Bind elliptical Gaussians."""
    return functools.partial(_elliptical, matrices, blur)


def _elliptical(matrices: Floats, blur: float, images: Images, out: Reals) -> None:
    size, image_size, cut = (out.shape[1], out.shape[2]), (images.shape[1], images.shape[2]), _cut(out, CUT)
    planes = max(1, len(images) // len(matrices))
    for n in range(0, len(out), planes):
        flat = out[n : n + planes].reshape(planes, -1, out.shape[3])
        for tap, taps, rows, columns in _some_taps(matrices[n // planes], blur, size, image_size, cut):
            weights = elliptical.weights(taps, image_size, rows, columns, cut)
            for plane in range(planes):
                seen = _seen(images[n + plane if len(images) > 1 else 0], rows, columns)
                seen = np.where((weights > 0)[..., None], seen, 0)  # a NaN spoils the taps that read it, and no others
                with np.errstate(invalid="ignore"):
                    flat[plane, tap] = np.einsum("nkl,nklc->nc", weights, seen)


def _some_taps(
    matrix: Floats, blur: float, size: Size, image_size: Size, cut: float
) -> Iterator[tuple[slice, ellipses.Ellipses, NDArray[np.int64], NDArray[np.int64]]]:
    """Generate some taps at a time: which, their Gaussians, and the rows and columns that each may read."""
    for part in _some_rows(size):
        taps = ellipses.of_taps(matrix, size, blur, part)
        top, bottom, left, right = ellipse_boxes(taps, image_size, cut).T
        tall, wide = int((bottom - top).max()), int((right - left).max())
        step = max(1, READ // (tall * wide))
        for first in range(0, len(taps.x), step):
            tap = slice(first, first + step)
            rows, columns = top[tap, None] + np.arange(tall), left[tap, None] + np.arange(wide)
            start = part.start * size[1] + first
            some = ellipses.Ellipses(*(number[tap] for number in taps))
            yield slice(start, start + len(rows)), some, rows, columns


def _seen(image: Images, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[Any]:
    """Give the pixels of (n, K) rows and (n, L) columns: (n, K, L, C); those outside are any."""
    rows, columns = np.minimum(rows, image.shape[0] - 1), np.minimum(columns, image.shape[1] - 1)
    return image[rows[:, :, None], columns[:, None, :]]


def _not_finite(cut: Images, params: Floats, size: tuple[int, int], out: Reals) -> Floats:
    """Give the part of each tap's sum that comes from pixels that are not finite: 0, inf, -inf or NaN.

    Infinities of both signs make a NaN, and so does an infinity whose weight is 0 in the precision of `out`.
    """
    kept, weightless = [], []
    for (first, sigma, stride), taps, pixels in zip((params[:3], params[3:6]), size, cut.shape[:2], strict=True):
        reads = gaussian_kept(first, sigma, stride, taps, pixels, _cut(out, CUT))
        filterbank = definition.filterbank(first, sigma, stride, taps, pixels).astype(out.dtype)
        kept.append(reads.astype(np.float32))  # numbers are multiplied faster than truth values
        weightless.append((reads & (filterbank == 0)).astype(np.float32))

    def find(rows: Reals, pixels: NDArray[np.bool_], columns: Reals) -> NDArray[np.bool_]:
        return np.asarray(np.einsum("iy,yxc,jx->ijc", rows, pixels.astype(np.float32), columns, optimize=True) > 0)

    up, down = find(kept[0], cut == np.inf, kept[1]), find(kept[0], cut == -np.inf, kept[1])
    lost = find(kept[0], np.isnan(cut), kept[1]) | (up & down)
    lost |= find(weightless[0], np.isinf(cut), kept[1]) | find(kept[0], np.isinf(cut), weightless[1])
    return np.select([lost, up, down], [np.nan, np.inf, -np.inf], 0.0)


def prepare_bilinear(
    matrices: Floats,
    size: Size,
    image_shape: ImageShape,
    interpolation: Interpolation,
    threads: int | None,
) -> Read:
    """Bind interpolated glimpses."""
    return functools.partial(_bilinear, matrices, interpolation)


def _bilinear(matrices: Floats, interpolation: Interpolation, images: Images, out: Reals) -> None:
    order, border, fill = interpolation
    size, planes = (out.shape[1], out.shape[2]), max(1, len(images) // len(matrices))
    for n in range(len(out)):
        matrix, image = matrices[n // planes], images[n if len(images) > 1 else 0]
        if border != "constant" and is_whole(matrix):  # a fill might not fit the image's dtype
            left, top = matrix[:, 2].astype(int)
            out[n] = hard.crop(image, top, left, size, border)
        else:
            for rows in _some_rows(size):
                points = spatial.matrix_grid(matrix, size, rows)
                out[n, rows] = spatial.sample(image, points, border, order, fill[n])


def _some_rows(size: tuple[int, int]) -> Iterator[slice]:
    """Cut a glimpse into runs of rows, `POINTS` points or one row at most."""
    step = max(1, POINTS // size[1])
    for top in range(0, size[0], step):
        yield slice(top, top + step)


def gaussian_vjp(
    images: Images,
    params: Floats,
    cotangents: Reals,
    by_images: Reals | None,
    by_params: Floats | None,
    threads: int | None = None,
) -> None:
    """Pull gradients back through Gaussian glimpses."""
    size = (cotangents.shape[1], cotangents.shape[2])
    boxes = gaussian_support(params, size, (images.shape[1], images.shape[2]), _cut(cotangents, BACK_CUT))
    for n, (row, (top, bottom, left, right)) in enumerate(zip(params, boxes, strict=True)):
        b = n if len(images) > 1 else 0
        cut, shifted = images[b, top:bottom, left:right], row - [top, 0, 0, left, 0, 0, 0]
        if by_images is not None:
            extent = (cut.shape[0], cut.shape[1])
            by_images[b, top:bottom, left:right] += definition.image_vjp(shifted, cotangents[n], extent)
        if by_params is not None:
            by_params[n, :7] = definition.params_vjp(cut, shifted, cotangents[n])
            if by_params.shape[1] > 7:
                by_params[n, 7:] = definition.turn_vjp(cut, shifted, cotangents[n])


def bilinear_vjp(
    images: Images,
    matrices: Floats,
    cotangents: Reals,
    by_images: Reals | None,
    by_matrices: Floats | None,
    interpolation: Interpolation,
    threads: int | None = None,
) -> None:
    """Pull gradients back through interpolated glimpses."""
    order, border, fill = interpolation
    size, planes = (cotangents.shape[1], cotangents.shape[2]), max(1, len(images) // len(matrices))
    if by_matrices is not None:
        by_matrices[...] = 0
    for n in range(len(cotangents)):
        matrix, b = matrices[n // planes], n if len(images) > 1 else 0
        for rows in _some_rows(size):
            points, losses = spatial.matrix_grid(matrix, size, rows), cotangents[n, rows]
            if by_images is not None:
                spatial.add_samples(by_images[b], points, losses, border, order)
            if by_matrices is not None and order:
                by_points = spatial.grid_vjp(images[b], points, losses, border, order, fill[n])
                by_matrices[n // planes] += spatial.matrix_grid_vjp(matrix, by_points, rows.start)


def elliptical_vjp(
    images: Images,
    matrices: Floats,
    blur: float,
    cotangents: Reals,
    by_images: Reals | None,
    by_matrices: Floats | None,
    threads: int | None = None,
) -> None:
    """Pull gradients back through elliptical Gaussians."""
    size, image_size = (cotangents.shape[1], cotangents.shape[2]), (images.shape[1], images.shape[2])
    cut, planes = _cut(cotangents, BACK_CUT), max(1, len(images) // len(matrices))
    if by_matrices is not None:
        by_matrices[...] = 0
    for n in range(len(cotangents)):
        matrix, b = matrices[n // planes], n if len(images) > 1 else 0
        losses, by_ellipses = cotangents[n].reshape(-1, cotangents.shape[3]), np.zeros((size[0] * size[1], 5))
        for tap, taps, rows, columns in _some_taps(matrix, blur, size, image_size, cut):
            if by_images is not None:
                added = elliptical.weights(taps, image_size, rows, columns, cut)[..., None] * losses[tap, None, None, :]
                y, x = np.minimum(rows, image_size[0] - 1), np.minimum(columns, image_size[1] - 1)
                np.add.at(by_images[b], (y[:, :, None], x[:, None, :]), added)
            if by_matrices is not None:
                by_weights = np.einsum("nklc,nc->nkl", _seen(images[b], rows, columns), losses[tap])
                by_ellipses[tap] = elliptical.weights_vjp(taps, image_size, by_weights, rows, columns, cut)
        if by_matrices is not None:
            by_matrices[n // planes] += ellipses.of_taps_vjp(matrix, size, blur, by_ellipses).sum(axis=0)
