"""The page of the figure of the landscape: columns of panels, their words, bars and axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.pictures.strokes import fill
from glimpsecli.pictures.text import FAINT, MIDDLE, line_height, width_of, wrap, write

if TYPE_CHECKING:
    from glimpsecli.arrays import Colour, Figure, Reals

FRAME = (150, 150, 150)


class Page:
    """The table of the figure: the places of panels and words, and the drawing of them.

    Parameters
    ----------
    panel : int
        Height and width of a panel, in pixels.
    columns : int
        The number of columns beside the first one, which holds words.
    reach : float
        The largest offset, in pixels of the image.
    """

    def __init__(self, panel: int, columns: int, reach: float) -> None:
        self.panel, self.columns, self.reach = panel, columns, reach
        self.size = max(11, round(panel / 17))
        self.line = line_height(self.size)
        self.gap, self.margin = max(10, panel // 14), max(14, panel // 10)
        self.bold = self.size + max(1, self.size // 8)
        self.head = line_height(self.bold, bold=True) + 2 * self.line + self.gap // 2
        self.foot = 3 * self.line + 2 * self.gap

    def begin(self, height: int) -> None:
        """Begin a white page."""
        width = 2 * self.margin + (self.columns + 1) * (self.panel + self.gap) - self.gap
        self.figure: Figure = np.full((height, width, 3), 255, np.uint8)

    def left(self, k: int) -> int:
        """Give the left edge of a column."""
        return self.margin + k * (self.panel + self.gap)

    def put(self, k: int, top: int, image: Figure) -> None:
        """Put a panel into a column, in its middle where it is narrower."""
        height, width = image.shape[:2]
        left = self.left(k) + (self.panel - width) // 2
        self.figure[top : top + height, left : left + width] = image

    def words(self, k: int, top: int, title: str, note: str, *, colour: Colour | None = None, beside: int = 0) -> None:
        """Write a title, behind a swatch of its colour, and below it fainter words that leave `beside` pixels free."""
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
        write(panel, text, middle, round(middle - MIDDLE * self.size), size=self.size, colour=colour, align="centre")

    def offsets(self, k: int, top: int) -> None:
        """Write the offsets below a panel."""
        left, tick = self.left(k), max(3, self.size // 3)
        for share, align in ((0.0, "left"), (0.5, "centre"), (1.0, "right")):
            x = left + share * self.panel
            fill(self.figure, top, min(x, left + self.panel - 1), top + tick, min(x, left + self.panel - 1) + 1, FRAME)
            text = pixels((2 * share - 1) * self.reach)
            write(self.figure, text, round(x), top + tick, size=self.size, colour=FAINT, align=align)

    def bar(self, bottom: int, high: float, colours: Reals, *, power: float = 1.0) -> None:
        """Draw a bar of colours, which follow a power of the values, and its numbers, in the first column."""
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
            fill(self.figure, under, x, under + self.size // 3, x + 1, FRAME)
            align = "left" if value == 0 else "right" if value == high else "centre"
            write(
                self.figure, _short(value), round(x), under + self.size // 3, size=self.size, colour=FAINT, align=align
            )


def rounded_up(value: float) -> float:
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
    """Write a number with few digits."""
    digits, _, power = f"{value:.3g}".partition("e")
    return (f"{digits}e{int(power)}" if power else digits).replace("-", "−")


def pixels(value: float) -> str:
    """Write an offset with its sign."""
    return f"{'+'[: value > 0]}{_short(value)} px" if value else "0"


def degrees(value: float) -> str:
    """Write an angle with its sign."""
    return f"{'+'[: value > 0]}{_short(value)}°" if value else "0"
