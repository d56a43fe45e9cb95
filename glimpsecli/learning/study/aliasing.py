"""How much of a glimpse is alias, and the blur that makes two samplers equal in it.

Taps that are d pixels apart can show frequencies up to 1 / (2 d) on each axis. What passes beyond them comes back as
something that is not there. On average over where the taps fall, and with f in cycles a pixel, a Gaussian of sigma
pixels passes the power ``exp(-4 pi^2 sigma^2 f^2)``, and linear interpolation ``E |1 - t + t e^(2 pi i f)|^2 =
(2 + cos 2 pi f) / 3`` on each axis. Photos have a power of about 1 / f^2 (Field 1987), each axis up to 1 / 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LEAST = 1 / 2048  # cycles a pixel: coarser structure than a photo's is its mean
_STEPS = 1024


def alias_share(stride: float, sigma: float, *, bilinear: bool) -> float:
    """Give the share of alias in the energy of a glimpse of a photo.

    Parameters
    ----------
    stride : float
        Pixels from tap to tap.
    sigma : float
        Of the Gaussian, in pixels: the sampler itself, or what the image is blurred by before.
    bilinear : bool
        Whether the blurred image is read by linear interpolation.
    """
    f, weights = _axis()
    passed = np.exp(-((2 * np.pi * sigma * f) ** 2))
    if bilinear:
        passed = passed * (2 + np.cos(2 * np.pi * f)) / 3
    energy = np.outer(passed * weights, passed * weights) / (f[:, None] ** 2 + f**2)
    shown = f <= 0.5 / stride
    return float(1 - energy[np.ix_(shown, shown)].sum() / energy.sum())


def equal_blur(stride: float, sigma: float) -> float:
    """Give the sigma, in pixels, of the blur after which bilinear taps alias as little as Gaussians of `sigma`."""
    wanted = alias_share(stride, sigma, bilinear=False)
    low, high = 0.0, 2 * sigma
    if alias_share(stride, low, bilinear=True) <= wanted:
        return 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if alias_share(stride, middle, bilinear=True) > wanted else (low, middle)
    return high


def _axis() -> tuple[Floats, Floats]:
    """Give frequencies of an axis, spaced logarithmically, and the width that each stands for."""
    edges = np.geomspace(_LEAST, 0.5, _STEPS + 1)
    return np.sqrt(edges[1:] * edges[:-1]), np.diff(edges)
