"""A chart: dots for cases, lines where the stride was swept."""

from __future__ import annotations

import io

import numpy as np

from glimpsecli import images
from glimpsecli.bench.measuring import Entry, Measured
from glimpsecli.bench.report import UNITS, duration, number
from glimpsecli.bench.results import Results
from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.charts import Dot, Group, Line, dot_chart, line_chart

OURS = (31, 95, 168)
NUMPY = (120, 163, 212)
SAME = (104, 112, 122)
OTHER = (184, 191, 200)
TIMES = "×"
HUES = {
    "gaussian": (31, 95, 168),
    "bilinear": (204, 92, 18),
    "rotated": (26, 133, 92),
    "hard": (128, 62, 152),
    "ellipses": (20, 128, 152),
}
LEGEND = (("glimpse", OURS), ("glimpse numpy", NUMPY), ("the same mathematics", SAME), ("another filter", OTHER))


def encode(results: Results) -> bytes:
    """Give the chart as PNG."""
    stream = io.BytesIO()
    images.write(stream, draw(results), format="png", compress=6)
    return stream.getvalue()


def draw(results: Results) -> np.ndarray:
    """Draw the chart: lines where two or more cases are steps of a sweep."""
    threads, machine = results.parameters.threads, results.machine["cpu"]
    filtered = any(entry.filter for _, entry in results.entries())
    note = f"{machine}, {threads} thread{'s'[: threads > 1]}, glimpse {results.versions['glimpse']}"
    steps = [measured for measured in results.cases if measured.recipe.stride is not None]
    if len(steps) > 1:
        h, w = steps[0].recipe.size
        return line_chart(
            _lines(steps),
            title=f"Time of a {w}x{h} glimpse against the stride of its taps",
            note=note + "; dashed: another filter" * filtered,
            x_axis="stride: pixels of the image from tap to tap, logarithmic",
            y_axis="time of a call, logarithmic: the median; upright lines: the quartiles",
            x_label=lambda x: f"{x:g}",
            y_label=_tick,
        )
    groups = [group for measured in results.cases for group in _groups(measured)]
    if not groups:
        raise InvalidInputError("nothing was timed, so there is no chart", "look at the reasons above")
    dots = [dot for group in groups for dot in group.dots]
    drawn = {dot.colour for dot in dots}
    legend = [(name, colour) for name, colour in LEGEND if colour in drawn]
    axis = "time of a call, logarithmic: the median, and from quartile to quartile"
    if any(TIMES in dot.words for dot in dots):
        axis += f"; {TIMES}: times that of {results.cases[0].reference}"
    return dot_chart(groups, title="Time of a call", note=note, label=_tick, legend=legend, axis=axis)


def _groups(measured: Measured) -> list[Group]:
    groups = []
    for view in dict.fromkeys(entry.view for entry in measured.entries):
        entries = [one for one in measured.entries if one.view == view and one.samples is not None]
        dots = [_dot(measured, one) for one in sorted(entries, key=_median)]
        if dots:
            groups.append(Group(f"{measured.recipe.name}, {view}", measured.recipe.title, dots))
    return groups


def _dot(measured: Measured, entry: Entry) -> Dot:
    seconds, ratio = entry.seconds, measured.ratio(entry)
    assert seconds is not None
    words = duration(seconds.median)
    if ratio is not None and entry.contender != measured.reference:
        words += f"   {TIMES} {number(ratio.median)}"
    ours = _is_ours(entry)
    paler = NUMPY if entry.contender == "glimpse numpy" else OTHER if entry.filter else SAME
    return Dot(entry.contender, *seconds, colour=OURS if ours else paler, words=words, strong=ours)


def _lines(steps: list[Measured]) -> list[Line]:
    found: dict[tuple[str, str], list[tuple[float, Entry]]] = {}
    for measured in steps:
        for entry in measured.entries:
            if entry.samples is not None and measured.recipe.stride is not None:
                found.setdefault((entry.view, entry.contender), []).append((measured.recipe.stride, entry))
    lines = []
    for (view, contender), points in found.items():
        times = [entry.seconds for _, entry in points if entry.seconds is not None]
        last = points[-1][1]
        lines.append(
            Line(
                f"{view}, {contender}", [stride for stride, _ in points], [one.median for one in times],
                [one.low for one in times], [one.high for one in times], _tint(last), _is_ours(last), bool(last.filter),
            )
        )  # fmt: skip
    return lines


def _tint(entry: Entry) -> tuple[int, int, int]:
    """Give the hue of a sampler, paler for other contenders."""
    white = 0.0 if _is_ours(entry) else 0.65 if entry.filter else 0.25 if "glimpse" in entry.contender else 0.45
    r, g, b = (round(c + (255 - c) * white) for c in HUES[entry.view.split()[0]])
    return r, g, b


def _is_ours(entry: Entry) -> bool:
    """Whether an entry is of our kernels, which the numpy backend is not."""
    return entry.contender.startswith("glimpse") and entry.contender != "glimpse numpy"


def _median(entry: Entry) -> float:
    return entry.seconds.median if entry.seconds else 0.0


def _tick(seconds: float) -> str:
    """Write a number of the axis, which has one digit."""
    unit, scale = next((one for one in UNITS if seconds >= 0.999 * one[1]), UNITS[-1])
    return f"{seconds / scale:g} {unit}"
