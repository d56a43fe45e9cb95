"""Sequences: moving pictures of which it is known where the object is, for the study of what consistency is worth.

An object, cut from a photo, moves over a background, which may move as well. Other things may hide it, look like it, or
it leaves. Everything is pasted at twice the resolution of the frames, then seen through a Gaussian, as by a camera.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.study import patches
from glimpsecli.study.layers import Layer, render, visible_shares
from glimpsecli.study.stage import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats

    Scene = tuple[Layer, tuple[Layer, ...], tuple[Layer, ...]]  # the object, things below it, things above
    Frame = NDArray[np.uint8]

KINDS = (
    "translation", "scale", "turn", "light", "blur", "partial", "still hider", "moving hider", "lookalike", "leaving",
)  # fmt: skip
"""Kinds of sequences; the object moves in all of them."""

NOISE = 4.0
"""Standard deviation of the noise on each pixel, white being 255."""

LARGER = math.log(1.42)
"""Logarithm of the largest factor of the object's size in sequences of changing scale."""

TURNS = (8.0, 15.0)
"""Largest angle of the object in sequences of turns: the least and the greatest, in degrees."""

GAINS, HAZE = (0.6, 1.4), 20.0
"""Darkest and brightest light, as a factor, and the grey values by which all becomes brighter and darker besides."""

SOFTEST = (1.5, 3.0)
"""Sigma of the camera where it is least in focus: the least and the greatest, in pixels."""

HIDDEN = (6, 16)
"""Least and greatest number of frames in which the object is hidden, or outside, as a whole."""


class Sequence(NamedTuple):
    """A sequence of frames, and the truth of each.

    Attributes
    ----------
    kind : str
    seed : int
    frames : callable
        Gives an iterator of the frames, (H, W, 3) uint8, always the same ones.
    windows : (T, 5) float64
        The object's window in each frame, hidden or not.
    visible : (T,) float64
        The share of the object that is inside the frame and not hidden, 0 to 1.
    """

    kind: str
    seed: int
    frames: Callable[[], Iterator[Frame]]
    windows: Floats
    visible: Floats


def sequence(kind: str, seed: int, photos: str = "sample_images") -> Sequence:
    """Draw a sequence.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    seed : int
    photos : path
        The folder of the sample photos.

    Raises
    ------
    InvalidInputError
        There is no such kind, or no such folder.
    """
    if kind not in KINDS:
        raise InvalidInputError(f"{kind!r} is no kind of sequence", f"take one of {', '.join(KINDS)}")
    random = np.random.default_rng([seed, KINDS.index(kind)])
    stage = Stage(random, photos)
    layer, below, above = _SCENES.get(kind, _wandering)(stage)
    changes = _CHANGES[kind](random, stage.count) if kind in _CHANGES else {}
    noise = int(random.integers(2**32))
    layers = (*below, layer, *above)

    def frames() -> Iterator[Frame]:
        return render(stage.background, stage.camera, layers, stage.size, NOISE, noise, **changes)

    return Sequence(kind, seed, frames, layer.windows, visible_shares(layer, above, stage.size))


def _wandering(stage: Stage) -> Scene:
    return stage.object(stage.wander()), (), ()


def _scaled(stage: Stage) -> Scene:
    period, phase = stage.random.uniform(80, 140), stage.random.uniform(0, 2 * math.pi)
    logs = LARGER * np.sin(2 * math.pi * stage.time / period + phase)
    return stage.object(stage.wander(0.72), logs), (), ()


def _turned(stage: Stage) -> Scene:
    most, period = stage.random.uniform(*TURNS), stage.random.uniform(50, 100)
    angles = most * np.sin(2 * math.pi * stage.time / period)  # upright at first, as a box is
    return stage.object(stage.wander(0.72), angles=angles), (), ()


def _partly_hidden(stage: Stage) -> Scene:
    """Hide a third to 60 % of the object, by a pole that stands or passes."""
    random, (width, height) = stage.random, stage.extent
    share = random.uniform(0.35, 0.6)
    pole = np.empty((stage.count, 5))
    if random.random() < 0.5:
        centres, _ = stage.cross()
        pole[:, 0] = stage.size[1] / 2
    else:
        centres = stage.wander()
        passing = 1.6 * width / random.uniform(12, 30) * random.choice([-1, 1])
        pole[:, 0] = centres[:, 0] + passing * (stage.time - random.uniform(0.35, 0.65) * stage.count)
    pole[:, 1:] = centres[:, 1].mean(), share * width, 2.2 * height + np.ptp(centres[:, 1]), 0.0
    return stage.object(centres), (), (Layer(_hider(stage, pole), "box", pole),)


