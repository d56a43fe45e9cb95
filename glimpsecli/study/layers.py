"""Layers: pictures on windows that move, laid over one another, and the share of one that the others leave visible."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.sampling import Sampler, Sampling, extract
from glimpsecli.sampling.pasting import paste
from glimpsecli.study.patches import FINER
from glimpsecli.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats, Image

FOCUS = 0.5
"""Sigma of a camera in focus, in pixels of the frame."""

RIM = 2
"""Pixels of a picture over which its edge fades, on each side of the edge."""

_POINTS = 64


class Layer(NamedTuple):
    """A picture that moves.

    Attributes
    ----------
    picture : (h, w, 3) uint8
    shape : {"box", "ellipse"}
        The part of the window that the picture fills.
    windows : (T, 5) float64
    """

    picture: NDArray[np.uint8]
    shape: str
    windows: Floats


def render(
    background: NDArray[np.uint8], camera: Floats, layers: Sequence[Layer], size: tuple[int, int], noise: float,
    seed: int, *, gains: Floats | None = None, offsets: Floats | None = None, slant: float = 0.0,
    softness: Floats | None = None,
) -> Iterator[NDArray[np.uint8]]:  # fmt: skip
    """Generate the frames.

    Parameters
    ----------
    background : (H, W, 3) uint8
    camera : (T, 5) float64
        Windows on the background.
    layers : sequence of Layer
        The last lies on top.
    size : (int, int)
        Height and width of the frames.
    noise : float
        Standard deviation, white being 255.
    seed : int
        Of the noise.
    gains, offsets : (T,), optional
        Light of each frame: a factor and a summand.
    slant : float
        By which part the light is stronger at the right edge, and weaker at the left.
    softness : (T,), optional
        Sigma in pixels of what the camera is out of focus in each frame.
    """
    random = np.random.default_rng(seed)
    fine = FINER * size[0], FINER * size[1]
    whole = Window(fine[1] / 2, fine[0] / 2, fine[1], fine[0])
    slope = 1 + slant * np.linspace(-1, 1, size[1])[:, None]
    pictures = [_cut_out(layer.picture, layer.shape) for layer in layers]
    for t, window in enumerate(camera):
        canvas = extract(background, window, fine, sampler="bilinear", border="edge", backend="cpu", threads=1)
        for layer, picture in zip(layers, pictures, strict=True):
            rim = [1 + 2 * RIM / n for n in layer.picture.shape[1::-1]]
            place = layer.windows[t] * (FINER, FINER, FINER * rim[0], FINER * rim[1], 1)
            if _meets(place, fine):
                canvas = paste(canvas, picture, place, sampler="bilinear", glimpse_alpha=True)
        sigma = FOCUS if softness is None else float(np.hypot(FOCUS, softness[t]))
        look = Sampler(whole, size, canvas.shape, Sampling(blur=sigma, backend="cpu", threads=1))
        seen = look(canvas)
        if gains is not None and offsets is not None:
            seen = seen * slope * gains[t] + offsets[t]
        seen = seen + noise * random.standard_normal(seen.shape, np.float32)
        yield np.clip(np.round(seen), 0, 255).astype(np.uint8)


def visible_shares(layer: Layer, above: Sequence[Layer], size: tuple[int, int]) -> Floats:
    """Give the share of a layer, in each frame, that is inside the frame and under no layer above: (T,)."""
    ticks = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    points = points[_fills(points, layer.shape)]
    shares = np.empty(len(layer.windows))
    for t, window in enumerate(layer.windows):
        places = (points * window[2:4]) @ _turn(window[4]) + window[:2]
        seen = np.all((places >= 0) & (places <= (size[1], size[0])), axis=1)
        for other in above:
            over = other.windows[t]
            seen &= ~_fills((places - over[:2]) @ _turn(over[4]).T / over[2:4], other.shape)
        shares[t] = seen.mean()
    return shares


def _cut_out(picture: NDArray[np.uint8], shape: str) -> Image:
    """Give a picture a rim and an alpha, which is one half on the edge of the shape: (h + 2 RIM, w + 2 RIM, 4)."""
    height, width = picture.shape[:2]
    y, x = (np.abs(np.arange(-RIM, n + RIM) + 0.5 - n / 2) for n in (height, width))
    if shape == "ellipse":
        radius = np.hypot(y[:, None] / (height / 2), x / (width / 2))
        inside = (1 - radius) * min(height, width) / 2
    else:
        inside = np.minimum((height / 2 - y)[:, None], width / 2 - x)
    framed = np.pad(picture, ((RIM, RIM), (RIM, RIM), (0, 0)), mode="edge")
    return np.dstack([framed, np.clip(inside / (2 * RIM) + 0.5, 0, 1)]).astype(np.float32)


def _fills(points: Floats, shape: str) -> NDArray[np.bool_]:
    """Return which points, in extents from the middle, a shape covers."""
    far = np.hypot(*points.T) if shape == "ellipse" else np.abs(points).max(axis=1)
    filled: NDArray[np.bool_] = far <= 0.5
    return filled


def _turn(angle: float) -> Floats:
    """Give the matrix that turns rows (x, y) clockwise by degrees."""
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return np.array([[cos, sin], [-sin, cos]])


def _meets(window: Floats, size: tuple[int, int]) -> bool:
    """Return whether a window may touch an image."""
    reach = np.hypot(window[2], window[3]) / 2
    return bool(-reach < window[0] < size[1] + reach and -reach < window[1] < size[0] + reach)
