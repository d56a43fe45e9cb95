"""The loss around a window as it is moved, its gradient, and the offsets from which descent leads back."""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling import FULL_SCALE, Sampler
from glimpsecli.sampling.checks import checked_image

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.sampling import Sampling
    from glimpsecli.window import Size, Window


STILL = 1e-10
"""Slope per pixel, of a loss whose white is 1, up to which it is rounding and leads nowhere."""

ROUNDING = 2e-12
"""Loss of glimpses that differ by 2e-6 of full scale, as those of two backends may."""

TURN, TURNS, FEW_TURNS = 45.0, 91, 31
"""The largest angle by which a window is turned, in degrees, and the number of angles from one end to the other.

They are few for Gaussians that are so wide that these show all details: their gradients take long.
"""

_POSITION, _ANGLE = slice(0, 2), slice(4, 5)  # of the numbers of a window
_STRIDE = 0.25  # of a descent, in steps of the grid
_CAREFUL = 0.5  # longest stride where the grid is too coarse, in pixels
_PATIENCE = 8  # strides in which a descent must get farther than one, or it has ended
_NUMBERS = 2**22  # of glimpses that are in memory at once


class Landscape(NamedTuple):
    """Loss and gradient on a square grid of offsets about the truth.

    Attributes
    ----------
    offsets : (S,) float64
        Of the window's centre from the truth along either axis, in pixels, ascending; the middle one is 0.
    loss : (S, S) float64
        Row k holds the offsets (x, ``offsets[k]``).
    gradient : (S, S, 2) float64
        Of the loss, with respect to the centre's x and y, per pixel.
    slope : callable
        Gives the (N, 2) gradients at (N, 2) offsets (dx, dy) in pixels.
    stride : float
        Of descents, in pixels.
    """

    offsets: Floats
    loss: Floats
    gradient: Floats
    slope: Callable[[Floats], Floats]
    stride: float


class Capture(NamedTuple):
    """The offsets from which descent leads to the truth.

    Attributes
    ----------
    reached : (S, S) bool
        For each offset of the landscape.
    share : float
        Of the offsets other than 0, from 0 to 1.
    radius : float
        The largest distance, in pixels, up to which all offsets are captured; the reach at most.
    """

    reached: NDArray[np.bool_]
    share: float
    radius: float


class Turned(NamedTuple):
    """Loss and slope as a window turns about its centre.

    Attributes
    ----------
    angles : (N,) float64
        Against the truth, in degrees, ascending from ``-TURN`` to ``TURN``.
    loss : (N,) float64
    slope : (N,) float64
        Derivative of the loss with respect to the angle, per degree.
    captured : float
        The largest angle up to which the slope at all angles leads back to the truth, from either side.
    """

    angles: Floats
    loss: Floats
    slope: Floats
    captured: float


