"""The times of :mod:`~glimpsecli.learning.study.speed` as tables, a chart and files."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from glimpsecli.bench.report import duration, number
from glimpsecli.images.atomic import place
from glimpsecli.learning.study import exporters
from glimpsecli.learning.study.speed import BILINEAR, BLURRED, CUT, DENSE, Step, rows
from glimpsecli.pictures.charts import Line, line_chart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glimpsecli.bench import timing
    from glimpsecli.window import Size

FILES = ("speed.json", "speed.csv", "speed.md", "speed.png")
_COLOURS = {BILINEAR: (204, 60, 18), CUT: (31, 95, 168), DENSE: (120, 163, 212), BLURRED: (232, 140, 20)}
_HEAD = (
    "stride", "bilinear", "gaussian, cut", "× bilinear", "gaussian, dense", "× bilinear", "alias: gaussian",
    "alias: bilinear", "equal blur, strides", "blurred, then bilinear", "gaussian, cut, to that", "whole image blurred",
)  # fmt: skip


def export(steps: Sequence[Step], size: Size, how: Any, folder: str, *, overwrite: bool) -> None:
    """Write JSON, CSV, Markdown and PNG into a folder."""
    about = exporters.about()
    data = about | {"size": list(size), "how": how._asdict(), "rows": list(rows(steps))}
    contents = (
        (json.dumps(data, indent=1) + "\n").encode(), _csv(steps), markdown(steps, size, about).encode(),
        exporters.png(draw(steps, size, about)),
    )  # fmt: skip
    for name, content in zip(FILES, contents, strict=True):
        path = os.path.join(folder, name)
        place(path, lambda stream, content=content: stream.write(content), overwrite=overwrite)  # type: ignore[misc]


def lines(steps: Sequence[Step]) -> list[str]:
    """Give the table of the terminal and of the report, in Markdown."""
    table = [f"| {' | '.join(_HEAD)} |", "|" + "---:|" * len(_HEAD)]
    for step in steps:
        cut, dense = step.ratios[CUT], step.ratios[DENSE]
        blurred = step.seconds.get(BLURRED)
        share = step.seconds[CUT].median / blurred.median if blurred else None
        row = [
            f"{step.stride:g}", _time(step.seconds[BILINEAR]), _time(step.seconds[CUT]), number(cut.median),
            _time(step.seconds[DENSE]), number(dense.median), f"{step.alias['gaussian']:.1%}",
            f"{step.alias['bilinear']:.1%}", f"{step.equal_blur:.2f}", _time(blurred) if blurred else "none needed",
            f"× {number(share)}" if share else "", duration(step.whole) if step.whole else "",
        ]  # fmt: skip
        table.append(f"| {' | '.join(row)} |")
    return table


def markdown(steps: Sequence[Step], size: Size, about: dict[str, Any]) -> str:
    """Give the report."""
    return "\n".join(
        [
            "# Is the spatial transformer faster?",
            "",
            f"{about['machine']['cpu']}, one thread; glimpse {about['versions']['glimpse']}, numpy "
            f"{about['versions']['numpy']}. Medians of whole calls for a {size[1]}x{size[0]} glimpse of a 4000x3000 "
            "RGB photo.",
            "",
            *lines(steps),
            "",
            "Alias is the share of a glimpse's energy that lies beyond what its taps can show, on a photo with a power "
            "of 1 / f². Equal blur is the sigma of the Gaussian after which bilinear taps alias as little; blurring is "
            "that of the part that the window needs, by the same kernels.",
            "",
        ]
    )


def draw(steps: Sequence[Step], size: Size, about: dict[str, Any]) -> NDArray[np.uint8]:
    """Draw time against stride."""
    found = []
    for name, colour in _COLOURS.items():
        mine = [(step.stride, step.seconds[name]) for step in steps if name in step.seconds]
        if mine:
            times = [seconds for _, seconds in mine]
            found.append(
                Line(
                    name, [stride for stride, _ in mine], [one.median for one in times], [one.low for one in times],
                    [one.high for one in times], colour, name in (BILINEAR, CUT), name == BLURRED,
                )
            )  # fmt: skip
    return line_chart(
        found,
        title=f"What a {size[1]}x{size[0]} glimpse costs, and what an equal picture costs",
        note=f"{about['machine']['cpu']}, one thread; dashed: blurred until it aliases as little as the Gaussians",
        x_axis="stride: pixels of the image from tap to tap",
        y_axis="time of a call, median; upright lines: the quartiles",
        x_told=lambda x: f"{x:g}",
        y_told=lambda seconds: f"{seconds * 1e3:g} ms",
    )


def _time(one: timing.Quartiles) -> str:
    return duration(one.median)


def _csv(steps: Sequence[Step]) -> bytes:
    text = io.StringIO()
    table = list(rows(steps))
    writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue().encode()
