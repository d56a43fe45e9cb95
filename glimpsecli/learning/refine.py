"""Levenberg and Marquardt's method: from about the right window to the best.

It minimises ``|t - a g|^2``, with the target ``t`` and the glimpse ``g`` each of mean zero in every channel.
The gain ``a = <t, g> / <g, g>`` and the offset of each channel are solved for at each step and not searched (variable
projection, Golub and Pereyra 1973, in Kaufman's approximation), so brightness and contrast do not matter and the least
value is that of the greatest ZNCC: ``|t|^2 (1 - zncc^2)``. The derivative of the residual r with respect to a
number p of the place is, dg/dp being likewise of mean zero::

    dr/dp = -a (dg/dp - g <g, dg/dp> / <g, g>)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.learning.model import Level, Scene
from glimpsecli.learning.places import FREE, to_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpsecli.arrays import Floats, Images
    from glimpsecli.sampling import Sampling


MOST_STEPS, SOFT_STEPS = 25, 8
"""Greatest number of steps, at the last level and at a soft one."""

CLOSE, ABOUT = 1e-4, 2e-2
"""A step shorter than this, in strides at the window's corner, ends the search at the last level and at a soft one."""


class Step(NamedTuple):
    """A place on the way to the window.

    Attributes
    ----------
    window : (float, ...)
        cx, cy, width, height, angle.
    sigma : float
        Of the blur that was added at this step, pixels of the target.
    zncc : float
        At this step, softened.
    """

    window: tuple[float, ...]
    sigma: float
    zncc: float


class State(NamedTuple):
    """A place, and the fit there.

    Attributes
    ----------
    place : (5,) float64
    zncc, gain : float
    residual : (h, w, C) float64
        The part of the target that the glimpse does not explain.
    normal : (n, n) float64
        J^T J, for the free numbers of the place.
    descent : (n,) float64
        J^T r.
    converged : bool
        Whether the search came to rest here.
    steps : tuple of Step
        The way to the place.
    """

    place: Floats
    zncc: float
    gain: float
    residual: Floats
    normal: Floats
    descent: Floats
    converged: bool = False
    steps: tuple[Step, ...] = ()

    @property
    def cost(self) -> float:
        """Share of the target that is not explained; more than 1 where the glimpse is a negative of it."""
        return 1 - self.zncc * abs(self.zncc)


def refine(
    target: Images,
    image: Images,
    place: Floats,
    levels: Sequence[Level],
    free: frozenset[str],
    sampling: Sampling,
) -> State:
    """Search from a place, through levels that become ever less soft.

    Parameters
    ----------
    target : (h, w, C) float32
    image : (H, W, C) float32
    place : (5,) float64
    levels : sequence of Level
    free : set of str
        Keys of :data:`~glimpsecli.learning.places.FREE`.
    sampling : Sampling
        Gaussian or bilinear.
    """
    indices = [index for name, some in FREE.items() if name in free for index in some]
    size: tuple[int, int] = (target.shape[0], target.shape[1])
    steps: list[Step] = []
    for level in levels:
        scene = Scene.around(image, place, size, level, sampling, turns="angle" in free)
        state = _descend(level.soften(target).astype(np.float64), scene, place, indices, size, level, steps)
        place = state.place
    return state._replace(steps=tuple(steps))


def _descend(
    target: Floats,
    scene: Scene,
    place: Floats,
    indices: list[int],
    size: tuple[int, int],
    level: Level,
    steps: list[Step],
) -> State:
    """Search at one level."""
    state = _state(target, scene, place, indices, size)
    steps.append(_step(state, size, level))
    damping, short = 1e-3, (ABOUT if level.softness else CLOSE) * level.reduction
    for _ in range(SOFT_STEPS if level.softness else MOST_STEPS):
        scales = np.maximum(np.diag(state.normal), 1e-12 * max(float(np.diag(state.normal).max()), 1e-30))
        move = -np.asarray(np.linalg.solve(state.normal + damping * np.diag(scales), state.descent), np.float64)
        if _length(move, indices, state.place, size) < short:
            return state._replace(converged=True)
        there = state.place.copy()
        there[indices] += move
        next_state = (
            _state(target, scene, there, indices, size) if _sane(move, indices) and scene.holds(there) else None
        )
        if next_state is not None and next_state.cost < state.cost:
            state, damping = next_state, max(damping / 8, 1e-9)
            steps.append(_step(state, size, level))
        else:
            damping *= 8
            if damping > 1e8:
                return state._replace(converged=True)  # only rounding leads down
    return state


def _state(target: Floats, scene: Scene, place: Floats, indices: list[int], size: tuple[int, int]) -> State:
    glimpse, slopes = scene.look(place, size, (target.shape[0], target.shape[1]))
    t = (target - target.mean(axis=(0, 1))).ravel()
    g = (glimpse - glimpse.mean(axis=(0, 1))).ravel()
    d = slopes[indices]
    d = (d - d.mean(axis=(1, 2), keepdims=True)).reshape(len(indices), -1)
    power, like = float(g @ g), float(t @ g)
    if power <= 1e-12 * g.size:  # a blank place explains nothing
        zeros = np.zeros(len(indices))
        return State(place, 0.0, 0.0, t.reshape(target.shape), np.diag(zeros + 1e-30), zeros)
    gain = like / power
    residual = t - gain * g
    jacobian = -gain * (d - np.outer(d @ g / power, g))
    zncc = like / math.sqrt(power * float(t @ t))
    return State(place, zncc, gain, residual.reshape(target.shape), jacobian @ jacobian.T, jacobian @ residual)


def _sane(move: Floats, indices: list[int]) -> bool:
    """Whether a step is small enough for a way back to be found."""
    limits = np.array([np.inf, np.inf, 0.3, 0.3, 20.0])[indices]
    return bool(np.all(np.abs(move) <= limits))


def _length(move: Floats, indices: list[int], place: Floats, size: tuple[int, int]) -> float:
    """Give how far a step moves the window's corner, in strides."""
    full = np.zeros(5)
    full[indices] = move
    half = max(size) / 2
    return float(
        np.hypot(*full[:2]) / math.exp(place[2]) + half * (abs(full[2]) + abs(full[3]) + np.deg2rad(abs(full[4])))
    )


def _step(state: State, size: tuple[int, int], level: Level) -> Step:
    return Step(tuple(to_window(state.place, size).tolist()), level.sigma, state.zncc)
