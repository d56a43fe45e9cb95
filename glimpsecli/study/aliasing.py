"""The share of alias in a glimpse, and the blur after which two samplers have equal shares.

Taps that are d pixels apart can show frequencies up to 1 / (2 d) on each axis. Higher frequencies that pass the sampler
come back as structure that is not there. With f in cycles a pixel, and on average over the positions of the taps, a
Gaussian of sigma pixels passes the power ``exp(-4 pi^2 sigma^2 f^2)``, and linear interpolation
``E |1 - t + t e^(2 pi i f)|^2 = (2 + cos 2 pi f) / 3`` on each axis. Photos have a power of about 1 / f^2 (Field 1987),
each axis up to 1 / 2.

This spectrum has the same energy in every octave down to zero, so a share of it depends on the lowest frequency that
counts. Waves that are longer than the glimpse is wide look like its mean: frequencies below 1 / (taps d), in any
direction, do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats


_STEPS = 512
_ANGLES = 64


def alias_share(stride: float, sigma: float, taps: int, *, bilinear: bool) -> float:
    """Give the share of alias in the energy of a glimpse of a photo, its mean left out.

    Parameters
    ----------
    stride : float
        Pixels from tap to tap.
    sigma : float
        Of the Gaussian, in pixels: the sampler itself, or the blur of the image before.
    taps : int
        Along the longer side of the glimpse: waves longer than ``taps stride`` pixels do not count.
    bilinear : bool
        Whether the blurred image is read by linear interpolation.

    Returns
    -------
    float
        From 0 to 1.
    """
    # All is symmetric, so directions from 0 to 45 degrees suffice; there x has the higher frequency, which decides
    # whether a wave is shown. In polar coordinates 1 / f^2 times f df is d log f: equal shares for equal steps.
    angles = (np.arange(_ANGLES, dtype=np.float64) + 0.5) * (np.pi / 4 / _ANGLES)
    longest = np.cos(angles) / (taps * stride)
    highest = min(0.5 / stride, 0.5)
    shown = _energy(longest, highest, angles, sigma, bilinear=bilinear)
    alias = _energy(np.maximum(longest, highest), 0.5, angles, sigma, bilinear=bilinear)
    return alias / (shown + alias) if alias else 0.0


def equal_blur(stride: float, sigma: float, taps: int) -> float | None:
    """Give the sigma, in pixels, of the blur after which bilinear taps alias as little as Gaussians of `sigma`.

    The other parameters are those of :func:`alias_share`. None where they do so on the image as it is.
    """
    wanted = alias_share(stride, sigma, taps, bilinear=False)
    low, high = 0.0, sigma  # the same blur is enough, for interpolation is a low-pass filter too
    if alias_share(stride, low, taps, bilinear=True) <= wanted:
        return None
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if alias_share(stride, middle, taps, bilinear=True) > wanted else (low, middle)
    return high


def _energy(low: Floats, high: float, angles: Floats, sigma: float, *, bilinear: bool) -> float:
    """Integrate the power that passes over angles and over log f_x, from (A,) `low` to `high`."""
    spans = np.log(high / np.minimum(low, high))
    f_x = high * np.exp(-np.outer(spans, (np.arange(_STEPS) + 0.5) / _STEPS))
    f_y = f_x * np.tan(angles)[:, None]
    passed = np.exp(-((2 * np.pi * sigma) ** 2) * (f_x**2 + f_y**2))
    if bilinear:
        passed = passed * (2 + np.cos(2 * np.pi * f_x)) * (2 + np.cos(2 * np.pi * f_y)) / 9
    return float(spans @ passed.mean(axis=1))
