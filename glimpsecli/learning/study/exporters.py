"""Results on disk: JSON, CSV, Markdown and PNG, in one folder."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import json
import math
import os
from typing import TYPE_CHECKING, Any

from glimpsecli import __version__, images
from glimpsecli.bench import machine
from glimpsecli.images.atomic import place_together
from glimpsecli.learning.study import charts, report
from glimpsecli.learning.study.design import fingerprint
from glimpsecli.learning.study.summary import Cell, Summary
from glimpsecli.learning.study.verdict import compared, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from glimpsecli.learning.study.design import Design
    from glimpsecli.learning.study.running import Done

TRIALS = "trials.jsonl"
"""The file that a run adds to as it goes on."""


def names(design: Design) -> list[str]:
    """Name the files that :func:`export` writes."""
    return ["report.json", "cells.csv", "report.md", *map(_chart_of, design.conditions), "sigmas.png"]


def export(done: Done, summary: Summary, folder: str, *, overwrite: bool = False) -> list[str]:
    """Write all reports, or none, and give their names."""
    contents = dict(_files(done, summary))
    place_together({os.path.join(folder, name): content for name, content in contents.items()}, overwrite=overwrite)
    return list(contents)


def about() -> dict[str, Any]:
    """Describe the machine and the versions."""
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "numba")}
    return {"machine": machine.describe(), "versions": {"glimpse": __version__, **versions}}


def png(figure: NDArray[np.uint8]) -> bytes:
    """Give a picture as PNG."""
    stream = io.BytesIO()
    images.write(stream, figure, format="png", compress=9)
    return stream.getvalue()


def _files(done: Done, summary: Summary) -> Iterator[tuple[str, bytes]]:
    told = about()
    yield "report.json", (json.dumps(_plain(done, summary, told), indent=1, allow_nan=False) + "\n").encode()
    yield "cells.csv", _csv(summary)
    yield "report.md", report.markdown(done, summary, told).encode()
    for condition in summary.conditions:
        yield _chart_of(condition), png(charts.draw(summary, condition, charts.SUCCESS))
    yield "sigmas.png", png(charts.draw(summary, summary.conditions[0], charts.SIGMAS))


def _chart_of(condition: str) -> str:
    return f"success_{condition.replace(',', '').replace(' ', '_')}.png"


def _csv(summary: Summary) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Cell._fields)
    writer.writerows([_number(value) for value in cell] for cell in summary.cells)
    return text.getvalue().encode()


def _plain(done: Done, summary: Summary, told: dict[str, Any]) -> dict[str, Any]:
    """Give everything as data; what is measured with a clock is called ``seconds``."""
    strides = [None, *summary.strides]
    areas = [
        {"condition": condition, "stride": stride, **who._asdict(), **summary.area(condition, stride, who)._asdict()}
        for condition in summary.conditions for stride in strides for who in summary.who(condition)
    ]  # fmt: skip
    pairs = [
        {
            "condition": one.condition, "stride": one.stride, "first": one.first._asdict(),
            "second": one.second._asdict(), "area": one.area._asdict(), "mcnemar": one.pairs._asdict(),
        }
        for condition in summary.conditions for one in compared(summary, condition, strides)
    ]  # fmt: skip
    settings = [
        {"sampler": sampler, "stride": stride, **setting._asdict()}
        for (sampler, stride), setting in done.settings.items()
    ]
    rows = [{name: _number(value) for name, value in cell._asdict().items()} for cell in summary.cells]
    return told | {
        "design": done.design.plain(), "fingerprint": fingerprint(done.design), "settings": settings,
        "verdicts": [one._asdict() for one in verdicts(summary)], "areas": _finite(areas), "pairs": _finite(pairs),
        "cells": rows,
    }  # fmt: skip


def _number(value: Any) -> Any:
    """Give None for what is not there, and no more digits than are of use."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _finite(data: Any) -> Any:
    """Do so within lists and dictionaries."""
    if isinstance(data, dict):
        return {name: _finite(value) for name, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list) else _number(data)
