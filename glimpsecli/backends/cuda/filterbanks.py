"""Filterbanks on the device, for as many windows at a time as memory is good for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from glimpsecli.backends.cuda.device import blocks, cuda
from glimpsecli.backends.cuda.kernels import forward as kernels
from glimpsecli.backends.cuda.memory import empty


def filterbanks_by_groups(
    params: np.ndarray, size: tuple[int, int], image_size: tuple[int, int], cut: float, most: int, others: Any = 0
) -> Iterator[tuple[slice, Any, Any, Any]]:
    """Make the filterbanks of (N, 7) Gaussians, no more than `most` weights at a time, though one window alone may.

    The tails are cut at `cut` sigmas. `others` is the count of other numbers, for each window, that are held as well,
    and no more of those either.

    Yields
    ------
    some : slice
        The windows of the group.
    windows, kept, weights : device arrays
        See :func:`~glimpsecli.backends.cuda.kernels.forward.filterbanks`.
    """
    (h, w), (height, width) = size, image_size
    # No row of a filterbank keeps more than this.
    y_weights = h * np.minimum(2 * cut * params[:, 1] + 3, height).astype(np.int64)
    x_weights = w * np.minimum(2 * cut * params[:, 4] + 3, width).astype(np.int64)
    ends = np.cumsum(y_weights + x_weights)
    y_begins = ends - x_weights - y_weights
    for some in groups(np.cumsum(np.maximum(y_weights + x_weights, others)), most):
        n = some.stop - some.start
        base = y_begins[some.start]
        begins = np.stack([y_begins[some] - base, y_begins[some] + y_weights[some] - base], axis=1)
        windows = cuda.to_device(np.concatenate([params[some], begins], axis=1))
        kept, weights = empty((n, h + w, 2), np.int32), empty((int(ends[some.stop - 1] - base),))
        launch = kernels.filterbanks[blocks(-(-n * (h + w) // kernels.FILTERBANK_ROWS)), kernels.THREADS]
        launch(windows, h, height, width, cut, kept, weights)
        yield some, windows, kept, weights


def groups(ends: np.ndarray, most: int) -> Iterator[slice]:
    """Cut the windows into runs that need no more than `most` numbers together, though one alone may.

    `ends` is the count of numbers of each window and all before it.
    """
    begin, base = 0, 0
    while begin < len(ends):
        end = max(int(np.searchsorted(ends, base + most, side="right")), begin + 1)
        yield slice(begin, end)
        begin, base = end, int(ends[end - 1])
