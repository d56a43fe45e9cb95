"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO

from glimpsecli.errors import DiskFullError, FileProblemError, GlimpseError, InvalidInputError

_SUFFIX = ".glimpse-tmp"
_unfinished: set[str] = set()  # temporary files of this process
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_LONGEST_STEM = 100  # bytes of the target's name to keep: some file systems stop at 143, most at 255

_HINTS = {
    errno.ENOENT: "create its folder first",
    errno.ENOTDIR: "check the path",
    errno.EACCES: "check the permissions of its folder",
    errno.EPERM: "check the permissions of its folder",
    errno.EROFS: "choose another folder",
    errno.ENOSPC: "free some space or choose another disk",
    errno.EDQUOT: "free some space or choose another disk",
    errno.EFBIG: "choose another disk",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def place(path: str | os.PathLike[str], write: Callable[[BinaryIO], object], *, overwrite: bool = False) -> None:
    """Write a file so that it is whole, or not there, whatever happens.

    Parameters
    ----------
    path : path
        The target.
    write : callable
        Gets a seekable binary stream and writes the content to it. It may raise anything.
    overwrite : bool
        As for :func:`placing`, whose errors these are.
    """
    with placing(path, overwrite=overwrite) as stream:
        write(stream)


@contextmanager
def placing(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open a file that appears when the block ends without an exception, whole, or not at all.

    The content goes to a hidden temporary file beside the target, which is then put in place without clobbering.
    Symbolic links are followed: the link stays and its target is written. FIFOs and devices are written to at the end.

    Parameters
    ----------
    path : path
        The target.
    overwrite : bool
        Replace an existing file, keeping its mode; otherwise an existing file is an error.

    Yields
    ------
    binary stream
        Seekable, to write the content to; it may be read too.

    Raises
    ------
    InvalidInputError
        If the target exists and `overwrite` is off.
    FileProblemError
        If the target is a folder, or the system refuses: permissions, a full disk.
    """
    label = os.fspath(path)
    try:
        with _placing(label, overwrite=overwrite) as stream:
            yield stream
    except (GlimpseError, BrokenPipeError):
        raise  # a reader that stops early is no error; the command line ends without a message
    except OSError as error:
        raise explained(label, error) from error


def place_together(contents: Mapping[str, bytes], *, overwrite: bool = False) -> None:
    """Write files so that either all of them are there, or none.

    Each is whole under its temporary name before the first is put in place, so that only another program, or the end of
    this one in between, can leave some without the others.

    Parameters
    ----------
    contents : mapping of str to bytes
        The content of each path.
    overwrite : bool
        As for :func:`place`, whose errors these are.
    """
    if not contents:
        return
    (path, content), *left = contents.items()

    def write(stream: BinaryIO) -> None:
        stream.write(content)
        stream.flush()  # a full disk shows now
        place_together(dict(left), overwrite=overwrite)

    place(path, write, overwrite=overwrite)


def try_folder(folder: str) -> None:
    """Make a temporary file in a folder and remove it, or raise the `OSError` that a file of the user would meet."""
    path = os.path.join(folder, temporary_name("try"))
    os.close(os.open(path, _NEW, 0o600))
    os.unlink(path)


def explained(label: str, error: OSError) -> FileProblemError:
    """Turn a refusal of the system into one line with a way out."""
    reason = error.strerror or str(error) or type(error).__name__
    hint = _HINTS.get(error.errno) if error.errno else None
    kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else FileProblemError
    return kind(f"{label} could not be written: {reason[:1].lower()}{reason[1:]}", hint)


def discard_unfinished() -> None:
    """Remove the temporary files of this process, which is about to end at once."""
    for path in [*_unfinished]:
        with suppress(OSError):
            os.unlink(path)


def is_temporary(name: str) -> bool:
    """Return whether a name is that of a temporary file."""
    return name.startswith(".") and name.endswith(_SUFFIX)


def target_of(temporary: str) -> str:
    """Give the name of the file that a temporary file was to become, whose end may be cut off."""
    return temporary[1 : -len(_SUFFIX)].rpartition(".")[0]


def temporary_of(name: str, targets: Collection[str]) -> bool:
    """Return whether a name is that of a temporary file of a target, left by a process that was killed."""
    if not is_temporary(name):
        return False
    stem = target_of(name)
    return stem in targets or any(_stem(target) == stem for target in targets)


@contextmanager
def _placing(label: str, *, overwrite: bool) -> Iterator[BinaryIO]:
    existing = _status(label)
    if existing is not None and stat.S_ISDIR(existing.st_mode):
        raise FileProblemError(f"{label} is a folder", "name a file in it")
    if existing is not None and not stat.S_ISREG(existing.st_mode):
        content = io.BytesIO()
        yield content
        with open(label, "wb", buffering=0) as device:
            _write_all(device, content.getbuffer())
        return
    if existing is not None and not overwrite:
        raise _exists(label)
    target = os.path.realpath(label)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, temporary_name(name))
    _unfinished.add(temporary)
    try:
        # 0o666 lets the system apply the umask; reading the umask ourselves would mean setting it, for all threads.
        with os.fdopen(os.open(temporary, _NEW, 0o666), "w+b") as stream:
            if existing is not None and hasattr(os, "fchmod"):
                os.fchmod(stream.fileno(), stat.S_IMODE(existing.st_mode))
            yield stream
        if overwrite:
            os.replace(temporary, target)
        else:
            _put_without_clobbering(temporary, target, label)
    finally:
        # Gone already after a replace; after a link, or after any exception, Ctrl-C included, it must not stay.
        with suppress(OSError):
            os.unlink(temporary)
        _unfinished.discard(temporary)


def _put_without_clobbering(temporary: str, target: str, label: str) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError as error:
        raise _exists(label) from error
    except (OSError, AttributeError, NotImplementedError):
        # No hard links here (FAT, some network drives). Reserve the name, then replace the reservation.
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError as error:
            raise _exists(label) from error
        try:
            os.replace(temporary, target)
        except BaseException:
            if os.path.exists(temporary):  # so the target is still the empty reservation
                os.unlink(target)
            raise


def _status(label: str) -> os.stat_result | None:
    try:
        return os.stat(label)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InvalidInputError(f"{label!r} cannot be a file name: {error}", "choose another name") from error


def temporary_name(name: str) -> str:
    """Give a new name for a temporary file of a target."""
    return f".{_stem(name)}.{os.urandom(6).hex()}{_SUFFIX}"


def _stem(name: str) -> str:
    return os.fsencode(name)[:_LONGEST_STEM].decode(sys.getfilesystemencoding(), errors="ignore")


def _write_all(device: io.FileIO, content: memoryview) -> None:
    """Write everything to an unbuffered file, which may take less than it is given."""
    done = 0
    while done < len(content):
        done += device.write(content[done:]) or 0


def _exists(label: str) -> InvalidInputError:
    return InvalidInputError(f"{label} exists already", "use `--overwrite` to replace it")
