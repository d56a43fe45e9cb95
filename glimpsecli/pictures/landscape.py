"""The figure of the landscape: for each sampler its loss about the truth, the slope, and where descent leads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.colour import table
from glimpsecli.pictures.colourbar import ticks
from glimpsecli.pictures.landscape_page import Page, degrees, pixels, rounded_up
from glimpsecli.pictures.scale import as_rgb, fitted
from glimpsecli.pictures.strokes import fill, stroke
from glimpsecli.pictures.surfaces import descent_panel, mark_truth, surface_panel
from glimpsecli.pictures.text import FAINT, MIDDLE, width_of, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Array, Colour, Figure, Reals

LOSS, SLOPE = "viridis", "magma"
ROOT = 0.5
"""The exponent of a slope in its colour, so that gentle slopes show beside steep ones."""
STILL = "0 everywhere"
_GRID = (228, 228, 228)
_HARD, _BILINEAR, _GAUSSIANS = (
    (105, 105, 105),
    (214, 112, 20),
    ((66, 146, 198), (8, 69, 148), (35, 139, 69), (0, 68, 27)),
)
_WORDS = {
    "loss": (
        "Loss",
        "Half the mean squared difference between what the moved window sees and what it sees in its place (ring).",
    ),
    "slope": (
        "|Gradient|",
        "How steep the loss is, per pixel, by the sampler's own derivative: all that descent knows.",
    ),
    "descent": (
        "Where descent leads",
        "Blue paths reach the ring, orange ones end elsewhere. The tint: all offsets from which it is reached.",
    ),
    "cut": ("Along x", "The loss as the window moves to the left and to the right only. Colours as in the titles."),
    "turn": ("Along the angle", "The loss as the window turns about its centre only, clockwise to the right."),
}


class Column(NamedTuple):
    """The part of the figure that shows one sampler.

    Attributes
    ----------
    title, note : str
        Above the column.
    sampler : str
        Its colour follows from it.
    glimpse : (h, w) or (h, w, C) array
        The glimpse at the truth; anything `as_rgb` takes.
    loss, slope : (S, S) float
        At each offset: the loss, and the length of its gradient, per pixel.
    reached : (S, S) bool
        Whether descent reaches the truth.
    paths : (T, N, 2) float
        Some descents, in reaches: -1 to 1.
    cut : (P,) float
        The loss where dy is 0, from one end of dx to the other, at even steps.
    turn : (Q,) float
        The loss as the window turns, from one end of the angles to the other, at even steps.
    verdict : (str, str)
        Below the column.
    """

    title: str
    note: str
    sampler: str
    glimpse: Array
    loss: Reals
    slope: Reals
    reached: NDArray[np.bool_]
    paths: Reals
    cut: Reals
    turn: Reals
    verdict: tuple[str, str]


def landscape_figure(
    photo: Array, note: str, columns: Sequence[Column], *, reach: float, turn: float, panel: int = 220
) -> Figure:
    """Draw a table: samplers from left to right; below each its glimpse, its loss, its slope, and where descent leads.

    Losses share one scale of colours; slopes share another, in which colours follow the square root.

    Parameters
    ----------
    photo : (H, W, C) array
        The input, its window drawn; it is fitted into a panel.
    note : str
        Words below its title.
    columns : sequence of Column
    reach : float
        The largest offset, in pixels of the image.
    turn : float
        The largest angle, in degrees.
    panel : int
        Height and width of a panel, in pixels.

    Returns
    -------
    (H', W', 3) uint8
    """
    if not columns:
        raise InvalidInputError("a figure without samplers", "give one or more")
    page = Page(panel, len(columns), reach)
    rows = [_fitting(photo, panel), *(_fitting(column.glimpse, panel) for column in columns)]
    tall = max(len(row) for row in rows)
    loss = rounded_up(max(float(column.loss.max()) for column in columns))
    slope = rounded_up(max(float(column.slope.max()) for column in columns))
    chart = panel + 2 * page.line
    page.begin(page.head + tall + 3 * (panel + page.gap) + page.foot + 2 * chart + page.gap + 2 * page.margin)

    top = page.margin
    page.words(0, top, "Input", note)
    for k, column in enumerate(columns, 1):
        page.words(k, top, column.title, column.note, colour=_colours(columns)[k - 1])
    top += page.head
    for k, image in enumerate(rows):
        page.put(k, top, image)
    top += tall + page.gap
    page.words(0, top, *_WORDS["loss"])
    page.bar(top + panel, loss, table(LOSS))
    for k, column in enumerate(columns, 1):
        drawn = surface_panel(column.loss / (loss or 1.0), table(LOSS), panel, contours=True)
        mark_truth(drawn)
        page.put(k, top, drawn)
    top += panel + page.gap
    page.words(0, top, *_WORDS["slope"])
    page.bar(top + panel, slope, table(SLOPE), power=ROOT)
    for k, column in enumerate(columns, 1):
        drawn = surface_panel((column.slope / (slope or 1.0)) ** ROOT, table(SLOPE), panel)
        if not column.slope.any():
            page.centred(drawn, STILL, (230, 230, 230))
        page.put(k, top, drawn)
    top += panel + page.gap
    page.words(0, top, *_WORDS["descent"])
    for k, column in enumerate(columns, 1):
        drawn = descent_panel(column.reached, column.paths, panel)
        mark_truth(drawn)
        page.put(k, top, drawn)
        page.offsets(k, top + panel)
        page.below(k, top + panel + page.line, column.verdict)
    top += panel + page.foot
    colours = _colours(columns)
    _draw_cuts(page, top, "cut", [column.cut for column in columns], colours, lambda share: pixels(share * reach))
    top += chart + page.gap
    _draw_cuts(page, top, "turn", [column.turn for column in columns], colours, lambda share: degrees(share * turn))
    return page.figure


def _draw_cuts(
    page: Page, top: int, words: str, cuts: Sequence[Reals], colours: Sequence[Colour], name: Callable[[float], str]
) -> None:
    """Draw losses in one chart under all columns; `name` gives the text for a place on the x axis, from -1 to 1."""
    size, height = page.size, page.panel
    high = rounded_up(max(float(cut.max()) for cut in cuts)) or 1.0
    page.words(0, top, *_WORDS[words], beside=width_of("0.0005", size))
    left, right, bottom = page.left(1), page.left(len(cuts)) + page.panel, top + height
    for place, text in ticks(0, high, height, round(1.5 * size)):
        fill(page.figure, top + place, left, top + place + 1, right, _GRID)
        y = round(top + place - MIDDLE * size)
        write(page.figure, text, left - page.gap // 2, y, size=size, colour=FAINT, align="right")
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = left + share * (right - left)
        fill(page.figure, top, x, bottom + size // 3, x + 1, _GRID)
        align = "left" if share == 0 else "right" if share == 1 else "centre"
        write(page.figure, name(2 * share - 1), round(x), bottom + size // 3, size=size, colour=FAINT, align=align)
    for cut, colour in zip(cuts, colours, strict=True):
        across = np.linspace(left, right, len(cut))
        up = bottom - height * np.asarray(cut, np.float64) / high
        stroke(page.figure, list(zip(across.tolist(), up.tolist(), strict=True)), max(1.5, height / 110), colour)


def _colours(columns: Sequence[Column]) -> list[Colour]:
    """Give each column a colour: grey, orange, and blues and greens for the Gaussians."""
    found: list[Colour] = []
    gaussians = 0
    for column in columns:
        if column.sampler == "gaussian":
            found.append(_GAUSSIANS[gaussians % len(_GAUSSIANS)])
            gaussians += 1
        else:
            found.append(_HARD if column.sampler == "hard" else _BILINEAR)
    return found


def _fitting(image: Array, panel: int) -> Figure:
    """Fit an image into a panel; small ones keep their pixels as squares, of nearly one size."""
    picture = as_rgb(image)
    longer = max(picture.shape[:2])
    if longer > panel:
        return fitted(picture, panel, panel)
    height, width = (max(1, round(extent * panel / longer)) for extent in picture.shape[:2])
    rows, across = (np.arange(new) * old // new for new, old in zip((height, width), picture.shape[:2], strict=True))
    squares: Figure = picture[rows[:, None], across]
    return squares
