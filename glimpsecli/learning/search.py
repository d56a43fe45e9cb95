"""The coarse search: where in an image, and how large, a target might be, by normalised cross-correlation.

Target and image are reduced until the target has about `SIDE` pixels; the target is tried in steps of scale (and
aspect, and angle) at every position at once, through the Fourier transform. With a template ``t`` of weights ``m``
(1 where the template is, 0 in the corners of a turned one), both of mean zero under ``m`` in each channel::

    zncc = sum_c corr(t_c, I_c) / sqrt(sum |t|^2 (corr(m, sum_c I_c^2) - sum_c corr(m, I_c)^2 / sum m))
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.learning.places import Found, Range, distinct
from glimpsecli.sampling import extract
from glimpsecli.window import Affine, Window

if TYPE_CHECKING:
    from glimpsecli.arrays import Array
    from glimpsecli.window import Size


SIDE, TURNED_SIDE = 28, 16
"""Pixels of the longer side of the reduced target; fewer where angles are tried as well."""

OCTAVE = 1.5
"""Greatest ratio of strides that share one reduced image."""

OVERHANG = 0.06
"""A candidate may reach over the image's edge by this share of its longer side."""

PEAKS = 12
"""Local maxima kept for each scale, aspect and angle."""

SHARP_SIDE = 64
"""Pixels, at most, of the longer side of a glimpse whose rivals are searched."""

RIVALS, LIKE = 5, 0.5
"""Greatest number of rivals, and their least ZNCC, unrefined."""


def candidates(target: Array, image: Array, strides: Range, free: frozenset[str], most: int = 10) -> list[Found]:
    """Give the places where a target might be, the likeliest first.

    Parameters
    ----------
    target : (h, w, C) float32
    image : (H, W, C) float32
    strides : Range
    free : set of str
        Names of what to search beside the position: ``scale``, ``aspect``, ``angle``.
    most : int

    Returns
    -------
    list of Found
        At most `most`, all distinct; empty where the target fits nowhere.
    """
    found: list[Found] = []
    for low, high in _octaves(strides):
        found += _at_octave(target, image, Range(low, high), free)
    found.sort(key=lambda one: -one.zncc)
    return [*itertools.islice(distinct(found, 3.0), most)]


def rivals(glimpse: Array, image: Array, place: Array, free: frozenset[str]) -> list[Found]:
    """Give the rivals of a place, which look like it in full sharpness, the likeliest first.

    Parameters
    ----------
    glimpse : (h, w, C)
        The glimpse at the place.
    image : (H, W, C) float32
    place : (5,) float64
    free : set of str
        Where the angle is free, quarter turns are tried as well.
    """
    h, w = glimpse.shape[:2]
    stride, aspect = math.exp(place[2]), math.exp(place[3])
    scene = _Scene(image, max(1.0, stride * max(h * aspect, w) / SHARP_SIDE))
    found = [Found(place, math.inf)]
    for turn in (0.0, 90.0, 180.0, 270.0) if "angle" in free else (0.0,):
        turned = np.array([*place[:4], place[4] + turn])
        found += scene.matches(glimpse.astype(np.float32), (stride * aspect, stride), turned)
    found.sort(key=lambda one: -one.zncc)
    _, *others = distinct(one for one in found if one.zncc >= LIKE)
    return others[:RIVALS]


def _octaves(strides: Range) -> Iterator[tuple[float, float]]:
    """Cut a range of strides into parts, each for one reduced image."""
    parts = max(1, math.ceil(math.log(strides.high / strides.low) / math.log(OCTAVE)))
    edges = np.geomspace(strides.low, strides.high, parts + 1).tolist()
    yield from itertools.pairwise(edges)


