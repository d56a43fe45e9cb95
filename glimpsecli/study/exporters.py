"""Results on disk: JSON, CSV, Markdown and PNG, in one folder."""

from __future__ import annotations

import importlib.metadata
import io
import json
import math
import os
from typing import TYPE_CHECKING, Any

from glimpsecli import __version__, images
from glimpsecli.annotations.tables import table_of
from glimpsecli.bench import machine
from glimpsecli.images.atomic import place_together
from glimpsecli.study import charts, report
from glimpsecli.study.design import fingerprint
from glimpsecli.study.summary import ALL, Summary
from glimpsecli.study.verdict import compared, verdicts, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from glimpsecli.study.design import Design
    from glimpsecli.study.running import Done

TRIALS = "trials.jsonl"
"""The file that a run adds to as it goes on."""


def names(design: Design) -> list[str]:
    """Name the files that :func:`export` writes."""
    return [
        "report.json",
        "cells.csv",
        "areas.csv",
        "pairs.csv",
        "report.md",
        *map(_chart_of, design.conditions),
        "sigmas.png",
    ]


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
    told, tables = about(), _tables(summary)
    data = _head(done, told) | {"verdicts": [one._asdict() for one in verdicts(summary)]} | tables
    yield "report.json", (json.dumps(data, indent=1, allow_nan=False) + "\n").encode()
    for name, rows in tables.items():
        yield f"{name}.csv", table_of(rows)
    yield "report.md", report.markdown(done, summary, told).encode()
    for condition in summary.conditions:
        yield _chart_of(condition), png(charts.draw(summary, condition, charts.SUCCESS))
    yield "sigmas.png", png(charts.draw(summary, summary.conditions[0], charts.SIGMAS))


def _chart_of(condition: str) -> str:
    return f"success_{condition.replace(',', '').replace(' ', '_')}.png"


def _head(done: Done, told: dict[str, Any]) -> dict[str, Any]:
    """Give what was done, and what was chosen for it."""
    settings = [
        {"sampler": sampler, "stride": stride, "scaled": scaled, **setting._asdict()}
        for (sampler, stride, scaled), setting in done.settings.items()
    ]
    return told | {
        "design": done.design.plain(), "fingerprint": fingerprint(done.design), "settings": settings,
    }  # fmt: skip


def _tables(summary: Summary) -> dict[str, list[dict[str, Any]]]:
    """Give the tables of results; what is measured with a clock is called ``seconds``."""
    strides = [None, *summary.strides]
    areas = [
        {
            "condition": condition, "stride": _named(stride), **who._asdict(),
            **summary.area(condition, stride, who)._asdict(),
        }
        for condition in summary.conditions for stride in strides for who in summary.who(condition)
    ]  # fmt: skip
    pairs = [
        {
            "condition": one.condition, "stride": _named(one.stride), "first": one.first.sampler,
            "first_method": one.first.method, "second": one.second.sampler, "second_method": one.second.method,
            "difference": one.area.value, "low": one.area.low, "high": one.area.high, "first_is": word(one),
            "first_looks": one.looks[0], "second_looks": one.looks[1], "only_first": one.pairs.only_first,
            "only_second": one.pairs.only_second, "mcnemar_p": one.pairs.p,
        }
        for condition in summary.conditions for one in compared(summary, condition, strides)
    ]  # fmt: skip
    found = {"cells": [cell._asdict() for cell in summary.cells], "areas": areas, "pairs": pairs}
    return {name: [{key: _number(value) for key, value in row.items()} for row in rows] for name, rows in found.items()}


def _named(stride: float | None) -> float | str:
    return ALL if stride is None else stride


def _number(value: Any) -> Any:
    """Give None for what is not there, and no more digits than are of use."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
