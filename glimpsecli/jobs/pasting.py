"""The pasting of glimpses onto an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli import images
from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images import DEPTHS, Picture, depth_of
from glimpsecli.images.streams import standard_input
from glimpsecli.jobs.masking import record_of
from glimpsecli.jobs.plan import STREAM, Item, Plan
from glimpsecli.jobs.products import Product
from glimpsecli.jobs.requests import Placement, as_matrix
from glimpsecli.jobs.shaping import SizeRequest
from glimpsecli.jobs.storing import check_fits, stored
from glimpsecli.names import MAX_PIXELS
from glimpsecli.sampling.pasting import paste_onto
from glimpsecli.window import corners

if TYPE_CHECKING:
    from glimpsecli.images.picture import Array
    from glimpsecli.jobs.products import View

SKIPS = 0.5
"""Distance of two pixels of the glimpse, in pixels of the image, below which interpolation skips some."""


class Glimpse(NamedTuple):
    """A glimpse to paste, and the path that it came from."""

    path: str
    picture: Picture

    @property
    def size(self) -> SizeRequest:
        """The size of the glimpse, as a request."""
        return SizeRequest(*self.picture.pixels.shape[:2])


def read_glimpses(paths: Sequence[str], max_pixels: int = MAX_PIXELS) -> list[Glimpse]:
    """Read the glimpses; ``-`` is standard input.

    Raises
    ------
    GlimpseError
        A file cannot be read, or holds a NaN or an infinity.
    """
    glimpses = []
    for path in paths:
        source, name = (standard_input(), "standard input") if path == STREAM else (path, path)
        picture = images.read(source, max_pixels=max_pixels, name=name)
        if not np.all(np.isfinite(picture.pixels)):
            raise FileProblemError(f"{path} holds a NaN or an infinity", "paste finite numbers")
        glimpses.append(Glimpse(path, picture))
    return glimpses


@dataclass(frozen=True)
class Pasting:
    """Pastes one glimpse through all windows of an image, or each glimpse through a window of its own.

    Attributes
    ----------
    glimpses : tuple of Glimpse
    blend : {"over", "add"}
    gain : float
        Factor of the glimpses that are added.
    """

    glimpses: tuple[Glimpse, ...]
    blend: str = "over"
    gain: float = 1.0

    def __call__(self, view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
        """Make the one picture: the wide windows of a retina first, so that the finest lies on top."""
        how, picture = plan.how, view.picture
        check_fits(picture, plan)
        pairs = self._pairs(item, view, plan)
        canvas = picture.pixels.astype(np.float32)
        depth = depth_of(picture.pixels)
        reached = [False] * len(pairs)
        for number in sorted(range(len(pairs)), key=lambda number: -pairs[number][1].scale):
            glimpse, placement = pairs[number]
            try:
                (reached[number],) = paste_onto(
                    canvas,
                    _at_depth(glimpse.picture.pixels, depth)[None],
                    placement.place,
                    how.sampling,
                    blend=self.blend,
                    gain=self.gain,
                    alpha=picture.alpha,
                    glimpse_alpha=glimpse.picture.alpha,
                    scale=DEPTHS[depth].scale,
                )
            except InvalidInputError as error:
                raise InvalidInputError(f"{glimpse.path}: {error.message}", error.hint) from None
        entry = record_of(view, item, [placement for _, placement in pairs], plan) | {
            "blend": self.blend,
            "gain": self.gain,
        }
        notes = []
        for row, (glimpse, placement), is_reached in zip(entry["windows"], pairs, reached, strict=True):
            row["glimpse"] = glimpse.path
            if not is_reached:
                lies = "lies outside the image" if row["outside"] == 1 else "covers the centre of no pixel"
                notes.append(f"the window of {glimpse.path} {lies}: nothing was pasted")
            elif row["outside"] == 1:  # but a Gaussian may reach into it
                notes.append(f"the window of {glimpse.path} lies outside the image")
            elif how.sampling.sampler != "gaussian" and _stride(placement) < SKIPS:
                notes.append(
                    f"the window of {glimpse.path} has so few pixels that some of the glimpse are skipped; make "
                    "the glimpse smaller first, with glimpse extract --size, or give --sampler gaussian"
                )
        return [stored(canvas, picture, entry, plan, notes, self._conversions(depth))]

    def _pairs(self, item: Item, view: View, plan: Plan) -> list[tuple[Glimpse, Placement]]:
        """Pair each window with its glimpse; the placement takes the size of the glimpse."""
        shapings = [plan.how.shaping._replace(size=glimpse.size) for glimpse in self.glimpses]
        pairs: list[tuple[Glimpse, Placement]] = []
        for request in item.requests:
            for number in range(request.windows * plan.how.shaping.retina):
                which = len(pairs) if len(self.glimpses) > 1 else 0
                pairs.append((self.glimpses[which], request.placements(view.image_size, shapings[which])[number]))
        return pairs

    def _conversions(self, depth: str) -> tuple[str, ...]:
        found = [(glimpse.path, depth_of(glimpse.picture.pixels)) for glimpse in self.glimpses]
        return tuple(
            f"{path} is of {DEPTHS[own].title}, and brought to the depth of the image, {DEPTHS[depth].title}"
            for path, own in found
            if own != depth
        )


def _at_depth(pixels: Array, depth: str) -> Array:
    """Bring pixels to the scale of a depth, white to white, without rounding them."""
    own = depth_of(pixels)
    return pixels if own == depth else pixels * np.float64(DEPTHS[depth].scale / DEPTHS[own].scale)


def _stride(placement: Placement) -> float:
    """Give the mean distance of two pixels of the glimpse, in pixels of the image, along the axis where it is least."""
    outline = corners(as_matrix(placement), placement.size)
    across, right, below, left = map(float, np.hypot(*(np.roll(outline, -1, axis=0) - outline).T))
    return min(max(across, below) / placement.size[1], max(right, left) / placement.size[0])
