"""Which backend takes a job when nobody said."""

from __future__ import annotations

import numpy as np

from glimpsecli.sampling.taps import Taps

QUICK = 0.4
"""Seconds of NumPy's work below which it is done before Numba would have started."""


def choose_backend(taps: Taps, channels: int, repeats: int = 1) -> tuple[str, str]:
    """Choose a backend for the windows of one image, or of `repeats` images like it.

    Parameters
    ----------
    taps : Taps
    channels : int
        Of the image.
    repeats : int
        How many images like it there are.

    Returns
    -------
    name, reason : str
        The choice depends on the job alone, not on what the process has done before.
    """
    seconds = numpy_seconds(taps, channels) * repeats
    if seconds < QUICK:
        return "numpy", f"about {seconds:.2g} s of work, less than it takes to start Numba"
    return "cpu", f"about {seconds:.2g} s of work for NumPy, so Numba pays"


def numpy_seconds(taps: Taps, channels: int) -> float:
    """Estimate what the numpy backend needs, within a factor of three on a processor of 2020 or later."""
    h, w = taps.size
    if taps.sampler != "gaussian":
        return taps.windows * (1e-4 + h * w * (2e-7 + 8e-8 * channels))
    top, bottom, left, right = taps.boxes().T.astype(np.float64)
    rows, columns = bottom - top, right - left
    products = channels * (h * rows * columns + h * w * columns)
    exponentials = h * rows + w * columns
    seconds = 1e-4 + 1e-10 * products + 1.5e-8 * exponentials + 4e-9 * channels * rows * columns + 1e-5 * (h + w)
    return float(np.sum(seconds))
