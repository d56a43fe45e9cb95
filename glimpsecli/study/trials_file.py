"""The file of a run of training: a line that identifies the experiment, and a line for each chunk that is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from glimpsecli.study.design import TUNING, Chunk, Design, chunks, condition_named, fingerprint, tuning_chunks
from glimpsecli.study.results_file import ResultsFile, is_number
from glimpsecli.study.working import methods, settings_for

if TYPE_CHECKING:
    from glimpsecli.study.mechanisms import Mechanism

FORMAT = "glimpse study training 2"

_FIELDS = {"centre": float, "extent": float, "arrived": int, "looks": int}
"""Fields of a run that have a number for each trial."""


class TrialsFile(ResultsFile[Chunk]):
    """The file of a run of training.

    Parameters
    ----------
    path : str
    design : Design
    mechanisms : sequence of Mechanism
    resume, overwrite : bool
        As for :class:`~glimpsecli.study.results_file.ResultsFile`, whose errors these are.
    """

    def __init__(
        self,
        path: str,
        design: Design,
        mechanisms: Sequence[Mechanism],
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        planned = [*tuning_chunks(design), *chunks(design)]
        super().__init__(
            path,
            {"format": FORMAT, "fingerprint": fingerprint(design), "design": design.as_dict()},
            lambda result: Chunk(*result["chunk"]),
            lambda result: _check(result, planned, design, mechanisms),
            resume=resume,
            overwrite=overwrite,
        )


def _check(result: Any, planned: Sequence[Chunk], design: Design, mechanisms: Sequence[Mechanism]) -> None:
    """Refuse a line of which a part is not as ``tune`` and ``work`` give it, with a ValueError."""
    if not isinstance(result, dict):
        raise ValueError("it is no object")
    if result.get("chunk") not in [list(chunk) for chunk in planned]:
        raise ValueError("its chunk is not of this experiment")
    chunk = Chunk(*result["chunk"])
    if condition_named(chunk.condition) not in TUNING:
        _check_runs(result.get("runs"), chunk, design, mechanisms)
    else:
        _check_tried(result.get("tried"), chunk, design, mechanisms)


def _check_tried(tried: Any, chunk: Chunk, design: Design, mechanisms: Sequence[Mechanism]) -> None:
    """Refuse successes that are not of each setting that is tried."""
    there = [mechanism for mechanism in mechanisms if methods(mechanism, chunk)]
    if not isinstance(tried, dict) or list(tried) != [mechanism.name for mechanism in there]:
        raise ValueError("what was tried is not there for each sampler")
    for mechanism in there:
        rows, settings = tried[mechanism.name], settings_for(mechanism, design)
        if not isinstance(rows, list) or len(rows) != len(settings):
            raise ValueError(f"{mechanism.name} has not {len(settings)} settings")
        for row, setting in zip(rows, settings, strict=True):
            right = isinstance(row, list) and row[:-2] == list(setting) and row[-1] == design.count(chunk)
            if not right or not _are_counts(row[-2], len(design.offsets), design.count(chunk)):
                raise ValueError(f"{mechanism.name} has not the successes of each setting at each offset")


def _check_runs(runs: Any, chunk: Chunk, design: Design, mechanisms: Sequence[Mechanism]) -> None:
    """Refuse runs that are not those of every sampler and optimiser, or lack a number for each trial."""
    asked = [(mechanism.name, method) for mechanism in mechanisms for method in methods(mechanism, chunk)]
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise ValueError("its runs are not there")
    if [(run.get("sampler"), run.get("method")) for run in runs] != asked:
        raise ValueError("its runs are not one for each sampler and optimiser")
    count = design.count(chunk) * len(design.offsets)
    for run in runs:
        for name, kind in _FIELDS.items():
            values = run.get(name)
            if not isinstance(values, list) or len(values) != count or not all(is_number(one, kind) for one in values):
                raise ValueError(f"{name} of {run['sampler']} is not {count} finite numbers")
        if not all(
            -1 <= arrived <= evaluations for arrived, evaluations in zip(run["arrived"], run["looks"], strict=True)
        ):
            raise ValueError(f"{run['sampler']} arrived after more looks than it had")
        if not is_number(run.get("seconds"), float) or run["seconds"] < 0:
            raise ValueError(f"seconds of {run['sampler']} is no time")


def _are_counts(values: Any, count: int, most: int) -> bool:
    """Whether a value is a list of `count` whole numbers from 0 to `most`."""
    return isinstance(values, list) and len(values) == count and all(
        is_number(one, int) and 0 <= one <= most for one in values
    )  # fmt: skip
