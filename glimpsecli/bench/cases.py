"""The cases that are timed: five by name, a user's own image, and sweeps over the stride."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from glimpsecli.bench import machine
from glimpsecli.errors import InvalidInputError
from glimpsecli.window import Size, Window

Array = np.ndarray[Any, np.dtype[Any]]

TURN = math.degrees(0.5)
"""Degrees by which the window of a single glimpse is turned; the windows of many are turned at random."""
SWEPT: Size = (64, 64)
"""Size of the glimpses of a sweep for which none is asked."""
_BYTES_OF_A_WINDOW = 1000  # as numbers, and in JSON


class Recipe(NamedTuple):
    """The recipe of a case, as data that JSON can carry to the process that measures.

    Attributes
    ----------
    name, title : str
    seed : int
    size : (int, int)
        Height and width of the glimpses.
    windows : list of (cx, cy, width, height, angle), optional
        On the image plane, pixels. None: as the table of cases has them.
    many : int, optional
        Number of windows, or of images with a window each, instead of the table's.
    source : str, optional
        The user's image. None: noise and structure made from the seed.
    stride : float, optional
        Pixels of the image from tap to tap, for one step of a sweep.
    """

    name: str
    title: str
    seed: int
    size: Size
    windows: list[list[float]] | None = None
    many: int | None = None
    source: str | None = None
    stride: float | None = None


class Case(NamedTuple):
    """A case as arrays: images and windows.

    Attributes
    ----------
    images : (H, W, C), or (N, H, W, C) or (N, C, H, W) where each window has an image of its own
        uint8, uint16 or float32.
    layout : {None, "NHWC", "NCHW"}
        None for a single image.
    windows : (N, 5) float64
        Rows (cx, cy, width, height, angle) on the image plane; the angle is for the rotated sampler.
    size : (int, int)
        Height and width of the glimpses.
    """

    images: Array
    layout: str | None
    windows: Array
    size: Size

    @property
    def image_size(self) -> Size:
        """Height and width of an image."""
        shape = self.images.shape
        height, width = shape[2:] if self.layout == "NCHW" else shape[1:3] if self.layout else shape[:2]
        return height, width

    @property
    def upright(self) -> Array:
        """The windows without their turn."""
        upright: Array = self.windows * [1, 1, 1, 1, 0]
        return upright


class Kind(NamedTuple):
    """A row of the table of cases."""

    word: str
    title: str
    image: tuple[int, ...]
    layout: str | None
    dtype: str
    size: Size
    extents: tuple[float, float]
    many: int


CASES = {
    "1": Kind(
        "photo", "one 64x64 glimpse of a 4000x3000 RGB uint8 photo, window 800x800",
        (3000, 4000, 3), None, "uint8", (64, 64), (800, 800), 1,
    ),
    "2": Kind(
        "crowd", "{count} glimpses of 32x32 from one 1920x1080 RGB uint8 image, windows 50 to 400",
        (1080, 1920, 3), None, "uint8", (32, 32), (50, 400), 1000,
    ),
    "3": Kind(
        "batch", "{count} float32 images of 3x256x256, one 64x64 glimpse each, windows 96 to 224",
        (3, 256, 256), "NCHW", "float32", (64, 64), (96, 224), 64,
    ),
    "4": Kind(
        "poster", "one 1024x1024 glimpse of a 4000x3000 RGB uint8 image, window 3000x3000",
        (3000, 4000, 3), None, "uint8", (1024, 1024), (3000, 3000), 1,
    ),
    "5": Kind(
        "digits", "{count} float32 images of 28x28, one 12x12 glimpse each, windows 8 to 30",
        (28, 28, 1), "NHWC", "float32", (12, 12), (8, 30), 1000,
    ),
}  # fmt: skip
"""The cases by number."""


def case_named(name: str) -> str:
    """Give the number of a case from its number or its word."""
    for number, kind in CASES.items():
        if name in (number, kind.word):
            return number
    known = ", ".join(f"{number} or {kind.word}" for number, kind in CASES.items())
    raise InvalidInputError(f"there is no case {name!r}", f"choose {known}")


def builtin(number: str, seed: int, count: int | None = None) -> Recipe:
    """Give the recipe of a case of the table."""
    kind = CASES[number]
    if count is not None and kind.many == 1:
        raise InvalidInputError(f"--count {count} with case {number}, which is one glimpse", "use cases 2, 3 and 5")
    if count is not None:
        image = 8 * math.prod(kind.image) if kind.layout else 0  # float32, as it is and as contenders want it
        _check_memory(count, kind.size, image)
    title = kind.title.format(count=count or kind.many)
    return Recipe(f"{number} {kind.word}", title, seed, kind.size, many=count)


def own(
    source: str, image_size: Size, window: Window, size: Size, *, count: int | None = None, seed: int = 0
) -> Recipe:
    """Give the recipe of a window of a user's image, or of `count` windows of its extent at random places."""
    places = _places(window, image_size, size, count, seed)
    kind = _extent(window.width, window.height)
    many = "one glimpse" if count is None else f"{count} glimpses"
    title = f"{many} of {size[1]}x{size[0]} from {source}, {image_size[1]}x{image_size[0]}, window {kind}"
    return Recipe("own", title, seed, size, places, source=source)


