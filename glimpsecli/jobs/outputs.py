"""Outputs: their formats, their names, and the checks before they are written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.formats import Format
from glimpsecli.jobs.folders import Folders
from glimpsecli.jobs.formats import is_folder, is_special
from glimpsecli.jobs.frames import is_listed
from glimpsecli.jobs.naming import DEFAULT_FRAME_NAME, DEFAULT_NAME, Label, check_template, output_name
from glimpsecli.jobs.plan import STREAM, Output
from glimpsecli.jobs.requests import BoxRequest
from glimpsecli.jobs.spool import Hashes
from glimpsecli.storage import is_address, joined, name_of, path_of, shown, storage_of
from glimpsecli.storage.addresses import WEB, parse
from glimpsecli.storage.atomic import try_folder
from glimpsecli.storage.refusals import DeniedError

if TYPE_CHECKING:
    from glimpsecli.jobs.groups import Source
    from glimpsecli.jobs.plan import Item
    from glimpsecli.jobs.requests import Request

LONGEST_NAME = 255
"""Bytes of the longest file name."""
DISTINCT = "name each by more of {stem}, {ext}, {folder}, {index}, {label}, {id}, {frame} and {scale} in --name"
"""The way out where two products would be in one file."""


def labels_of(requests: Sequence[Request], retina: int) -> list[Label]:
    """Give what each glimpse of an image can be named by."""
    found = []
    for request in requests:
        box = request.box if isinstance(request, BoxRequest) else None
        marks = () if box is None else (box.id, box.category)
        found += [Label(request.label, 2**step, *marks) for _ in range(request.windows) for step in range(retina)]
    return found


def target_names(
    source: Source, labels: Sequence[Label], output: Output, file_format: Format, split: str = ""
) -> tuple[str, ...]:
    """Name the files of one image's products by their labels; of a batch the image may have a split."""
    path = "stdin" if source.path == STREAM else source.path
    if is_address(path):
        path = name_of(path)
    elif source.at is not None and is_listed(path):
        path = os.path.abspath(path if os.path.isdir(path) else os.path.dirname(path))
    default, frame = (DEFAULT_NAME, 0) if source.at is None else (DEFAULT_FRAME_NAME, source.at.number)
    names = [
        output_name(
            output.name or default,
            file_format.name,
            source=path,
            index=index,
            label=label,
            frame=frame,
            folder=os.path.dirname(source.relative),
        )
        for index, label in enumerate(labels)
    ]
    folders = [output.layout.folder(source.relative, label.text, split) for label in labels]
    return tuple(joined(output.target, folder, name) for folder, name in zip(folders, names, strict=True))


def check_folder_output(output: Output, file_format: Format) -> None:
    """Refuse a format or a template that cannot be used in a folder."""
    if file_format.container:
        raise InvalidInputError(f"--format npz with the folder {output.target}", "name the one file: -o FILE.npz")
    check_template(output.name or DEFAULT_NAME)


def name_files(
    sources: Sequence[Source],
    labels: Sequence[Sequence[Label]],
    output: Output,
    file_format: Format,
    noun: str = "glimpse",
) -> list[tuple[str, ...]]:
    """Name the files of each image's products: in a folder by label and scale, else by the target itself."""
    if not output.target:
        return [() for _ in sources]
    if is_folder(output.target):
        check_folder_output(output, file_format)
        return [target_names(source, mine, output, file_format) for source, mine in zip(sources, labels, strict=True)]
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
    return ((item.label, target) for item in items for target in item.targets)


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
    pairs = [pair for pair in targets if pair[1] != STREAM]
    outputs = Outputs(input_among(inputs), overwrite=overwrite, root=root)
    for _, target in pairs:
        outputs.check(target)
    outputs.refuse_collisions(pairs, noun)


def input_among(inputs: Iterable[str]) -> Callable[[str], str | None]:
    """Give a function that finds the input that an address or an existing file is, if any."""
    inputs = [*inputs]
    read = {_identity(path): path for path in inputs if path != STREAM and os.path.exists(path)}
    remote = {parse(path)[:3]: shown(path) for path in inputs if is_address(path)}
    return lambda path: remote.get(parse(path)[:3]) if is_address(path) else read.get(_identity(path))


