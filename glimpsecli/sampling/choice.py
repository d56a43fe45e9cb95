"""Which backend takes a job when nobody said."""

from __future__ import annotations

import numpy as np

from glimpsecli.sampling.taps import Taps

QUICK = 0.4
"""Seconds of NumPy's work below which it is done before Numba would have started."""

BACKWARD = {"hard": 8, "bilinear": 8, "gaussian": 3}
"""What gradients cost, in glimpses."""


def choose_backend(taps: Taps, channels: int, repeats: int = 1, backward: bool = False) -> tuple[str, str]:
    """Choose a backend for the windows of one image, or of `repeats` images like it.

    Parameters
    ----------
    taps : Taps
    channels : int
        Of the image.
    repeats : int
        How many images like it there are.
    backward : bool
        Whether gradients are wanted, not glimpses.

    Returns
    -------
    name, reason : str
        The choice depends on the job alone, not on what the process has done before.
    """
    seconds = numpy_seconds(taps, channels, backward) * repeats
    if seconds < QUICK:
        return "numpy", f"about {seconds:.2g} s of work, less than it takes to start Numba"
    return "cpu", f"about {seconds:.2g} s of work for NumPy, so Numba pays"


def numpy_seconds(taps: Taps, channels: int, backward: bool = False) -> float:
    """Estimate what the numpy backend needs, within a factor of three on a processor of 2020 or later."""
    h, w = taps.size
    cost = BACKWARD[taps.sampler] if backward else 1
    if taps.sampler != "gaussian":
        # Whole pixels are copied; on the way back they have derivatives like any other.
        crops = 0 if backward or taps.border == "constant" else int(np.sum(taps.whole_pixels()))
        point = 1e-8 + 2e-8 * channels if taps.sampler == "hard" else 6e-8 + 4e-8 * channels
        points = 7e-9 * channels * crops + point * (taps.windows - crops)
        return cost * (1e-4 * taps.windows + h * w * points)
    top, bottom, left, right = taps.boxes().T.astype(np.float64)
    rows, columns = bottom - top, right - left
    products = channels * (h * rows * columns + h * w * columns)
    exponentials = h * rows + w * columns
    seconds = 1e-4 + 1e-10 * products + 1.5e-8 * exponentials + 4e-9 * channels * rows * columns + 1e-5 * (h + w)
    return cost * float(np.sum(seconds))