def sweep(
    strides: Sequence[float], size: Size, *, image_size: Size | None = None, window: Window | None = None,
    source: str | None = None, count: int | None = None, seed: int = 0,
) -> tuple[list[Recipe], list[str]]:  # fmt: skip
    """Give a recipe for each stride: a window of `size` times the stride about the middle.

    Parameters
    ----------
    strides : sequence of float
        Pixels of the image from tap to tap.
    size : (int, int)
        Height and width of the glimpses.
    image_size : (int, int), optional
        Height and width of the user's image; without one the photo of case 1 is taken.
    window : Window, optional
        Its centre is the middle; by default that of the image.
    source, count, seed
        As in :func:`own`.

    Returns
    -------
    recipes : list of Recipe
    notes : list of str
        A note on each stride that is left out, because its window does not fit into the image.

    Raises
    ------
    InvalidInputError
        No window fits.
    """
    height, width = image_size or (CASES["1"].image[0], CASES["1"].image[1])
    cx, cy = (window.cx, window.cy) if window else (width / 2, height / 2)
    recipes, notes = [], []
    for stride in sorted(strides):
        one = Window(cx, cy, size[1] * stride, size[0] * stride)
        left, top, across, down = one.box
        if left < 0 or top < 0 or left + across > width or top + down > height:
            notes.append(f"stride {stride:g} is left out: its window {_extent(across, down)} is not inside the image")
            continue
        places = _places(one, (height, width), size, count, seed)
        many = "one glimpse" if count is None else f"{count} glimpses"
        title = f"{many} of {size[1]}x{size[0]} from {source or 'the photo of case 1'}, window {_extent(across, down)}"
        recipes.append(Recipe(f"stride {stride:g}", title, seed, size, places, source=source, stride=stride))
    if not recipes:
        raise InvalidInputError(f"no stride fits: {notes[0]}", "take smaller strides or a smaller --size")
    return recipes, notes


def build(recipe: Recipe) -> Case:
    """Make the images and windows of a recipe.

    Raises
    ------
    GlimpseError
        The user's image cannot be read.
    """
    rng = np.random.default_rng(recipe.seed)
    if recipe.source is not None:
        from glimpsecli.images import read

        return _with_windows(read(recipe.source).pixels, recipe)
    kind = CASES["1" if recipe.stride is not None else recipe.name.split()[0]]
    if recipe.windows is not None:
        return _with_windows(_picture(rng, kind.image, kind.dtype), recipe)
    count = recipe.many or kind.many
    images = _picture(rng, kind.image if kind.layout is None else (count, *kind.image), kind.dtype)
    case = Case(images, kind.layout, np.empty((0, 5)), kind.size)
    if kind.many == 1:
        height, width = case.image_size
        windows = np.array([[width / 2, height / 2, *kind.extents, TURN]])
    else:
        windows = _some_windows(rng, count, kind.extents, case.image_size)
    return case._replace(windows=windows)


def _with_windows(picture: Array, recipe: Recipe) -> Case:
    return Case(picture, None, np.array(recipe.windows, dtype=np.float64), recipe.size)


def _picture(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Make waves under noise: zeros or pure noise would favour some contenders."""
    scale = 255.0 if dtype == "uint8" else 1.0
    picture: Array = rng.integers(0, 97, shape, np.uint8) if dtype == "uint8" else rng.random(shape, np.float32) * 0.38
    last = shape[-1] <= 4  # channels
    height, width = shape[-3:-1] if last else shape[-2:]
    x, y = np.linspace(0, 40, width), np.linspace(0, 30, height)[:, None]
    waves = (np.sin(x) * np.cos(y) + np.sin(x * y / 60) + 2) * (0.15 * scale)
    picture += (waves[..., None] if last else waves).astype(picture.dtype)
    return picture


def _some_windows(rng: np.random.Generator, count: int, extents: tuple[float, float], image_size: Size) -> Array:
    """Draw square windows that lie inside the image where they fit, each with a turn of its own."""
    height, width = image_size
    side = rng.uniform(*extents, count)
    room = np.minimum(side, [[width], [height]]) / 2
    cx = rng.uniform(room[0], width - room[0])
    cy = rng.uniform(room[1], height - room[1])
    return np.stack([cx, cy, side, side, rng.uniform(-180, 180, count)], axis=1)


def _check_memory(count: int, size: Size, image: int = 0) -> None:
    """Refuse glimpses that memory could not hold; each comes with `image` bytes of images."""
    # Two float32 RGB results of a contender at a time.
    needed = count * (8 * size[0] * size[1] * 3 + image + _BYTES_OF_A_WINDOW)
    there = machine.memory()
    if there is not None and needed > there:
        raise InvalidInputError(
            f"{count} glimpse{'s'[: count > 1]} of {size[1]}x{size[0]} take about {needed / 2**30:.3g} GiB of memory, "
            f"more than the {there / 2**30:.3g} GiB here",
            "lower --count" if count > 1 else "lower --size",
        )


def _places(window: Window, image_size: Size, size: Size, count: int | None, seed: int) -> list[list[float]]:
    """Give the rows of a window, or of `count` of its extent at random places."""
    _check_memory(count or 1, size)
    return [_row(window)] if count is None else _random_windows(window, image_size, count, seed)


def _random_windows(window: Window, image_size: Size, count: int, seed: int) -> list[list[float]]:
    height, width = image_size
    if window.width > width or window.height > height:
        raise InvalidInputError(
            f"--count {count} windows of {_extent(window.width, window.height)} do not fit into {width}x{height}",
            "give a smaller --box",
        )
    rng = np.random.default_rng([seed, 1])
    cx = rng.uniform(window.width / 2, width - window.width / 2, count)
    cy = rng.uniform(window.height / 2, height - window.height / 2, count)
    turns = rng.uniform(-180, 180, count)
    return [
        [float(x), float(y), window.width, window.height, float(turn)] for x, y, turn in zip(cx, cy, turns, strict=True)
    ]


def _row(window: Window) -> list[float]:
    return [window.cx, window.cy, window.width, window.height, TURN]


def _extent(width: float, height: float) -> str:
    return f"{width:g}x{height:g}"
