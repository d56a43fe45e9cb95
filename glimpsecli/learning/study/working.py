"""The work of one chunk: its trials, by every sampler and every optimiser. Plain data come out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.learning.study import optimisers
from glimpsecli.learning.study.design import Chunk, Design, Trials, condition_named, trials
from glimpsecli.learning.study.lookers import LOOKERS, Looker
from glimpsecli.learning.study.scenes import KINDS, scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.learning.study.lookers import View

    Floats = NDArray[np.float64]

ADAM, NEWTON, SCORE = "adam", "lm", "score function"
METHODS = {ADAM: "Adam", NEWTON: "Levenberg-Marquardt", SCORE: "Adam on the score function"}
POLICIES = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Sigmas of the policies, in strides, of which the score function has its choice."""

_DIGITS = 5


class Setting(NamedTuple):
    """What is chosen for a sampler at a stride: Adam's rate, and for the score function sigma; in strides."""

    rate: float
    sigma: float = 0.0


Settings = Mapping[tuple[str, float], Setting]
"""By the name of the sampler and the stride."""


def settings_for(looker: Looker, design: Design) -> list[Setting]:
    """Give what is tried for a sampler on the images that are held out."""
    sigmas = POLICIES if looker.sampled else (0.0,)
    return [Setting(rate, sigma) for rate in design.rates for sigma in sigmas]


def tune(design: Design, chunk: Chunk, lookers: Sequence[Looker] = LOOKERS) -> dict[str, Any]:
    """Count, for each sampler and setting, the successes on an image that is held out."""
    found: dict[str, Any] = {}
    image = scene(chunk.kind, chunk.image, design.seed, design.photos)
    some = trials(design, chunk, image)
    count = len(some.start)
    for looker in lookers:
        tried = settings_for(looker, design)
        # All at once: every trial with each setting.
        repeated = Trials(*(np.tile(part, (len(tried), *[1] * (part.ndim - 1))) for part in some))
        settings = np.repeat(np.array(tried), count, axis=0)
        outcome = _search(
            looker, looker.views(image, chunk.stride), repeated, repeated.targets, design, chunk, settings
        )
        won = np.count_nonzero(outcome.arrived.reshape(len(tried), count) >= 0, axis=1)
        found[looker.name] = [[*setting, int(k), count] for setting, k in zip(tried, won, strict=True)]
    return {"chunk": list(chunk), "tried": found}


def choose(tuned: Sequence[Mapping[str, Any]]) -> dict[tuple[str, float], Setting]:
    """Choose for each sampler and stride the setting with the most successes; of equals the smallest."""
    counts: dict[tuple[str, float], dict[Setting, int]] = {}
    for one in tuned:
        stride = Chunk(*one["chunk"]).stride
        for name, rows in one["tried"].items():
            tally = counts.setdefault((name, stride), {})
            for rate, sigma, successes, _ in rows:
                setting = Setting(rate, sigma)
                tally[setting] = tally.get(setting, 0) + successes
    return {key: min(tally, key=lambda one: (-tally[one], one)) for key, tally in counts.items()}


def work(design: Design, chunk: Chunk, settings: Settings, lookers: Sequence[Looker] = LOOKERS) -> dict[str, Any]:
    """Do all trials of a chunk.

    Returns
    -------
    dict
        ``chunk``, and ``runs``: for each sampler and optimiser ``centre`` (errors in strides), ``extent`` (relative),
        ``arrived`` and ``looks``, a number for each trial, and ``seconds`` of the processor for all of them.
    """
    condition = condition_named(chunk.condition)
    image = scene(chunk.kind, chunk.image, design.seed, design.photos)
    some = trials(design, chunk, image)
    runs = []
    for looker in lookers:
        if looker.sampled and condition.scaled:
            continue  # a policy of the article's kind has a position only
        views = looker.views(image, chunk.stride)
        targets = views[-1].glimpses(some.truth) if condition.own else some.targets
        targets = targets + some.noise if condition.noisy else targets
        for method, setting in _methods(looker, settings[looker.name, chunk.stride]):
            begin = time.process_time()
            rows = None if setting is None else np.tile(np.array(setting), (len(some.start), 1))
            outcome = _search(looker, views, some, targets, design, chunk, rows)
            seconds = time.process_time() - begin
            centre, extent = optimisers.errors(outcome.places, some.truth, chunk.stride)
            runs.append(
                {
                    "looker": looker.name, "method": method,
                    "centre": centre.round(_DIGITS).tolist(), "extent": extent.round(_DIGITS).tolist(),
                    "arrived": outcome.arrived.tolist(), "looks": outcome.looks.tolist(),
                    "seconds": round(seconds, 4),
                }
            )  # fmt: skip
    return {"chunk": list(chunk), "runs": runs}


def _methods(looker: Looker, setting: Setting) -> Iterator[tuple[str, Setting | None]]:
    """Give the optimisers of a sampler; only Adam has anything to set."""
    if looker.sampled:
        yield SCORE, setting
    else:
        yield NEWTON, None
        yield ADAM, setting


def _search(
    looker: Looker, views: list[View], some: Trials, targets: Floats, design: Design, chunk: Chunk,
    settings: Floats | None,
) -> optimisers.Outcome:  # fmt: skip
    """Search with one sampler.

    `settings` are (N, 2), rate and sigma of each trial; without them it is by Levenberg and Marquardt's method.
    """
    free = 3 if condition_named(chunk.condition).scaled else 2
    if settings is None:
        return optimisers.levenberg_marquardt(
            views, some.start, targets, some.truth, free=free, looks=design.newton_looks
        )
    looks = design.adam_looks * looker.looks
    if looker.sampled:
        entropy = [design.seed, 2, KINDS.index(chunk.kind), chunk.image, round(1000 * chunk.stride)]
        random = np.random.default_rng(entropy)
        return optimisers.score_function(
            views[0], some.start, targets, some.truth, rate=settings[:, 0], sigma=settings[:, 1], looks=looks,
            random=random,
        )  # fmt: skip
    return optimisers.adam(views, some.start, targets, some.truth, free=free, rate=settings[:, 0], looks=looks)
