"""The search as a film: the window on its way over the image, the glimpse in it, and the residual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.learning.model import Level, Scene
from glimpsecli.learning.places import from_window
from glimpsecli.pictures.outline import outline
from glimpsecli.pictures.scale import as_rgb, fitted, resized
from glimpsecli.pictures.text import FAINT, INK, line_height, write
from glimpsecli.sampling import FULL_SCALE
from glimpsecli.window import Window, corners

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glimpsecli.arrays import Array, Figure
    from glimpsecli.learning import Fit
    from glimpsecli.learning.refine import Step
    from glimpsecli.sampling import Sampling


HEIGHT, WIDTH = 400, 560
"""Largest height and width of the image in a frame, in pixels."""

MARGIN, TEXT, TITLE = 18, 15, 14
CANDIDATE, STEP, LAST = 320, 220, 3000
"""Milliseconds that a frame of each kind stays."""

STRETCH = 2.0
"""Factor of the residual, averaged over its channels, when it is drawn about a middle grey."""

_PALE, _BRIGHT = (1.0, 1.0, 1.0), (1.0, 0.85, 0.0)
_COLOURS = {"found": (20, 120, 60), "doubtful": (165, 100, 0), "lost": (180, 40, 40)}


def film(found: Fit, target: Array, image: Array, sampling: Sampling) -> tuple[list[Figure], list[int]]:
    """Draw the search.

    Parameters
    ----------
    found : Fit
    target, image : (H, W) or (H, W, C)
        The target, and the image that was searched for it.
    sampling : Sampling

    Returns
    -------
    frames : list of (H, W, 3) uint8
        The candidates, the most likely last, then the steps from the candidate that won.
    milliseconds : list of int
        Time that each frame stays.
    """
    stage = _Stage(target, image, sampling)
    candidates = found.starts[::-1]
    frames, milliseconds = [], []
    for index, step in enumerate(candidates):
        words = f"coarse search: candidate {len(candidates) - index} of {len(candidates)}"
        frames.append(stage.frame(step, words, candidates[:index]))
        milliseconds.append(CANDIDATE)
    for index, step in enumerate(found.path):
        blurred = f", blurred by {step.sigma:.1f} px of the target" if step.sigma else ", sharp"
        frames.append(stage.frame(step, f"step {index + 1} of {len(found.path)}{blurred}"))
        milliseconds.append(STEP)
    frames.append(stage.frame(found.path[-1], found.reason, verdict=found.verdict))
    milliseconds.append(LAST)
    return frames, milliseconds


class _Stage:
    """The parts that are the same in every frame."""

    def __init__(self, target: Array, image: Array, sampling: Sampling) -> None:
        self.target, self.image, self.sampling = _as_float(target), _as_float(image), sampling
        self.photo = fitted(as_rgb(image), HEIGHT, WIDTH)
        self.scale = np.array([self.photo.shape[1], self.photo.shape[0]]) / image.shape[1::-1]
        h, w = self.size = target.shape[0], target.shape[1]
        line = line_height(TITLE)
        room = (max(self.photo.shape[0], 240) + 12) // 3 - line - 12
        factor = min(room / h, 1.6 * room / w)
        self.panel = max(1, round(h * factor)), max(1, round(w * factor))
        self.pitch = line + room + 12
        width = 3 * MARGIN + self.photo.shape[1] + max(self.panel[1], 120)
        height = 2 * MARGIN + max(self.photo.shape[0], 3 * self.pitch) + 2 * line_height(TEXT)
        self.blank = np.full((height, width, 3), 255, np.uint8)
        self.left, self.below = 2 * MARGIN + self.photo.shape[1], height - MARGIN - 2 * line_height(TEXT)

    def frame(self, step: Step, words: str, others: Sequence[Step] = (), verdict: str | None = None) -> Figure:
        """Draw one step, with the windows of `others` pale."""
        picture = self.photo.copy()
        for one in others:
            outline(picture, self._corners(one), colour=_PALE, weight=1.0)
        outline(picture, self._corners(step), colour=_BRIGHT, weight=2.5)
        figure = self.blank.copy()
        figure[MARGIN : MARGIN + picture.shape[0], MARGIN : MARGIN + picture.shape[1]] = picture
        target, glimpse, residual = self._seen(step)
        panels = (("Target", target), ("Glimpse", glimpse), (f"Residual, ×{STRETCH:g}", residual))
        for index, (title, panel) in enumerate(panels):
            top = MARGIN + index * self.pitch
            write(figure, title, self.left, top - 4, size=TITLE, bold=True)
            top += line_height(TITLE)
            shown = resized(as_rgb(panel), *self.panel)
            figure[top : top + shown.shape[0], self.left : self.left + shown.shape[1]] = shown
        write(figure, f"ZNCC {step.zncc:.3f}", MARGIN, self.below + 4, size=TEXT, bold=True)
        second = self.below + 4 + line_height(TEXT)
        if verdict is None:
            write(figure, words, MARGIN, second, size=TEXT, colour=FAINT)
        else:
            write(
                figure, f"{verdict}: {words}", MARGIN, second, size=TEXT, bold=True, colour=_COLOURS.get(verdict, INK)
            )
        return figure

    def _seen(self, step: Step) -> tuple[Array, Array, Array]:
        """Give the target, the glimpse and the residual of a step, at the blur of that step."""
        level, place = Level(1, step.sigma), from_window(step.window, self.size)
        target = level.soften(self.target).astype(np.float64)
        scene = Scene.around(self.image, place, self.size, level, self.sampling)
        glimpse, _ = scene.look(place, self.size, self.size)
        t, g = (values - values.mean(axis=(0, 1)) for values in (target, glimpse))
        power = float(np.sum(g * g))
        gain = max(float(np.sum(t * g)) / power, 0.0) if power else 0.0
        matched = gain * g + target.mean(axis=(0, 1))  # in the brightness and contrast of the target
        residual = 0.5 + STRETCH * np.mean(target - matched, axis=2)
        return target.astype(np.float32), matched.astype(np.float32), residual.astype(np.float32)

    def _corners(self, step: Step) -> NDArray[np.float64]:
        window = Window(*step.window)
        points: NDArray[np.float64] = corners(window.to_affine(self.size), self.size) * self.scale
        return points


def _as_float(pixels: Array) -> Array:
    """Give an image as (H, W, C) float32 whose white is 1."""
    scaled = pixels.astype(np.float32) / np.float32(FULL_SCALE[pixels.dtype.name])
    return scaled if scaled.ndim == 3 else scaled[:, :, None]
