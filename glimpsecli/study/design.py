"""The plan of the experiment, as data: its conditions, its trials, and its chunks of work."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli import __version__
from glimpsecli.errors import InvalidInputError
from glimpsecli.learning.fitting import LEAST_ENERGY
from glimpsecli.study import mechanisms, optimisers
from glimpsecli.study.scenes import HELD_OUT, KINDS, SIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

NOISE = 20 / 255
"""Standard deviation of the noise on each pixel of noisy images, white being 1."""

FRACTION = 0.37
"""Pixels added to strides that are not to be whole: each tap then lies in its own way between the pixels."""

ALIKE = 0.01
"""Difference up to which areas under success against offset, on the images that are held out, count as equal."""

WIDEST = 1.25
"""Largest factor by which the start is too large or too small where the scale is searched."""

TURN, OFF = 45.0, 15.0
"""Largest angle of a true window that is turned, and of a start against it where the angle is searched; degrees."""

SLOWER = 3
"""Factor by which there are fewer true windows where they are turned: there Gaussians, being ellipses, take long."""

OFFSETS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
"""Distance of the start's centre from the true one, in widths of the window."""


class Condition(NamedTuple):
    """A condition under which all samplers are tried.

    Attributes
    ----------
    name : str
    scaled : bool
        Whether the scale is searched as well, from a wrong one.
    noisy : bool
        Whether the image that is sampled is noisy; targets never are.
    own : bool
        Whether the target is the sampler's own glimpse, and not the exact average over each cell.
    turned : bool
        Whether the true windows are turned.
    turning : bool
        Whether the angle is searched as well, from a wrong one.
    fractional : bool
        Whether strides get a fraction. At a whole stride all taps lie alike between their pixels, and pass from one
        pixel to the next at the same moment.
    """

    name: str
    scaled: bool = False
    noisy: bool = False
    own: bool = False
    fractional: bool = False
    turned: bool = False
    turning: bool = False

    @property
    def searched(self) -> str:
        """The parameter that is searched beside the position, if any."""
        return "scale" if self.scaled else "angle" if self.turning else ""

    @property
    def free(self) -> list[int]:
        """Indices of the numbers of a place that are searched."""
        return [0, 1, *([2] if self.scaled else []), *([3] if self.turning else [])]

    def stride(self, nominal: float) -> float:
        """Give the pixels from tap to tap of the true window."""
        return nominal + FRACTION if self.fractional else nominal


CONDITIONS = (
    Condition("translation"),
    Condition("translation, fractional strides", fractional=True),
    Condition("translation, noise", noisy=True),
    Condition("translation and scale", scaled=True),
    Condition("translation and scale, noise", scaled=True, noisy=True),
    Condition("translation, own target", own=True),
    Condition("translation, turned windows", turned=True),
    Condition("translation and angle", turned=True, turning=True),
)
"""The conditions of the study; the first is the main one, and has the most trials."""

TUNING = (
    Condition("tuning"),
    Condition("tuning with scale", scaled=True),
    Condition("tuning with angle", turned=True, turning=True),
)
"""The conditions in which rates are tried, on images that are held out: one for each set of searched parameters."""

NAMES = tuple(one.name for one in CONDITIONS)


