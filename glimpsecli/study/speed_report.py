"""The times of :mod:`~glimpsecli.study.speed` as tables, a chart and files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from glimpsecli.annotations.tables import table_of
from glimpsecli.bench.report import duration, number
from glimpsecli.images.atomic import place_together
from glimpsecli.pictures.charts import Line, line_chart
from glimpsecli.study import exporters
from glimpsecli.study.speed import BILINEAR, BLURRED, CUT, DENSE, Step, Sweep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glimpsecli.bench.timing import Quartiles

FILES = ("speed.json", "speed.csv", "speed.md", "speed.png")
_COLOURS = {BILINEAR: (204, 60, 18), CUT: (31, 95, 168), DENSE: (120, 163, 212), BLURRED: (232, 140, 20)}
_HEAD = (
    "stride", BILINEAR, CUT, "× bilinear", DENSE, "× bilinear", "alias, gaussian", "alias, bilinear",
    "equal blur, strides", BLURRED, "× gaussian, tails cut", "whole image blurred", "pays from so many glimpses",
)  # fmt: skip


def paths(folder: str) -> dict[str, str]:
    """Give the path of each file by its name."""
    return {name: os.path.join(folder, name) for name in FILES}


def export(steps: Sequence[Step], sweep: Sweep, folder: str, *, overwrite: bool) -> None:
    """Write JSON, CSV, Markdown and PNG into a folder, all or none."""
    about = exporters.about()
    table = list(rows(steps))
    data = about | {"how": sweep._asdict(), "rows": table}
    contents = (
        (json.dumps(data, indent=1, allow_nan=False) + "\n").encode(),
        table_of(table),
        markdown(steps, sweep, about).encode(),
        exporters.png(draw(steps, sweep, about)),
    )
    place_together(dict(zip(paths(folder).values(), contents, strict=True)), overwrite=overwrite)


def rows(steps: Sequence[Step]) -> Iterator[dict[str, Any]]:
    """Give a row for each stride and who was timed; None is what there is not."""
    for step in steps:
        for who, seconds in step.seconds.items():
            yield {
                "stride": step.stride,
                "who": who,
                "median_seconds": seconds.median,
                "quartile1_seconds": seconds.low,
                "quartile3_seconds": seconds.high,
                **_ratio("bilinear", step.to_bilinear.get(who)),
                **_ratio("gaussian", step.to_gaussian.get(who)),
                "alias_gaussian": step.alias_gaussian,
                "alias_bilinear": step.alias_bilinear,
                "equal_blur_strides": step.blur,
                "whole_image_blur_seconds": step.whole,
                "whole_image_blur_pays_from_glimpses": step.glimpses,
            }


def lines(steps: Sequence[Step]) -> list[str]:
    """Give the table of the terminal and of the report, in Markdown."""
    table = [f"| {' | '.join(_HEAD)} |", "|" + "---:|" * len(_HEAD)]
    for step in steps:
        times = {who: duration(seconds.median) for who, seconds in step.seconds.items()}
        cells = [
            f"{step.stride:g}", times[BILINEAR], times[CUT], number(step.to_bilinear[CUT].median), times[DENSE],
            number(step.to_bilinear[DENSE].median), f"{step.alias_gaussian:.1%}", f"{step.alias_bilinear:.1%}",
            "none needed" if step.blur is None else f"{step.blur:.2f}", times.get(BLURRED, ""),
            number(step.to_gaussian[BLURRED].median) if BLURRED in times else "",
            "" if step.whole is None else duration(step.whole), "" if step.glimpses is None else str(step.glimpses),
        ]  # fmt: skip
        table.append(f"| {' | '.join(cells)} |")
    return table


def markdown(steps: Sequence[Step], sweep: Sweep, about: dict[str, Any]) -> str:
    """Give the report."""
    height, width = sweep.size
    return "\n".join(
        [
            "# Is the spatial transformer faster?",
            "",
            f"{about['machine']['cpu']}, one thread; glimpse {about['versions']['glimpse']}, numpy "
            f"{about['versions']['numpy']}. Medians of whole calls, forward only, for one {width}x{height} glimpse of "
            "a 4000x3000 RGB photo; × is how many times as long, round by round.",
            "",
            *lines(steps),
            "",
            f"- {DENSE}: products of matrices in NumPy over the whole image, so that their time grows with the image, "
            "not with the window.",
            "- Alias: the share of a glimpse's energy that lies beyond what its taps can show. It is computed, for a "
            "photo with a power of 1 / f², and not measured. Waves longer than the glimpse is wide are its mean and do "
            f"not count: those below 1 / ({max(sweep.size)} strides).",
            "- Equal blur: the sigma of the Gaussian after which bilinear taps alias as little as the Gaussians do. "
            f"{BLURRED.capitalize()}: blurring the part that the window needs, by the same kernels, and reading it.",
            "- Whole image blurred: all of it, once. Pays from so many glimpses: for so many of one image that, and "
            "bilinear taps for each, takes no longer than the Gaussians for each.",
            "",
        ]
    )


def draw(steps: Sequence[Step], sweep: Sweep, about: dict[str, Any]) -> NDArray[np.uint8]:
    """Draw time against stride."""
    found = []
    for who, colour in _COLOURS.items():
        mine = [(step.stride, step.seconds[who]) for step in steps if who in step.seconds]
        if mine:
            times = [seconds for _, seconds in mine]
            found.append(
                Line(
                    who, [stride for stride, _ in mine], [one.median for one in times], [one.low for one in times],
                    [one.high for one in times], colour, who in (BILINEAR, CUT), who == BLURRED,
                )
            )  # fmt: skip
    return line_chart(
        found,
        title=f"What a {sweep.size[1]}x{sweep.size[0]} glimpse costs, and what an equal picture costs",
        note=f"{about['machine']['cpu']}, one thread; dashed: blurred until it aliases as little as the Gaussians",
        x_axis="stride: pixels of the image from tap to tap",
        y_axis="time of a call, median; upright lines: the quartiles",
        x_told=lambda x: f"{x:g}",
        y_told=lambda seconds: f"{seconds * 1e3:g} ms",
        x_ticks=[step.stride for step in steps],
    )


def _ratio(reference: str, found: Quartiles | None) -> dict[str, float | None]:
    name = f"ratio_to_{reference}"
    median, low, high = found or (None, None, None)
    return {name: median, f"{name}_quartile1": low, f"{name}_quartile3": high}
