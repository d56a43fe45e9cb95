"""The searches, for many trials at once: Adam, Levenberg and Marquardt's method, and Adam on the score function.

Places are (N, 4): see ``mechanisms``. Steps are in strides, of ``(cx / stride, cy / stride, u, v)``. Places are kept
inside the image, and between half and twice the nominal size.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.attention.score import GaussianPolicy, clip_to_image
from glimpsecli.study.mechanisms import TAPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.study.mechanisms import View

    Whole = NDArray[np.int64]

CLOSE, CLOSE_EXTENT, CLOSE_ANGLE = 0.25, 0.02, 0.02
"""Errors within which a window counts as found: of the centre, in strides; of the extent, as a share; in radians."""

ANNEALING = 0.6
"""Share of the evaluations after which annealing ends."""

SAMPLES, DECAY = 4, 0.9
"""Of the score function: samples from each policy at a step, and the share of the baseline that a step keeps."""

_BETAS, _EPSILON = (0.9, 0.999), 1e-8
_SHORT = 1e-4  # strides: a shorter step no longer matters


class Outcome(NamedTuple):
    """How trials ended.

    Attributes
    ----------
    places : (N, 4) float64
    arrived : (N,) int64
        Evaluations after which the place was close, and stayed so to the end; -1 where it was not close in the end.
    evaluations : (N,) int64
        Evaluations that were used.
    """

    places: Floats
    arrived: Whole
    evaluations: Whole


class Watch:
    """Record of the evaluation since which each trial has been close to the truth."""

    def __init__(self, truth: Floats, stride: float) -> None:
        self.truth, self.stride, self.since = truth, stride, np.full(len(truth), -1)

    def see(self, places: Floats, evaluations: Whole | int) -> None:
        """Record the places of all trials after a number of evaluations."""
        near = close(places, self.truth, self.stride)
        self.since = np.where(near, np.where(self.since < 0, evaluations, self.since), -1)


def errors(places: Floats, truth: Floats, stride: float) -> tuple[Floats, Floats]:
    """Give the errors of (N, 4) places: of the centre in strides, of the extent as a share of the true one."""
    centre = np.hypot(*(places - truth)[:, :2].T) / stride
    return centre, np.expm1(2 / TAPS * (places - truth)[:, 2])


def close(places: Floats, truth: Floats, stride: float) -> NDArray[np.bool_]:
    """Whether each place counts as found."""
    centre, extent = errors(places, truth, stride)
    angle = 2 / TAPS * (places - truth)[:, 3]
    found: NDArray[np.bool_] = (centre <= CLOSE) & (np.abs(extent) <= CLOSE_EXTENT) & (np.abs(angle) <= CLOSE_ANGLE)
    return found


def adam(
    views: Sequence[View], start: Floats, targets: Floats, truth: Floats, *, free: list[int], rate: Floats,
    evaluations: int,
) -> Outcome:  # fmt: skip
    """Follow the gradient with Adam (Kingma and Ba 2015), whose rate falls to 0 along half a cosine.

    Parameters
    ----------
    views : sequence of View
        The stages of the sampler.
    start, truth : (N, 4) float64
        The truth is for the watch only.
    targets : (N, TAPS, TAPS) float64
    free : list of int
        Indices of the numbers of a place that are searched.
    rate : (N,) float64
        Strides; each trial may have its own.
    evaluations : int
        Forward and backward passes of each trial.
    """
    stride, places, watch = views[0].stride, start.copy(), Watch(truth, views[0].stride)
    mover = _Adam(places.shape[0], len(free), rate, evaluations)
    watch.see(places, 0)
    for step in range(evaluations):
        view = views[stage(step, evaluations, len(views))]
        slopes = view.gradients(places, targets)[:, free]
        places[:, free] -= mover.step(slopes) * _scales(stride)[free]
        view.keep(places)
        watch.see(places, step + 1)
    return Outcome(places, watch.since, np.full(len(start), evaluations))


def levenberg_marquardt(
    views: Sequence[View], start: Floats, targets: Floats, truth: Floats, *, free: list[int],
    evaluations: int,
) -> Outcome:  # fmt: skip
    """Minimise the squares by Levenberg and Marquardt's method, which has nothing to tune.

    A trial that has come to rest is not evaluated until the next stage begins.

    Parameters
    ----------
    views, start, targets, truth, free
        As for :func:`adam`.
    evaluations : int
        Glimpses of each trial, with their derivatives.
    """
    stride, places, watch = views[0].stride, start.copy(), Watch(truth, views[0].stride)
    wanted, used = targets.reshape(len(targets), -1), np.zeros(len(start), np.int64)
    watch.see(places, 0)
    for number, view in enumerate(views):
        end = _stage_ends(evaluations, len(views))[number]
        cost, normal, descent = _normal(view, places, wanted, free)
        used += 1
        damping = np.full(len(start), 1e-3)
        active = used < end
        while active.any():
            rows = np.flatnonzero(active)
            move = _damped_step(normal[rows], descent[rows], damping[rows])
            there = places[rows]
            there[:, free] -= move * _scales(stride)[free]
            view.keep(there)
            resting = np.max(np.abs(there - places[rows]) / _scales(stride), axis=1) < _SHORT
            active[rows[resting]] = False
            rows, there = rows[~resting], there[~resting]
            if not len(rows):
                break
            new_cost, new_normal, new_descent = _normal(view, there, wanted[rows], free)
            used[rows] += 1
            better = new_cost < cost[rows]
            won = rows[better]
            places[won], cost[won] = there[better], new_cost[better]
            normal[won], descent[won] = new_normal[better], new_descent[better]
            damping[rows] = np.where(better, np.maximum(damping[rows] / 8, 1e-9), damping[rows] * 8)
            active[rows] = (used[rows] < end) & (damping[rows] < 1e8)  # beyond it only rounding leads down
            watch.see(places, used)
    return Outcome(places, watch.since, used)


def score_function(
    view: View, start: Floats, targets: Floats, truth: Floats, *, rate: Floats, sigma: Floats, evaluations: int,
    random: np.random.Generator,
) -> Outcome:  # fmt: skip
    """Move policies, Gaussians over the centre, by Adam on the score function's estimates.

    Parameters
    ----------
    view, start, targets, truth
        As for :func:`adam`; a place is the mean of a policy.
    rate, sigma : (N,) float64
        Of Adam and of the policies, in strides.
    evaluations : int
        Samples of each trial, :data:`SAMPLES` a step.
    random : numpy Generator
    """
    stride, places, watch = view.stride, start.copy(), Watch(truth, view.stride)
    count, steps = len(start), evaluations // SAMPLES
    mover = _Adam(count, 2, rate, steps)
    total = np.zeros(count)
    watch.see(places, 0)
    for step in range(steps):
        policy = GaussianPolicy(places[:, :2], sigma * stride)
        samples = np.stack([policy.sample(random) for _ in range(SAMPLES)])
        seen = clip_to_image(samples, view.pixels.shape)
        looked = np.concatenate([np.column_stack([one, places[:, 2:]]) for one in seen])
        losses = view.losses(looked, np.tile(targets, (SAMPLES, 1, 1))).reshape(SAMPLES, count)
        scores = np.stack([policy.score(sample)[0] for sample in samples])
        # MovingMean and score_gradient of attention.score, for each trial; the baseline is that before this step.
        baseline = total / (1 - DECAY**step) if step else total
        slopes = np.mean((losses - baseline)[..., None] * scores, axis=0) * stride
        total = DECAY * total + (1 - DECAY) * losses.mean(axis=0)
        places[:, :2] -= mover.step(slopes) * stride
        view.keep(places)
        watch.see(places, (step + 1) * SAMPLES)
    return Outcome(places, watch.since, np.full(count, steps * SAMPLES))


def stage(step: int, evaluations: int, stages: int) -> int:
    """Give the stage of a step: all but the last share the evaluations up to :data:`ANNEALING`."""
    return min(int(step * (stages - 1) / (ANNEALING * evaluations)), stages - 1)


class _Adam:
    """Adam's moments, for many independent trials."""

    def __init__(self, count: int, numbers: int, rate: Floats, steps: int) -> None:
        self.first, self.second = np.zeros((2, count, numbers))
        self.rate, self.steps, self.done = rate, steps, 0

    def step(self, slopes: Floats) -> Floats:
        """Give the steps (N, numbers) to subtract, from gradients of the same shape."""
        rate = self.rate * (1 + math.cos(math.pi * self.done / self.steps)) / 2
        self.done += 1
        self.first += (1 - _BETAS[0]) * (slopes - self.first)
        self.second += (1 - _BETAS[1]) * (slopes**2 - self.second)
        first, second = (m / (1 - b**self.done) for m, b in zip((self.first, self.second), _BETAS, strict=True))
        move: Floats = rate[:, None] * first / (np.sqrt(second) + _EPSILON)
        return move


