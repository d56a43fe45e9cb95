"""The gradients on the GPU, with respect to images and places. See ``protocol`` for shapes.

`images`, `cotangents` and `by_images` may be Numba's device arrays, contiguous, and stay there; `by_images` is where
the images are. Gradients of places come to the host, so the call waits for the kernels unless they are not wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.backends.cpu.kernels.neighbours import BORDERS
from glimpsecli.backends.cuda.device import SIMULATED, blocks, cuda
from glimpsecli.backends.cuda.filterbanks import filterbanks_by_groups
from glimpsecli.backends.cuda.kernels import backward as kernels
from glimpsecli.backends.cuda.kernels.forward import PIXELS, THREADS
from glimpsecli.backends.cuda.kernels.gaussian_turn_vjp import turn_gradients
from glimpsecli.backends.cuda.memory import added_to, empty, give_back, is_device_array, rows_on_device, upload
from glimpsecli.backends.footprint import BACK_CUT, for_each, gaussian_support, matrix_support

if TYPE_CHECKING:
    from glimpsecli.backends.protocol import Interpolation

MOST_VALUES = 1000 if SIMULATED else 1 << 26
"""Values of one kind, weights or pulled rows, that are held at a time; windows that need more go group by group."""


def gaussian_vjp(
    images: Any, params: np.ndarray, cotangents: Any, by_images: Any, by_params: Any, threads: int | None = None
) -> None:
    """Pull gradients back through Gaussian glimpses."""
    _, h, w, channels = cotangents.shape
    height, width = images.shape[1:3]
    boxes = gaussian_support(params, (h, w), (height, width), BACK_CUT)
    rows, top, left = rows_on_device(images, lambda: boxes)
    losses = cotangents if is_device_array(cotangents) else upload(cotangents)
    onto = added_to(by_images, rows)
    others = h * channels * (boxes[:, 3] - boxes[:, 2])
    for some, windows, kept, weights in filterbanks_by_groups(
        params, (h, w), (height, width), BACK_CUT, MOST_VALUES, others
    ):
        spans = cuda.to_device(boxes[some].astype(np.int32))
        n, (tall, wide) = some.stop - some.start, (boxes[some, 1::2] - boxes[some, ::2]).max(axis=0)
        pulled = empty((n, h, int(wide) * channels))
        kernels.pull_columns[blocks(n * h), THREADS](losses[some], kept, windows, weights, spans, pulled)
        if by_images is not None:
            to = onto if len(onto) == 1 else onto[some]
            launch = kernels.spread_rows[blocks(n * int(tall)), THREADS]
            launch(windows, kept, weights, spans, int(tall), pulled, top, left, channels, to)
        if by_params is None:
            continue
        seen = rows if len(rows) == 1 else rows[some]
        turning = by_params.shape[1] > 7
        mixed, found = empty(pulled.shape), empty((n, h + w, 5), np.float64)
        sloped = empty(pulled.shape if turning else (1, 1, 1))
        launch = kernels.row_gradients[blocks(n * h), THREADS]
        launch(seen, top, left, channels, windows, kept, weights, spans, pulled, mixed, turning, sloped, found)
        launch = kernels.column_gradients[blocks(n * w), THREADS]
        launch(losses[some], windows, kept, weights, spans, mixed, found)
        by_params[some, :7] = _summed(found.copy_to_host(), h, params[some, 6])
        if turning:
            by_turns = empty((n, w, 3), np.float64)
            launch = turn_gradients[blocks(n * w), THREADS]
            launch(losses[some], windows, kept, weights, spans, mixed, sloped, found, by_turns)
            by_params[some, 7:] = params[some, 6:] * by_turns.copy_to_host().sum(axis=1)
    give_back(onto, by_images, top, left)


def bilinear_vjp(
    images: Any,
    matrices: np.ndarray,
    cotangents: Any,
    by_images: Any,
    by_matrices: Any,
    interpolation: Interpolation,
    threads: int | None = None,
) -> None:
    """Pull gradients back through interpolated glimpses."""
    order, border, fill = interpolation
    windows, kept_rows, matrices = len(matrices), matrices.shape[1], for_each(matrices, len(images))
    n, h, w, _ = cotangents.shape
    height, width = images.shape[1:3]
    rows, top, left = rows_on_device(images, lambda: matrix_support(matrices, (h, w), (height, width), border))
    losses = cotangents if is_device_array(cotangents) else upload(cotangents)
    onto, found = added_to(by_images, rows), empty((n * -(-h * w // PIXELS), 9), np.float64)
    colours = cuda.to_device(fill if border == "constant" else np.zeros_like(fill))
    wanted = (by_images is not None, by_matrices is not None and order == 1)
    launch = kernels.bilinear_gradients[blocks(len(found)), THREADS]
    launch(
        rows, top, left, height, width, upload(matrices), order, BORDERS[border], colours, losses, wanted, onto, found
    )
    give_back(onto, by_images, top, left)
    if by_matrices is not None:
        by_matrices[...] = found.copy_to_host().reshape(windows, -1, 3, 3).sum(axis=1)[:, :kept_rows]


def _summed(found: np.ndarray, h: int, gains: np.ndarray) -> np.ndarray:
    """Give the gradients of (N, 7) Gaussians from those of each tap, (N, h + w, 5): centre, sigma and gain."""
    by_params = np.empty((len(found), 7))
    for axis, taps in enumerate((found[:, :h], found[:, h:])):
        steps = np.arange(taps.shape[1])
        by_params[:, 3 * axis] = gains * taps[:, :, 0].sum(axis=1)
        by_params[:, 3 * axis + 1] = gains * taps[:, :, 1].sum(axis=1)
        by_params[:, 3 * axis + 2] = gains * (taps[:, :, 0] @ steps)
    by_params[:, 6] = found[:, :h, 2].sum(axis=1)
    return by_params
