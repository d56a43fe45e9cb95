"""The trials: true windows, starts beside them, and targets. All samplers get the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.learning.fitting import LEAST_ENERGY, gradient_energy
from glimpsecli.study.design import WIDEST, Chunk, Design, chunks, condition_named, tuning_chunks
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
    truth, start : (N, 3) float64
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
    seen: dict[tuple[str, int, float, bool], Chunk] = {}
    for chunk in (*tuning_chunks(design), *chunks(design)):
        key = chunk.kind, chunk.image, chunk.stride, condition_named(chunk.condition).fractional
        if key not in seen or design.count(chunk) > design.count(seen[key]):
            seen[key] = chunk
    for kind, index in dict.fromkeys((kind, index) for kind, index, *_ in seen):
        image = scene(kind, index, design.seed, design.photos)
        for chunk in seen.values():
            if (chunk.kind, chunk.image) == (kind, index):
                draw(design, chunk, image)


def draw(design: Design, chunk: Chunk, image: Image) -> Trials:
    """Draw the trials of a chunk.

    Conditions of the same strides have the same places, and the same starts but for the scale. A place is drawn until
    its target has structure in every direction, and until all its starts lie inside the image.

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
        found = _place(image, extent, design.offsets, np.random.default_rng(entropy))
        if found is None:
            raise InvalidInputError(
                f"image {chunk.image} of {chunk.kind}, {image.shape[1]}x{image.shape[0]}, has no place for a window of "
                f"{extent:g} pixels that shows something, with starts up to {max(design.offsets):g} windows away",
                "take larger or busier photos, or other --strides",
            )
        place, target, starts = found
        if not condition.scaled:
            starts[:, 2] = 0
        truth.append(np.tile(place, (len(starts), 1)))
        start.append(starts)
        targets.append(np.tile(target, (len(starts), 1, 1)))
    return Trials(*(np.concatenate(parts) for parts in (truth, start, targets)))


def _place(
    image: Image, extent: float, offsets: tuple[float, ...], random: np.random.Generator
) -> tuple[Floats, Floats, Floats] | None:
    """Draw a place: (3,), its target (TAPS, TAPS), and its starts (offsets, 3); None where there is none."""
    bounds = np.array(image.shape[::-1])
    if np.any(bounds <= extent):
        return None
    for _ in range(_TRIES):
        centre = random.uniform(extent / 2, bounds - extent / 2)
        starts = _starts(offsets, centre, extent, bounds, random)
        if starts is None:
            continue
        target = area_average(image, np.array([[*centre, extent, extent, 0]]), TAPS)[0]
        if gradient_energy(target[..., None].astype(np.float32)) >= LEAST_ENERGY:
            return np.array([*centre, 0.0]), target, starts
    return None


def _starts(
    offsets: tuple[float, ...], centre: Floats, extent: float, bounds: NDArray[np.int64], random: np.random.Generator
) -> Floats | None:
    """Draw a start for each offset; None where one does not lie inside the image."""
    angle = random.uniform(0, 2 * np.pi, len(offsets))
    away = np.array(offsets)[:, None] * extent * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    factor = WIDEST ** random.uniform(-1, 1, len(offsets))
    half = np.maximum(factor, 1)[:, None] * extent / 2
    centres = centre + away
    if np.any(centres < half) or np.any(centres > bounds - half):
        return None
    return np.column_stack([centres, TAPS / 2 * np.log(factor)])
