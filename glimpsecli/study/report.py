"""The reports of both studies: numbers as JSON and CSV, verdicts in Markdown, charts as PNG, in one folder."""

from __future__ import annotations

import importlib.metadata
import io
import json
import math
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli import __version__, images
from glimpsecli.annotations.tables import table_of
from glimpsecli.bench import machine
from glimpsecli.storage.atomic import place_together
from glimpsecli.study import charts, speed
from glimpsecli.study.design import (
    ALIKE,
    FRACTION,
    NOISE,
    OFF,
    TURN,
    WIDEST,
    Chunk,
    Design,
    condition_named,
    fingerprint,
)
from glimpsecli.study.mechanisms import ANNEALED, TAPS
from glimpsecli.study.optimisers import ANNEALING, CLOSE, CLOSE_ANGLE, CLOSE_EXTENT, SAMPLES
from glimpsecli.study.statistics import FEWEST
from glimpsecli.study.summary import ALL, Runs, Summary, cells, medians
from glimpsecli.study.verdict import MARGIN, compared, verdicts, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from glimpsecli.study.running import Done
    from glimpsecli.study.speed import Step, Sweep
    from glimpsecli.study.summary import Who

    Rows = list[dict[str, Any]]

TRIALS = "trials.jsonl"
"""Name of the file to which a run of training adds its chunks."""

SPEED_FILES = ("speed.json", "speed.csv", "speed.png")

REFERENCE = (
    "Jiang, Sun, Tagliasacchi, Trulls and Yi, Linearized Multi-Sampling for Differentiable Image Transformation, ICCV "
    "2019, https://arxiv.org/abs/1901.07124, met the same limits of bilinear gradients."
)


def training_files(design: Design) -> list[str]:
    """Name the files that :func:`export_training` writes."""
    tables = ["cells", "areas", "pairs", "settings", *(["bias"] if _own(design.conditions) else [])]
    return [
        "report.json", *(f"{name}.csv" for name in tables), "report.md", *map(_chart_of, design.conditions),
        "sigmas.png",
    ]  # fmt: skip


def export_training(done: Done, summary: Summary, folder: str, *, overwrite: bool = False) -> list[str]:
    """Write the reports of training, all or none, and give their names."""
    found = {name: rounded(rows) for name, rows in tables(done, summary).items()}
    data = about() | {
        "design": done.design.as_dict(), "fingerprint": fingerprint(done.design),
        "verdicts": [one._asdict() for one in verdicts(summary)], **found,
    }  # fmt: skip
    contents = [
        as_json(data), *map(table_of, found.values()), markdown(done, summary, data).encode(),
        *(as_png(charts.draw(summary, condition, charts.SUCCESS)) for condition in summary.conditions),
        as_png(charts.draw(summary, summary.conditions[0], charts.SIGMAS)),
    ]  # fmt: skip
    return place_all(training_files(done.design), contents, folder, overwrite=overwrite)


def export_speed(steps: Sequence[Step], sweep: Sweep, folder: str, *, overwrite: bool) -> list[str]:
    """Write the reports of speed, all or none, and give their names."""
    rows = speed.rows(steps)
    data = about() | {"how": sweep._asdict(), "rows": rows}
    chart = charts.draw_speed(steps, sweep.size, data["machine"]["cpu"])
    return place_all(SPEED_FILES, [as_json(data), table_of(rows), as_png(chart)], folder, overwrite=overwrite)


def about(*libraries: str) -> dict[str, Any]:
    """Describe the machine and the versions, also those of some more libraries."""
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "numba", *libraries)}
    return {"machine": machine.describe(), "versions": {"glimpse": __version__, **versions}}


def tables(done: Done, summary: Summary) -> dict[str, Rows]:
    """Give the tables of training by name; times have ``seconds`` in their names."""
    strides = [None, *summary.strides]
    found: dict[str, Rows] = {
        "cells": [*cells(summary)],
        "areas": [
            _area(summary, condition, stride, who)
            for condition in summary.conditions for stride in strides for who in summary.who(condition)
        ],
        "pairs": [
            {
                "condition": one.condition, "stride": ALL if one.stride is None else one.stride,
                "first": one.first.sampler, "first_method": one.first.method, "second": one.second.sampler,
                "second_method": one.second.method, "difference": one.area.value, "low": one.area.low,
                "high": one.area.high, "first_is": word(one), "first_looks": one.evaluations[0],
                "second_looks": one.evaluations[1], "only_first": one.pairs.only_first,
                "only_second": one.pairs.only_second, "mcnemar_p": one.pairs.p,
            }
            for condition in summary.conditions for one in compared(summary, condition, strides)
        ],
        "settings": [
            {"sampler": sampler, "stride": stride, "searched": searched, **setting._asdict()}
            for (sampler, stride, searched), setting in done.settings.items()
        ],
    }  # fmt: skip
    own = _own(summary.conditions)
    return found | {"bias": bias(summary, own)} if own else found


