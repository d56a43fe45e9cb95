"""The plan of the experiment, as plain data: what is tried, where, and from where. All samplers get the same trials."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.learning.fitting import LEAST_ENERGY, gradient_energy
from glimpsecli.learning.study.lookers import TAPS
from glimpsecli.learning.study.scenes import HELD_OUT, KINDS, area_average

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Image = NDArray[np.float32]

NOISE = 5 / 255
"""Standard deviation of the noise on noisy targets, white being 1."""

WIDEST = 1.25
"""Where the scale is searched, the start is up to so many times too large or too small."""

OFFSETS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
"""Distance of the start's centre from the true one, in widths of the window."""

_TRIES = 1000


class Condition(NamedTuple):
    """What is asked of the samplers.

    Attributes
    ----------
    name : str
    scaled : bool
        Whether the scale is searched as well, from a wrong one.
    noisy : bool
    own : bool
        Whether the target is the sampler's own glimpse, and not the exact average over each cell.
    """

    name: str
    scaled: bool = False
    noisy: bool = False
    own: bool = False


CONDITIONS = (
    Condition("translation"),
    Condition("translation, noise", noisy=True),
    Condition("translation and scale", scaled=True),
    Condition("translation and scale, noise", scaled=True, noisy=True),
    Condition("translation, own target", own=True),
)
"""The first is the main one, and has the most trials."""

NAMES = tuple(one.name for one in CONDITIONS)


class Design(NamedTuple):
    """An experiment.

    Attributes
    ----------
    photos : tuple of str
        Paths; the first :data:`~glimpsecli.learning.study.scenes.HELD_OUT` are for choosing rates only.
    strides : tuple of float
        Pixels from tap to tap of the true window.
    offsets : tuple of float
    conditions : tuple of str
    images : int
        Of each kind, beside those that are held out; there may be fewer photos.
    places : int
        True windows in each image, in the main condition.
    other_places : int
        In the others: the first of the same windows.
    tuning_places : int
        In each image that is held out.
    rates : tuple of float
        From which Adam's is chosen, in strides.
    adam_looks, newton_looks : int
        Glimpses that a trial may look at, with Adam and with Levenberg and Marquardt's method.
    seed : int
    """

    photos: tuple[str, ...]
    strides: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    offsets: tuple[float, ...] = OFFSETS
    conditions: tuple[str, ...] = NAMES
    images: int = 4
    places: int = 30
    other_places: int = 10
    tuning_places: int = 3
    rates: tuple[float, ...] = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
    adam_looks: int = 200
    newton_looks: int = 60
    seed: int = 0

    def plain(self) -> dict[str, Any]:
        """Give it as data for JSON; photos by their names, for folders differ."""
        return self._asdict() | {"photos": [path.replace("\\", "/").rpartition("/")[2] for path in self.photos]}

    @property
    def fingerprint(self) -> str:
        """Tell designs, and photos of other contents, apart."""
        hasher = hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode())
        for path in self.photos:
            with open(path, "rb") as stream:
                hasher.update(hashlib.sha256(stream.read()).digest())
        return hasher.hexdigest()[:16]

    def scenes(self, *, held_out: bool) -> Iterator[tuple[str, int]]:
        """Give kind and number of each image that is for choosing rates, or that is not."""
        for kind in KINDS:
            last = HELD_OUT + self.images
            there = min(last, len(self.photos)) if kind == "photos" else last
            yield from ((kind, index) for index in (range(HELD_OUT) if held_out else range(HELD_OUT, there)))


QUICK: dict[str, Any] = {
    "strides": (1.0, 4.0),
    "conditions": ("translation", "translation and scale", "translation, own target"),
    "images": 1,
    "places": 3,
    "other_places": 1,
    "tuning_places": 1,
    "rates": (0.125, 0.25, 0.5),
}
"""What a design has instead for a run within a minute."""


class Chunk(NamedTuple):
    """What one process does at a time: all trials of one image, stride and condition, by all samplers.

    Attributes
    ----------
    condition : str
        Empty: rates are tried, on an image that is held out.
    stride : float
    kind : str
    image : int
    """

    condition: str
    stride: float
    kind: str
    image: int


class Trials(NamedTuple):
    """The trials of a chunk: a row for each offset of each place, place by place.

    Attributes
    ----------
    truth, start : (N, 3) float64
        Places: see ``lookers``.
    targets : (N, TAPS, TAPS) float64
        Exact averages, without noise.
    noise : (N, TAPS, TAPS) float64
        The same for all offsets of a place.
    """

    truth: Floats
    start: Floats
    targets: Floats
    noise: Floats


def tuning_chunks(design: Design) -> list[Chunk]:
    """Give the chunks on which the rates are chosen, the longest first."""
    strides = sorted(design.strides, reverse=True)
    return [Chunk("", stride, *scene) for stride in strides for scene in design.scenes(held_out=True)]


def chunks(design: Design) -> list[Chunk]:
    """Give all chunks of the experiment itself, the longest first."""
    strides = sorted(design.strides, reverse=True)
    return [
        Chunk(condition, stride, *scene)
        for stride in strides for condition in design.conditions for scene in design.scenes(held_out=False)
    ]  # fmt: skip


def condition_named(name: str) -> Condition:
    """Give a condition; rates are tried in the main one."""
    return next((condition for condition in CONDITIONS if condition.name == name), CONDITIONS[0])


def trials(design: Design, chunk: Chunk, image: Image) -> Trials:
    """Draw the trials of a chunk.

    Places are the same in every condition, and so are their starts but for the scale. A place is drawn until its
    target has something to hold on to in every direction, and until all its starts lie inside the image.

    Raises
    ------
    InvalidInputError
        The image has no such place.
    """
    condition = condition_named(chunk.condition)
    main = chunk.condition == design.conditions[0]
    count = design.places if main else design.other_places if chunk.condition else design.tuning_places
    truth, start, targets, noise = [], [], [], []
    for number in range(count):
        entropy = [design.seed, 1, KINDS.index(chunk.kind), chunk.image, round(1000 * chunk.stride), number]
        random = np.random.default_rng(entropy)
        place, target, starts = _draw(design, chunk, image, random)
        if not condition.scaled:
            starts[:, 2] = 0
        truth.append(np.tile(place, (len(starts), 1)))
        start.append(starts)
        targets.append(np.tile(target, (len(starts), 1, 1)))
        noise.append(np.tile(random.normal(0, NOISE, target.shape), (len(starts), 1, 1)))
    return Trials(*(np.concatenate(parts) for parts in (truth, start, targets, noise)))


def _draw(design: Design, chunk: Chunk, image: Image, random: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Draw a place: (3,), its target (TAPS, TAPS), and its starts (offsets, 3)."""
    extent = TAPS * chunk.stride
    bounds = np.array(image.shape[::-1])
    if np.all(bounds > extent):
        for _ in range(_TRIES):
            centre = random.uniform(extent / 2, bounds - extent / 2)
            starts = _starts(design.offsets, centre, extent, bounds, random)
            if starts is None:
                continue
            target = area_average(image, np.array([[*centre, extent, extent, 0]]), TAPS)[0]
            if gradient_energy(target[..., None].astype(np.float32)) >= LEAST_ENERGY:
                return np.array([*centre, 0.0]), target, starts
    raise InvalidInputError(
        f"image {chunk.image} of {chunk.kind}, {image.shape[1]}x{image.shape[0]}, has no place for windows of "
        f"{extent:g} pixels that show something, with starts up to {max(design.offsets):g} windows away",
        "take larger or busier photos, or smaller --strides",
    )


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
