"""The work of one chunk: its trials, by every sampler and every optimiser, as data for JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.study import optimisers, statistics
from glimpsecli.study.design import ALIKE, NOISE, Chunk, Design, condition_named
from glimpsecli.study.mechanisms import MECHANISMS, TURNED, Mechanism
from glimpsecli.study.scenes import KINDS, scene
from glimpsecli.study.trials import Trials, draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.study.mechanisms import View


ADAM, LM, SCORE = "adam", "lm", "score function"
METHODS = {ADAM: "Adam", LM: "Levenberg-Marquardt", SCORE: "Adam on the score function"}
_DIGITS = 5


class Setting(NamedTuple):
    """The setting of a sampler at a stride: Adam's rate, and for the score function sigma; in strides."""

    rate: float
    sigma: float = 0.0


Key = tuple[str, float, str]
"""The name of a sampler, the nominal stride, and the parameter that is searched beside the position, if any."""

Settings = Mapping[Key, Setting]


def settings_for(mechanism: Mechanism, design: Design) -> list[Setting]:
    """Give the settings to try for a sampler, on the images that are held out."""
    sigmas = design.policies if mechanism.sampled else (0.0,)
    return [Setting(rate, sigma) for rate in design.rates for sigma in sigmas]


def methods(mechanism: Mechanism, chunk: Chunk) -> tuple[str, ...]:
    """Name the optimisers of a sampler.

    Hard attention has none where a scale is searched, for its policies have none, nor have some samplers where windows
    are turned.
    """
    condition = condition_named(chunk.condition)
    if condition.turned and mechanism.name not in TURNED:
        return ()
    if not mechanism.sampled:
        return LM, ADAM
    return () if condition.scaled else (SCORE,)