def landscape(
    image: ArrayLike, window: Window, size: Size, sampling: Sampling, *, reach: float, steps: int = 41
) -> Landscape:
    """Give the loss and its gradient as a window is moved away from the truth.

    The loss is L(dx, dy) = |g(cx + dx, cy + dy) - g(cx, cy)|^2 / (2 n), where g is the glimpse of n numbers on a scale
    whose white is 1. The gradient is what :func:`~glimpsecli.vjp` makes of (g - g(cx, cy)) / n.

    Between offsets the gradient is interpolated where the sampler is a Gaussian whose 2 sigma are no less than the
    grid's step. Other surfaces have dents from pixel to pixel, which the grid misses: their gradient is computed at
    each point. A loss that is rounding everywhere is 0, and so is its gradient.

    Parameters
    ----------
    image : array_like, (H, W) or (H, W, C)
        uint8, uint16 or float32.
    window : Window
        The truth, on the image plane.
    size : (int, int)
        Of the glimpses.
    sampling : Sampling
    reach : float
        The largest offset along an axis, in pixels of the image.
    steps : int
        Offsets along an axis: odd, so that the truth is one of them.

    Raises
    ------
    InvalidInputError
        The reach is not positive, the steps are even or fewer than 3, or the sampler cannot look through the window.
    """
    if not 0 < reach < np.inf:
        raise InvalidInputError(f"a reach of {reach:g} pixels", "give a positive number")
    if steps < 3 or steps % 2 == 0:
        raise InvalidInputError(f"{steps} steps", "give an odd number from 3, so that the truth is on the grid")
    offsets = np.linspace(-reach, reach, steps)
    offsets[steps // 2] = 0
    moves = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
    loss, gradient = _surface(image, window, size, sampling, moves, _POSITION)
    field, step = gradient.reshape(steps, steps, 2), reach / (steps // 2)
    if not field.any() or _is_smooth(window, size, sampling, step):
        return Landscape(offsets, loss.reshape(steps, steps), field, _interpolated(field, step), _STRIDE * step)
    return Landscape(
        offsets,
        loss.reshape(steps, steps),
        field,
        lambda moves: _evaluated(image, window, size, sampling, moves, _POSITION, derive=True)[1],
        min(_STRIDE * step, _CAREFUL),
    )


def losses(image: ArrayLike, window: Window, size: Size, sampling: Sampling, moves: Floats) -> Floats:
    """Give the loss of :func:`landscape` at (N, 2) offsets (dx, dy) in pixels: (N,) float64."""
    return _evaluated(image, window, size, sampling, moves, _POSITION, derive=False)[0]


def turned(image: ArrayLike, window: Window, size: Size, sampling: Sampling) -> Turned:
    """Give the loss of :func:`landscape` and its slope as a window turns away from the truth, about its centre."""
    step = (
        np.deg2rad(2 * TURN / (FEW_TURNS - 1)) * math.hypot(window.width, window.height) / 2
    )  # of a corner, in pixels
    angles = np.linspace(-TURN, TURN, FEW_TURNS if _is_smooth(window, size, sampling, step) else TURNS)
    loss, gradient = _surface(image, window, size, sampling, angles[:, None], _ANGLE)
    middle = len(angles) // 2
    sides = (-gradient[middle - 1 :: -1, 0], gradient[middle + 1 :, 0])
    steps = min(int(np.logical_and.accumulate(side > STILL).sum()) for side in sides)
    return Turned(angles, loss, gradient[:, 0], float(angles[middle + steps]))


def capture(surface: Landscape) -> Capture:
    """Find the offsets from which descent reaches the truth.

    Descent follows the negative gradient in strides of one length. It has arrived within two strides of the truth, and
    is lost once it leaves the grid.
    """
    steps, reach = len(surface.offsets), float(surface.offsets[-1])
    moves = np.stack(np.meshgrid(surface.offsets, surface.offsets), axis=-1).reshape(-1, 2)
    reached = np.all(collections.deque(_strides(surface, moves), maxlen=1)[0] == 0, axis=1)
    far = np.hypot(*moves.T)
    safe = far[far < far[~reached].min(initial=np.inf) - 1e-9 * reach]
    radius = min(float(safe.max(initial=0.0)), reach)
    return Capture(reached.reshape(steps, steps), float((reached.sum() - 1) / (steps**2 - 1)), radius)


def descents(surface: Landscape, starts: Floats) -> Floats:
    """Give the paths of descent, as in :func:`capture`, from (N, 2) offsets (dx, dy) in pixels: (T, N, 2) float64.

    One that has ended stays where it is; one that has reached the truth stays at exactly (0, 0).
    """
    return np.stack(list(_strides(surface, starts)))


def _surface(
    image: ArrayLike, window: Window, size: Size, sampling: Sampling, moves: Floats, numbers: slice
) -> tuple[Floats, Floats]:
    """Give losses and gradients that are finite, and 0 where the loss is rounding everywhere."""
    loss, gradient = _evaluated(image, window, size, sampling, moves, numbers, derive=True)
    if not (np.isfinite(loss).all() and np.isfinite(gradient).all()):
        raise InvalidInputError("the window sees values that are not finite", "replace NaN and infinity in the image")
    if loss.max() <= ROUNDING:
        loss[:] = gradient[:] = 0
    return loss, gradient


def _evaluated(
    image: ArrayLike, window: Window, size: Size, sampling: Sampling, moves: Floats, numbers: slice, *, derive: bool
) -> tuple[Floats, Floats]:
    """Give the losses (N,), and with `derive` the gradients (N, n), in parts that fit into memory.

    The (N, n) moves are of n numbers of the window (cx, cy, width, height, angle), and so are the gradients.
    """
    pixels = checked_image(image)
    scale = FULL_SCALE.get(pixels.dtype.name, 1.0)
    truth = Sampler(window, size, pixels.shape, sampling)(pixels)
    windows = np.tile(window.row, (len(moves), 1))
    windows[:, numbers] += moves
    if not windows[:, 4].any():
        windows = windows[:, :4]  # without an angle gradients take less time
    loss, gradient = np.empty(len(moves)), np.zeros(moves.shape)
    step = max(1, _NUMBERS // truth.size)
    for start in range(0, len(moves), step):
        some = slice(start, start + step)
        sampler = Sampler(windows[some], size, pixels.shape, sampling)
        difference = (sampler(pixels) - truth) / np.float32(scale)
        loss[some] = np.mean(np.square(difference, dtype=np.float64), axis=tuple(range(1, difference.ndim))) / 2
        if derive and sampling.sampler != "hard":  # hard glimpses change in jumps: their derivative is 0
            found = sampler.vjp(pixels, difference / np.float32(truth.size), by="where").where
            gradient[some] = np.asarray(found)[:, numbers] / scale
    return loss, gradient


def _is_smooth(window: Window, size: Size, sampling: Sampling, step: float) -> bool:
    """Whether a grid of this step, in pixels, shows all details of the loss."""
    stride = min(window.width / size[1], window.height / size[0])
    return sampling.sampler == "gaussian" and 2 * sampling.blur * max(stride, 1.0) >= step


def _interpolated(field: Floats, step: float) -> Callable[[Floats], Floats]:
    """Give a function that interpolates an (S, S, 2) field bilinearly; beyond the edges it repeats them."""
    last = len(field) - 1

    def at(moves: Floats) -> Floats:
        places = np.clip(moves / step + last / 2, 0, last)
        x, y = np.minimum(places.astype(np.intp), last - 1).T
        fx, fy = (places - np.stack([x, y], axis=1)).T[:, :, None]
        above = field[y, x] * (1 - fx) + field[y, x + 1] * fx
        below = field[y + 1, x] * (1 - fx) + field[y + 1, x + 1] * fx
        between: Floats = above * (1 - fy) + below * fy
        return between

    return at


def _strides(surface: Landscape, starts: Floats) -> Iterator[Floats]:
    """Generate the offsets of descents, in pixels: the starts, and those after each stride."""
    reach, stride = float(surface.offsets[-1]), surface.stride
    points = np.array(starts, np.float64)
    before, active = points.copy(), np.arange(len(points))
    for count in range(1, math.ceil(8 * reach / stride) + 1):
        yield points.copy()
        here = points[active]
        # A stride takes the direction at its middle, so that a narrow valley does not make it swing from side to side.
        ahead = _downhill(surface.slope(here + stride / 2 * _downhill(surface.slope(here))))
        here += stride * ahead
        arrived = np.hypot(*here.T) <= 2 * stride
        points[active] = np.where(arrived[:, None], 0, here)
        going = ~arrived & (np.abs(here).max(axis=1) <= reach) & ahead.any(axis=1)
        if count % _PATIENCE == 0:
            going &= np.hypot(*(here - before[active]).T) > stride
            before = points.copy()
        active = active[going]
        if not len(active):
            break
    yield points


def _downhill(slope: Floats) -> Floats:
    """Give the (N, 2) directions of steepest descent, of length 1, or 0 where it is flat."""
    size = np.hypot(*slope.T)[:, None]
    down: Floats = np.divide(-slope, size, out=np.zeros_like(slope), where=size > STILL)
    return down
