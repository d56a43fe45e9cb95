"""The article's comparison: one window through hard attention, Gaussian attention and the spatial transformer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.attention.ellipses import of_taps
from glimpsecli.images import Picture, convert, depth_of
from glimpsecli.jobs.masking import record_of
from glimpsecli.jobs.overlaying import YELLOW
from glimpsecli.jobs.products import Product
from glimpsecli.jobs.requests import as_matrix
from glimpsecli.jobs.storing import flat, sampling_of, stored
from glimpsecli.pictures.figure import WIDEST, panel_row
from glimpsecli.pictures.outline import outline
from glimpsecli.pictures.scale import as_rgb, fitted, magnify, resized
from glimpsecli.sampling import Sampler, Sampling
from glimpsecli.window import corners, stack_gaussians

if TYPE_CHECKING:
    from glimpsecli.images.picture import Array
    from glimpsecli.jobs.plan import Item, Plan
    from glimpsecli.jobs.products import View
    from glimpsecli.jobs.requests import Placement
    from glimpsecli.window import Place, Size

TITLES = {"hard": "Hard attention", "gaussian": "Gaussian attention", "bilinear": "Spatial transformer"}


@dataclass(frozen=True)
class Comparison:
    """Draws the input with its window, and the glimpse of each sampler.

    Attributes
    ----------
    blur : float
        Sigma of the Gaussians in strides.
    magnify : bool
        Whether each pixel is drawn as a square; else glimpses are enlarged smoothly.
    height : int
        Approximate height of the panels, in pixels.
    colour : (float, float, float)
        Colour of the outline, 0 to 1.
    """

    blur: float = Sampling.blur
    magnify: bool = False
    height: int = 320
    colour: tuple[float, float, float] = YELLOW

    def __call__(self, view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
        """Make the one picture of an image."""
        placement, photo = placements[0], flat(view.picture, plan.how)
        seen = self._glimpses(photo, placement, plan)
        height, drawn = self._extent(placement.size)
        panels = [self._input(photo.pixels, placement, height)]
        subtitles = ["{1}×{0}".format(*view.image_size)]
        for name, glimpse in seen.items():
            panels.append(self._enlarged(glimpse, drawn))
            subtitles.append(note_of(placement.place, placement.size, Sampling(sampler=name, blur=self.blur)))
        figure = panel_row(panels, ["Input", *(TITLES[name] for name in seen)], subtitles, height=height)
        row = record_of(view, item, placements, plan)
        low, high, notes = float(np.min(photo.pixels)), float(np.max(photo.pixels)), []
        if photo.pixels.dtype.kind == "f" and not 0 <= low <= high <= 1:
            notes.append(f"its values run from {low:.3g} to {high:.3g}; 0 is black and 1 white")
        return [stored(figure, Picture(figure), row, plan, notes)]

    def _glimpses(self, photo: Picture, placement: Placement, plan: Plan) -> dict[str, Array]:
        """Give the glimpse of each sampler at the depth of the image."""
        sampling, depth = replace(sampling_of(photo, plan.how), blur=self.blur), depth_of(photo.pixels)
        seen: dict[str, Array] = {}
        for name in TITLES:
            own = replace(sampling, sampler=name)
            glimpse = Sampler(placement.place, placement.size, photo.pixels.shape, own)(photo.pixels)
            seen[name] = convert(glimpse, depth, depth).pixels
        return seen

    def _input(self, pixels: Array, placement: Placement, height: int) -> Array:
        """Draw the image at the height of the panels, with the window."""
        factor = height // pixels.shape[0]
        small = as_rgb(pixels)
        panel = magnify(small, factor) if self.magnify and factor > 1 else fitted(small, height)
        scale = np.array([panel.shape[1] / pixels.shape[1], panel.shape[0] / pixels.shape[0]])
        panel = panel.copy()
        outline(
            panel,
            corners(as_matrix(placement), placement.size) * scale,
            colour=self.colour,
            weight=max(2.0, height / 140),
        )
        return panel

    def _extent(self, size: Size) -> tuple[int, Size]:
        """Give the height of the panels, and the (height, width) of the drawn glimpse: a very wide one is lower."""
        h, w = size
        height = h * max(1, round(self.height / h)) if h <= 1.5 * self.height else self.height
        if w * height > WIDEST * height * h:
            width = w * max(1, round(WIDEST * height / w))
            return height, (max(1, round(h * width / w)), width)
        return height, (height, max(1, round(w * height / h)))

    def _enlarged(self, glimpse: Array, drawn: Size) -> Array:
        factor, rest = divmod(drawn[0], glimpse.shape[0])
        if self.magnify and rest == 0 and drawn[1] == factor * glimpse.shape[1]:
            return magnify(as_rgb(glimpse), factor)
        return resized(as_rgb(glimpse), *drawn)


def note_of(place: Place, size: Size, sampling: Sampling) -> str:
    """Describe a glimpse: its size, and its interpolation or sigma, of ellipses the least and the largest."""
    extent = f"{size[1]}×{size[0]}"
    if sampling.sampler != "gaussian":
        return f"{extent}, {'nearest pixel' if sampling.sampler == 'hard' else 'bilinear'}"
    where = stack_gaussians(place, size, sampling.blur)
    if where.ndim == 3:
        outermost = of_taps(where[0], size, sampling.blur, slice(None, None, max(1, size[0] - 1)))
        middle = (outermost.s_xx + outermost.s_yy) / 2
        spread = np.hypot((outermost.s_xx - outermost.s_yy) / 2, outermost.s_xy)
        least, most = (f"{sigma:.3g}" for sigma in np.sqrt([(middle - spread).min(), (middle + spread).max()]))
        return f"{extent}, σ = {least if least == most else f'{least} to {most}'} px"
    _, s_y, _, _, s_x, _, _ = where[0]
    sigma = f"{s_x:.3g}" if round(s_x, 3) == round(s_y, 3) else f"{s_x:.3g}×{s_y:.3g}"
    return f"{extent}, σ = {sigma} px"
