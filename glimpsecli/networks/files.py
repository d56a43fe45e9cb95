"""Files of a training: the model, which is its checkpoint too, and the figures beside it. Needs torch, safetensors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.networks.model import Model, build
from glimpsecli.networks.schedule import Schedule
from glimpsecli.networks.specification import Specification
from glimpsecli.storage.atomic import place
from glimpsecli.torch.modules import load, save

if TYPE_CHECKING:
    from torch import Tensor

    from glimpsecli.networks.training import Training

VERSION = 1
"""Version of the configuration in a file."""

LARGEST = 512 << 20
"""Bytes of the largest file that is read: a checkpoint of a network on a whole image of 512 pixels has 400 MB."""

_FIGURES = {"verdict", "reason", "accuracy", "error", "found", "references", "held_out"}
"""Keys of the figures of a finished model."""

_KEYS = {"step", "seconds", "scenes", "accuracy", "error", "found"}

LONGEST = 200
"""Letters of the longest name of a class."""


class Origin(NamedTuple):
    """The settings of a training, of which its files are made.

    Attributes
    ----------
    specification : Specification
    schedule : Schedule
    seed : int
    classes : tuple of str
    source : dict
        What it learns from, as data for JSON.
    """

    specification: Specification
    schedule: Schedule
    seed: int
    classes: tuple[str, ...]
    source: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Give the settings as data for JSON."""
        return {
            "version": VERSION,
            "specification": self.specification.as_dict(),
            "schedule": self.schedule.as_dict(),
            "seed": self.seed,
            "classes": [*self.classes],
            "source": dict(self.source),
        }


class Stored(NamedTuple):
    """The content of a file.

    Attributes
    ----------
    model : Model
    classes : tuple of str
    step : int
        Steps that it has learned.
    settings : dict
        As :meth:`Origin.as_dict` gave them.
    figures : dict
        What is known of the finished model; empty before.
    tensors : dict of str to tensor
        The parameters, and Adam's moments of a model that is not finished.
    """

    model: Model
    classes: tuple[str, ...]
    step: int
    settings: dict[str, Any]
    figures: dict[str, Any]
    tensors: dict[str, Tensor]


def figures_path(path: str) -> str:
    """Name the file of figures of a model: the suffix replaced by ``.jsonl``."""
    stem, suffix = os.path.splitext(path)
    return (stem if suffix == ".safetensors" else path) + ".jsonl"


def save_checkpoint(path: str, training: Training, origin: Origin) -> None:
    """Write a model that goes on learning, with the moments of its optimiser; a file that exists is replaced."""
    save(path, training.state(), origin.as_dict() | {"step": training.step}, overwrite=True)


def save_model(
    path: str, model: Model, step: int, origin: Origin, figures: Mapping[str, Any], *, half: bool = False
) -> None:
    """Write a finished model; a file that exists is replaced.

    Parameters
    ----------
    path : str
    model : Model
    step : int
    origin : Origin
    figures : mapping
        What is known of it, as data for JSON.
    half : bool
        Whether its numbers have 16 bits.
    """
    tensors = {name: one.half() if half else one for name, one in model.state_dict().items()}
    save(path, tensors, origin.as_dict() | {"step": step, "figures": dict(figures)}, overwrite=True)


def load_model(path: str) -> Stored:
    """Read a model that this package wrote, perhaps on the machine of a stranger. Nothing in it is run.

    Raises
    ------
    InvalidInputError
        There is no such file, or it is none of a model, damaged, or asks for something that cannot be.
    UnavailableError
        safetensors is not installed.
    """
    try:
        saved = load(path, most=LARGEST)
    except FileProblemError as error:  # found before any work began
        raise InvalidInputError(error.message, error.hint) from None
    settings = dict(saved.configuration)
    try:
        specification = Specification.from_dict(_part(settings, "specification", dict))
        if settings.get("version") != VERSION:
            raise InvalidInputError("a model of another version", "read it with the glimpse that wrote it")
        step, figures = _part(settings, "step", int), settings.pop("figures", {})
        classes = check_classes(_part(settings, "classes", list), specification)
        del settings["step"]
        if step < 0 or not isinstance(figures, dict) or (figures and not _are_figures(figures)):
            raise InvalidInputError("a model with figures of another kind", "another version wrote it")
    except InvalidInputError as error:
        raise InvalidInputError(f"{path} cannot be used: {error.message}", error.hint) from None
    for name, one in saved.tensors.items():
        if one.dtype not in (torch.float16, torch.float32) or not bool(torch.isfinite(one).all()):
            raise InvalidInputError(f"{path}: {name[:LONGEST]!r} is not all finite numbers", "get a whole copy of it")
    model = build(specification, 0)
    saved.into(model)
    return Stored(model.eval(), classes, step, settings, figures, saved.tensors)