class Design(NamedTuple):
    """An experiment.

    Attributes
    ----------
    photos : tuple of str
        Paths; the first :data:`~glimpsecli.study.scenes.HELD_OUT` are for choosing rates only.
    strides : tuple of float
        Pixels from tap to tap of the true window, before :data:`FRACTION` is added.
    offsets : tuple of float
    conditions : tuple of str
    images : int
        Images of each kind, beside those that are held out; there may be fewer photos.
    places : int
        True windows in each image, in the main condition.
    other_places : int
        True windows in each image, in the other conditions: the first of the main one's, or nearly so.
    tuning_places : int
        True windows in each image that is held out. Where windows are turned, all three numbers are divided by
        :data:`SLOWER`.
    rates, policies : tuple of float
        Values to try for Adam's rate, and for the sigma of the score function's policy; in strides.
    adam_looks, lm_looks : int
        Evaluations that a trial may use, with Adam and with Levenberg and Marquardt's method.
    seed : int
    """

    photos: tuple[str, ...]
    strides: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    offsets: tuple[float, ...] = OFFSETS
    conditions: tuple[str, ...] = NAMES
    images: int = 4
    places: int = 30
    other_places: int = 10
    tuning_places: int = 6
    rates: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
    policies: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0, 2.0)
    adam_looks: int = 200
    lm_looks: int = 100
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Give the design as data for JSON; photos by their names, for folders differ."""
        return self._asdict() | {"photos": [path.replace("\\", "/").rpartition("/")[2] for path in self.photos]}

    def count(self, chunk: Chunk) -> int:
        """Give the number of true windows of a chunk."""
        condition = condition_named(chunk.condition)
        if condition in TUNING:
            places = self.tuning_places
        else:
            places = self.places if chunk.condition == self.conditions[0] else self.other_places
        return max(1, places // SLOWER) if condition.turned else places

    def scenes(self, *, held_out: bool) -> Iterator[tuple[str, int]]:
        """Generate kind and number of each image: of those held out for choosing rates, or of the others."""
        for kind in KINDS:
            last = HELD_OUT + self.images
            there = min(last, len(self.photos)) if kind == "photos" else last
            yield from ((kind, index) for index in (range(HELD_OUT) if held_out else range(HELD_OUT, there)))


QUICK: dict[str, Any] = {
    "strides": (1.0, 4.0),
    "conditions": (
        "translation",
        "translation, fractional strides",
        "translation and scale",
        "translation, own target",
    ),
    "images": 1,
    "places": 3,
    "other_places": 1,
    "tuning_places": 1,
    "rates": (0.5, 2.0),
    "policies": (0.5,),
}
"""Values of a design for a run within a minute."""


class Chunk(NamedTuple):
    """The unit of work of a process: all trials of one image, stride and condition, by all samplers.

    Attributes
    ----------
    condition : str
        Name of a condition of the experiment, or of :data:`TUNING`.
    stride : float
    kind : str
    image : int
    """

    condition: str
    stride: float
    kind: str
    image: int


def tuning_chunks(design: Design) -> list[Chunk]:
    """Give the chunks on which the rates are chosen, the longest first."""
    strides = sorted(design.strides, reverse=True)
    asked = {condition_named(name).searched for name in design.conditions}
    return [
        Chunk(condition.name, stride, *scene)
        for stride in strides for condition in TUNING if condition.searched in asked
        for scene in design.scenes(held_out=True)
    ]  # fmt: skip


def chunks(design: Design) -> list[Chunk]:
    """Give all chunks of the experiment itself, the longest first."""
    strides = sorted(design.strides, reverse=True)
    return [
        Chunk(condition, stride, *scene)
        for stride in strides for condition in design.conditions for scene in design.scenes(held_out=False)
    ]  # fmt: skip


def condition_named(name: str) -> Condition:
    """Give a condition of the study, or of the tuning, by its name.

    Raises
    ------
    InvalidInputError
        There is no condition of that name.
    """
    for condition in (*CONDITIONS, *TUNING):
        if condition.name == name:
            return condition
    raise InvalidInputError(f"{name!r} is no condition of the study", f"take one of {'; '.join(NAMES)}")


def fingerprint(design: Design) -> str:
    """Give a hash of a design, the contents of its photos, and all constants on which the numbers depend."""
    fixed = {
        "noise": NOISE, "fraction": FRACTION, "widest": WIDEST, "turn": (TURN, OFF), "alike": ALIKE,
        "energy": LEAST_ENERGY, "side": SIDE, "taps": mechanisms.TAPS, "mechanisms": mechanisms.MECHANISMS,
        "close": (optimisers.CLOSE, optimisers.CLOSE_EXTENT, optimisers.CLOSE_ANGLE), "annealing": optimisers.ANNEALING,
        "held out": HELD_OUT, "score function": (optimisers.SAMPLES, optimisers.DECAY), "version": __version__,
    }  # fmt: skip
    hasher = hashlib.sha256(json.dumps([design.as_dict(), fixed], sort_keys=True).encode())
    for path in design.photos:
        with open(path, "rb") as stream:
            hasher.update(hashlib.sha256(stream.read()).digest())
    return hasher.hexdigest()[:16]