def _stage_ends(evaluations: int, stages: int) -> list[int]:
    """Give the number of evaluations after which each stage ends."""
    return [round(ANNEALING * evaluations * (number + 1) / (stages - 1)) for number in range(stages - 1)] + [
        evaluations
    ]


def _normal(view: View, places: Floats, wanted: Floats, free: list[int]) -> tuple[Floats, Floats, Floats]:
    """Give the costs (N,), J^T J (N, n, n) and J^T r (N, n), for n free numbers."""
    seen, slopes = view.jacobians(places)
    residual, slopes = seen - wanted, slopes[:, :, free]
    across = np.swapaxes(slopes, 1, 2)
    return np.mean(residual**2, axis=1), across @ slopes, (across @ residual[..., None])[..., 0]


def _damped_step(normal: Floats, descent: Floats, damping: Floats) -> Floats:
    """Solve ``(J^T J + damping diag(J^T J)) step = J^T r``; without any slope the step is 0."""
    scales = np.diagonal(normal, axis1=1, axis2=2)
    scales = np.maximum(scales, np.maximum(1e-12 * scales.max(axis=1, keepdims=True), 1e-30))
    damped = normal + (damping[:, None] * scales)[:, :, None] * np.eye(normal.shape[1])
    return np.linalg.solve(damped, descent[..., None])[..., 0]


def _scales(stride: float) -> Floats:
    return np.array([stride, stride, 1.0, 1.0])