def check_classes(classes: list[Any], specification: Specification) -> tuple[str, ...]:
    """Give the names of classes, which are printed, if they can be and are as many as the model has.

    Raises
    ------
    InvalidInputError
        A name is no text of one line, or there are too many or too few.
    """
    for name in classes:
        if not isinstance(name, str) or not name.isprintable() or len(name) > LONGEST:
            raise InvalidInputError(f"a class {str(name)[:LONGEST]!r}", "it cannot be printed")
    if len(classes) != specification.classes:
        raise InvalidInputError(f"{len(classes)} names for {specification.classes} classes", "get a whole copy of it")
    return tuple(classes)


def settings_differ(stored: Stored, origin: Origin) -> str:
    """Name the first setting in which a file differs from the one that is asked for; empty where there is none."""
    asked, found = json.loads(json.dumps(origin.as_dict())), stored.settings
    for name, value in asked.items():
        if isinstance(value, dict):
            other = found.get(name)
            mine = other if isinstance(other, dict) else {}
            for key in sorted(value.keys() | mine.keys()):
                if value.get(key) != mine.get(key):
                    return f"{key} {_shown(mine.get(key))}, not {_shown(value.get(key))}"
        elif found.get(name) != value:
            return f"{name} {_shown(found.get(name))}, not {_shown(value)}"
    return ""


def write_figures(path: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write figures, a line for each check; a file that exists is replaced."""
    content = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    place(path, lambda stream: stream.write(content), overwrite=True)


def read_figures(path: str, step: int) -> list[dict[str, Any]]:
    """Read the figures before a step; there are none where the file is missing, and none behind a damaged line."""
    lines: list[dict[str, Any]] = []
    try:
        with open(path, encoding="utf-8") as file:
            for text in file:
                line = json.loads(text)
                if not isinstance(line, dict) or not line.keys() >= _KEYS or line["step"] >= step or not line["scenes"]:
                    break
                lines.append({**line, "seconds": float(line["seconds"])})
    except (OSError, ValueError, TypeError):
        pass  # they are for reading, and the training does not need them
    return lines


def _are_figures(found: Mapping[str, Any]) -> bool:
    """Return whether figures, which are printed, are numbers and words as they should be."""

    def number(value: Any) -> bool:
        return type(value) in (int, float) and abs(value) <= 1e9

    def words(*values: object) -> bool:
        return all(isinstance(one, str) and one.isprintable() and len(one) <= LONGEST for one in values)

    def check(values: object) -> bool:
        return (
            isinstance(values, dict)
            and values.keys() >= {"accuracy", "error", "found"}
            and number(values["accuracy"])
            and all(values[name] is None or number(values[name]) for name in ("error", "found"))
        )

    def between(values: object) -> bool:
        return values is None or (
            isinstance(values, dict)
            and values.keys() == {"floor", "ceiling", "floor_name", "ceiling_name"}
            and number(values["floor"])
            and number(values["ceiling"])
            and words(values["floor_name"], values["ceiling_name"])
        )

    return (
        found.keys() >= _FIGURES
        and check(found)
        and words(found["verdict"], found["reason"])
        and between(found["references"])
        and isinstance(found["held_out"], dict)
        and all(words(name) and check(one) for name, one in found["held_out"].items())
    )


def _part(settings: Mapping[str, Any], name: str, kind: type) -> Any:
    value = settings.get(name)
    if type(value) is not kind:
        raise InvalidInputError(f"a model without {name}", "name a file that `glimpse learn` wrote")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
