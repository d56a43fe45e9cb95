"""The fit of a window: :func:`fit` searches an image for the window whose glimpse is a target."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.learning.contest import Search, contest
from glimpsecli.learning.model import Level
from glimpsecli.learning.places import FREE, Range, to_window
from glimpsecli.learning.refine import Step
from glimpsecli.learning.search import SIDE
from glimpsecli.learning.verdict import Spread, judge, noise_of, spread_of
from glimpsecli.names import DIFFERENTIABLE
from glimpsecli.sampling import FULL_SCALE, Sampling
from glimpsecli.sampling.checks import checked_image, on_host
from glimpsecli.sampling.devices import is_on_device
from glimpsecli.sampling.precision import to_float32
from glimpsecli.window import Window

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Images
    from glimpsecli.window import Size


LEAST_SIDE = 8  # pixels of a target
LEAST_ENERGY = 0.01
"""Gradient energy below which a target is refused: see :func:`gradient_energy`."""

ROUGH = 1.25
"""Factor by which the searched strides may differ from a single one that is given."""

LEAST_EXTENT = 4.0
"""Least number of pixels of the image that the shorter side of a target covers."""


class Fit(NamedTuple):
    """The result of a fit.

    Attributes
    ----------
    window : Window
        The best window, whatever the verdict.
    spread : Spread
        Standard deviations of its numbers, from the normal matrix and the residual.
    zncc : float
        Zero-mean normalised cross-correlation of target and glimpse, over all channels together.
    next_best : float
        The ZNCC of the best other place; 0 where there is none.
    gain : float
        Contrast of the target, relative to the glimpse's.
    noise : float
        Standard deviation of the residual that the glimpse does not explain, 1 being white.
    energy : float
        The target's gradient energy.
    verdict : {"found", "doubtful", "lost"}
    reason : str
    starts : tuple of Step
        The candidates of the coarse search, the likeliest first.
    path : tuple of Step
        The way from one of them to the window.
    """

    window: Window
    spread: Spread
    zncc: float
    next_best: float
    gain: float
    noise: float
    energy: float
    verdict: str
    reason: str
    starts: tuple[Step, ...]
    path: tuple[Step, ...]


def fit(
    target: ArrayLike,
    image: ArrayLike,
    *,
    sampler: str = Sampling.sampler,
    blur: float = Sampling.blur,
    stride: float | tuple[float, float] | None = None,
    free: Iterable[str] = ("position", "scale"),
    watch: Callable[[int, int], object] | None = None,
) -> Fit:
    """Find the window of an image whose glimpse is a target.

    A coarse search by normalised cross-correlation over positions, scales and whatever else is free gives candidates.
    Each is refined by Levenberg and Marquardt's method with the sampler's own derivatives, on ever less blurred copies
    of target and image. Brightness and contrast are solved for on the way, so that the search maximises the
    ZNCC. Then the image is searched for other places that look like the best one, and each is refined likewise.

    Parameters
    ----------
    target : (h, w) or (h, w, C)
        8 x 8 pixels at least, of the types that :func:`~glimpsecli.extract` takes. White, to which noise and energy
        are relative, is 255 in uint8, 65535 in uint16, and 1 in any other type.
    image : (H, W) or (H, W, C)
        Likewise; its type may be another, its channels not.
    sampler : {"gaussian", "bilinear"}
        The sampler that made the target.
    blur : float
        Sigma of the Gaussian sampler, in strides.
    stride : float or (float, float), optional
        Pixels of the image to one of the target: a rough value, which may be wrong by 20 %, or the least and the
        greatest. By default from 1 to what fits into the image. Where the scale is not free it is needed, and exact.
    free : iterable of {"position", "scale", "aspect", "angle"}
        Numbers to search, the position among them.
    watch : callable, optional
        Called now and then with the number of places that have been followed, and of all so far.

    Returns
    -------
    Fit

    Raises
    ------
    InvalidInputError
        An argument has no meaning, or the target is almost constant in some direction.
    """
    turned = frozenset(free)
    _check_options(sampler, turned)
    sampling = Sampling(sampler=sampler, blur=blur)
    wanted, scene = _checked(target, "the target"), _checked(image, "the image")
    size, image_size = (wanted.shape[0], wanted.shape[1]), (scene.shape[0], scene.shape[1])
    if wanted.shape[2] != scene.shape[2]:
        raise InvalidInputError(
            f"the target has {_channels(wanted)} and the image {_channels(scene)}",
            "make the one in colour grey, for example with `magick COLOUR.png -colorspace Gray GREY.png`",
        )
    if min(size) < LEAST_SIDE:
        raise InvalidInputError(
            f"a target of {size[1]}x{size[0]} pixels", f"it takes {LEAST_SIDE}x{LEAST_SIDE} at least"
        )
    strides = _strides(stride, size, image_size, turned)
    energy = gradient_energy(wanted)
    if energy < LEAST_ENERGY:
        raise InvalidInputError(
            f"the target is almost constant in some direction: its gradient energy is {energy:.2g}",
            f"there is nothing to hold on to below {LEAST_ENERGY:g}: take a larger or a busier window",
        )
    starts, states = contest(Search(wanted, scene, strides, turned, sampling, watch))
    if not starts:
        raise InvalidInputError("no place in the image is anything but constant", "look into another image")
    best = states[0]
    next_best = max((state.zncc for state in states[1:]), default=0.0)
    indices = [index for name, some in FREE.items() if name in turned for index in some]
    noise = noise_of(best.residual, len(indices), _step(target))
    spread = spread_of(best, indices, noise, size)
    verdict, reason = judge(best, next_best, noise, spread, size, image_size, strides)
    window, remainder = Window(*to_window(best.place, size)), math.sqrt(noise.variance)
    coarse = max(1.0, max(size) / SIDE)  # about the pixels of the target to one of the coarse search
    tried = tuple(Step(tuple(to_window(one.place, size).tolist()), coarse, one.zncc) for one in starts)
    return Fit(window, spread, best.zncc, next_best, best.gain, remainder, energy, verdict, reason, tried, best.steps)


def gradient_energy(target: Images) -> float:
    """Measure how firmly an (h, w, C) target, whose white is 1, fixes its position.

    The lesser eigenvalue of the sum over pixels and channels of ``grad grad^T`` (central differences, after a Gaussian
    of one pixel, so that noise counts little): that of the direction in which the position is fixed least, as for the
    corners of Shi and Tomasi 1994. With noise of standard deviation n, white being 1, that position is known to
    about ``n / sqrt(energy)`` strides.
    """
    soft = Level(1, 1.0).soften(target).astype(np.float64)
    by_y, by_x = np.gradient(soft, axis=(0, 1))
    cross = float(np.sum(by_x * by_y))
    tensor = [[float(np.sum(by_x**2)), cross], [cross, float(np.sum(by_y**2))]]
    return max(float(np.linalg.eigvalsh(tensor)[0]), 0.0)


def _strides(stride: float | tuple[float, float] | None, size: Size, image_size: Size, free: frozenset[str]) -> Range:
    """Give the range of strides to search, none of them too large for the image."""
    most = min(extent / taps for extent, taps in zip(image_size, size, strict=True))
    shapes = f"a target of {size[1]}x{size[0]} pixels", f"an image of {image_size[1]}x{image_size[0]}"
    exact = "scale" not in free
    if stride is None:
        if exact:
            raise InvalidInputError("the scale is not free, and no stride is given", "give the stride")
        low, high = 1.0, max(most, 1.0)
    elif isinstance(stride, tuple):
        low, high = stride
        if exact and low != high:
            raise InvalidInputError(f"strides from {low:g} to {high:g}, and the scale is not free", "give one stride")
    else:
        low, high = (stride, stride) if exact else (stride / ROUGH, stride * ROUGH)
    if not 0 < low <= high < math.inf:
        raise InvalidInputError(f"strides from {low:g} to {high:g}", "give positive numbers, the lesser first")
    if low > most * (1 + 1e-9):
        raise InvalidInputError(
            f"{shapes[0]} at a stride of {low:.3g} is larger than {shapes[1]}", "give a smaller stride or target"
        )
    if low * min(size) < LEAST_EXTENT:
        raise InvalidInputError(
            f"{shapes[0]} at a stride of {low:.3g} covers {size[1] * low:.3g}x{size[0] * low:.3g} pixels of the image",
            "give a greater stride: it counts the pixels of the image to one of the target",
        )
    return Range(low, max(low, min(high, most)))


def _check_options(sampler: str, free: frozenset[str]) -> None:
    if sampler == "hard":
        raise InvalidInputError("the hard sampler has no gradient to follow", "use bilinear")
    if sampler not in DIFFERENTIABLE:
        raise InvalidInputError(f"unknown sampler {sampler!r}", f"choose from {', '.join(DIFFERENTIABLE)}")
    unknown = sorted(free - FREE.keys())
    if unknown:
        raise InvalidInputError(f"{unknown[0]!r} cannot be free", f"choose from {', '.join(FREE)}")
    if "position" not in free:
        raise InvalidInputError("the position is not free", "it is what is searched")


def _checked(given: ArrayLike, name: str) -> Images:
    """Give an image as (H, W, C) float32 whose white is 1."""
    if is_on_device(given):
        raise InvalidInputError(f"{name} is on the device", "copy it to the host")
    pixels = checked_image(given, name)
    if not np.all(np.isfinite(pixels)):
        raise InvalidInputError(f"{name} holds NaN or infinity", "give finite numbers")
    scaled = to_float32(pixels, name) / np.float32(FULL_SCALE.get(pixels.dtype.name, 1.0))
    return scaled if scaled.ndim == 3 else scaled[:, :, None]


def _channels(pixels: Images) -> str:
    return f"{pixels.shape[2]} channel{'s'[: pixels.shape[2] > 1]}"


def _step(target: ArrayLike) -> float:
    """Give the step between the target's grey levels, white being 1."""
    dtype = on_host(target).dtype
    return 0.0 if dtype.kind == "f" else 1 / FULL_SCALE.get(dtype.name, 1.0)
