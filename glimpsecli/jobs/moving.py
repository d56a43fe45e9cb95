"""Films of a window that moves: the glimpses through it, the window drawn on the frames, or both side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.annotations.boxes import Box, Length
from glimpsecli.annotations.tables import table_of
from glimpsecli.errors import InvalidInputError
from glimpsecli.images import Picture, convert, depth_of
from glimpsecli.jobs.filming import as_film
from glimpsecli.jobs.formats import chosen_format, is_folder
from glimpsecli.jobs.glimpses import glimpse_of
from glimpsecli.jobs.groups import Source
from glimpsecli.jobs.masking import record_of
from glimpsecli.jobs.naming import Label
from glimpsecli.jobs.outputs import check_files, check_outputs, name_files, targets_of
from glimpsecli.jobs.plan import How, Item, Output, Plan
from glimpsecli.jobs.planning import check_apart, check_folder_is_there, check_idle, inputs_of, try_out
from glimpsecli.jobs.products import Product
from glimpsecli.jobs.requests import BoxRequest, QuadRequest, Request, as_matrix
from glimpsecli.jobs.storing import stored
from glimpsecli.jobs.trails import RouteTrails
from glimpsecli.names import BLUR
from glimpsecli.pictures.outline import outline
from glimpsecli.pictures.pair import pair
from glimpsecli.pictures.scale import as_rgb, fitted
from glimpsecli.pictures.trail import trail
from glimpsecli.storage.atomic import place_together
from glimpsecli.window import corners

if TYPE_CHECKING:
    from glimpsecli.arrays import Figure
    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.plan import MakeProducts
    from glimpsecli.jobs.products import View
    from glimpsecli.jobs.requests import Placement
    from glimpsecli.jobs.route import Route
    from glimpsecli.window import Size

TABLES = (".csv",)
STEADY = 0.6
"""Least sigma of the taps of a window that moves, in pixels of the source."""
_DIGITS = 6  # after the point, in tables


def make_moving_plan(
    source: Source,
    route: Route,
    how: How,
    output: Output,
    clips: Clips,
    *,
    speed: Fraction = Fraction(1),
    inputs: Sequence[str] = (),
    make_products: MakeProducts | None = None,
) -> Plan:
    """Plan a film, a folder of frames or a ``.npz``: a product for each frame of a route.

    Parameters
    ----------
    source : Source
        The photo or the video.
    route : Route
    how : How
        The size is exact.
    output : Output
    clips : Clips
        Holds the source open.
    speed : Fraction
        Seconds of the video in a second of the film.
    inputs : sequence of str
        Other files that were read, and must not be written over.
    make_products : callable, optional
        Draws the picture of a frame; by default it is the glimpse.

    Raises
    ------
    InvalidInputError
        Something is wrong that can be known before any work.
    """
    requests = requests_of(route)
    sources = [source._replace(at=at) for at in route.frames]
    file_format = chosen_format(output, sources)
    if make_products is not None and file_format.container and not file_format.film:
        raise InvalidInputError(f"a {file_format.title} holds glimpses, and no pictures", "name a film or a folder")
    try_out(requests[:1], how)
    check_idle(how, requests[:1], output, file_format)
    noun = "glimpse" if make_products is None else "picture"
    if is_folder(output.target):
        output = output._replace(name=output.name or "{stem}_{frame:06d}")
    names = name_files(sources, [[Label()]] * len(sources), output, file_format, noun)
    check_folder_is_there()
    items = tuple(
        Item(source.path, (request,), files, at=at)
        for request, files, at in zip(requests, names, route.frames, strict=True)
    )
    container = output.target if file_format.container else None
    written = targets_of(items) if container is None else [(source.path, container)]
    check_apart(sources[:1], output)
    check_outputs(written, [*inputs_of(sources[:1], clips), *inputs], overwrite=output.overwrite, noun=noun)
    plan = Plan(items, how, output, file_format, container, make_products=make_products, noun=noun, clips=clips)
    if not file_format.film:
        return plan
    return as_film(plan, speed=speed if len(clips.of(source.path)) > 1 else Fraction(1))


def requests_of(route: Route) -> list[Request]:
    """Give the request of each frame."""
    if route.places.ndim == 3:
        return [
            QuadRequest(tuple((Length(x), Length(y)) for x, y in quad))
            for quad in route.places.tolist()
        ]  # fmt: skip
    return [
        BoxRequest(Box(Length(cx), Length(cy), Length(width), Length(height), centred=True, angle=angle))
        for cx, cy, width, height, angle in route.places.tolist()
    ]


def write_table(target: str, route: Route, inputs: Sequence[str], *, overwrite: bool) -> None:
    """Write a route as a table of windows, which is a table of keyframes too.

    Raises
    ------
    InvalidInputError
        The file exists, or is an input.
    FileProblemError
        It cannot be written.
    """
    check_files({"--output": target}, inputs, overwrite=overwrite)
    names = (
        ("cx", "cy", "width", "height", "angle")
        if route.places.ndim == 2
        else tuple(f"{axis}{corner}" for corner in range(1, 5) for axis in "xy")
    )
    rows = [
        {"frame": at.number, "time": round(float(at.time), _DIGITS)}
        | {name: round(value, _DIGITS) for name, value in zip(names, numbers, strict=True)}
        for at, numbers in zip(route.frames, route.places.reshape(len(route.frames), -1).tolist(), strict=True)
    ]
    place_together({target: table_of(rows)}, overwrite=overwrite)


@dataclass(frozen=True)
class Drawing:
    """Draws the window on the frames, with its trail.

    Attributes
    ----------
    colour : (float, float, float)
        0 to 1.
    trails : RouteTrails, optional
    dots : bool
        Whether each place of the trail is a dot.
    bounds : (int or None, int or None)
        Largest height and width of the frame in the picture.
    beside : bool
        Whether the glimpse stands beside the frame, at its height.
    """

    colour: tuple[float, float, float]
    trails: RouteTrails | None = None
    dots: bool = False
    bounds: tuple[int | None, int | None] = (None, None)
    beside: bool = False

    def __call__(self, view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
        """Make the picture of a frame."""
        photo, placement = as_rgb(view.picture.pixels), placements[0]
        figure = fitted(photo, *self.bounds)
        shrunk = np.array([figure.shape[1] / photo.shape[1], figure.shape[0] / photo.shape[0]])
        if figure is photo:
            figure = photo.copy()
        if self.trails is not None and item.at is not None:
            points = [(x, y) for x, y in (self.trails.behind(item.at.number) * shrunk).tolist()]
            trail(figure, points, colour=self.colour, dots=self.dots)
        outline(figure, corners(as_matrix(placement), placement.size) * shrunk, colour=self.colour)
        if self.beside:
            figure = pair(figure, _glimpse(view, placement, plan))
        return [stored(figure, Picture(figure), record_of(view, item, placements, plan), plan)]


def _glimpse(view: View, placement: Placement, plan: Plan) -> Figure:
    seen: Any = convert(glimpse_of(view, placement, plan), depth_of(view.picture.pixels), "8").pixels
    return as_rgb(seen)


def steady_blur(route: Route, size: Size) -> float:
    """Give the blur, in strides, with which pictures neither shake nor pulse: `BLUR`, or that of `STEADY` pixels.

    Taps of sigma s that pass over pixels see them up to ``4 pi s^2 exp(-2 pi^2 s^2)`` pixels from their place, to and
    fro with each pixel: 0.023 for 0.5, 0.004 for 0.6. So sigma is at least `STEADY` where the film comes nearest. It is
    the same blur all the way, in strides, for a change of it would show.
    """
    if route.places.ndim == 3:
        return STEADY
    strides = route.places[:, 2:4] / (size[1], size[0])
    return max(BLUR, STEADY / max(1.0, float(strides.min())))


def size_of(route: Route, how: How, *, height: int | None = None) -> Size:
    """Give the size of the glimpses: that which is asked for, else that of the first window, made even.

    Parameters
    ----------
    route : Route
    how : How
    height : int, optional
        The height where no size is asked for.
    """
    (request,) = requests_of(route._replace(frames=route.frames[:1], places=route.places[:1]))
    asked = how.shaping.size
    found = request.placements((1, 1), how.shaping)[0].size
    if asked.width is not None:
        return found
    if asked.is_open and height is not None:
        found = height, round(found[1] * height / found[0])
    return max(2, round(found[0] / 2) * 2), max(2, round(found[1] / 2) * 2)
