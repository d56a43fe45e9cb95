"""The results in Markdown: verdicts first, then the tables that they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from glimpsecli.study import tables
from glimpsecli.study.design import ALIKE, FRACTION, NOISE, WIDEST, Design, condition_named
from glimpsecli.study.lookers import ANNEALED, TAPS
from glimpsecli.study.optimisers import ANNEALING, CLOSE, CLOSE_EXTENT, SAMPLES
from glimpsecli.study.running import Done
from glimpsecli.study.statistics import FEWEST
from glimpsecli.study.summary import ALL, Summary
from glimpsecli.study.verdict import MARGIN, verdicts

REFERENCE = (
    "Jiang, Sun, Tagliasacchi, Trulls and Yi, Linearized Multi-Sampling for Differentiable Image Transformation, ICCV "
    "2019, https://arxiv.org/abs/1901.07124, met the same limits of bilinear gradients."
)


def markdown(done: Done, summary: Summary, about: dict[str, Any]) -> str:
    """Give the report; `about` tells the machine and the versions."""
    return "\n\n".join("\n".join(_spaced(part)) for part in _parts(done, summary, about)) + "\n"


def short(summary: Summary) -> list[str]:
    """Give the verdicts for the terminal."""
    return [
        line
        for one in verdicts(summary)
        for line in (f"{one.claim}: {one.answer}", *(f"  {text}" for text in one.lines))
    ]


def edge_settings(done: Done) -> list[str]:
    """Name samplers whose setting is the least or greatest that was tried, so that another might be better."""
    found = []
    for (name, stride, scaled), setting in done.settings.items():
        for what, chosen, tried in (
            ("rate", setting.rate, done.design.rates), ("sigma", setting.sigma, done.design.policies),
        ):  # fmt: skip
            if chosen and len(tried) > 1 and chosen in (min(tried), max(tried)):
                found.append(f"{name} at stride {stride:g}{' with scale' if scaled else ''}, {what} {chosen:g}")
    return found


def _parts(done: Done, summary: Summary, about: dict[str, Any]) -> list[list[str]]:
    main = summary.conditions[0]
    parts = [
        ["# Is Gaussian attention easier to train?", *_heading(done, summary, about)],
        ["## Verdicts", *_verdicts(summary)],
        [
            f"## Area under success against offset, {main}",
            "1 is success at every offset, each counting for the room to its neighbours. In brackets, if there are "
            f"{FEWEST} images or more, the 95 % interval of the mean over places, its standard error taken over them.",
            *tables.areas(summary, main),
        ],
        ["## Area in each condition, all strides together", *tables.areas_by_condition(summary)],
        [
            "## Pairs in each condition, all strides together",
            "Area of the first minus that of the second, with its 95 % interval, and what it shows of the first.",
            *tables.pairs_by_condition(summary),
        ],
    ]
    own = next((name for name in summary.conditions if condition_named(name).own), None)
    if own:
        parts.append(
            [
                "## Bias check: targets by exact average, and by each sampler's own output",
                f"All strides together: per cent recovered from {min(summary.offsets):g} windows away, and the median "
                "error of the centre, in strides, where it was recovered at all. A sampler that is worse with the "
                "average looks for something that it does not see itself: its optimum lies elsewhere. At stride 1 the "
                "average is what the bilinear sampler sees.",
                *tables.bias(summary, main, own),
            ]
        )
    parts.append(
        [
            f"## Success against offset, {main}, per cent with Wilson's 95 % intervals",
            "These intervals take trials for independent, which those of one image are not quite.",
        ]
    )
    for stride in summary.strides:
        count = next(cell.trials for cell in summary.cells if (cell.kind, cell.stride) == (ALL, stride))
        parts.append([f"Stride {stride:g}, {count} trials for each number:", *tables.success(summary, main, stride)])
    scaled = [name for name in summary.conditions if condition_named(name).scaled]
    whole = [name for name in summary.conditions if name == main or condition_named(name).fractional]
    parts += [
        [f"## Success by kind of image, {main}, per cent of all offsets", *tables.kinds(summary, main)],
        [
            f"## Where it succeeded, {main}: medians of all offsets",
            "Error of the centre in strides, looks, and milliseconds of one processor until it was close, by stride. "
            "Adam's times are those of this tool's kernels, Levenberg-Marquardt's those of derivatives in NumPy; the "
            "time to blur an image is left out. Other samplers succeed in other trials: pairs have looks of the same.",
            *tables.costs(summary, main),
        ],
        [
            "## Where Levenberg-Marquardt failed: median looks that it used, by stride",
            f"{done.design.lm_looks} are all; with fewer it came to rest where it saw no way down.",
            *tables.failures(summary, whole),
        ],
    ]
    if scaled:
        parts.append(["## Median error of the extent, per cent, of successes", *tables.extents(summary, scaled)])
    parts += [
        [
            f"## Pairs, {main}",
            "Difference of areas with its 95 % interval, and what it shows; median looks to success in trials that "
            "both won; trials that only one of them won, and McNemar's exact p of these, which takes trials for "
            "independent and is not corrected for their number.",
            *tables.pairs(summary, main),
        ],
        [
            "## Rates of Adam, chosen on images that were held out", *_tuning(done), *tables.rates(done, scaled=False),
        ],
    ]  # fmt: skip
    if scaled:
        parts.append(["With a scale to be found, too:", *tables.rates(done, scaled=True)])
    return parts


def _heading(done: Done, summary: Summary, about: dict[str, Any]) -> list[str]:
    design, main = done.design, summary.conditions[0]
    images = len({tuple(result["chunk"][2:4]) for result in done.worked})
    offsets = ", ".join(f"{offset:g}" for offset in design.offsets)
    return [
        f"{about['machine']['cpu']}; glimpse {about['versions']['glimpse']}, numpy {about['versions']['numpy']}, numba "
        f"{about['versions']['numba']}; seed {design.seed}.",
        f"A window of {TAPS}x{TAPS} taps is recovered from a displaced start by minimising the mean squared error to a "
        "target, the exact average over each cell. It is recovered if in the end the centre is within "
        f"{CLOSE:g} strides, and the extent within {100 * CLOSE_EXTENT:g} %. {images} images; starts {offsets} windows "
        "away; every sampler had the same trials, but that hard attention searches no scale.",
        f"A look is a glimpse with its gradient: Adam had {design.adam_looks}, Levenberg-Marquardt {design.lm_looks}. "
        f"Hard attention looks without a gradient, {SAMPLES} times a step, so that as many looks are fewer steps; the "
        "sigma of its policy stays.",
        "The numbers in the names of samplers are sigmas in strides, of the Gaussians or of the blur; annealed are "
        f"those from {ANNEALED[0]:g} to {ANNEALED[-1]:g} in {len(ANNEALED)} stages, the last of which begins after "
        f"{100 * ANNEALING:g} % of the looks at the latest.",
        *(f"- {name}: {_told(design, name)}" for name in summary.conditions),
        "Easier and harder are said where the 95 % interval of the difference of areas under success against offset "
        f"leaves out 0, *by less than {MARGIN:g}* where all of it is nearer to 0 than that; equal, where it holds 0 "
        f"and lies within {MARGIN:g}; all else is undecided. The answers rest on *{main}*, all strides together: yes, "
        "if it is easier in every comparison; in part, if in some; no, if in none and harder in some, or equal in all. "
        "What other conditions show is counted beside. Intervals are not corrected for their number.",
        "A sampler that blurs has its optimum elsewhere than at the truth when the target is sharp; where the target "
        "is its own it has not, and what is left is how it gets there.",
        REFERENCE,
    ]


def _told(design: Design, name: str) -> str:
    """Say what a condition is."""
    condition = condition_named(name)
    places = design.places if name == design.conditions[0] else design.other_places
    parts = [
        f"{places} windows in each image",
        f"each stride is {FRACTION:g} greater than it is called, so that taps lie in all ways between the pixels"
        if condition.fractional else "",
        f"the start up to {WIDEST:g} times too large or too small; images are blurred by the true stride, Gaussians "
        "follow the window" if condition.scaled else "",
        f"noise of {255 * NOISE:g} of 255 on every pixel of the image" if condition.noisy else "",
        "the target is what the sampler itself sees at the true window" if condition.own else "",
    ]  # fmt: skip
    return "; ".join(part for part in parts if part)


def _verdicts(summary: Summary) -> list[str]:
    lines = []
    for one in verdicts(summary):
        lines += [f"**{one.claim}:** {one.answer}.", *(f"- {text}" for text in one.lines)]
    return lines


def _tuning(done: Done) -> list[str]:
    design = done.design
    told = [
        f"In strides; tried were {', '.join(f'{rate:g}' for rate in design.rates)}, falling along a cosine, and for "
        f"the score function policies with sigma {', '.join(f'{sigma:g}' for sigma in design.policies)}. Taken was the "
        f"smallest whose area is within {ALIKE:g} of the greatest."
    ]
    edges = edge_settings(done)
    if edges:
        told.append(f"At the end of what was tried, so that another might be better: {'; '.join(edges)}.")
    return told


def _spaced(lines: Sequence[str]) -> list[str]:
    """Put an empty line between paragraphs, and none between the rows of a table or list."""
    out = list(lines[:1])
    for before, line in pairwise(lines):
        together = (before[:1] == "|" and line[:1] == "|") or (before[:2] == "- " and line[:2] == "- ")
        out += [line] if together else ["", line]
    return out
