"""Outputs: their formats, their names, and the checks before they are written."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.atomic import try_folder
from glimpsecli.images.formats import FORMATS, Format, check, format_named, format_of
from glimpsecli.jobs.folders import Folders
from glimpsecli.jobs.naming import DEFAULT_NAME, check_template, output_name
from glimpsecli.jobs.plan import STREAM, Output

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Item
    from glimpsecli.jobs.requests import Request
    from glimpsecli.jobs.sources import Source

LONGEST_NAME = 255
"""Bytes of the longest file name."""


def chosen_format(output: Output) -> Format:
    """Give the format that is asked for, or that of the suffix; in a folder, and where no file is written, PNG."""
    asked = format_named(output.format) if output.format else None
    if output.target in (STREAM, "") or is_folder(output.target) or _is_special(output.target):
        if asked is None and output.target == STREAM:
            raise InvalidInputError("standard output has no suffix that names its format", "give --format")
        found = asked or (format_of(output.target) if _is_special(output.target) else format_named("png"))
    else:
        known = format_of(output.target) if asked is None or _has_known_suffix(output.target) else asked
        found = asked or known
        if found != known:
            raise InvalidInputError(
                f"{output.target} is not a name for --format {output.format}", "leave out one of the two"
            )
    if output.depth is not None:
        check(found, depth=output.depth, channels=1, alpha=False)
    return found


def labels_of(requests: Sequence[Request], retina: int) -> list[tuple[str | None, int]]:
    """Give label and scale of each glimpse of an image."""
    return [(request.label, 2**step) for request in requests for _ in range(request.windows) for step in range(retina)]


def _target_names(
    source: str, labels: Sequence[tuple[str | None, int]], output: Output, file_format: Format, folder: str = ""
) -> tuple[str, ...]:
    """Name the files of one image's products, each with its label and scale, in `folder` of the output folder."""
    names = [
        output_name(
            output.name or DEFAULT_NAME,
            file_format.name,
            source="stdin" if source == STREAM else source,
            index=index,
            label=label,
            scale=scale,
        )
        for index, (label, scale) in enumerate(labels)
    ]
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
        return [
            _target_names(source.path, mine, output, file_format, os.path.dirname(source.relative))
            for source, mine in zip(sources, labels, strict=True)
        ]
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
            special = _is_special(target)
            if special and root is not None:
                raise InvalidInputError(f"{target} is no regular file", "remove it, or choose another output")
            _check_existing(target, read, overwrite=overwrite or special, special=special)
        if real in taken:
            raise InvalidInputError(
                f"{target} would hold {noun}s of both {taken[real]} and {source}"
                if taken[real] != source
                else f"{target} would hold two {noun}s of {source}",
                "tell them apart with {stem}, {ext}, {index}, {label} or {scale} in --name",
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


def _identity(path: str) -> tuple[int, int]:
    """Give the device and the inode of a file, which all its names and links share."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _has_known_suffix(path: str) -> bool:
    suffix = os.path.splitext(path)[1][1:].lower()
    return any(suffix in file_format.suffixes for file_format in FORMATS.values())


def is_folder(target: str) -> bool:
    """Return whether a target is a folder, or the name of one to be made."""
    return target != STREAM and (target.endswith(os.sep) or os.path.isdir(target))


def _is_special(target: str) -> bool:
    """Return whether a target is a FIFO or a device, which is written to and not replaced."""
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
