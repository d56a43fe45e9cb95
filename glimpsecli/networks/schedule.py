"""The course of a training: steps, rates, and how they change. Needs no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.networks.specification import Specification

LAST = 0.05
"""Share of the rate that is left at the last step."""

FASTEST = 1000.0
"""Rates are below it: beyond, no training gets anywhere."""

POLICY = (0.4, 0.08)
"""Sigma of the policy of hard attention at the first and at the last step, in halves of the canvas."""

ANNEALED = 0.5
"""Share of the steps in which an annealed blur falls."""

HARD = 0.15
"""Rate of the network that says where, over that of the rest, for hard attention."""

RECURRENT = 1e-3
"""Adam's rate for several glimpses."""


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Numbers of a training.

    Attributes
    ----------
    steps : int
        0 leaves the model as it begins.
    batch : int
        Images of a step.
    rate : float
        Adam's rate at the first step; it falls along a cosine to a twentieth.
    where_rate : float
        Rate of the network that says where, over `rate`.
    draws : int
        Places, or courses of places, that hard attention draws for each image.
    every : int
        Steps from check to check.
    checked : int
        Images of a check.

    Raises
    ------
    InvalidInputError
        A number cannot mean anything.
    """

    steps: int = 8000
    batch: int = 64
    rate: float = 2e-3
    where_rate: float = 0.3
    draws: int = 4
    every: int = 500
    checked: int = 1000

    def __post_init__(self) -> None:
        for name, least in (("steps", 0), ("batch", 1), ("draws", 2), ("every", 1), ("checked", 1)):
            if getattr(self, name) < least:
                raise InvalidInputError(f"{name.replace('_', '-')} {getattr(self, name)}", f"give {least} or more")
        for name, value in (("rate", self.rate), ("where-rate", self.where_rate)):
            if not 0 <= value < FASTEST:
                raise InvalidInputError(f"{name} {value:g}", f"give a number from 0, below {FASTEST:g}")

    def rates(self, step: int) -> tuple[float, float]:
        """Give the rates of a step: of the network that says where, and of the rest."""
        cosine = (1 + math.cos(math.pi * self._share(step))) / 2
        rate = self.rate * (LAST + (1 - LAST) * cosine)
        return rate * self.where_rate, rate

    def policy(self, step: int) -> float:
        """Give the sigma of the policy at a step, in halves of the canvas."""
        return POLICY[0] * math.pow(POLICY[1] / POLICY[0], self._share(step))

    def blur(self, step: int, first: float, last: float) -> float:
        """Give the blur at a step of a training in which it falls from `first` to `last`."""
        return first * math.pow(last / first, min(1.0, self._share(step) / ANNEALED))

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as data for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Schedule:
        """Make a schedule of what :meth:`as_dict` gave."""
        return cls(**values)

    def _share(self, step: int) -> float:
        return step / self.steps if step < self.steps else 1.0


def usual_rates(specification: Specification) -> dict[str, float]:
    """Give the rates with which a model learns well, as fields of a :class:`Schedule`."""
    rate = RECURRENT if specification.glimpses > 1 else Schedule.rate
    return {"rate": rate, "where_rate": HARD if specification.sampler == "hard" else Schedule.where_rate}