def _behind(stage: Stage) -> Scene:
    """Let the object pass behind a still thing, in every third sequence with a rest there."""
    random, (width, height) = stage.random, stage.extent
    centres, speed = stage.cross()
    hidden = random.integers(HIDDEN[0], HIDDEN[1] + 1)
    rests = random.random() < 1 / 3
    wall = np.empty((stage.count, 5))
    wall[:, 1:] = centres[:, 1].mean(), width + (6 if rests else hidden * speed), 2 * height + np.ptp(centres[:, 1]), 0
    wall[:, 0] = stage.size[1] / 2
    if rests:
        middle = (stage.count - 1) / 2
        centres[:, 0] = np.interp(
            stage.time, [0, middle - hidden / 2, middle + hidden / 2, stage.count - 1],
            [centres[0, 0], stage.size[1] / 2, stage.size[1] / 2, centres[-1, 0]],
        )  # fmt: skip
    # A wall stands in the scene, and the camera may move over the scene.
    wall[:, :2] -= (stage.camera[:, :2] - stage.camera[stage.count // 2, :2]) * stage.size[1] / stage.camera[0, 2]
    return stage.object(centres), (), (Layer(_hider(stage, wall), "box", wall),)


def _passed(stage: Stage) -> Scene:
    """Let a larger thing pass before the object, in any direction."""
    random, extent = stage.random, np.array(stage.extent)
    centres = stage.wander()
    hidden = random.integers(HIDDEN[0], HIDDEN[1] + 1)
    direction = random.uniform(0, 2 * math.pi)
    way = np.array([math.cos(direction), math.sin(direction)])
    larger = extent * random.uniform(1.4, 2.0)
    # The object is hidden while the hider's edge is beyond the object's on both axes.
    speed = float(np.min((larger - extent) / np.maximum(np.abs(way), 1e-9))) / hidden
    thing = np.empty((stage.count, 5))
    middle = stage.count * random.uniform(0.4, 0.6)
    thing[:, :2] = centres + way * speed * (stage.time - middle)[:, None]
    # Before and after it is faster, so that it does not cover the object for the whole sequence.
    away = np.maximum(np.abs(stage.time - middle) - hidden / 2, 0) * np.sign(stage.time - middle)
    thing[:, :2] += way * away[:, None] * max(0.0, 3.5 - speed)
    thing[:, 2:] = *larger, 0.0
    return stage.object(centres), (), (Layer(_hider(stage, thing), "box", thing),)


def _beside_lookalike(stage: Stage) -> Scene:
    """Let something that looks like the object cross its way, before it or behind it."""
    random = stage.random
    centres = stage.wander()
    middle = stage.count * random.uniform(0.4, 0.6)
    direction, speed = random.uniform(0, 2 * math.pi), random.uniform(1.5, 4)
    way = np.array([math.cos(direction), math.sin(direction)])
    aside = np.array([-way[1], way[0]]) * stage.extent * random.uniform(0, 0.7)
    places = centres + aside + way * speed * (stage.time - middle)[:, None]
    alike = random.uniform(0.7, 1.0)
    blend = (alike * stage.patch + (1 - alike) * stage.other) * random.uniform(0.85, 1.15)
    other = Layer(np.clip(np.round(blend), 0, 255).astype(np.uint8), stage.shape, stage.windows(places))
    return (stage.object(centres), (other,), ()) if random.random() < 0.5 else (stage.object(centres), (), (other,))


def _leaving(stage: Stage) -> Scene:
    """Let the object leave the frame, and come back on the same side or on the other."""
    random, (height, width) = stage.random, stage.size
    outside = random.integers(HIDDEN[0], HIDDEN[1] + 1)
    gone = (stage.count - outside) * random.uniform(0.4, 0.55)
    beyond = width + stage.extent[0] / 2 + 1
    start = beyond - min(random.uniform(2, 4) * gone, width - 8)
    if random.random() < 0.6:
        back = beyond
        end = beyond - min(random.uniform(2, 4) * (stage.count - gone - outside), width - 8)
    else:
        back = -stage.extent[0] / 2 - 1
        end = back + min(random.uniform(2, 4) * (stage.count - gone - outside), width - 8)
    before = np.interp(stage.time, [0, gone], [start, beyond])
    x = np.where(
        stage.time < gone + outside / 2, before, np.interp(stage.time, [gone + outside, stage.count - 1], [back, end])
    )
    reach = (height - stage.extent[1]) / 2 - 4
    y = height / 2 + 0.6 * reach * np.sin(2 * math.pi * stage.time / random.uniform(70, 150) + random.uniform(0, 6))
    centres = np.stack([x if random.random() < 0.5 else width - x, y], axis=1)
    return stage.object(centres), (), ()


def _hider(stage: Stage, windows: Floats) -> NDArray[np.uint8]:
    """Give the picture of something that hides the object: of the photo that shows neither it nor the background."""
    return patches.stretched(stage.other, (float(windows[0, 2]), float(windows[0, 3])))


def _light(random: np.random.Generator, count: int) -> dict[str, Any]:
    """Let the light change as a whole, and let a shadow come from a side."""
    time = np.arange(count)
    waves = np.sin(2 * math.pi * time / random.uniform(40, 90) + random.uniform(0, 2 * math.pi))
    low, high = np.log(GAINS)
    gains = np.exp((low + high) / 2 + (high - low) / 2 * waves)
    offsets = HAZE * np.sin(2 * math.pi * time / random.uniform(40, 90) + random.uniform(0, 2 * math.pi))
    return {"gains": gains, "offsets": offsets, "slant": random.uniform(-0.25, 0.25)}


def _blur(random: np.random.Generator, count: int) -> dict[str, Any]:
    """Let the camera go out of focus and back."""
    u = np.clip((np.arange(count) / count - random.uniform(0.1, 0.3)) / 0.6, 0, 1)
    return {"softness": random.uniform(*SOFTEST) * np.sin(math.pi * u) ** 2}


_SCENES = {
    "scale": _scaled, "turn": _turned, "partial": _partly_hidden, "still hider": _behind, "moving hider": _passed,
    "lookalike": _beside_lookalike, "leaving": _leaving,
}  # fmt: skip
_CHANGES = {"light": _light, "blur": _blur}
