"""Pictures to be shown to a model, and the files of what it says: a table, overlays, glimpses, masks. Needs torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli import images
from glimpsecli.annotations.tables import table_of
from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.images import formats
from glimpsecli.jobs.decoding import read_frame
from glimpsecli.jobs.formats import is_folder
from glimpsecli.jobs.naming import safe
from glimpsecli.jobs.outputs import check_files, check_outputs, make_folder
from glimpsecli.names import MAX_PIXELS
from glimpsecli.networks.files import Stored, load_model
from glimpsecli.networks.looking import Observation, as_rows, draw_mask, draw_windows, look
from glimpsecli.storage import shown
from glimpsecli.storage.atomic import place

if TYPE_CHECKING:
    from glimpsecli.jobs.groups import Source


class Show(NamedTuple):
    """Pictures that are to be shown to a model.

    Attributes
    ----------
    model : str
        The model's file.
    sources : sequence of Source
    table : str, optional
        A CSV file, for the windows of all pictures.
    overlay, mask : str, optional
        A picture with the windows, and the figure of the mask: a file, or for each picture one in a folder.
    glimpses : str, optional
        A folder, for what the model saw.
    overwrite : bool
    max_pixels : int
        Pixels of the largest image that is read.
    """

    model: str
    sources: Sequence[Source]
    table: str | None = None
    overlay: str | None = None
    mask: str | None = None
    glimpses: str | None = None
    overwrite: bool = False
    max_pixels: int = MAX_PIXELS

    def targets(self, source: Source, glimpses: int) -> dict[str, list[str]]:
        """Give the paths of the pictures that are made of an image."""
        folder, name = os.path.split(source.relative)
        stem, found = os.path.join(folder, safe(os.path.splitext(name)[0])), {}
        for kind in ("overlay", "mask"):
            path = getattr(self, kind)
            if path is not None:
                found[kind] = [os.path.join(path, f"{stem}.png") if is_folder(path) else path]
        if self.glimpses is not None:
            found["glimpses"] = [
                os.path.join(self.glimpses, f"{stem}_{number}.png") for number in range(1, glimpses + 1)
            ]
        return found


class Shown(NamedTuple):
    """An image that was shown: the rows of its glimpses, or the error that it met; and the files that were written."""

    source: str
    rows: list[dict[str, Any]]
    classes: dict[str, float]
    fitted: bool
    files: dict[str, list[str]]
    failure: GlimpseError | None = None


def show(task: Show) -> Iterator[Shown]:
    """Show all pictures to the model, and write what is asked for; a picture that cannot be read fails alone.

    Raises
    ------
    InvalidInputError
        The model is none, or a file could not be written.
    """
    stored = load_model(task.model)
    specification = stored.model.specification
    if specification.sampler == "oracle":
        raise InvalidInputError(
            f"{task.model} looks through an oracle window", "take a model that learned where to look"
        )
    if task.glimpses is not None and specification.sampler == "whole":
        raise InvalidInputError(f"{task.model} has no glimpses: it sees all pixels", "leave --glimpses out")
    planned = {source: task.targets(source, specification.glimpses) for source in task.sources}
    _check(task, planned)
    return _shown(task, stored, planned)


def _check(task: Show, planned: dict[Source, dict[str, list[str]]]) -> None:
    inputs = [task.model, *(source.path for source in task.sources)]
    for option, path in (("--overlay", task.overlay), ("--mask", task.mask)):
        if path is None or is_folder(path):
            continue
        if len(planned) > 1:
            raise InvalidInputError(f"{option} {path} for {len(planned)} images", "give a folder, which ends in /")
        kind = formats.format_of(path)
        if kind.container:
            raise InvalidInputError(f"{option} {path}: {kind.title} holds arrays, and this is a picture", "use .png")
        formats.check(kind, depth="8", channels=3, alpha=False)
    every = [
        (shown(source.path), path) for source, kinds in planned.items() for paths in kinds.values() for path in paths
    ]
    taken: dict[str, str] = {}
    for source, path in every:
        if taken.setdefault(path, source) != source:
            raise InvalidInputError(
                f"{path} would hold pictures of both {taken[path]} and {source}", "take them one after the other"
            )
    check_outputs(every, inputs, overwrite=task.overwrite, noun="picture")
    if task.table is not None:
        check_files({"-o": task.table}, inputs, overwrite=task.overwrite)


def _shown(task: Show, stored: Stored, planned: dict[Source, dict[str, list[str]]]) -> Iterator[Shown]:
    table: list[dict[str, Any]] = []
    for source, targets in planned.items():
        try:
            picture = read_frame(source.path, 0, max_pixels=task.max_pixels)
            observed = look(stored, picture, shown(source.path))
            _write(task, stored, observed, targets)
        except GlimpseError as error:
            yield Shown(shown(source.path), [], {}, False, {}, error)
            continue
        rows = as_rows(observed, shown(source.path), stored)
        table += rows
        chances = dict(zip(stored.classes, map(float, observed.probabilities), strict=True))
        yield Shown(shown(source.path), rows, chances, observed.fitted, targets)
    if task.table is not None and table:
        content = table_of(table)
        place(task.table, lambda stream: stream.write(content), overwrite=task.overwrite)


def _write(task: Show, stored: Stored, observed: Observation, targets: dict[str, list[str]]) -> None:
    """Write the pictures of an image."""
    specification = stored.model.specification
    draw: dict[str, Callable[[], list[Any]]] = {
        "overlay": lambda: [draw_windows(observed)],
        "mask": lambda: [draw_mask(observed, specification)],
        "glimpses": lambda: (
            [] if observed.seen is None else [np.rint(255 * one).astype(np.uint8) for one in observed.seen]
        ),
    }
    for kind, paths in targets.items():
        for path, pixels in zip(paths, draw[kind](), strict=True):
            make_folder(path)
            images.write(path, pixels, overwrite=task.overwrite)