class Outputs:
    """Checks of the files of products before they are written.

    Parameters
    ----------
    input_of : callable
        Gives the name of the input that an existing file is, or None.
    overwrite : bool
        Whether files may be replaced.
    root : str, optional
        The folder that holds all files of a batch, which are regular files.
    """

    def __init__(self, input_of: Callable[[str], str | None], *, overwrite: bool, root: str | None = None) -> None:
        self._input_of, self._overwrite, self._root = input_of, overwrite, root
        self._folders = Folders()
        if root is not None and not is_address(root):
            self._folders.check(os.path.realpath(root), root)

    def check(self, target: str) -> None:
        """Refuse a file that may not be written over, or could not be written."""
        folder, name = os.path.split(target)
        long = name if len(_encoded(name)) > LONGEST_NAME else None
        if len(folder) > LONGEST_NAME // 4:  # no letter takes more than four bytes
            long = next((one for one in folder.split("/") if len(_encoded(one)) > LONGEST_NAME), long)
        if long is not None:
            raise InvalidInputError(f"{long} is too long for a file name", "shorten --name, or the label")
        if is_address(target):
            self._check_address(target)
            return
        if self._folders.may_hold(folder) and os.path.lexists(target):
            if is_special(target):
                if self._root is not None:
                    raise InvalidInputError(f"{target} is no regular file", "remove it, or choose another output")
                return
            self._check_existing(target)
        self._folders.check(os.path.dirname(self._folders.real(target)), target)

    def refuse_collisions(self, targets: Iterable[tuple[str, str]], noun: str = "glimpse") -> None:
        """Refuse two products in one file; see :func:`refuse_collisions`."""
        refuse_collisions(targets, lambda path: path if is_address(path) else self._folders.real(path), noun)

    def _check_address(self, target: str) -> None:
        """Refuse an address that cannot be written to, or an object that may not be written over.

        The store is asked for single files alone: of a batch, an object that exists is met when it would be put.
        """
        address, label = parse(target), shown(target)
        if address.scheme in WEB:
            raise InvalidInputError(f"{label} is read-only", "write to a folder or to a bucket")
        if (same := self._input_of(target)) is not None:
            raise InvalidInputError(f"{label} is the input {same}", "choose another output")
        if self._overwrite or self._root is not None:
            return
        with suppress(DeniedError):  # to ask may be forbidden where to write is not, which replaces nothing then
            if storage_of(target).stat(path_of(target)) is not None:
                raise InvalidInputError(f"{label} exists", "give --overwrite to replace it")

    def _check_existing(self, target: str) -> None:
        same = self._input_of(target) if os.path.exists(target) else None
        if same is not None:
            raise InvalidInputError(f"{target} is the input {same}", "choose another output")
        if os.path.isdir(target):
            raise InvalidInputError(f"{target} is a folder", "choose another name")
        if not self._overwrite:
            raise InvalidInputError(f"{target} exists", "give --overwrite to replace it")


def refuse_collisions(
    targets: Iterable[tuple[str, str]], real_of: Callable[[str], str], noun: str = "glimpse", hint: str = DISTINCT
) -> None:
    """Refuse two products in one file.

    Parameters
    ----------
    targets : iterable of (str, str)
        The source and the file of each product; it is gone through again where two may collide.
    real_of : callable
        Gives the name that all paths of one file share.
    noun : str
        Name of a product in messages.
    hint : str
        The way out.
    """
    hashes = Hashes()
    for _, target in targets:
        hashes.add(real_of(target))
    repeated, taken = hashes.repeated(), dict[str, str]()
    for source, target in targets if len(repeated) else ():
        real = real_of(target)
        if real in taken:
            raise InvalidInputError(
                f"{target} would hold {noun}s of both {taken[real]} and {source}"
                if taken[real] != source
                else f"{target} would hold two {noun}s of {source}",
                hint,
            )
        if real in repeated:
            taken[real] = source


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
        if is_address(path):
            raise InvalidInputError(f"{option} {shown(path)} is not a local file", "give the path of one")
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
    """Make the folder of a file, and those above it; that of an address needs none."""
    if is_address(target):
        return
    try:
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    except OSError as error:
        raise FileProblemError(
            f"{target}: its folder cannot be made: {error.strerror or error}", "choose another place"
        ) from None


def opened(target: str) -> str | BinaryIO:
    """Give a target to write to: standard output as its stream, any other as its path or address."""
    return sys.stdout.buffer if target == STREAM else target


def _identity(path: str) -> tuple[int, int]:
    """Give the device and the inode of a file, which all its names and links share."""
    status = os.stat(path)
    return status.st_dev, status.st_ino
