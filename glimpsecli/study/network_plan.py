"""The plan of the comparison of networks: which are trained, on which seeds, and for how many steps."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from glimpsecli import __version__
from glimpsecli.networks.scenes import Scenes
from glimpsecli.networks.schedule import Schedule
from glimpsecli.networks.specification import Specification
from glimpsecli.study.network_design import (
    BILINEAR,
    BLURRED,
    CEILING,
    CONDITIONS,
    COURSE,
    FLOOR,
    GAUSSIAN,
    LEARNT,
    MAIN,
    RATES,
    SAMPLERS,
    SEED,
    TRIED,
    VARIED,
)


class Task(NamedTuple):
    """The unit of work of a process: one network from its first step to its last.

    Attributes
    ----------
    sampler, condition : str
        Of :data:`SAMPLERS` and :data:`CONDITIONS`.
    seed : int
    rate : float
        Of the network that says where, over that of the rest.
    """

    sampler: str
    condition: str
    seed: int
    rate: float


class Design(NamedTuple):
    """An experiment.

    Attributes
    ----------
    conditions : tuple of str
    samplers : tuple of str
        Of the main condition; of the others those of :data:`VARIED` that are among them, and references.
    seed : int
        The first one.
    seeds, other_seeds : int
        Number of seeds in the main condition, and in the others.
    steps : int
        Of the main condition.
    checks : int
        Of a run, beside the one at its start.
    checked : int
        Images of a check.
    tried : tuple of float
        Rates to choose from: then only samplers that learn are run, once with each. Empty: their rate is
        :func:`rate_of`.
    scenes : Scenes
    specification : mapping
        Changes of the specification of all networks.
    """

    conditions: tuple[str, ...] = (MAIN,)
    samplers: tuple[str, ...] = tuple(SAMPLERS)
    seed: int = SEED
    seeds: int = 8
    other_seeds: int = 4
    steps: int = 2500
    checks: int = 10
    checked: int = 1000
    tried: tuple[float, ...] = ()
    scenes: Scenes = Scenes()
    specification: Mapping[str, Any] = {}

    @property
    def tasks(self) -> list[Task]:
        """The networks to be trained, in their order: what is there after a while has all samplers."""
        found = []
        for name in self.conditions:
            mine = self.samplers if name == MAIN else (*CONDITIONS[name].references, *VARIED)
            for seed in range(self.seed, self.seed + (self.seeds if name == MAIN else self.other_seeds)):
                for sampler in mine:
                    rates = self.tried if sampler in LEARNT and self.tried else (rate_of(sampler, name),)
                    if sampler in self.samplers and (sampler in LEARNT or not self.tried):
                        found += [Task(sampler, name, seed, rate) for rate in rates]
        return found

    def specification_of(self, task: Task) -> Specification:
        """Describe the network of a task."""
        own = {"canvas": self.scenes.canvas, "classes": len(self.scenes.classes), **self.specification}
        return Specification(**{**own, **CONDITIONS[task.condition].specification, **SAMPLERS[task.sampler]})

    def schedule_of(self, task: Task) -> Schedule:
        """Give the steps and rates of a task."""
        condition = CONDITIONS[task.condition]
        steps = round(self.steps * condition.longer)
        own = {"where_rate": task.rate, "every": max(1, steps // self.checks), "checked": self.checked}
        return Schedule(**{"steps": steps, **COURSE, **condition.schedule, **own})

    def scenes_of(self, task: Task) -> Scenes:
        """Give the images of a task."""
        return dataclasses.replace(self.scenes, **CONDITIONS[task.condition].scenes)

    def as_dict(self) -> dict[str, Any]:
        """Give the design as data for JSON."""
        return self._asdict() | {"scenes": self.scenes.as_dict(), "specification": dict(self.specification)}


QUICK: dict[str, Any] = {"samplers": (FLOOR, CEILING, BILINEAR, BLURRED, GAUSSIAN), "seeds": 1, "steps": 1000}
"""Values of a design for a run within two minutes."""

CHOICE: dict[str, Any] = {
    "conditions": tuple(RATES), "samplers": LEARNT, "seed": 0, "seeds": 4, "other_seeds": 2, "tried": TRIED,
}  # fmt: skip
"""Values of a design that chooses the rates."""


def rate_of(sampler: str, condition: str) -> float:
    """Give the rate of a sampler's network that says where; 0 for references, which have none."""
    return RATES.get(condition, RATES[MAIN]).get(sampler, 0.0)


def fingerprint(design: Design) -> str:
    """Give a hash of a design, and of every number on which its runs depend."""
    runs = [
        [*task, design.specification_of(task).as_dict(), design.schedule_of(task).as_dict(),
         design.scenes_of(task).as_dict()]
        for task in design.tasks
    ]  # fmt: skip
    return hashlib.sha256(json.dumps([design.as_dict(), runs, __version__]).encode()).hexdigest()[:16]
