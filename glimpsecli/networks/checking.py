"""The figures of a model on images that it did not learn from. Needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from glimpsecli.networks.rules import AWAY, FEW, FOUND, SEED, SPREAD

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from glimpsecli.arrays import Floats
    from glimpsecli.networks.model import Model
    from glimpsecli.networks.scenes import Batch, Source

LEARNED, PARTLY = 2 / 3, 0.2
"""Shares of the way from the floor to the ceiling from which a model has learned, and has partly."""

LEAST = 0.1
"""Least distance from floor to ceiling: below it there is nothing to learn, or it was not learned in time."""

AT_ONCE = 250
"""Images in memory at once."""


class Check(NamedTuple):
    """Figures of a model.

    Attributes
    ----------
    step : int
    loss : float
        Mean cross-entropy after the last glimpse, in nats.
    accuracy : float
        Share of images whose class is right after the last glimpse.
    error : float or None
        Median distance of the centre of the last window from that of the digit, in longer sides of the digit. None
        where it is not known where digits are.
    found : float or None
        Share of digits within :data:`FOUND` of it.
    window : tuple of float
        (cx, cy, width, height, angle): the mean of the last windows, pixels.
    spread : float
        Standard deviation of their centres over the images, in pixels: the root of the mean of both axes' variances.
    lost : bool
        Whether all windows are in one place, which is not the one at the start and has no digit.
    accuracies, errors : tuple of float, or None
        After each glimpse, and of each window.
    """

    step: int
    loss: float
    accuracy: float
    error: float | None
    found: float | None
    window: tuple[float, ...]
    spread: float
    lost: bool
    accuracies: tuple[float, ...]
    errors: tuple[float, ...] | None

    def as_dict(self) -> dict[str, Any]:
        """Give the figures as data for JSON."""
        return self._asdict()


class References(NamedTuple):
    """Accuracies between which a model stands, and their names.

    Attributes
    ----------
    floor, ceiling : float
    floor_name, ceiling_name : str
    """

    floor: float
    ceiling: float
    floor_name: str = "a fixed window"
    ceiling_name: str = "an oracle window"


class Verdict(NamedTuple):
    """A judgement in a word, with its reason."""

    word: str
    reason: str


class Answers(NamedTuple):
    """What a model says about N images, after each of T glimpses.

    Attributes
    ----------
    probabilities : (N, T, K) float32
    windows : (N, T, 5) float64
    """

    probabilities: NDArray[np.float32]
    windows: Floats


def check(model: Model, source: Source, step: int = 0, count: int = 1000, seed: int = SEED) -> Check:
    """Give the figures of a model on the first images of a seed.

    Parameters
    ----------
    model : Model
    source : Source
    step : int
        Steps that it has learned, to be named.
    count : int
        Number of images.
    seed : int
    """
    parts = [source.batch(seed, first, min(AT_ONCE, count - first)) for first in range(0, count, AT_ONCE)]
    answers = [answer(model, part) for part in parts]
    probabilities = np.concatenate([one.probabilities for one in answers])
    windows = np.concatenate([one.windows for one in answers])
    labels = np.concatenate([one.labels for one in parts])
    truth = np.concatenate([one.windows for one in parts])
    right = (probabilities.argmax(axis=2) == labels[:, None]).mean(axis=0)
    chosen = probabilities[np.arange(len(labels)), -1, labels]
    distances = np.linalg.norm(windows[..., :2] - truth[:, None, :2], axis=2) / truth[:, None, 2:4].max(axis=2)
    known = bool(np.isfinite(distances).all())
    found = float((distances[:, -1] <= FOUND).mean()) if known else None
    last = windows[:, -1]
    spread, mean = float(np.sqrt(last[:, :2].var(axis=0).mean())), last.mean(axis=0)
    canvas, commonest = model.specification.canvas, float(np.bincount(labels).max() / len(labels))
    away = bool(np.abs(mean[:2] - canvas / 2).max() > AWAY * canvas)
    return Check(
        step=step,
        loss=float(-np.log(np.maximum(chosen, 1e-12)).mean()),
        accuracy=float(right[-1]),
        error=float(np.median(distances[:, -1])) if known else None,
        found=found,
        window=tuple(map(float, mean)),
        spread=spread,
        lost=spread < SPREAD and away and (float(right[-1]) < commonest + FEW if found is None else found < FEW),
        accuracies=tuple(map(float, right)),
        errors=tuple(map(float, np.median(distances, axis=0))) if known else None,
    )


def answer(model: Model, batch: Batch) -> Answers:
    """Ask a model about images; nothing is drawn."""
    was = model.training
    model.eval()
    with torch.inference_mode():
        seen = model(pixels(batch.images), torch.from_numpy(batch.windows).float())
        probabilities = functional.softmax(seen.classes, dim=2)
    model.train(was)
    return Answers(probabilities.numpy(), seen.windows.double().numpy())


def pixels(images: NDArray[np.uint8]) -> Tensor:
    """Give (N, S, S) or (N, S, S, 3) uint8 images as (N, C, S, S) float32, 0 to 1."""
    planes = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(planes)).float() / 255


def judge(found: Check, references: References) -> Verdict:
    """Say how much of the way from the floor to the ceiling a model has gone: ``learned``, ``partly`` or ``lost``."""
    if found.lost:
        return Verdict("lost", "every window is at {:.0f}, {:.0f}".format(*found.window))
    floor, ceiling = references.floor, references.ceiling
    if ceiling - floor < LEAST:
        return Verdict("lost", f"{references.ceiling_name} is no better than {references.floor_name}")
    if found.found is not None and found.found < FEW:
        return Verdict("lost", f"{found.found:.0%} of its windows are on digits")
    share = (found.accuracy - floor) / (ceiling - floor)
    names = f"from {references.floor_name} to {references.ceiling_name}"
    if share >= LEARNED:
        return Verdict("learned", f"{min(share, 1):.0%} of the way {names}")
    if share >= PARTLY:
        return Verdict("partly", f"{share:.0%} of the way {names}")
    return Verdict("lost", f"it is no better than {references.floor_name}")
