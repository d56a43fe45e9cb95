"""A training with its files: begun or gone on with, checked, judged and written. Needs torch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.outputs import check_files
from glimpsecli.networks import files
from glimpsecli.networks.answering import answer
from glimpsecli.networks.checking import Check, check
from glimpsecli.networks.filming import SCENES, frames_of
from glimpsecli.networks.judging import References, judge
from glimpsecli.networks.references import measure_references, reference_steps
from glimpsecli.networks.rules import SEED
from glimpsecli.networks.training import Training
from glimpsecli.video.film import FilmOptions
from glimpsecli.video.films import check_film, write_film

if TYPE_CHECKING:
    from glimpsecli.networks.files import Origin, Stored
    from glimpsecli.networks.scenes import Source

RATE = 4
"""Checks in a second of a film."""


class Task(NamedTuple):
    """A training that is asked for.

    Attributes
    ----------
    path : str
        The model to be written.
    origin : Origin
    source : Source
    film : str, optional
        A film of where the model looks, at each check.
    resume, overwrite, half : bool
        Whether it goes on with the file, replaces files, and leaves numbers of 16 bits in the end, also where the file
        to go on with is of a model that is finished.
    """

    path: str
    origin: Origin
    source: Source
    film: str | None = None
    resume: bool = False
    overwrite: bool = False
    half: bool = False

    @property
    def held_out(self) -> Source:
        """The images of the checks: those that are held out of a folder or of other digits, else scenes of the kind."""
        others = self.source.held_out()
        if "images" in others:
            return others["images"]
        return others["faces"] if getattr(self.source, "glyphs", None) is not None else self.source


class Watch(NamedTuple):
    """Functions that follow a training.

    Attributes
    ----------
    step : callable
        Gets the number of steps made and that of all, those of the references included.
    check : callable
        Gets the figures of each check.
    stopped : callable
        Returns whether to stop after the present step.
    """

    step: Callable[[int, int], object]
    check: Callable[[Check], object]
    stopped: Callable[[], bool]


def learn(task: Task, watch: Watch) -> dict[str, Any] | None:
    """Train a model; write it, its figures and its film; give what is known of it, or None if it was stopped.

    On one kind of processor, with the same versions, the model's bytes depend on the origin alone: not on where the
    training was stopped, nor on the number of processors.

    Raises
    ------
    InvalidInputError
        A file exists, cannot be gone on with, or could not be written.
    """
    torch.set_num_threads(1)  # sums of several threads would have other last bits
    stored = _check(task)
    origin, beside = task.origin, files.figures_path(task.path)
    lines = []
    if stored is not None:  # the last check of a finished model is not made again
        lines = files.read_figures(beside, stored.step + bool(stored.figures))
    if stored is None or not stored.figures:
        training = Training(origin.specification, task.source, origin.schedule, origin.seed, held_out=task.held_out)
        if stored is not None:
            try:
                training.restore(stored.tensors, stored.step)
            except InvalidInputError as error:
                raise InvalidInputError(f"{task.path} cannot be gone on with: {error.message}", error.hint) from None
        last = _trained(task, training, lines, watch)
        figures = _judged(task, training, last, watch) if last is not None else None
        if figures is None:
            files.save_checkpoint(task.path, training, origin)
            return None
        files.save_model(task.path, training.model, training.step, origin, figures, half=task.half)
    else:
        figures = stored.figures
        if task.half and any(one.dtype != torch.float16 for one in stored.tensors.values()):
            files.save_model(task.path, stored.model, stored.step, origin, figures, half=True)
    if task.film is not None:
        scenes = task.held_out.batch(SEED, 0, SCENES)
        frames = frames_of(scenes, origin.classes, origin.schedule.steps, lines)
        write_film(task.film, frames, rate=RATE, overwrite=task.overwrite or task.resume)
    return figures


def _check(task: Task) -> Stored | None:
    """Refuse files that could not be written; give the one to go on with."""
    beside = files.figures_path(task.path)
    files.check_classes([*task.origin.classes], task.origin.specification)
    resumed = task.resume and os.path.exists(task.path)
    if os.path.lexists(task.path) and not (resumed or task.overwrite):
        raise InvalidInputError(
            f"{task.path} exists", "give --resume to go on with it, --overwrite to replace it, or another name"
        )
    targets = {"-o": task.path, "the figures,": beside}
    if task.film is not None:
        check_film(task.film, FilmOptions())
        targets["--film"] = task.film
    check_files(targets, [], overwrite=task.overwrite or resumed)
    if not resumed:
        return None
    stored = files.load_model(task.path)
    if difference := files.settings_differ(stored, task.origin):
        raise InvalidInputError(
            f"{task.path} was begun with {difference}", "give the same options, or --overwrite to begin anew"
        )
    return stored


def _trained(task: Task, training: Training, lines: list[dict[str, Any]], watch: Watch) -> Check | None:
    """Train to the end, with a checkpoint at each check; give the last figures, or None if stopped."""
    start, before = time.perf_counter(), float(lines[-1]["seconds"]) if lines else 0.0
    total = _total(task)
    scenes, last = task.held_out.batch(SEED, 0, SCENES), None

    def step(done: int) -> bool:
        watch.step(done, total)
        return watch.stopped()

    for last in training.run(step):
        watch.check(last)
        labels = answer(training.model, scenes)
        shown = [
            {"label": int(chances[-1].argmax()), "windows": windows.tolist()}
            for chances, windows in zip(*labels, strict=True)
        ]
        seconds = round(before + time.perf_counter() - start, 1)
        lines.append({**last.as_dict(), "seconds": seconds, "scenes": shown})
        files.write_figures(files.figures_path(task.path), lines)
        files.save_checkpoint(task.path, training, task.origin)
    return None if watch.stopped() else last


def _judged(task: Task, training: Training, last: Check, watch: Watch) -> dict[str, Any] | None:
    """Give what is known of a finished model, or None if stopped; a lost one needs no references."""
    origin, references, first = task.origin, None, task.origin.schedule.steps

    def step(done: int) -> bool:
        watch.step(first + done, _total(task))
        return watch.stopped()

    if not last.lost:
        references = measure_references(
            origin.specification, task.source, task.held_out, origin.schedule, origin.seed, step
        )
        if references is None:
            return None
    others = {name: one for name, one in task.source.held_out().items() if name != "images"}
    held_out = {name: check(training.model, one, last.step, origin.schedule.checked) for name, one in others.items()}
    verdict = judge(last, references or References(0, 1))
    return {
        "verdict": verdict.word,
        "reason": verdict.reason,
        **_summary(last),
        "references": references._asdict() if references is not None else None,
        "held_out": {name: _summary(one) for name, one in held_out.items()},
    }


def _summary(found: Check) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("accuracy", "error", "found")}


def _total(task: Task) -> int:
    """Give the number of all steps, those of the references included."""
    return task.origin.schedule.steps + 2 * reference_steps(task.origin.schedule)
