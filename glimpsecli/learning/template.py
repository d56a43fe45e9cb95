"""The template of a tracker: a picture of an object, and the steps that bring a window onto it.

A glimpse g and the template t, of weights w on their taps, are brought to mean zero under w in every channel and to
length one, so that brightness and contrast do not matter. With the derivatives J of the template with respect to the
window's place, each made orthogonal to t, the inverse-compositional step of Gauss and Newton is::

    step = (J J^T)^-1 J (g / <g, t> - t)

J belongs to the template alone, so that a step costs one glimpse and one product of a matrix and a vector.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Floats

DAMPING = 1e-3
"""Share by which each element of the diagonal of J J^T is raised."""

EXCESS = 4.0
"""Standard deviation of a place divided by that under white noise in the glimpse alone: the template is noisy as well,
and neighbouring taps are noisy alike. It was measured on sequences with known truth."""

FLAT, BLANK = 1e-5, 1e-3
"""Contrast of a template as a part of its greatest value, and of a glimpse as a part of the template's, up to which it
shows one colour."""


class Fit(NamedTuple):
    """How a glimpse compares with the template.

    Attributes
    ----------
    zncc : float
        Weighted zero-mean normalised cross-correlation; 0 for a flat glimpse.
    gain : float
        Contrast of the glimpse divided by that of the template.
    step : (n,) float64
        Strides, logarithm of scale, radians: what is to be subtracted from the place.
    """

    zncc: float
    gain: float
    step: Floats


class Template:
    """A picture of an object, prepared for comparison with many glimpses.

    Parameters
    ----------
    values : (h, w, C) float32
    weights : (h, w)
        Not negative, of any scale.
    free : set of str
        What the steps change beside the position: scale, angle.
    aspect : float
        Stride from row to row divided by the stride from column to column.
    """

    def __init__(self, values: Array, weights: Array, free: frozenset[str], aspect: float) -> None:
        self.values = values
        self.weights = np.asarray(weights, np.float32)
        self.share = (self.weights / max(float(self.weights.sum()), 1e-12)).ravel()
        self._root = np.sqrt(self.share)[:, None]
        flat, self.power = self._normalised(values)
        self.flat = not self.power > FLAT * float(np.abs(values).max())  # NaN is flat as well
        self._scaled = self._centred(values) / max(self.power, 1e-12)
        slopes = [self._project(slope, flat) for slope in _slopes(values, free, aspect)]
        jacobian = np.stack(slopes).astype(np.float64) / max(self.power, 1e-12)
        normal = jacobian @ jacobian.T
        self.normal = normal + np.diag(DAMPING * np.diag(normal) + 1e-12)
        self._unit = flat
        self._solve = (np.linalg.solve(self.normal, jacobian)).astype(np.float32)

    def fit(self, glimpse: Array) -> Fit:
        """Compare a glimpse with the template."""
        unit, power = self._normalised(glimpse)
        zncc = float(unit @ self._unit)
        if self.flat or not power > BLANK * self.power:
            return Fit(0.0, 0.0, np.zeros(len(self._solve)))
        step = (self._solve @ unit).astype(np.float64) / max(zncc, 0.3)
        return Fit(zncc, power / self.power, step)

    def likeness(self, one: Array, other: Array) -> float:
        """Give the ZNCC of two glimpses under the template's weights."""
        return float(self._normalised(one)[0] @ self._normalised(other)[0])

    def residual(self, glimpse: Array) -> Array:
        """Give the square of the difference at each tap, (h, w), the mean square of the template being 1."""
        centred = self._centred(glimpse)
        power = float(np.sqrt(self.share @ np.square(centred).sum(axis=1)))
        rest: Array = np.square(centred / max(power, 1e-12) - self._scaled).sum(axis=1).reshape(self.weights.shape)
        return rest

    def spread(self, zncc: float, strides: tuple[float, float]) -> tuple[float, float]:
        """Give the standard deviations of the centre, x and y in pixels.

        Parameters
        ----------
        zncc : float
            Of the glimpse there: what it does not explain is taken for noise.
        strides : (float, float)
            From tap to tap in x and y, pixels.
        """
        noise = max(1 - zncc * zncc, 1e-6) / self.values.size
        x, y = EXCESS * np.sqrt(np.diag(np.linalg.inv(self.normal))[:2] * noise)
        return float(x) * strides[0], float(y) * strides[1]

    def _centred(self, values: Array) -> Array:
        """Give values, (h w, C), less their mean under the weights."""
        taps = values.reshape(-1, values.shape[-1])
        centred: Array = taps - self.share @ taps
        return centred

    def _normalised(self, glimpse: Array) -> tuple[Array, float]:
        flat = (self._centred(glimpse) * self._root).ravel()
        power = math.sqrt(float(flat @ flat))
        return flat / max(power, 1e-12), power

    def _project(self, slope: Array, unit: Array) -> Array:
        flat = (self._centred(slope) * self._root).ravel()
        rest: Array = flat - unit * (unit @ flat)
        return rest


def _slopes(values: Array, free: frozenset[str], aspect: float) -> list[Array]:
    """Give the derivatives with respect to x and y in strides, log scale and angle in radians."""
    down, across = np.gradient(values, axis=(0, 1))
    h, w = values.shape[:2]
    y = (np.arange(h, dtype=np.float32) - (h - 1) / 2)[:, None, None]
    x = (np.arange(w, dtype=np.float32) - (w - 1) / 2)[None, :, None]
    slopes = [across, down]
    if "scale" in free:
        slopes.append(x * across + y * down)
    if "angle" in free:
        slopes.append(x / aspect * down - y * aspect * across)
    return slopes
