"""The training of a model, of which each step depends on the seed and its number alone. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

from glimpsecli.errors import InvalidInputError
from glimpsecli.networks.answering import pixels
from glimpsecli.networks.checking import Check, check
from glimpsecli.networks.model import Model, Seen, build
from glimpsecli.torch.modules import reinforce_loss

if TYPE_CHECKING:
    from torch import Tensor

    from glimpsecli.networks.scenes import Source
    from glimpsecli.networks.schedule import Schedule
    from glimpsecli.networks.specification import Specification

_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}
"""Adam's name of each moment, by the first letter under which it is kept."""


class Trained(NamedTuple):
    """A model, and its figures on the way: at the start, each `every` steps, and at the end."""

    model: Model
    checks: list[Check]


class Training:
    """A model and its optimiser, at some step.

    Parameters
    ----------
    specification : Specification
    source : Source
        What it learns from. Batch k of a seed is made of images `k * batch` and those that follow.
    schedule : Schedule
    seed : int
        Of the weights, the images and the places that are drawn.
    held_out : Source, optional
        What it is checked on; by default other images of `source`.

    Attributes
    ----------
    model : Model
    step : int
        Steps that were made.
    """

    def __init__(
        self,
        specification: Specification,
        source: Source,
        schedule: Schedule,
        seed: int,
        *,
        held_out: Source | None = None,
    ) -> None:
        self.source, self.schedule, self.seed = source, schedule, seed
        self.held_out = held_out or source
        self.model, self.step = build(specification, seed), 0
        where = [*self.model.where()]
        placing = set(map(id, where))
        rest = [one for one in self.model.parameters() if id(one) not in placing]
        groups = [{"params": where}, {"params": rest}]
        self._optimiser = torch.optim.Adam([one for one in groups if one["params"]], fused=True)

    def run(self, progress: Callable[[int], object] | None = None) -> Iterator[Check]:
        """Train to the last step, and give the figures at the first, at each of every `every`, and at the last.

        It ends early where half of the steps are done and all windows are lost in one place: they get no gradient there
        that would bring them back.

        Parameters
        ----------
        progress : callable, optional
            Called with the number of steps made, after each. What it returns, if true, ends the run.
        """
        steps = self.schedule.steps
        while True:
            if self.step % self.schedule.every == 0 or self.step == steps:
                now = self.check()
                yield now
                if self.step == steps or (now.lost and self.step >= steps / 2):
                    return
            self._advance()
            if progress is not None and progress(self.step):
                return

    def check(self) -> Check:
        """Give the figures at this step."""
        self._anneal()
        return check(self.model, self.held_out, self.step, self.schedule.checked)

    def state(self) -> dict[str, Tensor]:
        """Give the parameters by their names, and Adam's moments of each under ``m.`` and ``v.``."""
        found = dict(self.model.state_dict())
        for name, parameter in self.model.named_parameters():
            moments = self._optimiser.state.get(parameter, {})
            found |= {f"{letter}.{name}": moments[key] for letter, key in _MOMENTS.items() if key in moments}
        return found

    def restore(self, tensors: Mapping[str, Tensor], step: int) -> None:
        """Go to a step at which :meth:`state` gave these tensors, perhaps by way of a file that somebody else wrote.

        Raises
        ------
        InvalidInputError
            The step is behind the last, or a tensor is missing, or not of its parameter's shape and type.
        """
        if not 0 <= step <= self.schedule.steps:
            raise InvalidInputError(f"step {step} of {self.schedule.steps}", "it is no checkpoint of this training")
        wanted, learnt = dict(self.model.state_dict()), {}
        for name, parameter in self.model.named_parameters():
            moments = {f"{letter}.{name}": parameter for letter in _MOMENTS}
            if moments.keys() & tensors.keys():  # a parameter that never had a gradient has none
                learnt[name] = parameter
                wanted |= moments
        strange = "it is no checkpoint of this training"
        for name, one in wanted.items():  # Adam in one kernel would read beyond a moment that is too small
            found = tensors.get(name)
            if found is None or found.shape != one.shape or found.dtype != one.dtype:
                raise InvalidInputError(f"{name} is missing, or of another kind", strange)
            if name.startswith("v.") and bool((found < 0).any()):
                raise InvalidInputError(f"{name} is negative", strange)
        if bool(step) != bool(learnt):
            raise InvalidInputError(f"step {step} with the moments of {len(learnt)} parameters", strange)
        self.model.load_state_dict({name: tensors[name] for name in self.model.state_dict()})
        self._optimiser.state.clear()
        for name, parameter in learnt.items():
            moments = {key: tensors[f"{letter}.{name}"].clone() for letter, key in _MOMENTS.items()}
            self._optimiser.state[parameter] = {"step": torch.tensor(float(step)), **moments}
        self.step = step

    def _anneal(self) -> None:
        """Give the sampler the blur of this step."""
        specification = self.model.specification
        if specification.annealing:
            self.model.set_blur(self.schedule.blur(self.step, specification.annealing, specification.blur))

    def _advance(self) -> None:
        """Make a step."""
        schedule, specification = self.schedule, self.model.specification
        *_, rest = groups = self._optimiser.param_groups
        groups[0]["lr"], rest["lr"] = schedule.rates(self.step)
        if self.model.policy is not None:
            self.model.policy.sigma = schedule.policy(self.step) * specification.canvas / 2
        self._anneal()
        batch = self.source.batch(self.seed, self.step * schedule.batch, schedule.batch)
        generator = torch.Generator().manual_seed((self.seed << 32) + self.step)
        truth = torch.from_numpy(batch.windows).float()
        seen = self.model(pixels(batch.images), truth, generator, schedule.draws)
        self._optimiser.zero_grad()
        loss = _loss(seen, torch.from_numpy(batch.labels))
        if not bool(torch.isfinite(loss)):
            raise InvalidInputError(f"the training diverged at step {self.step}", "take a smaller rate")
        loss.backward()
        self._optimiser.step()
        self.step += 1


def train(
    specification: Specification, source: Source, schedule: Schedule, seed: int, *, held_out: Source | None = None
) -> Trained:
    """Train a model.

    Parameters
    ----------
    specification, source, schedule, seed, held_out
        As for :class:`Training`.
    """
    training = Training(specification, source, schedule, seed, held_out=held_out)
    checks = [*training.run()]
    return Trained(training.model, checks)


def _loss(seen: Seen, labels: Tensor) -> Tensor:
    """Give the cross-entropy, of all glimpses alike, and where places are drawn the loss that teaches them.

    The reward of a course is the log-probability of the right class at its end, its baseline the mean reward of the
    others of its image.
    """
    courses, glimpses, _ = seen.classes.shape
    draws = courses // len(labels)
    labels = labels.repeat_interleave(draws * glimpses)
    losses = functional.cross_entropy(seen.classes.flatten(0, 1), labels, reduction="none").view(courses, glimpses)
    loss = losses.mean()
    if seen.log_prob is None:
        return loss
    reward = -losses[:, -1].detach()
    each = reward.view(-1, draws)
    others = each.sum(dim=1, keepdim=True) - each
    return loss + reinforce_loss(seen.log_prob.sum(dim=1), reward, (others / (draws - 1)).flatten())