def _at_octave(target: Array, image: Array, strides: Range, free: frozenset[str]) -> list[Found]:
    """Try all scales, aspects and angles of a part of the strides on one reduced image."""
    h, w = target.shape[:2]
    side = TURNED_SIDE if "angle" in free else SIDE
    pitch = max(1.0, strides.low * max(h, w) / side)
    scene = _Scene(image, pitch)
    step = 2 / min(side, max(h, w) * strides.low / pitch)
    scales = max(1, round(math.log(strides.high / strides.low) / step) + 1) if strides.high > strides.low else 1
    aspects = (-0.12, 0.0, 0.12) if "aspect" in free else (0.0,)
    turns = max(1, round(math.pi * side / 2)) if "angle" in free else 1
    angles = (np.arange(turns) - turns // 2) * (360 / turns)
    found: list[Found] = []
    for stride in (
        np.geomspace(strides.low, strides.high, scales) if scales > 1 else [math.sqrt(strides.low * strides.high)]
    ):
        for aspect, angle in itertools.product(aspects, angles):
            place = np.array([0.0, 0.0, math.log(stride), aspect, angle])
            found += scene.matches(target, (stride * math.exp(aspect), stride), place)
    return found


class _Scene:
    """A reduced image, transformed once, in which templates are looked for."""

    def __init__(self, image: Array, pitch: float) -> None:
        height, width = image.shape[:2]
        size = max(1, round(height / pitch)), max(1, round(width / pitch))
        reduced = extract(image, Window.from_box(0, 0, width, height), size)
        self.pitch = height / size[0], width / size[1]
        self.margin = math.ceil(OVERHANG * max(SIDE, 1) * OCTAVE)
        pad = ((self.margin, self.margin), (self.margin, self.margin), (0, 0))
        padded = np.pad(reduced - reduced.mean(axis=(0, 1)), pad, mode="edge")
        self.extent: Size = padded.shape[:2]
        self.size = tuple(fast(extent) for extent in self.extent)
        self.waves = self._transform(padded)
        self.energy = self._transform(np.sum(np.square(padded), axis=2, keepdims=True))

    def matches(self, target: Array, strides: tuple[float, float], place: Array) -> Iterator[Found]:
        """Look for a target at the strides (y, x) and with all numbers of a place but its centre."""
        template, mask = _template(target, strides, float(place[4]), self.pitch)
        for y, x, zncc in self._peaks(template, mask):
            yield Found(np.array([x, y, *place[2:]]), zncc)

    def _peaks(self, template: Array, mask: Array) -> Iterator[tuple[float, float, float]]:
        """Give the best local maxima: y and x of the template's middle on the image plane, and ZNCC."""
        scores = self._scores(template, mask)
        if scores.size == 0:
            return
        framed = np.pad(scores, 1, constant_values=-1)
        highest = np.lib.stride_tricks.sliding_window_view(framed, (3, 3)).max(axis=(2, 3))
        tops = np.flatnonzero((scores >= highest) & (scores > 0.1))
        order = tops[np.argsort(-scores.ravel()[tops])[:PEAKS]]
        for index in order.tolist():
            row, column = divmod(index, scores.shape[1])
            y = (row + template.shape[0] / 2 - self.margin) * self.pitch[0]
            x = (column + template.shape[1] / 2 - self.margin) * self.pitch[1]
            yield y, x, float(scores[row, column])

    def _scores(self, template: Array, mask: Array) -> Array:
        """Give the ZNCC of every position at which the template lies in the padded image."""
        rows, columns = self.extent[0] - template.shape[0] + 1, self.extent[1] - template.shape[1] + 1
        if rows < 1 or columns < 1:
            return np.empty((0, 0))
        weight = float(mask.sum())
        centred = (template - np.sum(template * mask, axis=(0, 1)) / weight) * mask
        share = self._transform(mask).conj()
        likeness = self._back(np.sum(self.waves * self._transform(centred).conj(), axis=2), rows, columns)
        squares = self._back((self.energy * share)[..., 0], rows, columns)
        for channel in range(template.shape[2]):
            squares -= np.square(self._back(self.waves[..., channel] * share[..., 0], rows, columns)) / weight
        own = float(np.sum(np.square(centred)))
        bound = np.sqrt(own * np.maximum(squares, 0))
        flat = squares < 1e-6 * weight  # a deviation of a quarter of a grey level in 255: nothing to compare with
        return np.where(flat, 0, likeness / np.where(flat, 1, bound))

    def _transform(self, values: Array) -> Array:
        return np.fft.rfft2(values, self.size, axes=(0, 1))

    def _back(self, waves: Array, rows: int, columns: int) -> Array:
        return np.fft.irfft2(waves, self.size)[:rows, :columns]


def _template(
    target: Array, strides: tuple[float, float], angle: float, pitch: tuple[float, float]
) -> tuple[Array, Array]:
    """Resample the target to the pixels of the reduced image: (h', w', C) values and (h', w', 1) weights.

    `strides` and `pitch` are (y, x), pixels of the image.
    """
    h, w = target.shape[:2]
    extent_y, extent_x = (n * stride for n, stride in zip((h, w), strides, strict=True))
    if angle == 0:
        size = max(1, round(extent_y / pitch[0])), max(1, round(extent_x / pitch[1]))
        cells = Window(w / 2, h / 2, size[1] * pitch[1] / strides[1], size[0] * pitch[0] / strides[0])
        return extract(target, cells, size), np.ones((*size, 1), np.float32)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    size = (
        math.ceil((abs(sin) * extent_x + abs(cos) * extent_y) / pitch[0]),
        math.ceil((abs(cos) * extent_x + abs(sin) * extent_y) / pitch[1]),
    )
    shrunk = max(1, round(extent_y / pitch[0])), max(1, round(extent_x / pitch[1]))
    small = extract(target, Window(w / 2, h / 2, w, h), shrunk)
    # From a pixel of the template to the image, turned back, to a pixel of the small target.
    turn = np.array([[cos, sin], [-sin, cos]]) @ np.diag([pitch[1], pitch[0]])
    linear = np.diag([shrunk[1] / extent_x, shrunk[0] / extent_y]) @ turn
    middle = np.array([(shrunk[1] - 1) / 2, (shrunk[0] - 1) / 2])
    matrix = np.column_stack([linear, middle - linear @ [(size[1] - 1) / 2, (size[0] - 1) / 2]])
    place = Affine(matrix)
    values = extract(small, place, size, sampler="bilinear", border="edge")
    inside = extract(np.ones((*shrunk, 1), np.float32), place, size, sampler="bilinear", border="zeros")
    return values, (inside > 0.75).astype(np.float32)


def fast(extent: int) -> int:
    """Give the next length whose only prime factors are 2, 3 and 5."""
    while True:
        rest = extent
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return extent
        extent += 1
