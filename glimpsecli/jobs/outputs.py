"""Outputs: their formats, their names, and the checks before they are written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.atomic import try_folder
from glimpsecli.images.formats import Format
from glimpsecli.jobs.folders import Folders
from glimpsecli.jobs.formats import is_folder, is_special
from glimpsecli.jobs.frames import is_listed
from glimpsecli.jobs.naming import DEFAULT_FRAME_NAME, DEFAULT_NAME, check_template, output_name
from glimpsecli.jobs.plan import STREAM, Output

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Item
    from glimpsecli.jobs.requests import Request
    from glimpsecli.jobs.sources import Source

LONGEST_NAME = 255
"""Bytes of the longest file name."""


def labels_of(requests: Sequence[Request], retina: int) -> list[tuple[str | None, int]]:
    """Give label and scale of each glimpse of an image."""
    return [(request.label, 2**step) for request in requests for _ in range(request.windows) for step in range(retina)]


def _target_names(
    source: Source, labels: Sequence[tuple[str | None, int]], output: Output, file_format: Format
) -> tuple[str, ...]:
    """Name the files of one image's products, each with its label and scale."""
    path = "stdin" if source.path == STREAM else source.path
    if is_listed(path):
        path = os.path.abspath(path if os.path.isdir(path) else os.path.dirname(path))
    default, frame = (DEFAULT_NAME, 0) if source.at is None else (DEFAULT_FRAME_NAME, source.at.number)
    names = [
        output_name(
            output.name or default,
            file_format.name,
            source=path,
            index=index,
            label=label,
            scale=scale,
            frame=frame,
        )
        for index, (label, scale) in enumerate(labels)
    ]
    folder = os.path.dirname(source.relative)
    return tuple(os.path.join(output.target, folder, name) for name in names)


def check_folder_output(output: Output, file_format: Format) -> None:
    """Refuse a format or a template that cannot be used in a folder."""
    if file_format.container:
        raise InvalidInputError(f"--format npz with the folder {output.target}", "name the one file: -o FILE.npz")
    check_template(output.name or DEFAULT_NAME)


def name_files(
    sources: Sequence[Source],
    labels: Sequence[Sequence[tuple[str | None, int]]],
    output: Output,
    file_format: Format,
    noun: str = "glimpse",
) -> list[tuple[str, ...]]:
    """Name the files of each image's products: in a folder by label and scale, else by the target itself."""
    if not output.target:
        return [() for _ in sources]
    if is_folder(output.target):
        check_folder_output(output, file_format)
        return [_target_names(source, mine, output, file_format) for source, mine in zip(sources, labels, strict=True)]
    _check_single(output, file_format, sum(map(len, labels)), noun)
    return [(output.target,) * len(mine) for mine in labels]


def _check_single(output: Output, file_format: Format, many: int, noun: str) -> None:
    """Refuse products that do not fit into one file."""
    place = "standard output" if output.target == STREAM else output.target
    if output.name is not None:
        raise InvalidInputError(f"--name {output.name!r} with {place}", "names are for a folder: -o FOLDER/")
    if many != 1 and not file_format.container:
        also = ", or a file that ends in .npz" if noun == "glimpse" else ""
        raise InvalidInputError(
            f"{many} {noun}s do not fit into one {file_format.title} file, {place}", f"give a folder, -o FOLDER/{also}"
        )


