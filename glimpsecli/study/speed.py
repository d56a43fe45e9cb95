"""The claim about speed: times of Gaussian attention and of the spatial transformer, also for equal pictures."""

from __future__ import annotations

import math
import timeit
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from glimpsecli.backends.footprint import matrix_support
from glimpsecli.bench import cases, timing
from glimpsecli.bench.contenders import Scene
from glimpsecli.bench.contenders.numpy_peers import Dense
from glimpsecli.bench.contenders.ours import Cpu
from glimpsecli.bench.report import duration, number
from glimpsecli.sampling import Sampling, extract
from glimpsecli.study.aliasing import alias_share, equal_blur
from glimpsecli.study.mechanisms import blur
from glimpsecli.study.running import processes
from glimpsecli.window import GaussianParams, Size, Window, stack_matrices

BILINEAR, CUT, DENSE, BLURRED = "bilinear", "gaussian, tails cut", "gaussian, dense", "blurred, then bilinear"
WHOLE_CALLS = 3
"""Timed calls of the blur of a whole image; each is long, so few suffice."""


_HEAD = (
    "stride", BILINEAR, CUT, "× bilinear", DENSE, "× bilinear", "alias, gaussian", "alias, bilinear",
    "equal blur, strides", BLURRED, "× gaussian, tails cut", "whole image blurred", "pays from so many glimpses",
)  # fmt: skip


class Sweep(NamedTuple):
    """A sweep over strides.

    Attributes
    ----------
    strides : tuple of float
        Pixels from tap to tap.
    size : (int, int)
        Height and width of the glimpses, from a 4000x3000 RGB photo.
    runs : int
        Rounds.
    min_time : float
        Seconds for each sampler, all rounds together.
    seed : int
        Of the image and the orders.
    """

    strides: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    size: Size = cases.SWEPT
    runs: int = 10
    min_time: float = 1.0
    seed: int = 0


QUICK: dict[str, Any] = {"strides": (1.0, 4.0, 16.0), "runs": 3, "min_time": 0.1}
"""Values of a sweep for a run within a minute."""


class Step(NamedTuple):
    """The times at one stride.

    Attributes
    ----------
    stride : float
    seconds : dict of Quartiles
        Of a call, by sampler; without ``BLURRED`` where no blur is needed.
    to_bilinear, to_gaussian : dict of Quartiles
        Ratios of the other samplers' times to those of bilinear, and of the cut Gaussians, round by round.
    alias_gaussian, alias_bilinear : float
        Share of alias in the energy of a photo's glimpse; see :mod:`~glimpsecli.study.aliasing`.
    blur : float, optional
        Sigma in strides of the blur after which bilinear aliases as little as the Gaussians. None where none is needed.
    whole : float, optional
        Seconds to blur the whole image by it, the median of a few calls.
    """

    stride: float
    seconds: dict[str, timing.Quartiles]
    to_bilinear: dict[str, timing.Quartiles]
    to_gaussian: dict[str, timing.Quartiles]
    alias_gaussian: float
    alias_bilinear: float
    blur: float | None
    whole: float | None

    @property
    def glimpses(self) -> int | None:
        """The number of glimpses of one image from which it pays to blur it once, and read that with bilinear taps.

        Taps are taken to cost as much in the blurred image as in the image. None where no blur is needed, or where
        the Gaussians are not dearer than bilinear, so that it never pays.
        """
        saved = self.seconds[CUT].median - self.seconds[BILINEAR].median
        return None if self.whole is None or saved <= 0 else math.ceil(self.whole / saved)


def measure_all(recipes: Sequence[cases.Recipe], sweep: Sweep, progress: Callable[[int, int], None]) -> list[Step]:
    """Time every stride in a process with one thread; `progress` gets the number done, and of all."""
    steps: list[Step] = []
    progress(0, len(recipes))
    with processes(1) as pool:
        for recipe in recipes:
            steps.append(pool.submit(measure, recipe, sweep).result())
            progress(len(steps), len(recipes))
    return steps


