"""Requests of places to look, which become placements once the size of an image is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.annotations.boxes import WHOLE, Box, Length
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.shaping import Shaping
from glimpsecli.window import Affine, GaussianParams, Place, Projective, Size, Window, clamped, plane_to_index

if TYPE_CHECKING:
    from glimpsecli.annotations.outlines import Outline


class Placement(NamedTuple):
    """A place to look in an image, and the size of its glimpse.

    Attributes
    ----------
    place : Place
    size : (int, int)
    label : str, optional
    scale : int
        Of a retina.
    dropped : str, optional
        The reason why it gets no glimpse.
    box : Box, optional
        The box that it comes from.
    shift : (float, float), optional
        The way, x and y in pixels, by which the window was shifted back into the image; None where windows may lead
        over its border.
    """

    place: Place
    size: Size
    label: str | None = None
    scale: int = 1
    dropped: str | None = None
    box: Box | None = None
    shift: tuple[float, float] | None = None

    @property
    def outline(self) -> Outline | None:
        """The outline along which the glimpse is cut out, where it is."""
        return None if self.box is None else self.box.outline


class BoxRequest(NamedTuple):
    """A box, or the whole image."""

    box: Box = WHOLE

    @property
    def windows(self) -> int:
        """Number of windows."""
        return 1

    @property
    def label(self) -> str | None:
        """Label of the box."""
        return self.box.label

    def placements(self, image_size: Size, shaping: Shaping) -> list[Placement]:
        """Shape the window; the placements of a retina share its centre and the size of the finest.

        Where windows are clamped each of a retina is shifted for itself, so their centres may differ.
        """
        box, limits = self.box.to_window(image_size), shaping.limits
        window = (box.squared() if shaping.square else box).scaled(shaping.context)
        measured = box if limits.of == "box" else window
        dropped = limits.problem_of(measured.width, measured.height)
        size = shaping.size.for_extent(window.width, window.height)
        found = []
        for scale in (2**step for step in range(shaping.retina)):
            wanted = window.scaled(scale)
            placed = clamped(wanted, image_size) if shaping.clamp else wanted
            shift = (placed.cx - wanted.cx, placed.cy - wanted.cy) if shaping.clamp else None
            found.append(Placement(placed, size, self.box.label, scale, dropped, self.box, shift))
        return found


class GaussianRequest(NamedTuple):
    """The article's six numbers, in index coordinates; a centre in percent is on the image plane."""

    u_y: Length
    s_y: Length
    d_y: Length
    u_x: Length
    s_x: Length
    d_x: Length
    windows: int = 1
    label: str | None = None

    def placements(self, image_size: Size, shaping: Shaping) -> list[Placement]:
        """Give the parameters in pixels."""
        _refuse_shaping("--gaussian", shaping)
        numbers = []
        for extent, (first, sigma, stride) in zip(
            image_size, ((self.u_y, self.s_y, self.d_y), (self.u_x, self.s_x, self.d_x)), strict=True
        ):
            centre = first.pixels(extent)
            numbers += [plane_to_index(centre) if first.percent else centre]
            numbers += [sigma.pixels(extent), stride.pixels(extent)]
        return [Placement(GaussianParams(*numbers), shaping.size.for_taps("--gaussian"))]


class DrawRequest(NamedTuple):
    """DRAW's five numbers."""

    numbers: tuple[float, float, float, float, float]
    windows: int = 1
    label: str | None = None

    def placements(self, image_size: Size, shaping: Shaping) -> list[Placement]:
        """Convert the numbers, for the sizes of the image and of the glimpse."""
        _refuse_shaping("--draw", shaping)
        size = shaping.size.for_taps("--draw")
        return [Placement(GaussianParams.from_draw(*self.numbers, size, image_size), size)]


