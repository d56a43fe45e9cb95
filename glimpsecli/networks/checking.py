"""The figures of a model on images that it did not learn from. Needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.networks.answering import answer
from glimpsecli.networks.rules import AWAY, FEW, FOUND, SEED, SPREAD

if TYPE_CHECKING:
    from glimpsecli.networks.model import Model
    from glimpsecli.networks.scenes import Source

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
