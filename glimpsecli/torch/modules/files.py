"""Models as files: safetensors with the configuration inside, which run no code when they are read."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from glimpsecli.errors import FileProblemError, InvalidInputError, UnavailableError, extra
from glimpsecli.images.sources import opened
from glimpsecli.storage.atomic import placing

if TYPE_CHECKING:
    from torch import Tensor

_KEY = "glimpsecli.model"
"""Key of the configuration in the file's metadata. It is the only one: several would come in any order, and a model
that is saved again would have other bytes."""


LONGEST_HEADER = 8 << 20
"""Bytes of the longest header that is read: JSON takes 30 times its length in memory."""


class Saved(NamedTuple):
    """The content of a file.

    Attributes
    ----------
    configuration : dict
        What the model was made of, as JSON has it: tuples have become lists.
    tensors : dict of str to tensor
        The parameters by their names, and whatever else was saved.
    label : str
        The file's name in messages.
    """

    configuration: dict[str, Any]
    tensors: dict[str, Tensor]
    label: str

    def into(self, module: nn.Module) -> None:
        """Give the parameters to a module, which keeps its dtypes; tensors of other names are left out.

        Raises
        ------
        InvalidInputError
            The file lacks a parameter, or one has another shape.
        """
        wanted = module.state_dict()
        for name, parameter in wanted.items():
            found = self.tensors.get(name)
            if found is None:
                raise InvalidInputError(f"{self.label} has no parameter {name!r}", "it is not a file of this model")
            if found.shape != parameter.shape:
                raise InvalidInputError(
                    f"{self.label}: {name} has the shape {tuple(found.shape)}, not {tuple(parameter.shape)}",
                    "it is not a file of this model",
                )
        module.load_state_dict({name: self.tensors[name] for name in wanted})


def save(
    path: str | os.PathLike[str],
    model: nn.Module | Mapping[str, Tensor],
    configuration: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Write a model, so that the file is whole or not there.

    Parameters
    ----------
    path : path
        The target; ``.safetensors`` is the customary end of its name.
    model : module, or mapping of str to tensor
        Its parameters and buffers, or tensors with their names. The same content makes the same bytes.
    configuration : mapping
        Whatever it takes to make the module again, in types that JSON knows.
    overwrite : bool
        Replace an existing file; otherwise it is an error.

    Raises
    ------
    InvalidInputError
        The file exists, or the configuration is no mapping or does not fit JSON.
    FileProblemError
        The system refuses.
    UnavailableError
        safetensors is not installed.
    """
    if not isinstance(configuration, Mapping):
        raise InvalidInputError(f"a configuration that is a {type(configuration).__name__}", "give a dict")
    library = _safetensors(os.fspath(path))
    tensors = model.state_dict() if isinstance(model, nn.Module) else model
    # Copies, as the format refuses tensors that share their memory.
    dense = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    try:
        text = json.dumps(dict(configuration), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"a configuration that JSON cannot hold: {error}", "use numbers and words") from error
    content = library.save(dense, {_KEY: text})
    with placing(path, overwrite=overwrite) as stream:
        stream.write(content)


def load(path: str | os.PathLike[str], *, most: int | None = None) -> Saved:
    """Read a model that :func:`save` wrote.

    Parameters
    ----------
    path : path
    most : int, optional
        Bytes of the largest file that is read.

    Raises
    ------
    InvalidInputError
        There is no such file, it is one of something else, or larger than `most`.
    FileProblemError
        The file is damaged, or the system refuses.
    UnavailableError
        safetensors is not installed.
    """
    label = os.fspath(path)
    library = _safetensors(label)
    if os.path.isdir(label):
        raise InvalidInputError(f"{label} is a folder", "name the file of the model")
    with opened(path) as (stream, _):
        content = stream.read() if most is None else stream.read(most + 1)
    if most is not None and len(content) > most:
        raise InvalidInputError(f"{label} has more than {most >> 20} MB", "name a file that `glimpse learn` wrote")
    configuration = _configuration(content, label)
    try:
        tensors = library.load(content)
    except Exception as error:  # the format's own errors derive from no other
        raise FileProblemError(f"{label} is damaged: {error}", "get a whole copy of the file") from error
    return Saved(configuration, tensors, label)


def _configuration(content: bytes, label: str) -> dict[str, Any]:
    """Give the configuration in a file's header: its length in 8 bytes, then JSON."""
    length = int.from_bytes(content[:8], "little")
    foreign = InvalidInputError(f"{label} holds no model of glimpse", "name a file that `glimpse learn` wrote")
    if content[8:9] != b"{" or length > LONGEST_HEADER:
        raise foreign
    if len(content) < 8 + length:
        raise FileProblemError(f"{label} is damaged: it ends within its header", "get a whole copy of the file")
    try:
        header = json.loads(content[8 : 8 + length])
        text = header["__metadata__"][_KEY]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise foreign from None
    try:
        configuration = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        configuration = None
    if not isinstance(configuration, dict):
        raise FileProblemError(f"{label} is damaged: its configuration is not JSON", "get a whole copy of the file")
    return configuration


def _safetensors(label: str) -> Any:
    try:
        return importlib.import_module("safetensors.torch")
    except ImportError as error:
        raise UnavailableError(f"{label} needs safetensors", extra("learn")) from error