def bias(summary: Summary, own: str) -> Rows:
    """Compare the main condition, whose targets are averages, with that of the samplers' own targets, in equal windows.

    A row has for each condition the share recovered from the nearest starts, and the median error of the centre where
    it was recovered.
    """
    nearest, rows = summary.offsets.index(min(summary.offsets)), []
    for who in summary.who(own):
        row: dict[str, Any] = who._asdict()
        for name, condition in (("average", summary.conditions[0]), ("own", own)):
            runs = [
                _first(summary.runs[condition, stride, who], summary.runs[own, stride, who])
                for stride in summary.strides
            ]
            near = np.concatenate([success[:, nearest] for success, _ in runs])
            errors = np.concatenate([centre[success] for success, centre in runs])
            error = float(np.median(errors)) if len(errors) else math.nan
            row |= {f"{name}_recovered": float(near.mean()), f"{name}_median_error": error}
        rows.append(row)
    return rows


def markdown(done: Done, summary: Summary, about: dict[str, Any]) -> str:
    """Give the verdicts of training, and the legend of its tables; `about` holds the machine and the versions."""
    design, main, own = done.design, summary.conditions[0], _own(summary.conditions)
    edges, versions = edge_settings(done), about["versions"]
    files = {
        "areas.csv": "the area under success against offset, 1 being success at every offset, each weighted by the "
        f"distance to its neighbours, and, if there are {FEWEST} images or more, the 95 % interval of its mean over "
        "places, whose standard error is taken over the images. Medians over all trials that succeeded: the errors of "
        "the centre, in strides, and of the extent, as a share; evaluations (*looks* in the names of columns), and "
        "seconds of one processor, until the window was close. Adam's times are those of this tool's kernels, "
        "Levenberg-Marquardt's those of derivatives in NumPy; the time to blur an image is left out. Samplers succeed "
        "in different trials: pairs.csv has evaluations in the same ones. The median evaluations of failures: where "
        "they are fewer than all, Levenberg-Marquardt came to rest, for no way led down.",
        "cells.csv": "successes at each offset, with Wilson's 95 % intervals, and medians as above. The intervals "
        "take trials for independent, which those of one image are not quite.",
        "pairs.csv": "the area of the first minus that of the second, with its 95 % interval, and the word for it; "
        "median evaluations to success in trials in which both succeeded; trials in which only one succeeded, and "
        "their exact p after McNemar, which takes trials for independent and is not corrected for the number of pairs.",
        "settings.csv": "Adam's settings, chosen on images that were held out, in strides. Tried were rates of "
        f"{', '.join(f'{rate:g}' for rate in design.rates)}, falling along a cosine, and for the score function "
        f"policies with sigma {', '.join(f'{sigma:g}' for sigma in design.policies)}. Taken was the smallest whose "
        f"area is within {ALIKE:g} of the greatest."
        + f" At the end of the range, so that another might be better: {'; '.join(edges)}."
        * bool(edges),
        "bias.csv": "targets by exact average beside each sampler's own output, all strides together: the share "
        f"recovered from {min(summary.offsets):g} windows away, and the median error of the centre, in strides, where "
        "it was recovered at all. A sampler that is worse with the average has a target that it does not see at "
        "the true window: its optimum lies elsewhere. At stride 1 the average is what the bilinear sampler sees.",
    }
    parts = [
        "# Is Gaussian attention easier to train?",
        f"{about['machine']['cpu']}; glimpse {versions['glimpse']}, numpy {versions['numpy']}, numba "
        f"{versions['numba']}; seed {design.seed}.",
        *_method(done, summary),
        "## Verdicts",
        *(
            f"**{one.claim}:** {one.answer}.\n\n" + "\n".join(f"- {text}" for text in one.lines)
            for one in verdicts(summary)
        ),
        "Easier and harder are said where the 95 % interval of the difference of areas under success against offset "
        f"leaves out 0, *by less than {MARGIN:g}* where all of it is nearer to 0 than that; equal, where it holds 0 "
        f"and lies within {MARGIN:g}; all else is undecided. The answers rest on *{main}*, all strides together: yes, "
        "if it is easier in every comparison; in part, if in some; no, if in none and harder in some, or equal in all. "
        "What other conditions show is counted beside. Intervals are not corrected for their number.",
        REFERENCE,
        "## Tables",
        "\n".join(f"- {name}: {text}" for name, text in files.items() if own or name != "bias.csv"),
    ]
    return "\n\n".join(parts) + "\n"


def edge_settings(done: Done) -> list[str]:
    """Name samplers whose setting is the least or greatest that was tried, so that another might be better."""
    return [
        f"{name} at stride {stride:g}{f' with {searched}' if searched else ''}, {what} {chosen:g}"
        for (name, stride, searched), setting in done.settings.items()
        for what, chosen, tried in (
            ("rate", setting.rate, done.design.rates), ("sigma", setting.sigma, done.design.policies),
        )
        if chosen and len(tried) > 1 and chosen in (min(tried), max(tried))
    ]  # fmt: skip


