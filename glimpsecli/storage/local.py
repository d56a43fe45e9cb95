"""Local files as a storage."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError
from glimpsecli.storage.atomic import explained, place
from glimpsecli.storage.protocol import Entry

_UNSYNCABLE = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)  # some network drives
_BLOCK = 1 << 16  # bytes that are searched at once for the end of the last whole line


class LocalStorage:
    """The local disks; see :class:`glimpsecli.storage.protocol.Storage`."""

    root = ""

    def list(self, folder: str = "", *, deep: bool = True) -> Iterator[Entry]:
        """List a folder; links to folders are not followed, and what is neither file nor folder is left out."""
        below: list[str] = []
        try:
            with os.scandir(folder or os.curdir) as entries:
                for entry in entries:
                    path = os.path.join(folder, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        below.append(path)
                    elif entry.is_file():
                        status = entry.stat()
                        yield Entry(path, status.st_size, status.st_mtime)
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                raise InvalidInputError(f"{folder} is not a folder", "check the path") from error
            reason = error.strerror or str(error)
            raise FileProblemError(f"{folder} cannot be searched: {reason}", "check its permissions") from error
        for path in below:
            if deep:
                yield from self.list(path)
            else:
                yield Entry(path, is_folder=True)

    def read(self, path: str) -> bytes:
        """Read a file whole."""
        try:
            with open(path, "rb") as file:
                return file.read()
        except (OSError, ValueError) as error:
            raise unreadable(path, path, error) from error

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """Read a part of a file."""
        try:
            with open(path, "rb") as file:
                file.seek(start)
                return file.read(max(0, stop - start))
        except (OSError, ValueError) as error:
            raise unreadable(path, path, error) from error

    def put(self, path: str, content: bytes | memoryview, *, overwrite: bool = False) -> None:
        """Write a file whole, and make its folder."""
        self._make_folder(path)
        place(path, lambda stream: stream.write(content), overwrite=overwrite)

    def stat(self, path: str) -> Entry | None:
        """Look a file or a folder up, through links."""
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise unreadable(path, path, error) from error
        return Entry(path, status.st_size, status.st_mtime, is_folder=os.path.isdir(path))

    def delete(self, *paths: str) -> None:
        """Delete files."""
        for path in paths:
            try:
                os.unlink(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = error.strerror or str(error)
                raise FileProblemError(f"{path} could not be deleted: {reason}", "check its permissions") from error

    def append(self, path: str, lines: Sequence[str]) -> None:
        """Append to the file and sync it; the piece of a line that a killed process has left is removed first."""
        if not lines:
            return
        content = memoryview("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
        self._make_folder(path)
        try:
            with open(path, "r+b" if os.path.exists(path) else "x+b", buffering=0) as file:
                end = _end_of_lines(file)
                file.truncate(end)
                file.seek(end)
                while content:
                    content = content[file.write(content) or 0 :]
                _sync(file.fileno())
        except OSError as error:
            raise explained(path, error) from error

    def log(self, path: str) -> Iterator[str]:
        """Give the whole lines of a file."""
        try:
            with open(path, "rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        yield line[:-1].decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return
        except OSError as error:
            raise unreadable(path, path, error) from error

    def join(self, path: str) -> None:
        """Do nothing: a local log is one file already."""

    def move(self, path: str, to: str) -> None:
        """Rename the file."""
        try:
            os.replace(path, to)
        except OSError as error:
            raise explained(to, error) from error

    def discard(self, path: str) -> None:
        """Delete the file."""
        self.delete(path)

    def _make_folder(self, path: str) -> None:
        try:
            os.makedirs(os.path.dirname(path) or os.curdir, exist_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise FileProblemError(f"{path}: its folder cannot be made: {reason}", "choose another place") from error


def unreadable(path: str | os.PathLike[str], label: str, error: OSError | ValueError) -> GlimpseError:
    """Turn the refusal of the system to open or read a file into one line with a way out."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InvalidInputError(f"{label} does not exist", "check the path")
    if isinstance(error, IsADirectoryError | PermissionError):
        if os.path.isdir(path):  # Windows says only that it may not be read
            return InvalidInputError(f"{label} is a folder", "name the images in it")
        return FileProblemError(f"{label} may not be read: permission denied", "check its permissions")
    reason = getattr(error, "strerror", None) or error
    return FileProblemError(f"{label} could not be opened: {reason}", "check the path")


def _end_of_lines(file: BinaryIO) -> int:
    """Give the position after the last whole line of a file."""
    stop = file.seek(0, os.SEEK_END)
    while stop:
        start = max(0, stop - _BLOCK)
        file.seek(start)
        found = file.read(stop - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        stop = start
    return 0


def _sync(file: int) -> None:
    """Wait until a file is on the disk, where the system can do so."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in _UNSYNCABLE:
            raise
