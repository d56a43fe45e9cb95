"""Overlays of the maps of a model over an image, and the options of drawing that windows share with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli import maps
from glimpsecli.images import Picture, convert, depth_of
from glimpsecli.jobs.masking import record_of
from glimpsecli.jobs.products import Product
from glimpsecli.jobs.requests import as_matrix
from glimpsecli.jobs.storing import check_fits, flat, stored
from glimpsecli.maps import Rect
from glimpsecli.pictures.colour import table
from glimpsecli.pictures.figure import montage
from glimpsecli.pictures.outline import outline
from glimpsecli.pictures.overlay import tint
from glimpsecli.pictures.scale import as_rgb, fitted
from glimpsecli.window import corners

if TYPE_CHECKING:
    from glimpsecli.annotations.boxes import Box
    from glimpsecli.images.picture import Array
    from glimpsecli.jobs.mapping import Atlas, Map
    from glimpsecli.jobs.plan import Item, Plan
    from glimpsecli.jobs.products import View
    from glimpsecli.jobs.requests import Placement
    from glimpsecli.maps import Threshold
    from glimpsecli.window import Size

YELLOW = (1.0, 0.85, 0.0)


class Style(NamedTuple):
    """The options of drawing.

    Attributes
    ----------
    cmap : str
        Name of a colour map.
    opacity : float
        Share of the colour where a map or a mask is 1.
    colour : (float, float, float)
        Colour of outlines, 0 to 1.
    mask, inset, labels : bool
        Whether masks, the glimpse of the first window, and the labels of windows are drawn.
    trail : int
        Frames of a video before each over which the way of its windows is drawn.
    upsampling : str
        A method of :mod:`glimpsecli.maps.upsampling`.
    colourbar, montage : bool
    panel : int
        The longer side of an image in a montage, in pixels.
    columns : int, optional
        Columns of a montage.
    captions : tuple of str, optional
        A caption for each map.
    font : str, optional
    """

    cmap: str = "viridis"
    opacity: float = 0.7
    colour: tuple[float, float, float] = YELLOW
    mask: bool = True
    inset: bool = False
    labels: bool = False
    trail: int = 0
    upsampling: str = "bilinear"
    colourbar: bool = False
    montage: bool = False
    panel: int = 320
    columns: int | None = None
    captions: tuple[str, ...] | None = None
    font: str | None = None


@dataclass(frozen=True)
class MapOverlay:
    """Draws an image with its maps, each on a picture of its own or all in a montage.

    Attributes
    ----------
    atlas : Atlas
    style : Style
    mass_boxes : tuple of Box
        Boxes in which the mass of a map is measured.
    threshold : Threshold, optional
        Threshold of hot regions, for ``--to-boxes``.
    outlined : bool
        Whether the windows are drawn too.
    """

    atlas: Atlas
    style: Style
    mass_boxes: tuple[Box, ...] = ()
    threshold: Threshold | None = None
    outlined: bool = False

    def __call__(self, view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
        """Make the pictures of an image, or only the numbers where nothing is to be written."""
        found = self.atlas.maps_of(item.key, view.image_size)
        rows = [self._row(one, view.image_size) for one in found]
        common = {name: value for name, value in record_of(view, item, (), plan).items() if name != "windows"}
        notes = tuple(f"{row['label'] or 'the map'} {problem}" for row in rows for problem in [_pale(row)] if problem)
        if not item.targets:
            return [Product(np.empty((0, 0, 0), np.uint8), False, None, common | {"maps": rows}, notes)]
        if self.figure:
            view = view._replace(picture=flat(view.picture, plan.how))
        photo, clipped = prepared(view, plan)
        notes += clipped
        if self.style.montage:
            figure = self._montage(photo, found, placements)
            return [stored(figure, Picture(figure), common | {"maps": rows}, plan, notes)]
        products = []
        for index, (one, row) in enumerate(zip(found, rows, strict=True)):
            last = index == len(found) - 1  # the photo is not needed after it
            picture = self._laid(photo.pixels, one, view.image_size, alpha=photo.alpha, in_place=last)
            if self.outlined:
                _draw_outlines(picture, placements, self.style)
            drawn = photo._replace(pixels=picture)
            if self.style.colourbar and row["lo"] < row["hi"]:
                drawn = Picture(self._with_bar(picture, row["lo"], row["hi"], picture.shape[0]))
            record = common | {"index": index, "maps": [row]}
            products.append(stored(drawn.pixels, drawn, record, plan, notes if index == 0 else ()))
        return products

    @property
    def figure(self) -> bool:
        """Whether the pictures are figures on white, of 8 bit."""
        return self.style.montage or self.style.colourbar

    def _row(self, one: Map, image_size: Size) -> dict[str, Any]:
        """Give the numbers of a map."""
        grid = one.values.shape
        rect = self._rect(one, image_size)
        lo, hi = self.atlas.limits.of(one.values)
        how = one.arranged
        row: dict[str, Any] = {"map": one.path, "label": one.label, "layout": how.layout}
        row |= {"prefix_tokens": how.prefix_tokens, "guessed": how.guessed, "read_as": how.reading}
        boxes = [Rect(*box.to_window(image_size).box) for box in self.mass_boxes]
        row |= maps.measure(one.values, rect, image_size, lo, hi, boxes)
        row["geometry"] = {
            "preprocess": str(self.atlas.reading.preprocess) or None,
            "grid": {"width": grid[1], "height": grid[0]},
            "covers": rect._asdict(),
        }
        if self.threshold is not None:
            row["regions"] = [region._asdict() for region in maps.regions(one.values, rect, image_size, self.threshold)]
        return row

    def _rect(self, one: Map, image_size: Size) -> Rect:
        grid = one.values.shape
        return self.atlas.reading.preprocess.covered(image_size, (grid[0], grid[1]))

    def _laid(
        self, picture: Array, one: Map, image_size: Size, *, alpha: bool = False, in_place: bool = False
    ) -> Array:
        """Lay a map over the picture of an image of this size; the picture may be smaller."""
        x, y, width, height = self._rect(one, image_size)
        scale_y, scale_x = (new / old for new, old in zip(picture.shape[:2], image_size, strict=True))
        rect = Rect(x * scale_x, y * scale_y, width * scale_x, height * scale_y)
        grid = maps.scaled(one.values, *self.atlas.limits.of(one.values))
        laid = maps.lay(grid, rect, (picture.shape[0], picture.shape[1]), self.style.upsampling)
        return tint(
            picture,
            laid.values,
            table(self.style.cmap),
            top=laid.top,
            left=laid.left,
            coverage=(laid.coverage_y, laid.coverage_x),
            opacity=self.style.opacity,
            alpha=alpha,
            in_place=in_place,
        )

    def _montage(self, photo: Picture, found: Sequence[Map], placements: Sequence[Placement]) -> Array:
        style, image_size = self.style, (photo.pixels.shape[0], photo.pixels.shape[1])
        small = as_rgb(photo.pixels)
        if max(image_size) > style.panel:
            small = fitted(small, style.panel, style.panel)
        panels = [self._laid(small, one, image_size) for one in found]
        captions = style.captions
        if captions is not None:  # as in Show, Attend and Tell, the image itself stands before the words
            panels, captions = [small, *panels], ("", *captions)
        if self.outlined:
            shrunk = np.array([small.shape[1] / image_size[1], small.shape[0] / image_size[0]])
            for panel in panels:
                _draw_outlines(panel, placements, style, shrunk)
        labels = None if captions is not None else [one.label for one in found]
        figure = montage(panels, labels, style.columns, captions, style.font)
        lo, hi = self.atlas.limits.of(found[0].values)
        height = min(round(0.88 * figure.shape[0]), 3 * style.panel)
        return self._with_bar(figure, lo, hi, height) if style.colourbar and lo < hi else figure

    def _with_bar(self, picture: Array, lo: float, hi: float, height: int) -> Array:
        from glimpsecli.pictures.colourbar import beside, colourbar

        return beside(picture, colourbar(height, lo, hi, table(self.style.cmap), opacity=self.style.opacity))


def prepared(view: View, plan: Plan) -> tuple[Picture, tuple[str, ...]]:
    """Bring the image to the depth of the picture, in which pixels that are not drawn on keep their values."""
    own = depth_of(view.picture.pixels)
    pixels, clipped = convert(view.picture.pixels, own, plan.output.depth or "8")
    photo = view.picture._replace(pixels=pixels)
    check_fits(photo, plan)
    return photo, (f"{clipped} of the image's {pixels.size} values were clipped",) if clipped else ()


def _pale(row: dict[str, Any]) -> str | None:
    """Give the reason why a map colours nothing; None where it colours something."""
    if row["largest"] is None:
        return "has no value that is a number: nothing is coloured"
    if row["lo"] == row["hi"]:
        return f"is {row['largest']:g} everywhere: nothing is coloured"
    if row["largest"] <= row["lo"]:
        return f"is at most {row['largest']:g}, and the range begins at {row['lo']:g}: nothing is coloured"
    return None


def _draw_outlines(picture: Array, placements: Sequence[Placement], style: Style, scale: Any = 1.0) -> None:
    for placement in placements:
        outline(picture, corners(as_matrix(placement), placement.size) * scale, colour=style.colour)
