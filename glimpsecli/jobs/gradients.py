"""The picture of the loss, the gradient and the capture range of one window, for several samplers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.images import Picture, convert, depth_of
from glimpsecli.jobs.comparing import TITLES, note_of
from glimpsecli.jobs.masking import record_of
from glimpsecli.jobs.overlaying import YELLOW
from glimpsecli.jobs.products import Product
from glimpsecli.jobs.requests import as_matrix, as_window
from glimpsecli.jobs.storing import flat, sampling_of, stored
from glimpsecli.learning.landscape import TURN, Capture, Landscape, Turned, capture, descents, landscape, losses, turned
from glimpsecli.pictures.landscape import Column, landscape_figure
from glimpsecli.pictures.outline import outline
from glimpsecli.pictures.scale import as_rgb, fitted
from glimpsecli.sampling import Sampler, Sampling
from glimpsecli.window import GaussianParams, corners

if TYPE_CHECKING:
    from glimpsecli.annotations.boxes import Length
    from glimpsecli.images.picture import Array
    from glimpsecli.jobs.plan import Item, Plan
    from glimpsecli.jobs.products import View
    from glimpsecli.jobs.requests import Placement
    from glimpsecli.window import Size, Window

PATHS = 9
"""Number of starts along an axis of which a path is drawn."""
FINE = 8
"""Points of the cut for each step of the grid: enough to show jumps."""
_WHITE = (1.0, 1.0, 1.0)


class Explored(NamedTuple):
    """The landscape of one sampler.

    Attributes
    ----------
    sampling : Sampling
    surface : Landscape
    captured : Capture
    turned : Turned
    """

    sampling: Sampling
    surface: Landscape
    captured: Capture
    turned: Turned


@dataclass(frozen=True)
class Explanation:
    """Draws the loss around one window and its gradient for each sampler; an array keeps the surfaces themselves.

    Attributes
    ----------
    samplers : tuple of (str, float)
        Each sampler with a sigma in strides, which only the Gaussian sampler uses.
    reach : Length, optional
        The largest offset; percentages are of the image's shorter side. Half the window's shorter side by default.
    steps : int
        Number of offsets along an axis.
    panel : int
        Height of a panel, in pixels.
    colour : (float, float, float)
        Colour of the outline, 0 to 1.
    """

    samplers: tuple[tuple[str, float], ...]
    reach: Length | None = None
    steps: int = 41
    panel: int = 220
    colour: tuple[float, float, float] = YELLOW

    def __call__(self, view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
        """Make the one picture of an image."""
        placement, photo = placements[0], flat(view.picture, plan.how)
        window = _window_of(placement)
        entry = record_of(view, item, placements, plan)
        if entry["windows"][0]["outside"] == 1:
            raise InvalidInputError("the window lies outside the image", "move it to where there is something to see")
        reach = min(window.width, window.height) / 2
        if self.reach is not None:
            reach = self.reach.pixels(min(view.image_size))
            leaves = _farthest(placement, view.image_size)
            if reach >= leaves:
                raise InvalidInputError(
                    f"--reach {self.reach} moves the window off the image on every side",
                    f"give less than {leaves:.6g} pixels",
                )
        explored = []
        for sampling in self._samplings(photo, plan):
            surface = landscape(photo.pixels, window, placement.size, sampling, reach=reach, steps=self.steps)
            turns = turned(photo.pixels, window, placement.size, sampling)
            explored.append(Explored(sampling, surface, capture(surface), turns))
        entry["windows"] = [{name: entry["windows"][0][name] for name in _OF_THE_WINDOW}]
        entry |= {"reach": reach, "steps": self.steps, "samplers": [_entry(one) for one in explored]}
        if plan.format.name == "npy":
            product = _arrays(explored, entry)
        else:
            columns = [_column(one, photo, window, placement.size, reach) for one in explored]
            drawn, note = self._input(photo.pixels, placement, window, reach)
            figure = landscape_figure(drawn, note, columns, reach=reach, turn=TURN, panel=self.panel)
            product = stored(figure, Picture(figure), entry, plan)
        if all(not one.surface.loss.any() for one in explored):
            product = product._replace(notes=("the window sees the same at all offsets: there is nothing to descend",))
        return [product]

    def _samplings(self, photo: Picture, plan: Plan) -> Iterator[Sampling]:
        """Generate the sampling of each sampler."""
        how = sampling_of(photo, plan.how)
        backend = "cpu" if how.backend == "auto" else how.backend  # thousands of windows, a few at a time
        for sampler, blur in self.samplers:
            yield replace(how, sampler=sampler, blur=blur, backend=backend)

    def _input(self, pixels: Array, placement: Placement, window: Window, reach: float) -> tuple[Array, str]:
        """Draw the image with the window and the part over which it moves; give the picture and its caption."""
        panel = fitted(as_rgb(pixels), self.panel, self.panel).copy()
        scale = np.array([panel.shape[1] / pixels.shape[1], panel.shape[0] / pixels.shape[0]])
        weight = max(1.5, self.panel / 140)
        ends = corners(window.to_affine(placement.size), placement.size)
        (left, top), (right, bottom) = ends.min(axis=0) - reach, ends.max(axis=0) + reach
        around = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        outline(panel, around * scale, colour=_WHITE, weight=0.5 * weight)
        outline(panel, ends * scale, colour=self.colour, weight=weight)
        return panel, f"The window, {window.width:.4g}×{window.height:.4g} px, and all that it is moved over."


_OF_THE_WINDOW = ("label", "size", "window", "matrix", "outside")


def _window_of(placement: Placement) -> Window:
    """Give the window of a placement, whose centre is moved."""
    window = None if isinstance(placement.place, GaussianParams) else as_window(placement)
    if window is None:
        raise InvalidInputError("the place is no window with a centre to move", "give --box or --at")
    return window


def _farthest(placement: Placement, image_size: Size) -> float:
    """Give the least offset, in pixels, that moves a window off the image in every direction."""
    ends = corners(as_matrix(placement), placement.size)
    height, width = image_size
    return float(max(ends.max(), *([width, height] - ends.min(axis=0))))


def _column(one: Explored, photo: Picture, window: Window, size: Size, reach: float) -> Column:
    sampling, surface, captured, turns = one
    across = np.linspace(-reach, reach, FINE * (len(surface.offsets) - 1) + 1)
    cut = losses(photo.pixels, window, size, sampling, np.stack([across, np.zeros_like(across)], axis=1))
    if not surface.loss.any():
        cut[:] = 0
    # Starts keep off the edges, from where every path that goes out is lost at once.
    ends = reach * np.arange(1 - PATHS, PATHS, 2) / PATHS
    starts = np.stack(np.meshgrid(ends, ends), axis=-1).reshape(-1, 2)
    slope = np.hypot(surface.gradient[..., 0], surface.gradient[..., 1])
    paths = descents(surface, starts if slope.any() else starts[:0]) / reach
    depth = depth_of(photo.pixels)
    glimpse = convert(Sampler(window, size, photo.pixels.shape, sampling)(photo.pixels), depth, depth).pixels
    return Column(
        TITLES[sampling.sampler],
        note_of(window, size, sampling),
        sampling.sampler,
        glimpse,
        surface.loss,
        slope,
        captured.reached,
        paths,
        cut,
        turns.loss,
        _verdict(captured, reach),
    )


def _verdict(captured: Capture, reach: float) -> tuple[str, str]:
    """Describe the offsets from which descent arrives."""
    share = f"{min(100 * captured.share, 99.9):.3g} %"  # 100 means all
    if captured.share == 0:
        return "captures nothing", "no descent reaches the truth"
    if captured.share == 1:
        return "captures all offsets", f"to {reach:.3g} px on every side"
    if captured.radius == 0:
        return f"captures {share} of the offsets", "not even all of the nearest"
    return f"captures {share} of the offsets", f"all within {captured.radius:.3g} px"


def _entry(one: Explored) -> dict[str, Any]:
    """Give the numbers of a sampler."""
    sampling, surface, captured, turns = one
    return {
        "sampler": sampling.sampler,
        "blur": sampling.blur if sampling.sampler == "gaussian" else None,
        "captured": captured.share,
        "radius": captured.radius,
        "largest_loss": float(surface.loss.max()),
        "largest_gradient": float(np.hypot(surface.gradient[..., 0], surface.gradient[..., 1]).max()),
        "captured_angle": turns.captured,
    }


def _arrays(explored: Sequence[Explored], entry: dict[str, Any]) -> Product:
    """Keep for each sampler the loss, its gradient with respect to x and y, and 1 where descent reaches the truth."""
    planes = [
        np.dstack([one.surface.loss, one.surface.gradient, one.captured.reached]).astype(np.float32) for one in explored
    ]
    entry["planes"] = ["loss", "by_cx", "by_cy", "reached"]
    return Product(np.concatenate(planes, axis=2), False, None, entry)
