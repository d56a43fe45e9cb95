"""A training of which the figures are kept, and not the model. Needs torch."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, NamedTuple

import torch

from glimpsecli.networks.answering import answer
from glimpsecli.networks.checking import Check, check
from glimpsecli.networks.rules import SEED
from glimpsecli.networks.training import Training

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glimpsecli.arrays import Floats
    from glimpsecli.networks.scenes import Source
    from glimpsecli.networks.schedule import Schedule
    from glimpsecli.networks.specification import Specification

TIMED = 10
"""Steps that are timed."""


class Figures(NamedTuple):
    """The figures of a training.

    Attributes
    ----------
    checks : list of Check
        From the start to the end.
    windows : (N, 5) float64
        The last windows on the first images of all checks, by the trained model.
    held_out : mapping of str to Check
        Figures of the trained model on images of other kinds.
    seconds : float
        Of the processor, for training and checks, by one thread.
    """

    checks: list[Check]
    windows: Floats
    held_out: Mapping[str, Check]
    seconds: float


def run_trial(specification: Specification, source: Source, schedule: Schedule, seed: int, shown: int) -> Figures:
    """Train a model and give its figures, with its windows on the first `shown` images."""
    torch.set_num_threads(1)  # sums of several threads would have other last bits
    warm_up(specification, source, schedule)
    training, began = Training(specification, source, schedule, seed), time.process_time()
    checks = [*training.run()]
    seconds = time.process_time() - began
    windows = answer(training.model, source.batch(SEED, 0, shown)).windows[:, -1]
    others = source.held_out().items()
    held_out = {name: check(training.model, one, training.step, schedule.checked) for name, one in others}
    return Figures(checks, windows, held_out, seconds)


def seconds_of(specification: Specification, source: Source, schedule: Schedule) -> float:
    """Estimate the seconds of a training from a few of its steps."""
    torch.set_num_threads(1)
    warm_up(specification, source, schedule)
    timed = Training(specification, source, dataclasses.replace(schedule, steps=TIMED, every=TIMED), 0)
    began = time.perf_counter()
    timed.check()
    checked = time.perf_counter()
    for _ in timed.run():
        pass
    step = (time.perf_counter() - checked - 2 * (checked - began)) / TIMED
    return max(step, 0.0) * schedule.steps + (checked - began) * (schedule.steps / schedule.every + 1)


def warm_up(specification: Specification, source: Source, schedule: Schedule) -> None:
    """Make two steps of a training, so that what is prepared once is prepared."""
    for _ in Training(specification, source, dataclasses.replace(schedule, steps=2, checked=1), 0).run():
        pass