def tune(design: Design, chunk: Chunk, mechanisms: Sequence[Mechanism] = MECHANISMS) -> dict[str, Any]:
    """Try all settings of each sampler on an image that is held out.

    Returns
    -------
    dict
        ``chunk``, and ``tried``: by sampler rows of rate, sigma, the successes at each offset, and the places.
    """
    found: dict[str, Any] = {}
    image = scene(chunk.kind, chunk.image, design.seed, design.photos)
    some = draw(design, chunk, image)
    count, offsets = len(some.start), len(design.offsets)
    for mechanism in mechanisms:
        if not methods(mechanism, chunk):
            continue
        tried = settings_for(mechanism, design)
        # All at once: every trial with each setting.
        repeated = Trials(*(np.tile(part, (len(tried), *[1] * (part.ndim - 1))) for part in some))
        settings = np.repeat(np.array(tried), count, axis=0)
        views = mechanism.views(image, chunk.stride)
        outcome = _search(mechanism, views, repeated, repeated.targets, design, chunk, settings)
        won = np.count_nonzero(outcome.arrived.reshape(len(tried), -1, offsets) >= 0, axis=1)
        found[mechanism.name] = [
            [*setting, k.tolist(), count // offsets] for setting, k in zip(tried, won, strict=True)
        ]
    return {"chunk": list(chunk), "tried": found}


def choose(tuned: Sequence[Mapping[str, Any]], offsets: Sequence[float]) -> dict[Key, Setting]:
    """Choose for each sampler and stride the setting with the greatest area under success against offset.

    Of the settings within ``ALIKE`` of that area the one with the smallest rate is taken, and then the smallest sigma.
    """
    counts: dict[Key, dict[Setting, Any]] = {}
    for one in tuned:
        chunk = Chunk(*one["chunk"])
        for name, rows in one["tried"].items():
            tally = counts.setdefault((name, chunk.stride, condition_named(chunk.condition).searched), {})
            for rate, sigma, successes, places in rows:
                setting = Setting(rate, sigma)
                tally[setting] = tally.get(setting, 0) + np.array([*successes, places])
    chosen = {}
    for key, tally in counts.items():
        areas = {setting: statistics.areas(row[None, :-1] / row[-1], offsets)[0] for setting, row in tally.items()}
        best = max(areas.values())
        chosen[key] = min(setting for setting, area in areas.items() if area >= best - ALIKE)
    return chosen


def work(
    design: Design, chunk: Chunk, settings: Settings, mechanisms: Sequence[Mechanism] = MECHANISMS
) -> dict[str, Any]:
    """Do all trials of a chunk.

    Returns
    -------
    dict
        ``chunk``, and ``runs``: for each sampler and optimiser ``centre`` (errors in strides), ``extent`` (relative),
        ``arrived`` and ``looks``, a number for each trial, and ``seconds`` of the processor for all of them.
    """
    condition = condition_named(chunk.condition)
    stride = condition.stride(chunk.stride)
    image = scene(chunk.kind, chunk.image, design.seed, design.photos)
    some = draw(design, chunk, image)
    seen = image + _noise(design, chunk, image.shape) if condition.noisy else image
    runs: list[dict[str, Any]] = []
    for mechanism in mechanisms:
        views = mechanism.views(seen, stride)
        targets = mechanism.views(image, stride)[-1].glimpses(some.truth) if condition.own else some.targets
        for method in methods(mechanism, chunk):
            # Of the optimisers only Adam has anything to set.
            setting = None if method == LM else np.array(settings[mechanism.name, chunk.stride, condition.searched])
            rows = None if setting is None else np.tile(setting, (len(some.start), 1))
            _warm_up(mechanism, views, some, design, chunk, rows)
            begin = time.process_time()
            outcome = _search(mechanism, views, some, targets, design, chunk, rows)
            seconds = time.process_time() - begin
            centre, extent = optimisers.errors(outcome.places, some.truth, stride)
            runs.append(
                {
                    "sampler": mechanism.name, "method": method,
                    "centre": centre.round(_DIGITS).tolist(), "extent": extent.round(_DIGITS).tolist(),
                    "arrived": outcome.arrived.tolist(), "looks": outcome.evaluations.tolist(),
                    "seconds": round(seconds, 4),
                }
            )  # fmt: skip
    return {"chunk": list(chunk), "runs": runs}


def _warm_up(
    mechanism: Mechanism, views: list[View], some: Trials, design: Design, chunk: Chunk, settings: Floats | None
) -> None:
    """Search for a moment, so that loading and compiling at the first call are not timed."""
    one = Trials(*(part[:1] for part in some))
    first = None if settings is None else settings[:1]
    _search(mechanism, views, one, one.targets, design._replace(adam_looks=8, lm_looks=8), chunk, first)


def _noise(design: Design, chunk: Chunk, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Give the noise of an image: the same for all samplers, at all strides."""
    random = np.random.default_rng([design.seed, 3, KINDS.index(chunk.kind), chunk.image])
    return random.normal(0, NOISE, shape).astype(np.float32)


def _search(
    mechanism: Mechanism, views: list[View], some: Trials, targets: Floats, design: Design, chunk: Chunk,
    settings: Floats | None,
) -> optimisers.Outcome:  # fmt: skip
    """Search with one sampler.

    `settings` are (N, 2), rate and sigma of each trial; without them the search is by Levenberg and Marquardt's method.
    """
    free = condition_named(chunk.condition).free
    if settings is None:
        return optimisers.levenberg_marquardt(
            views, some.start, targets, some.truth, free=free, evaluations=design.lm_looks
        )
    evaluations = design.adam_looks * mechanism.evaluations
    if mechanism.sampled:
        entropy = [design.seed, 2, KINDS.index(chunk.kind), chunk.image, round(1000 * chunk.stride)]
        random = np.random.default_rng(entropy)
        return optimisers.score_function(
            views[0], some.start, targets, some.truth, rate=settings[:, 0], sigma=settings[:, 1],
            evaluations=evaluations, random=random,
        )  # fmt: skip
    return optimisers.adam(
        views, some.start, targets, some.truth, free=free, rate=settings[:, 0], evaluations=evaluations
    )
