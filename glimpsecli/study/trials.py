"""The trials: true windows, starts beside them, and targets. All samplers get the same ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.learning.fitting import LEAST_ENERGY, gradient_energy
from glimpsecli.study.design import OFF, TURN, WIDEST, Chunk, Condition, Design, chunks, condition_named, tuning_chunks
from glimpsecli.study.mechanisms import TAPS
from glimpsecli.study.scenes import KINDS, area_average, scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats, Image


_TRIES = 20_000  # a photo of something on white has few places that show something


class Trials(NamedTuple):
    """The trials of a chunk: a row for each offset of each place, place by place.

    Attributes
    ----------
    truth, start : (N, 4) float64
        Places: see ``mechanisms``.
    targets : (N, TAPS, TAPS) float64
        Exact averages, without noise.
    """

    truth: Floats
    start: Floats
    targets: Floats


def check(design: Design) -> None:
    """Draw all trials once, so that one that cannot be drawn is known before the first is tried.

    Raises
    ------
    InvalidInputError
        An image has no place for a window, or cannot be read.
    """
    # In each image and at each stride the chunk with the most trials holds those of the others, but for the scale of
    # their starts, which always fits.
    seen: dict[tuple[str, int, float, bool, bool], Chunk] = {}
    for chunk in (*tuning_chunks(design), *chunks(design)):
        condition = condition_named(chunk.condition)
        key = chunk.kind, chunk.image, chunk.stride, condition.fractional, condition.turned
        if key not in seen or design.count(chunk) > design.count(seen[key]):
            seen[key] = chunk
    for kind, index in dict.fromkeys((kind, index) for kind, index, *_ in seen):
        image = scene(kind, index, design.seed, design.photos)
        for chunk in seen.values():
            if (chunk.kind, chunk.image) == (kind, index):
                draw(design, chunk, image)


def draw(design: Design, chunk: Chunk, image: Image) -> Trials:
    """Draw the trials of a chunk.

    Conditions of the same strides have the same places, and the same starts but for the scale, where windows are
    upright; those of turned windows have others, the same but for the angle of the start. A place is drawn until its
    target has structure in every direction, and until all its starts lie inside the image.

    Raises
    ------
    InvalidInputError
        The image has no such place.
    """
    condition = condition_named(chunk.condition)
    extent = TAPS * condition.stride(chunk.stride)
    truth, start, targets = [], [], []
    for number in range(design.count(chunk)):
        entropy = [design.seed, 1, KINDS.index(chunk.kind), chunk.image, round(1000 * chunk.stride), number]
        found = _place(image, extent, design.offsets, condition, np.random.default_rng(entropy))
        if found is None:
            raise InvalidInputError(
                f"image {chunk.image} of {chunk.kind}, {image.shape[1]}x{image.shape[0]}, has no place for a window of "
                f"{extent:g} pixels that shows something, with starts up to {max(design.offsets):g} windows away",
                "take larger or busier photos, or other --strides",
            )
        place, target, starts = found
        truth.append(np.tile(place, (len(starts), 1)))
        start.append(starts)
        targets.append(np.tile(target, (len(starts), 1, 1)))
    return Trials(*(np.concatenate(parts) for parts in (truth, start, targets)))


def _place(
    image: Image, extent: float, offsets: tuple[float, ...], condition: Condition, random: np.random.Generator
) -> tuple[Floats, Floats, Floats] | None:
    """Draw a place: (4,), its target (TAPS, TAPS), and its starts (offsets, 4); None where there is none."""
    bounds = np.array(image.shape[::-1])
    reach = extent * math.sqrt(2) if condition.turned else extent  # a turned one lies inside at every angle
    if np.any(bounds <= reach):
        return None
    for _ in range(_TRIES):
        centre = random.uniform(reach / 2, bounds - reach / 2)
        starts = _starts(offsets, centre, extent, reach, bounds, random)
        if starts is None:
            continue
        turns = random.uniform(-1, 1, 1 + len(offsets)) if condition.turned else np.zeros(1 + len(offsets))
        target = area_average(image, np.array([[*centre, extent, extent, TURN * turns[0]]]), TAPS)[0]
        if gradient_energy(target[..., None].astype(np.float32)) >= LEAST_ENERGY:
            if not condition.scaled:
                starts[:, 2] = 0
            starts[:, 3] = TAPS / 2 * np.deg2rad(TURN * turns[0] + OFF * condition.turning * turns[1:])
            return np.array([*centre, 0.0, TAPS / 2 * np.deg2rad(TURN * turns[0])]), target, starts
    return None


def _starts(
    offsets: tuple[float, ...], centre: Floats, extent: float, reach: float, bounds: NDArray[np.int64],
    random: np.random.Generator,
) -> Floats | None:  # fmt: skip
    """Draw an upright start for each offset; None where one, `reach` wide, does not lie inside the image."""
    angle = random.uniform(0, 2 * np.pi, len(offsets))
    away = np.array(offsets)[:, None] * extent * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    factor = WIDEST ** random.uniform(-1, 1, len(offsets))
    half = np.maximum(factor, 1)[:, None] * reach / 2
    centres = centre + away
    if np.any(centres < half) or np.any(centres > bounds - half):
        return None
    return np.column_stack([centres, TAPS / 2 * np.log(factor), np.zeros(len(factor))])
