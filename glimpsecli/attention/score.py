"""The score function: how hard attention, which has no gradient of its own, learns where to look.

A location is drawn from a policy, ``l ~ p(l; parameters)``, and the loss ``L(l)`` of the glimpse there needs no
derivative (REINFORCE, Williams 1992; for glimpses Mnih et al. 2014, https://arxiv.org/abs/1406.6247)::

    d E[L] / d parameters = E[(L - b) d log p(l) / d parameters]          for any b that does not depend on l

The score ``d log p / d parameters`` is 0 on average, so a baseline ``b`` leaves the expectation as it is; near the mean
of the loss it lowers the variance. Policies move on the image plane, in pixels, locations are (x, y).

Gaussians reach beyond every image. The score belongs to the sample *as it was drawn*: the score of a clipped location
has another mean than 0, and drags the policy away from the edge. Only :func:`clip_to_image`, for looking, clips here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.arrays import Floats


class GaussianPolicy:
    """Locations from a Gaussian with the same sigma on both axes.

    Parameters
    ----------
    mean : array_like, (..., 2)
        (x, y) on the image plane, pixels; one for each of a batch.
    sigma : array_like, scalar or (...)
        Standard deviation in pixels, positive.

    Raises
    ------
    InvalidInputError
        The mean is not finite, or sigma not positive, or their shapes do not fit each other.
    """

    def __init__(self, mean: ArrayLike, sigma: ArrayLike) -> None:
        self.mean = _locations(mean, "the mean of a policy")
        self.sigma: Floats = np.asarray(sigma, dtype=np.float64)
        if not np.all((self.sigma > 0) & np.isfinite(self.sigma)):
            raise InvalidInputError(
                f"a policy with sigma {float(np.min(self.sigma)):g}", "a standard deviation is positive and finite"
            )
        if self.sigma.ndim and self.sigma.shape != self.mean.shape[:-1]:
            raise InvalidInputError(
                f"sigma of shape {self.sigma.shape} for means of shape {self.mean.shape}",
                f"give one number, or {self.mean.shape[:-1]}",
            )

    def sample(self, random: np.random.Generator) -> Floats:
        """Draw one location for each mean: (..., 2) float64, anywhere on the plane."""
        return self.mean + self.sigma[..., None] * random.standard_normal(self.mean.shape)

    def log_prob(self, sample: ArrayLike) -> Floats:
        """Give the logarithm of the density, per square pixel, at (..., 2) locations as they were drawn.

        ``-|l - mean|^2 / (2 sigma^2) - log(2 pi sigma^2)``
        """
        z = self._z(sample)
        log_prob: Floats = -np.sum(z * z, axis=-1) / 2 - math.log(2 * math.pi) - 2 * np.log(self.sigma)
        return log_prob

    def score(self, sample: ArrayLike) -> tuple[Floats, Floats]:
        """Give the derivatives of :meth:`log_prob`.

        Returns
        -------
        by_mean : (..., 2) float64
            ``(l - mean) / sigma^2``
        by_sigma : (...) float64
            ``(|l - mean|^2 / sigma^2 - 2) / sigma``; where many share one sigma, the part of each location.
        """
        z = self._z(sample)
        return z / self.sigma[..., None], (np.sum(z * z, axis=-1) - 2) / self.sigma

    def _z(self, sample: ArrayLike) -> Floats:
        drawn = _locations(sample, "a sample")
        if drawn.shape[-self.mean.ndim :] != self.mean.shape:
            raise InvalidInputError(
                f"a sample of shape {drawn.shape} for means of shape {self.mean.shape}", "give a location for each mean"
            )
        return (drawn - self.mean) / self.sigma[..., None]


class CategoricalPolicy:
    """Cells of a grid that is laid over the image, each with its own probability.

    Parameters
    ----------
    logits : array_like, (..., rows, columns)
        Logarithms of the probabilities, up to a constant for each grid; -inf for a cell that is never drawn.

    Raises
    ------
    InvalidInputError
        There is no grid, or one without a cell that can be drawn, or a NaN or +inf.
    """

    def __init__(self, logits: ArrayLike) -> None:
        values = np.asarray(logits, dtype=np.float64)
        if values.ndim < 2 or 0 in values.shape:
            raise InvalidInputError(f"logits of shape {values.shape} are no grid", "give (..., rows, columns)")
        highest = values.max(axis=(-2, -1), keepdims=True)
        if not np.all(np.isfinite(highest)):
            raise InvalidInputError("logits with a NaN, with +inf, or all -inf", "give each grid a finite highest one")
        weights = np.exp(values - highest)
        self.probabilities: Floats = weights / weights.sum(axis=(-2, -1), keepdims=True)
        self._log: Floats = values - highest - np.log(weights.sum(axis=(-2, -1), keepdims=True))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._log.shape[-2], self._log.shape[-1]

    def sample(self, random: np.random.Generator) -> NDArray[np.int64]:
        """Draw one cell (row, column) for each grid: (..., 2) int64."""
        flat = self._log.reshape(*self._log.shape[:-2], -1)
        # The highest of the logits, with Gumbel noise added, is a cell with the grid's probabilities.
        cells = np.argmax(flat + random.gumbel(size=flat.shape), axis=-1)
        return np.stack(np.divmod(cells, self.grid[1]), axis=-1)

    def log_prob(self, cells: ArrayLike) -> Floats:
        """Give the logarithms of the probabilities of (..., 2) cells (row, column)."""
        return np.asarray(np.sum(np.where(self._onehot(cells), self._log, 0), axis=(-2, -1)))

    def score(self, cells: ArrayLike) -> Floats:
        """Give the gradient of :meth:`log_prob` with respect to the logits, (..., rows, columns): ``onehot - p``."""
        return self._onehot(cells) - self.probabilities

    def locations(self, cells: ArrayLike, image_size: tuple[int, int]) -> Floats:
        """Give the centres (x, y) of (..., 2) cells on the image plane, of a grid that covers an image of (H, W)."""
        row, column = np.moveaxis(self._checked(cells), -1, 0)
        (height, width), (rows, columns) = image_size, self.grid
        return np.stack([(column + 0.5) * width / columns, (row + 0.5) * height / rows], axis=-1)

    def _onehot(self, cells: ArrayLike) -> NDArray[np.bool_]:
        chosen = self._checked(cells)
        if chosen.shape[-1 - len(self._log.shape[:-2]) : -1] != self._log.shape[:-2]:
            raise InvalidInputError(
                f"cells of shape {chosen.shape} for logits of shape {self._log.shape}", "give a cell for each grid"
            )
        rows, columns = np.arange(self.grid[0])[:, None], np.arange(self.grid[1])
        onehot: NDArray[np.bool_] = (rows == chosen[..., 0, None, None]) & (columns == chosen[..., 1, None, None])
        return onehot

    def _checked(self, cells: ArrayLike) -> NDArray[np.int64]:
        chosen = np.asarray(cells)
        if chosen.shape[-1:] != (2,) or chosen.dtype.kind not in "iu" or np.any((chosen < 0) | (chosen >= self.grid)):
            raise InvalidInputError(
                f"an array of shape {chosen.shape}, {chosen.dtype}, holds no cells of a grid of {self.grid}",
                "give (row, column), whole numbers from 0 and inside the grid",
            )
        return chosen.astype(np.int64)


class MovingMean(NamedTuple):
    """A baseline: the exponentially weighted mean of the losses so far.

    With ``m[0] = 0`` and ``m[t] = decay m[t-1] + (1 - decay) L[t]``, the value is ``m[t] / (1 - decay^t)``: the weights
    add up to 1 from the first loss on, so the start at 0 leaves no trace.

    Attributes
    ----------
    decay : float
        Weight of what was before, from 0 up to 1 excluded.
    total : float
        ``m[t]``
    steps : int
        ``t``
    """

    decay: float
    total: float = 0.0
    steps: int = 0

    @property
    def value(self) -> float:
        """The baseline; 0 before any loss."""
        return self.total / (1 - self.decay**self.steps) if self.steps else 0.0

    def update(self, losses: ArrayLike) -> tuple[float, MovingMean]:
        """Take in the losses of one step.

        Returns
        -------
        baseline : float
            The value from *before* these losses: one that knew them would bias the gradient.
        after : MovingMean
            The mean with these losses; this one stays as it is.
        """
        if not 0 <= self.decay < 1:
            raise InvalidInputError(f"decay is {self.decay!r}", "give a number from 0 up to 1, 1 excluded")
        mean = float(np.mean(_losses(losses)))
        return self.value, self._replace(total=self.decay * self.total + (1 - self.decay) * mean, steps=self.steps + 1)


def score_gradient(losses: ArrayLike, baseline: ArrayLike, scores: ArrayLike) -> Floats:
    """Estimate the gradient of the expected loss: ``mean((L - b) d log p)`` over the samples.

    Parameters
    ----------
    losses : (N,)
        Of each sample; a reward is a negative loss.
    baseline : scalar or (N,)
        A value does not depend on its own sample.
    scores : (N, ...)
        Of each sample, as drawn.

    Returns
    -------
    (...) float64

    Raises
    ------
    InvalidInputError
        There are not as many scores as losses, or a loss is not finite.
    """
    worth, slopes = _losses(losses), np.asarray(scores, dtype=np.float64)
    offset = np.asarray(baseline, dtype=np.float64)
    if worth.ndim != 1 or slopes.shape[:1] != worth.shape or offset.shape not in ((), worth.shape):
        raise InvalidInputError(
            f"losses of shape {worth.shape}, a baseline of shape {offset.shape}, scores of shape {slopes.shape}",
            "give (N,), one number or (N,), and (N, ...)",
        )
    return np.tensordot(worth - offset, slopes, axes=1) / len(worth)


def clip_to_image(sample: ArrayLike, image_size: tuple[int, int]) -> Floats:
    """Move (..., 2) locations (x, y) to the nearest point of the image, for looking: not for :meth:`log_prob`."""
    return np.clip(_locations(sample, "a sample"), 0, [image_size[1], image_size[0]])


def _locations(values: ArrayLike, name: str) -> Floats:
    locations = np.asarray(values, dtype=np.float64)
    if locations.shape[-1:] != (2,) or not np.all(np.isfinite(locations)):
        raise InvalidInputError(f"{name} of shape {locations.shape}", "give (..., 2), finite (x, y) in pixels")
    return locations


def _losses(values: ArrayLike) -> Floats:
    losses = np.asarray(values, dtype=np.float64)
    if losses.size == 0 or not np.all(np.isfinite(losses)):
        raise InvalidInputError(f"{losses.size} losses, not all finite" if losses.size else "no losses", "give numbers")
    return losses
