"""The one protocol of storage: what local files and the objects of a store have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """A file or an object, or a folder where folders are asked for.

    Attributes
    ----------
    path : str
        The path, as the other methods of its storage take it.
    size : int
        Size in bytes.
    modified : float
        Time of the last change, in seconds since 1970; 0 where the storage does not say.
    etag : str or None
        The mark by which a store tells versions of an object; local files have none.
    is_folder : bool
    """

    path: str
    size: int = 0
    modified: float = 0.0
    etag: str | None = None
    is_folder: bool = False


class Storage(Protocol):
    """A place for files: the local disks, a bucket or a web server.

    Paths are those that :func:`glimpsecli.storage.addresses.path_of` gives, with slashes. All methods may be called
    from several threads at once. None of them answers from memory: each asks the disk or the store.

    Errors are :class:`~glimpsecli.errors.InvalidInputError` where a file does not exist, exists already or is a folder,
    and :class:`~glimpsecli.errors.FileProblemError` where the disk, the store or the network refuses. They name the
    address without secrets.
    """

    @property
    def root(self) -> str:
        """The address of all of it, as messages hold it; empty for the local disks."""

    def list(self, folder: str = "", *, deep: bool = True) -> Iterator[Entry]:
        """List a folder, in no order that is promised.

        Parameters
        ----------
        folder : str
            A folder that is not there is an error on a disk; a store cannot tell it from an empty one.
        deep : bool
            Give all files below the folder, as a stream: a store needs a request for each 1,000. Otherwise give its own
            files and its subfolders, which a store collects before the first is given.
        """

    def read(self, path: str) -> bytes:
        """Read a file whole, in one request."""

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """Read the bytes from `start` up to `stop`, which is not included; fewer at the end of the file."""

    def put(self, path: str, content: bytes | memoryview, *, overwrite: bool = False) -> None:
        """Write a file so that it is whole, or not there; an existing one is replaced only if `overwrite` is on."""

    def stat(self, path: str) -> Entry | None:
        """Look a file up; None where it does not exist."""

    def delete(self, *paths: str) -> None:
        """Delete files; one that is not there is no error."""

    def append(self, path: str, lines: Sequence[str]) -> None:
        """Append lines, given without their ends, to a log, and return once they are safe.

        A log has one writer. A local log is the file itself, which is synced. A store keeps each call's lines as a
        numbered part beside it; :meth:`join` makes one object of the parts.
        """

    def log(self, path: str) -> Iterator[str]:
        """Give the lines of a log in the order in which they were appended, without their ends; none where it is new.

        The piece of a line that a killed process has left at the end is left out.
        """

    def join(self, path: str) -> None:
        """Make one file of a log that was kept in parts.

        Where it is interrupted :meth:`log` still gives each line once, and it can be called again.
        """

    def move(self, path: str, to: str) -> None:
        """Put a log in the place of another one, which is discarded."""

    def discard(self, path: str) -> None:
        """Delete a log: its file and its parts."""