def _method(done: Done, summary: Summary) -> list[str]:
    """Describe the trials and their conditions."""
    design = done.design
    pictures = len({tuple(result["chunk"][2:4]) for result in done.worked})
    offsets = ", ".join(f"{offset:g}" for offset in design.offsets)
    return [
        f"A window of {TAPS}x{TAPS} taps is recovered from a displaced start by minimising the mean squared error to a "
        "target, the exact average over each cell. It is recovered if in the end the centre is within "
        f"{CLOSE:g} strides, the extent within {100 * CLOSE_EXTENT:g} %, and the angle within "
        f"{math.degrees(CLOSE_ANGLE):.1f} degrees. {pictures} images; starts {offsets} windows away; every sampler had "
        "the same trials, except that hard attention searches no scale, and that some are left out where windows are "
        "turned.",
        f"An evaluation is a glimpse with its gradient: Adam had {design.adam_looks}, Levenberg-Marquardt "
        f"{design.lm_looks}. Hard attention has no gradient, and {SAMPLES} evaluations a step, so that as many "
        "evaluations are fewer steps; the sigma of its policy stays.",
        "The numbers in the names of samplers are sigmas in strides, of the Gaussians or of the blur; annealed are "
        f"those from {ANNEALED[0]:g} to {ANNEALED[-1]:g} in {len(ANNEALED)} stages, the last of which begins after "
        f"{100 * ANNEALING:g} % of the evaluations at the latest.",
        "With a sharp target, the optimum of a sampler that blurs lies beside the truth. With its own glimpse for a "
        "target it lies at the truth, and only the way there matters.",
        "\n".join(f"- {name}: {_condition(design, name)}" for name in summary.conditions),
    ]


def _condition(design: Design, name: str) -> str:
    """Describe a condition."""
    condition = condition_named(name)
    places = design.count(Chunk(name, 1.0, "", 0))
    parts = [
        f"{places} windows in each image",
        f"each stride is {FRACTION:g} greater than its name says, so that each tap lies in its own way between pixels"
        if condition.fractional else "",
        f"the start up to {WIDEST:g} times too large or too small; images are blurred by the true stride, Gaussians "
        "follow the window" if condition.scaled else "",
        f"noise of {255 * NOISE:g} of 255 on every pixel of the image" if condition.noisy else "",
        "the target is what the sampler itself sees at the true window" if condition.own else "",
        f"each turned by up to {TURN:g} degrees" if condition.turned else "",
        f"the start turned by up to {OFF:g} degrees against it" if condition.turning else "",
    ]  # fmt: skip
    return "; ".join(part for part in parts if part)


def _area(summary: Summary, condition: str, stride: float | None, who: Who) -> dict[str, Any]:
    """Give a row of the areas."""
    runs = summary.pooled(condition, stride, who)
    failed = runs.evaluations[~runs.success]
    return {
        "condition": condition, "stride": ALL if stride is None else stride, **who._asdict(),
        **summary.area(condition, stride, who)._asdict(), **medians(runs, runs.success),
        "median_looks_of_failures": float(np.median(failed)) if len(failed) else math.nan,
    }  # fmt: skip


def _first(runs: Runs, fewer: Runs) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Give successes and errors in the windows that `fewer` has, too: the first of each image."""
    counts, seen, rows = Counter(fewer.images), Counter[tuple[str, int]](), []
    for row, image in enumerate(runs.images):
        seen[image] += 1
        if seen[image] <= counts[image]:
            rows.append(row)
    return runs.success[rows], runs.centre[rows]


def _own(conditions: Iterable[str]) -> str | None:
    """Name the condition whose targets are the sampler's own, if it is among them."""
    return next((name for name in conditions if condition_named(name).own), None)


def _chart_of(condition: str) -> str:
    return f"success_{condition.replace(',', '').replace(' ', '_')}.png"


def rounded(rows: Rows) -> Rows:
    """Round numbers to six digits, and give None for one that is not finite."""
    return [
        {
            name: (float(f"{one:.6g}") if math.isfinite(one) else None) if isinstance(one, float) else one
            for name, one in row.items()
        }
        for row in rows
    ]


def ruled(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown, numbers to the right."""
    lines = [f"| {' | '.join(line)} |" for line in (head, *body)]
    return "\n".join([lines[0], "|---|" + "---:|" * (len(head) - 1), *lines[1:]])


def as_json(data: dict[str, Any]) -> bytes:
    """Encode data as JSON."""
    return (json.dumps(data, indent=1, allow_nan=False) + "\n").encode()


def as_png(figure: NDArray[np.uint8]) -> bytes:
    """Encode a chart."""
    stream = io.BytesIO()
    images.write(stream, figure, format="png", compress=9)
    return stream.getvalue()


def place_all(names: Sequence[str], contents: Sequence[bytes], folder: str, *, overwrite: bool) -> list[str]:
    """Write all files, or none, and give their names."""
    paths = (os.path.join(folder, name) for name in names)
    place_together(dict(zip(paths, contents, strict=True)), overwrite=overwrite)
    return [*names]
