"""Overlays of windows, and of the annotated boxes of a data set, over an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.images import convert, depth_of
from glimpsecli.jobs.glimpses import glimpse_of
from glimpsecli.jobs.masking import joined_mask, record_of
from glimpsecli.jobs.overlaying import Style, prepared
from glimpsecli.jobs.requests import as_matrix
from glimpsecli.jobs.storing import stored
from glimpsecli.pictures.colour import UNLABELLED, table
from glimpsecli.pictures.label import Mark, draw_marks
from glimpsecli.pictures.overlay import tint
from glimpsecli.pictures.scale import in_colour
from glimpsecli.window import corners

if TYPE_CHECKING:
    from glimpsecli.annotations.boxes import Box
    from glimpsecli.images.picture import Array
    from glimpsecli.jobs.plan import Item, Plan
    from glimpsecli.jobs.products import Product, View
    from glimpsecli.jobs.requests import Placement
    from glimpsecli.jobs.trails import TableTrails

_DASH = 5.0  # length of the dashes around a crowd, in weights of the line


@dataclass(frozen=True)
class WindowOverlay:
    """Draws an image with the outlines and the masks of its windows.

    Attributes
    ----------
    style : Style
    trails : TableTrails, optional
        The windows of all frames of a video.
    colours : mapping of str to (float, float, float)
        The colour of each label. Without any, all windows have that of the style.
    """

    style: Style
    trails: TableTrails | None = None
    colours: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    def __call__(self, view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
        """Make the one picture of an image."""
        photo, notes = prepared(view, plan)
        style, picture = self.style, photo.pixels
        if style.mask:
            mask = joined_mask(placements, view.image_size, plan.how)
            picture = tint(
                picture, mask, table(style.cmap), opacity=style.opacity, alpha=photo.alpha, in_place=not style.inset
            )
        else:
            picture = in_colour(photo.pixels)
        if style.trail and self.trails is not None and item.at is not None:
            from glimpsecli.pictures.trail import trail

            for placement in placements:
                points = self.trails.points(placement.label, item.at.index, style.trail, view.image_size)
                trail(picture, points, colour=self._colour(placement.label))
        draw_marks(picture, [self._mark(placement) for placement in placements], font=style.font)
        if style.inset and placements:
            _draw_inset(picture, view, placements[0], plan)
        return [stored(picture, photo._replace(pixels=picture), record_of(view, item, placements, plan), plan, notes)]

    def _mark(self, placement: Placement) -> Mark:
        """Give the mark of a window, dashed where its box is one around a crowd."""
        return Mark(
            corners(as_matrix(placement), placement.size),
            self._colour(placement.label),
            placement.label or "" if self.style.labels else "",
            _score(placement.box) if self.style.labels else "",
            dash=_DASH if placement.box is not None and "crowd" in placement.box.flags else None,
        )

    def _colour(self, label: str | None) -> tuple[float, float, float]:
        return self.colours.get(label or "", UNLABELLED) if self.colours else self.style.colour


def _score(box: Box | None) -> str:
    """Give the words for the score of a box, if it has one."""
    if box is None or box.score is None:
        return ""
    return f"{box.score:.2f}" if 0 <= box.score <= 1 else f"{box.score:.3g}"


def _draw_inset(picture: Array, view: View, placement: Placement, plan: Plan) -> None:
    """Draw the glimpse of a placement in the corner farthest from it."""
    from glimpsecli.pictures.inset import inset, inset_size
    from glimpsecli.pictures.scale import shown

    seen = convert(glimpse_of(view, placement, plan), depth_of(view.picture.pixels), depth_of(picture)).pixels
    colours = in_colour(seen)[:, :, :3]
    drawn, _ = shown(colours, *inset_size((picture.shape[0], picture.shape[1]), placement.size))
    x, y = np.mean(corners(as_matrix(placement), placement.size), axis=0).tolist()
    inset(picture, np.ascontiguousarray(drawn), (x, y))
