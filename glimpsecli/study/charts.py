"""The results as pictures: success against offset, for each optimiser and stride, and time against stride."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.pictures.charts import Line, line_chart
from glimpsecli.pictures.multiples import Panel, Row, panel_grid
from glimpsecli.study.mechanisms import MECHANISMS
from glimpsecli.study.speed import BILINEAR, BLURRED, CUT, DENSE
from glimpsecli.study.statistics import wilson
from glimpsecli.study.summary import Summary, Who
from glimpsecli.study.working import ADAM, LM, METHODS, SCORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glimpsecli.study.speed import Step
    from glimpsecli.window import Size

Colour = tuple[int, int, int]


class Choice(NamedTuple):
    """The samplers of a chart, in order, and the words for them in its title."""

    said: str
    names: tuple[str, ...]


SUCCESS = Choice(
    "",
    (
        "hard", "hard, 10 times the looks", "bilinear", "gaussian 0.5", "gaussian annealed", "bilinear, blurred 0.5",
        "bilinear, blur annealed",
    ),
)  # fmt: skip
SIGMAS = Choice(
    ", by sigma",
    (
        "gaussian 0.35", "gaussian 0.5", "gaussian 1", "gaussian 2", "bilinear, blurred 0.5", "bilinear, blurred 1",
        "bilinear, blurred 2",
    ),
)  # fmt: skip

# One hue for one blur: the Gaussian, and in a darker shade the bilinear sampler on the image that is blurred alike.
COLOURS: dict[str, Colour] = {
    "hard": (165, 165, 165),
    "hard, 10 times the looks": (70, 70, 70),
    "bilinear": (204, 60, 18),
    "gaussian 0.35": (226, 160, 0),
    "gaussian 0.5": (31, 95, 168),
    "bilinear, blurred 0.5": (10, 44, 120),
    "gaussian 1": (190, 40, 120),
    "bilinear, blurred 1": (130, 0, 84),
    "gaussian 2": (90, 190, 120),
    "bilinear, blurred 2": (28, 124, 62),
    "gaussian annealed": (20, 160, 80),
    "bilinear, blur annealed": (0, 98, 44),
}
STRONG = ("bilinear", "gaussian 0.5")
"""The two samplers that the article compares."""

_BLURRED = frozenset(one.name for one in MECHANISMS if one.sampler == "bilinear" and one.sigmas)
_ROWS = ((LM,), (ADAM, SCORE))
_TIMES = {BILINEAR: (204, 60, 18), CUT: (31, 95, 168), DENSE: (120, 163, 212), BLURRED: (232, 140, 20)}


def draw(summary: Summary, condition: str, choice: Choice) -> NDArray[np.uint8]:
    """Draw success against offset in a condition, for some of the samplers.

    Returns
    -------
    (H, W, 3) uint8
    """
    trials = {
        who.sampler: len(summary.runs[name, stride, who].success)
        for name, stride, who in summary.runs
        if name == condition and who.sampler in choice.names
    }
    blurs = "; dashed and hollow: bilinear, on an image that was blurred first" if trials.keys() & _BLURRED else ""
    return panel_grid(
        rows(summary, condition, choice),
        title=f"Windows recovered from a displaced start{choice.said}: {condition}",
        note=f"{max(trials.values())} trials a point, the same for all{blurs}; a number in a name: sigma, in strides. "
        "Upright lines: Wilson's 95 % intervals, which take trials for independent; points are moved sideways a "
        "little, so that these can be told apart.",
        legend=[(name, COLOURS[name], name in _BLURRED) for name in choice.names if name in trials],
        x_axis="offset of the start, in widths of the window",
        y_axis="share recovered",
    )


def rows(summary: Summary, condition: str, choice: Choice) -> list[Row]:
    """Give the panels of a chart: a row for each optimiser, and in it a panel for each stride."""
    found = []
    for methods in _ROWS:
        some = [Who(name, method) for name in choice.names for method in methods]
        panels = [
            Panel(
                f"stride {stride:g}",
                [
                    _line(who.sampler, summary.offsets, summary.runs[condition, stride, who].success)
                    for who in some
                    if (condition, stride, who) in summary.runs
                ],
            )
            for stride in summary.strides
        ]
        sampled = any(who.method == SCORE for who in summary.who(condition) if who in some)
        title = METHODS[methods[0]] + f"; hard attention: {METHODS[SCORE]}" * sampled
        found.append(Row(title, panels))
    return found


def draw_speed(steps: Sequence[Step], size: Size, cpu: str) -> NDArray[np.uint8]:
    """Draw the time of a glimpse of a size against its stride: (H, W, 3) uint8."""
    lines = []
    for who, colour in _TIMES.items():
        mine = [(step.stride, *step.seconds[who]) for step in steps if who in step.seconds]
        if mine:
            strides, medians, low, high = zip(*mine, strict=True)
            lines.append(Line(who, strides, medians, low, high, colour, who in (BILINEAR, CUT), who == BLURRED))
    return line_chart(
        lines,
        title=f"What a {size[1]}x{size[0]} glimpse costs, and what an equal picture costs",
        note=f"{cpu}, one thread; dashed: blurred until it aliases as little as the Gaussians",
        x_axis="stride: pixels of the image from tap to tap",
        y_axis="time of a call, median; upright lines: the quartiles",
        x_label=lambda x: f"{x:g}",
        y_label=lambda seconds: f"{seconds * 1e3:g} ms",
        x_ticks=[step.stride for step in steps],
    )


def _line(name: str, offsets: Sequence[float], success: NDArray[np.bool_]) -> Line:
    """Give the line of a sampler from its (places, offsets) successes."""
    shares = (wilson(count, len(success)) for count in np.count_nonzero(success, axis=0).tolist())
    value, low, high = zip(*shares, strict=True)
    return Line(name, offsets, value, low, high, COLOURS[name], name in STRONG, name in _BLURRED)
