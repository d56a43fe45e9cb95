"""The figure of what learns: for each sampler its loss about the truth, the slope, and where descent leads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.colour import table
from glimpsecli.pictures.colourbar import ticks
from glimpsecli.pictures.scale import as_rgb, fitted
from glimpsecli.pictures.strokes import fill, stroke
from glimpsecli.pictures.surfaces import descent_panel, mark_truth, surface_panel
from glimpsecli.pictures.text import FAINT, line_height, width_of, wrap, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Figure = NDArray[np.uint8]
    Floats = NDArray[np.floating[Any]]
    Colour = tuple[int, int, int]

LOSS, SLOPE = "viridis", "magma"
ROOT = 0.5
"""The power of a slope that its colour goes with, so that gentle slopes show beside steep ones."""
STILL = "0 everywhere"
_FRAME, _GRID = (150, 150, 150), (228, 228, 228)
_MIDDLE = 0.654  # of a digit: from the top of its line, in ems
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
}


class Column(NamedTuple):
    """What is drawn of a sampler.

    Attributes
    ----------
    title, note : str
        Above it.
    sampler : str
        Its colour follows from it.
    glimpse : (h, w) or (h, w, C) array
        Anything `as_rgb` takes: what is seen at the truth.
    loss, slope : (S, S) float
        Of the offsets: loss, and the length of its gradient, per pixel.
    reached : (S, S) bool
        Whether descent reaches the truth.
    paths : (T, N, 2) float
        Some descents, in reaches: -1 to 1.
    cut : (P,) float
        The loss where dy is 0, from one end of dx to the other, at even steps.
    verdict : (str, str)
        Below it.
    """

    title: str
    note: str
    sampler: str
    glimpse: Array
    loss: Floats
    slope: Floats
    reached: NDArray[np.bool_]
    paths: Floats
    cut: Floats
    verdict: tuple[str, str]


def landscape_figure(photo: Array, note: str, columns: Sequence[Column], *, reach: float, panel: int = 220) -> Figure:
    """Draw a table: samplers from left to right; from the top what each sees, its loss, its slope, where it leads.

    Losses share one scale of colours, and slopes another, on which colours go with the square root.

    Parameters
    ----------
    photo : (H, W, C) array
        The input, its window drawn; it is fitted into a panel.
    note : str
        Words below its title.
    columns : sequence of Column
    reach : float
        The largest offset, in pixels of the image.
    panel : int
        Height and width of a panel, in pixels.

    Returns
    -------
    (H', W', 3) uint8
    """
    if not columns:
        raise InvalidInputError("a figure without samplers", "give one or more")
    page = _Page(panel, columns, reach)
    rows = [_fitting(photo, panel), *(_fitting(column.glimpse, panel) for column in columns)]
    tall = max(len(row) for row in rows)
    loss = _rounded_up(max(float(column.loss.max()) for column in columns))
    slope = _rounded_up(max(float(column.slope.max()) for column in columns))
    page.begin(page.head + tall + 3 * (panel + page.gap) + page.foot + panel + 2 * page.margin + 2 * page.line)

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
    page.cuts(top + panel + page.foot)
    return page.figure


class _Page:
    """Where things lie in the table, and how they are put there."""

    def __init__(self, panel: int, columns: Sequence[Column], reach: float) -> None:
        self.panel, self.columns, self.reach = panel, columns, reach
        self.size = max(11, round(panel / 17))
        self.line = line_height(self.size)
        self.gap, self.margin = max(10, panel // 14), max(14, panel // 10)
        self.bold = self.size + max(1, self.size // 8)
        self.head = line_height(self.bold, bold=True) + 2 * self.line + self.gap // 2
        self.foot = 3 * self.line + 2 * self.gap

    def begin(self, height: int) -> None:
        """Take a white sheet."""
        width = 2 * self.margin + (len(self.columns) + 1) * (self.panel + self.gap) - self.gap
        self.figure: Figure = np.full((height, width, 3), 255, np.uint8)

    def left(self, k: int) -> int:
        """Give where a column begins."""
        return self.margin + k * (self.panel + self.gap)

    def put(self, k: int, top: int, image: Figure) -> None:
        """Put a panel into a column, in its middle where it is narrower."""
        height, width = image.shape[:2]
        left = self.left(k) + (self.panel - width) // 2
        self.figure[top : top + height, left : left + width] = image

    def words(self, k: int, top: int, title: str, note: str, *, colour: Colour | None = None, beside: int = 0) -> None:
        """Write a title, behind a swatch of its colour, and fainter words below it, with so much room beside them."""
        left, size = self.left(k), self.bold
        if colour is not None:
            fill(self.figure, top + 0.28 * size, left, top + 1.02 * size, left + 0.3 * size, colour)
            left += round(0.6 * size)
        write(self.figure, title, left, top, size=size, bold=True)
        top += line_height(size, bold=True)
        for row in wrap(note, self.size, self.panel - beside):
            write(self.figure, row, self.left(k), top, size=self.size, colour=FAINT)
            top += self.line

    def below(self, k: int, top: int, verdict: tuple[str, str]) -> None:
        """Write two lines, the first one strong."""
        middle = self.left(k) + self.panel // 2
        write(self.figure, verdict[0], middle, top + self.gap // 2, size=self.size, bold=True, align="centre")
        second = top + self.gap // 2 + self.line
        write(self.figure, verdict[1], middle, second, size=self.size, colour=FAINT, align="centre")

    def centred(self, panel: Figure, text: str, colour: Colour) -> None:
        """Write into the middle of a panel."""
        middle = len(panel) // 2
        write(panel, text, middle, round(middle - _MIDDLE * self.size), size=self.size, colour=colour, align="centre")

    def offsets(self, k: int, top: int) -> None:
        """Write the offsets below a panel."""
        left, tick = self.left(k), max(3, self.size // 3)
        for share, align in ((0.0, "left"), (0.5, "centre"), (1.0, "right")):
            x = left + share * self.panel
            fill(self.figure, top, min(x, left + self.panel - 1), top + tick, min(x, left + self.panel - 1) + 1, _FRAME)
            text = _pixels((2 * share - 1) * self.reach)
            write(self.figure, text, round(x), top + tick, size=self.size, colour=FAINT, align=align)

    def bar(self, bottom: int, high: float, colours: Floats, *, power: float = 1.0) -> None:
        """Draw a bar of colours, which go with a power of the values, and its numbers, in the first column."""
        if high <= 0:
            return
        left, width, thick = self.left(0), self.panel - self.gap, max(10, self.panel // 18)
        under = bottom - self.line - self.size // 3
        ramp = np.asarray(colours)[np.linspace(0, len(colours) - 1, width).round().astype(np.intp)]
        self.figure[under - thick : under, left : left + width] = np.rint(255 * ramp)
        room = 1.75 * width_of("0.0005", self.size)  # the number at the end stands inside it
        shown = [high, 0.0]
        for value in _nice_below(high):
            place, before = ((one / high) ** power * width for one in (value, shown[-2]))
            if before - place >= room <= place:
                shown.insert(-1, value)
        for value in shown:
            x = left + min(width - 1, (value / high) ** power * width)
            fill(self.figure, under, x, under + self.size // 3, x + 1, _FRAME)
            align = "left" if value == 0 else "right" if value == high else "centre"
            write(
                self.figure, _short(value), round(x), under + self.size // 3, size=self.size, colour=FAINT, align=align
            )

    def cuts(self, top: int) -> None:
        """Draw the losses where dy is 0 in one chart under all columns."""
        size, height = self.size, self.panel
        high = _rounded_up(max(float(column.cut.max()) for column in self.columns)) or 1.0
        self.words(0, top, *_WORDS["cut"], beside=width_of("0.0005", size))
        left, right, bottom = self.left(1), self.left(len(self.columns)) + self.panel, top + height
        for place, text in ticks(0, high, height, round(1.5 * size)):
            fill(self.figure, top + place, left, top + place + 1, right, _GRID)
            y = round(top + place - _MIDDLE * size)
            write(self.figure, text, left - self.gap // 2, y, size=size, colour=FAINT, align="right")
        for share in (0, 0.25, 0.5, 0.75, 1):
            x = left + share * (right - left)
            fill(self.figure, top, x, bottom + size // 3, x + 1, _GRID)
            align = "left" if share == 0 else "right" if share == 1 else "centre"
            text = _pixels((2 * share - 1) * self.reach)
            write(self.figure, text, round(x), bottom + size // 3, size=size, colour=FAINT, align=align)
        for column, colour in zip(self.columns, _colours(self.columns), strict=True):
            across = np.linspace(left, right, len(column.cut))
            up = bottom - height * np.asarray(column.cut, np.float64) / high
            stroke(self.figure, list(zip(across.tolist(), up.tolist(), strict=True)), max(1.5, height / 110), colour)


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
        fine: Figure = fitted(picture, panel, panel)
        return fine
    height, width = (max(1, round(extent * panel / longer)) for extent in picture.shape[:2])
    rows, across = (np.arange(new) * old // new for new, old in zip((height, width), picture.shape[:2], strict=True))
    squares: Figure = picture[rows[:, None], across]
    return squares


def _rounded_up(value: float) -> float:
    """Give the next number of two digits."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step * (1 - 1e-12)) * step:.3g}")


def _nice_below(high: float) -> list[float]:
    """Give 1, 2 and 5 times powers of ten, down from a number over four decades."""
    power = math.floor(math.log10(high))
    nice = [float(f"{digit}e{power - k}") for k in range(5) for digit in (5, 2, 1)]
    return [one for one in nice if one < high]


def _short(value: float) -> str:
    """Write a number of few digits."""
    digits, _, power = f"{value:.3g}".partition("e")
    return (f"{digits}e{int(power)}" if power else digits).replace("-", "−")


def _pixels(value: float) -> str:
    return f"{'+'[: value > 0]}{_short(value)} px" if value else "0"
