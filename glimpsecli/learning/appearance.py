"""The appearance of an object that is tracked: its template, and how much each tap varies.

Taps over what is behind the object vary more than taps over the object, so their weight falls. Taps that differ much
more than they ever did are hidden, and neither compared nor learnt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.learning.template import Template

if TYPE_CHECKING:
    from glimpsecli.arrays import Array
    from glimpsecli.learning.grid import Grid

STEADY, LOUD = 0.4, 4.0
"""Quantile of the taps' variances that counts as the object's own, and the multiple of it that halves a weight."""

LEAST_WEIGHT = 0.01

OUTLIER = 4.0
"""Multiple of a tap's variance beyond which it shows something else."""

FLOOR = 0.01
"""Least variance of a tap, the template's own being 1."""

LEARNING = 0.1
"""Share of a frame in what is known of the variances."""


class Seen(NamedTuple):
    """The taps that show the object.

    Attributes
    ----------
    mask : (h, w)
        1 where they do, else 0.
    share : float
        Of the taps' weights.
    inside : (h, w) or None
        1 where the tap lies in the frame; None where all do.
    """

    mask: Array
    share: float
    inside: Array | None

    def rate(self, creep: float) -> Array:
        """How much of the glimpse may be learnt at each tap, (h, w): `creep` where it is hidden, else 1."""
        rate: Array = np.maximum(self.mask, creep if self.inside is None else creep * self.inside)
        return rate


class Appearance:
    """The appearance of an object.

    Parameters
    ----------
    values : (h, w, C) float32
        A glimpse of it.
    grid : Grid
    """

    def __init__(self, values: Array, grid: Grid) -> None:
        self._grid = grid
        self._variance = np.zeros(grid.size, np.float32)
        self._frames = 0
        self.template = self._make(values, np.ones(grid.size, np.float32))

    def seen(self, template: Template, glimpse: Array, inside: Array | None) -> Seen:
        """Find the taps of a glimpse that look as ever, by the template or by that under a mask."""
        weights = self.template.weights
        if self._frames:
            usual = _smoothed(self._variance)
            floor = max(_steady(usual), FLOOR)
            mask = (_smoothed(template.residual(glimpse)) < OUTLIER * (usual + floor)).astype(np.float32)
        else:
            mask = np.ones(self._grid.size, np.float32)
        if inside is not None:
            mask = mask * inside
        return Seen(mask, float(np.sum(mask * weights) / np.sum(weights)), inside)

    def masked(self, mask: Array) -> Template:
        """Give the template without the taps that are hidden."""
        return self._make(self.template.values, self.template.weights * mask)

    def learn(self, glimpse: Array, template: Template, rate: Array, update: float) -> None:
        """Take up a glimpse of the object.

        Parameters
        ----------
        glimpse : (h, w, C) float32
        template : Template
            As it was compared.
        rate : (h, w)
            How much of it may be learnt at each tap, 0 to 1.
        update : float
            Share of the glimpse in the template.
        """
        self._frames += 1
        share = max(LEARNING, 1 / self._frames) * rate
        self._variance += share * (template.residual(glimpse) - self._variance)
        values = self.template.values
        if update:
            values = (values + (update * rate)[..., None] * (glimpse - values)).astype(np.float32)
        self.template = self._make(values, _weights(self._variance))

    def _make(self, values: Array, weights: Array) -> Template:
        return Template(values, weights, self._grid.free, self._grid.aspect)


def _weights(variance: Array) -> Array:
    smooth = _smoothed(variance)
    own = LOUD * max(_steady(smooth), 1e-9)
    weights: Array = np.maximum(1 / (1 + np.square(smooth / own)), LEAST_WEIGHT)
    return weights


def _steady(variance: Array) -> float:
    """Give the variance of the object's own taps: an order statistic, which is found without sorting."""
    place = round(STEADY * (variance.size - 1))
    return float(np.partition(variance.ravel(), place)[place])


def _smoothed(values: Array) -> Array:
    """Give the mean over each tap and its neighbours, with the binomial weights 1, 2, 1."""
    framed = np.pad(values, 1, mode="edge")
    rows = framed[:-2] + 2 * framed[1:-1] + framed[2:]
    mean: Array = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return mean
