"""The floor and the ceiling of a model: what is reached without learning where to look, and by an oracle. Needs torch.

Both are trained on the same images, for fewer steps: they learn sooner.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.networks.judging import References
from glimpsecli.networks.rules import SEED
from glimpsecli.networks.training import Training

if TYPE_CHECKING:
    from glimpsecli.networks.scenes import Source
    from glimpsecli.networks.schedule import Schedule
    from glimpsecli.networks.specification import Specification

STEPS = 1500
"""Most steps of each reference."""


def reference_steps(schedule: Schedule) -> int:
    """Give the number of steps of each reference."""
    return min(STEPS, schedule.steps)


def measure_references(
    specification: Specification,
    source: Source,
    held_out: Source,
    schedule: Schedule,
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> References | None:
    """Train and check the references; give None if stopped.

    Of scenes these are a window on the whole image, and an oracle window, on the digit. Where nobody knows where
    things are, they are the commonest class, and a convolutional network on all pixels.

    Parameters
    ----------
    specification, source, held_out, schedule, seed
        Those of the model, as for :class:`~glimpsecli.networks.training.Training`.
    progress : callable, optional
        Called with the number of steps made so far, after each. What it returns, if true, stops.
    """
    steps = reference_steps(schedule)
    short = dataclasses.replace(schedule, steps=steps, every=max(steps, 1))

    def accuracy(sampler: str, done: int) -> float | None:
        other = dataclasses.replace(specification, sampler=sampler, glimpses=1, annealing=0.0)
        training = Training(other, source, short, seed, held_out=held_out)
        count = (lambda step: progress(done + step)) if progress is not None else None
        *_, last = training.run(count)
        return last.accuracy if training.step == steps else None

    _, labels, windows = held_out.batch(SEED, 0, schedule.checked)
    known = bool(np.isfinite(windows).all())
    floor = accuracy("fixed", 0) if known else float(np.bincount(labels).max() / len(labels))
    ceiling = accuracy("oracle" if known else "whole", steps) if floor is not None else None
    if floor is None or ceiling is None:
        return None
    if known:
        return References(floor, ceiling)
    return References(floor, ceiling, "the commonest class", "a network on all pixels")