def targets_of(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """Give the source and the file of each product of some items."""
    return ((item.source, target) for item in items for target in item.targets)


def check_outputs(
    targets: Iterable[tuple[str, str]],
    inputs: Sequence[str],
    *,
    overwrite: bool,
    root: str | None = None,
    noun: str = "glimpse",
) -> None:
    """Refuse outputs that collide, exist, are inputs, or could not be written; standard output is none of these.

    Parameters
    ----------
    targets : iterable of (str, str)
        The source and the file of each product.
    inputs : sequence of str
        Files that are read, and never replaced.
    overwrite : bool
        Whether files may be replaced.
    root : str, optional
        The folder that holds all files of a batch, which are regular files.
    noun : str
        Name of a product in messages.
    """
    folders = Folders()
    read = {_identity(path): path for path in inputs if path != STREAM and os.path.exists(path)}
    taken: dict[str, str] = {}
    if root is not None:
        folders.check(os.path.realpath(root), root)
    for source, target in targets:
        if target == STREAM:
            continue
        folder, name = os.path.split(target)
        if len(_encoded(name)) > LONGEST_NAME:
            raise InvalidInputError(f"{name} is too long for a file name", "shorten --name")
        real = folders.real(target)
        special = False
        if folders.may_hold(folder) and os.path.lexists(target):
            special = is_special(target)
            if special and root is not None:
                raise InvalidInputError(f"{target} is no regular file", "remove it, or choose another output")
            _check_existing(target, read, overwrite=overwrite or special, special=special)
        if real in taken:
            raise InvalidInputError(
                f"{target} would hold {noun}s of both {taken[real]} and {source}"
                if taken[real] != source
                else f"{target} would hold two {noun}s of {source}",
                "tell them apart with {stem}, {ext}, {index}, {label}, {frame} or {scale} in --name",
            )
        taken[real] = source
        if not special:
            folders.check(os.path.dirname(real), target)


def _check_existing(target: str, inputs: Mapping[tuple[int, int], str], *, overwrite: bool, special: bool) -> None:
    """Refuse a file that may not be written over."""
    same = inputs.get(_identity(target)) if not special and os.path.exists(target) else None
    if same is not None:
        raise InvalidInputError(f"{target} is the input {same}", "choose another output")
    if os.path.isdir(target):
        raise InvalidInputError(f"{target} is a folder", "choose another name")
    if not overwrite:
        raise InvalidInputError(f"{target} exists", "give --overwrite to replace it")


def _encoded(name: str) -> bytes:
    """Give the bytes of a file name; a label may have letters that the locale has not."""
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        encoding = sys.getfilesystemencoding()
        raise InvalidInputError(
            f"{name!a} cannot be a file name in this locale, whose encoding is {encoding}", "set LC_ALL=C.UTF-8"
        ) from None


def check_files(targets: Mapping[str, str], inputs: Sequence[str], *, overwrite: bool) -> None:
    """Refuse, before any work, single files that could not be written after it.

    Parameters
    ----------
    targets : mapping of str to str
        The path that each option names.
    inputs : sequence of str
        Files that are read, and never replaced.
    overwrite : bool
        Whether files may be replaced.
    """
    taken: dict[str, str] = {os.path.realpath(path): f"the input {path}" for path in inputs}
    for option, path in targets.items():
        real = os.path.realpath(path)
        if real in taken:
            raise InvalidInputError(f"{option} {path} is {taken[real]}", "choose another file")
        taken[real] = f"the file of {option}"
        if os.path.isdir(path):
            raise InvalidInputError(f"{path} is a folder", "name a file in it")
        if os.path.exists(path) and not os.path.isfile(path):
            continue  # a FIFO or a device
        if os.path.exists(path) and not overwrite:
            raise InvalidInputError(f"{path} exists", "give --overwrite to replace it")
        try:
            try_folder(os.path.dirname(real))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InvalidInputError(f"{path} could not be written: {reason}", "choose another folder") from None


def make_folder(target: str) -> None:
    """Make the folder of a file, and those above it."""
    try:
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    except OSError as error:
        raise FileProblemError(
            f"{target}: its folder cannot be made: {error.strerror or error}", "choose another place"
        ) from None


def opened(target: str) -> str | BinaryIO:
    """Give a target to write to: standard output as its stream, any other as its path."""
    return sys.stdout.buffer if target == STREAM else target


def _identity(path: str) -> tuple[int, int]:
    """Give the device and the inode of a file, which all its names and links share."""
    status = os.stat(path)
    return status.st_dev, status.st_ino
