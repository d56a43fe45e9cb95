"""The other claim: what Gaussian attention costs beside the spatial transformer, and for an equal picture."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from glimpsecli.bench import cases, timing
from glimpsecli.bench.contenders import Scene
from glimpsecli.bench.contenders.numpy_peers import Dense
from glimpsecli.bench.contenders.ours import Cpu
from glimpsecli.learning.study.aliasing import alias_share, equal_blur
from glimpsecli.learning.study.running import processes
from glimpsecli.sampling import extract
from glimpsecli.window import GaussianParams, Size, Window

BLUR = 0.5
"""Sigma of the Gaussian sampler in strides, as everywhere here."""

BILINEAR, CUT, DENSE, BLURRED = "bilinear", "gaussian, tails cut", "gaussian, dense", "blurred, then bilinear"
REACH = 5.5  # sigmas, as the Gaussian sampler's


class Timing(NamedTuple):
    """How to time: see ``glimpse bench``."""

    runs: int = 10
    min_time: float = 1.0
    seed: int = 0


class Step(NamedTuple):
    """What was found at one stride.

    Attributes
    ----------
    stride : float
    seconds : dict
        The median of a call and its quartiles, by who was timed.
    ratios : dict
        How many times that of bilinear, likewise.
    alias : dict
        Share of alias in the energy of a glimpse, on the average photo: of ``gaussian`` and ``bilinear``.
    equal_blur : float
        Sigma in strides of the blur after which bilinear aliases as little as the Gaussians.
    whole : float
        Seconds, once, to blur all of the image by it.
    """

    stride: float
    seconds: dict[str, timing.Quartiles]
    ratios: dict[str, timing.Quartiles]
    alias: dict[str, float]
    equal_blur: float
    whole: float


def measure_all(
    strides: Sequence[float], size: Size, how: Timing, tell: Callable[[int, int], None]
) -> tuple[list[Step], list[str]]:
    """Time every stride in a process with one thread.

    Parameters
    ----------
    strides : sequence of float
    size : (int, int)
        Of the glimpses, from a 4000x3000 RGB photo.
    how : Timing
    tell : callable
        Told how many strides are done, of how many.

    Returns
    -------
    steps : list of Step
    notes : list of str
        What was left out.
    """
    recipes, notes = cases.sweep(strides, size, seed=how.seed)
    steps = []
    tell(0, len(recipes))
    with processes(1) as pool:
        for recipe in recipes:
            steps.append(pool.submit(measure, recipe, how).result())
            tell(len(steps), len(recipes))
    return steps, notes


def measure(recipe: cases.Recipe, how: Timing) -> Step:
    """Time one stride, all in turn; libraries must have been given one thread before they were loaded."""
    assert recipe.stride is not None
    scene = Scene(cases.build(recipe), 1)
    own = BLUR * max(recipe.stride, 1.0)
    sigma = equal_blur(recipe.stride, own)
    runs: dict[str, Callable[[], Any]] = {}
    for name, contender, view in (
        (BILINEAR, Cpu(), "bilinear"),
        (CUT, Cpu(), "gaussian"),
        (DENSE, Dense(), "gaussian"),
    ):
        contender.prepare(scene, view)
        runs[name] = contender.run
    if sigma:
        window = Window(*scene.case.upright[0])
        runs[BLURRED] = lambda: blurred_glimpse(scene.case.images, window, recipe.size, sigma)
    for run in runs.values():
        run()  # what is compiled, is compiled here
    found = timing.time_all(runs, rounds=how.runs, min_time=how.min_time, seed=how.seed)
    alias = {
        "gaussian": alias_share(recipe.stride, own, bilinear=False),
        "bilinear": alias_share(recipe.stride, 0.0, bilinear=True),
    }
    return Step(
        recipe.stride,
        {name: timing.quartiles(samples.all) for name, samples in found.items()},
        {name: timing.ratio(samples, found[BILINEAR]) for name, samples in found.items() if name != BILINEAR},
        alias,
        sigma / recipe.stride,
        _seconds(lambda: _blurred(scene.case.images, sigma)) if sigma else 0.0,
    )


def blurred_glimpse(image: np.ndarray, window: Window, size: Size, sigma: float) -> np.ndarray:
    """Blur the part of an image that an upright window needs, and look at it with the bilinear sampler.

    Parameters
    ----------
    image : (H, W, C)
    window : Window
        Inside the image.
    size : (int, int)
    sigma : float
        Of the blur, in pixels.

    Returns
    -------
    (h, w, C) float32
    """
    left, top, width, height = window.box
    # What the taps read, and around it what the blur reads for that.
    inner = _Box(math.floor(top) - 1, math.floor(left) - 1, math.ceil(top + height) + 1, math.ceil(left + width) + 1)
    outer = inner.grown(math.ceil(REACH * sigma)).within(image.shape)
    inner = inner.within(image.shape)
    params = GaussianParams(inner.top - outer.top, sigma, 1, inner.left - outer.left, sigma, 1)
    soft = extract(outer.of(image), params, inner.size, backend="cpu", threads=1)
    moved = Window(window.cx - inner.left, window.cy - inner.top, width, height)
    return extract(soft, moved, size, sampler="bilinear", border="edge", backend="cpu", threads=1)


class _Box(NamedTuple):
    """Rows and columns of an image, as for slices."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Size:
        return self.bottom - self.top, self.right - self.left

    def grown(self, by: int) -> _Box:
        return _Box(self.top - by, self.left - by, self.bottom + by, self.right + by)

    def within(self, shape: Sequence[int]) -> _Box:
        return _Box(max(self.top, 0), max(self.left, 0), min(self.bottom, shape[0]), min(self.right, shape[1]))

    def of(self, image: np.ndarray) -> np.ndarray:
        return image[self.top : self.bottom, self.left : self.right]


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return extract(image, GaussianParams(0, sigma, 1, 0, sigma, 1), image.shape[:2], backend="cpu", threads=1)


def _seconds(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def rows(steps: Sequence[Step]) -> Iterator[dict[str, Any]]:
    """Give a row for each stride and who was timed."""
    for step in steps:
        for name, seconds in step.seconds.items():
            ratio = step.ratios.get(name)
            yield {
                "stride": step.stride, "who": name, "median_seconds": seconds.median, "quartile1_seconds": seconds.low,
                "quartile3_seconds": seconds.high, "over_bilinear_seconds": ratio and ratio.median,
                "alias_gaussian": step.alias["gaussian"], "alias_bilinear": step.alias["bilinear"],
                "equal_blur_strides": step.equal_blur, "whole_image_blur_seconds": step.whole,
            }  # fmt: skip