class ThetaRequest(NamedTuple):
    """A spatial transformer's theta: four or six numbers."""

    theta: tuple[float, ...]
    align_corners: bool = False
    windows: int = 1
    label: str | None = None

    def placements(self, image_size: Size, shaping: Shaping) -> list[Placement]:
        """Convert theta; without a size the glimpse has about a pixel for each pixel that it covers."""
        _refuse_shaping("--theta", shaping)
        strides = np.hypot(*Affine.from_theta(self.theta, image_size, (2, 2), self.align_corners).matrix[:, :2])
        width, height = (strides + 1 if self.align_corners else strides * 2).tolist()  # two taps from corner to corner
        size = shaping.size.for_extent(width, height)
        return [Placement(Affine.from_theta(self.theta, image_size, size, self.align_corners), size)]


class RandomRequest(NamedTuple):
    """Square windows at random places inside the image.

    They depend on the seed and the image's name alone, not on the order of the images, the threads or the machine.

    Attributes
    ----------
    windows : int
        Number of windows.
    seed : int
    key : str
        The image's path below its source folder.
    smallest, largest : Length
        Range of the side, in pixels or percent of the image's shorter side.
    """

    windows: int
    seed: int
    key: str
    smallest: Length
    largest: Length
    label: str | None = None

    def placements(self, image_size: Size, shaping: Shaping) -> list[Placement]:
        """Draw the windows: for each a side, an x and a y, all uniform."""
        import hashlib

        word = int.from_bytes(hashlib.sha256(self.key.encode("utf-8", "surrogateescape")).digest()[:8], "little")
        draws = np.random.default_rng(np.random.SeedSequence([self.seed, word])).random((self.windows, 3))
        height, width = image_size
        low, high = (min(length.pixels(min(image_size)), min(image_size)) for length in (self.smallest, self.largest))
        placements = []
        for side, x, y in draws.tolist():
            extent = low + (high - low) * side
            box = Box(Length(x * (width - extent)), Length(y * (height - extent)), Length(extent), Length(extent))
            placements += BoxRequest(box).placements(image_size, shaping)
        return placements


class PlaceRequest(NamedTuple):
    """A placement to the last digit, as a manifest keeps it."""

    placement: Placement
    windows: int = 1

    @property
    def label(self) -> str | None:
        """Label of the place."""
        return self.placement.label

    def placements(self, image_size: Size, shaping: Shaping) -> list[Placement]:
        """Give the placement."""
        return [self.placement]


class QuadRequest(NamedTuple):
    """The corners of a quadrilateral, clockwise from where the glimpse has its top left."""

    corners: tuple[tuple[Length, Length], ...]
    windows: int = 1
    label: str | None = None

    def placements(self, image_size: Size, shaping: Shaping) -> list[Placement]:
        """Lay the glimpse over the corners; by default width and height are the longer of two opposite sides."""
        _refuse_shaping("--quad", shaping)
        height, width = image_size
        points = np.array([(x.pixels(width), y.pixels(height)) for x, y in self.corners])
        across, right, bottom, left = np.hypot(*(np.roll(points, -1, axis=0) - points).T).tolist()
        size = shaping.size.for_extent(max(across, bottom), max(right, left))
        return [Placement(Projective.from_quad(points, size), size)]


Request = BoxRequest | GaussianRequest | DrawRequest | ThetaRequest | QuadRequest | RandomRequest | PlaceRequest
"""A place to look, not yet tied to an image; ``placements`` ties it to an image of a (height, width)."""


def as_window(placement: Placement) -> Window | None:
    """Give the window of a placement; None where it is projective, shears, flips or has no extent."""
    if isinstance(placement.place, Window):
        return placement.place
    affine = as_matrix(placement)
    if isinstance(affine, Projective):
        return None
    try:
        return Window.from_affine(affine, placement.size)
    except InvalidInputError:
        return None


def as_matrix(placement: Placement) -> Affine | Projective:
    """Give the matrix from glimpse index to image index."""
    if isinstance(placement.place, Affine | Projective):
        return placement.place
    return (
        placement.place.to_affine(placement.size)
        if isinstance(placement.place, Window)
        else placement.place.to_affine()
    )


def _refuse_shaping(option: str, shaping: Shaping) -> None:
    if not shaping.is_default:
        raise InvalidInputError(
            f"{option} with --context, --square, --retina or --clamp, which shape a window", "use --box or --at"
        )