def measure(recipe: cases.Recipe, sweep: Sweep) -> Step:
    """Time all samplers at one stride; libraries must have been given one thread before they were loaded."""
    assert recipe.stride is not None
    scene = Scene(cases.build(recipe), 1)
    own, taps = Sampling.blur * max(recipe.stride, 1.0), max(recipe.size)
    sigma = equal_blur(recipe.stride, own, taps)
    runs: dict[str, Callable[[], Any]] = {}
    for name, contender, view in (
        (BILINEAR, Cpu(), "bilinear"),
        (CUT, Cpu(), "gaussian"),
        (DENSE, Dense(), "gaussian"),
    ):
        contender.prepare(scene, view)
        runs[name] = contender.run
    if sigma is not None:
        window = Window(*scene.case.upright[0])
        runs[BLURRED] = lambda: blurred_glimpse(scene.case.images, window, recipe.size, sigma)
    for run in runs.values():
        run()  # kernels are compiled here
    found = timing.time_all(runs, rounds=sweep.runs, min_time=sweep.min_time, seed=sweep.seed)
    blurs = [] if sigma is None else timeit.repeat(lambda: blur(scene.case.images, sigma), number=1, repeat=WHOLE_CALLS)
    return Step(
        recipe.stride,
        {name: timing.quartiles(samples.all) for name, samples in found.items()},
        _ratios(found, BILINEAR),
        _ratios(found, CUT),
        alias_share(recipe.stride, own, taps, bilinear=False),
        alias_share(recipe.stride, 0.0, taps, bilinear=True),
        None if sigma is None else sigma / recipe.stride,
        timing.quartiles(blurs).median if blurs else None,
    )


def rows(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Give a row for each stride and sampler."""
    return [_row(step, who) for step in steps for who in step.seconds]


def lines(steps: Sequence[Step]) -> list[str]:
    """Give the table for the terminal."""
    table = [f"| {' | '.join(_HEAD)} |", "|" + "---:|" * len(_HEAD)]
    for step in steps:
        times = {who: duration(seconds.median) for who, seconds in step.seconds.items()}
        cells = [
            f"{step.stride:g}", times[BILINEAR], times[CUT], number(step.to_bilinear[CUT].median), times[DENSE],
            number(step.to_bilinear[DENSE].median), f"{step.alias_gaussian:.1%}", f"{step.alias_bilinear:.1%}",
            "none needed" if step.blur is None else f"{step.blur:.2f}", times.get(BLURRED, ""),
            number(step.to_gaussian[BLURRED].median) if BLURRED in times else "",
            "" if step.whole is None else duration(step.whole), "" if step.glimpses is None else str(step.glimpses),
        ]  # fmt: skip
        table.append(f"| {' | '.join(cells)} |")
    return table


def blurred_glimpse(image: np.ndarray, window: Window, size: Size, sigma: float) -> np.ndarray:
    """Blur the part of an image that a window needs, and read it with the bilinear sampler.

    Parameters
    ----------
    image : (H, W, C)
    window : Window
        On the image plane of `image`.
    size : (int, int)
        Height and width of the glimpse.
    sigma : float
        Of the blur, in pixels.

    Returns
    -------
    (h, w, C) float32
    """
    boxes = matrix_support(stack_matrices(window, size), size, (image.shape[0], image.shape[1]), "edge")
    top, bottom, left, right = boxes[0].tolist()
    params = GaussianParams(top, sigma, 1, left, sigma, 1)
    soft = extract(image, params, (bottom - top, right - left), backend="cpu", threads=1)
    moved = replace(window, cx=window.cx - left, cy=window.cy - top)
    return extract(soft, moved, size, sampler="bilinear", border="edge", backend="cpu", threads=1)


def _row(step: Step, who: str) -> dict[str, Any]:
    """Give a row of the times, with None for a missing number."""
    seconds = step.seconds[who]
    return {
        "stride": step.stride, "who": who, "median_seconds": seconds.median, "quartile1_seconds": seconds.low,
        "quartile3_seconds": seconds.high, **_ratio("bilinear", step.to_bilinear.get(who)),
        **_ratio("gaussian", step.to_gaussian.get(who)), "alias_gaussian": step.alias_gaussian,
        "alias_bilinear": step.alias_bilinear, "equal_blur_strides": step.blur, "whole_image_blur_seconds": step.whole,
        "whole_image_blur_pays_from_glimpses": step.glimpses,
    }  # fmt: skip


def _ratio(reference: str, found: timing.Quartiles | None) -> dict[str, float | None]:
    name = f"ratio_to_{reference}"
    return dict(zip((name, f"{name}_quartile1", f"{name}_quartile3"), found or (None, None, None), strict=True))


def _ratios(found: dict[str, timing.Samples], reference: str) -> dict[str, timing.Quartiles]:
    return {name: timing.ratio(samples, found[reference]) for name, samples in found.items() if name != reference}
