"""The objects of a bucket as a storage, through obstore."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.storage import parts
from glimpsecli.storage.ahead import ahead, elsewhere
from glimpsecli.storage.protocol import Entry
from glimpsecli.storage.refusals import MissingError, NoPartsError, PresentError, UnconditionalError, attempt

PAGE = 1000
"""Objects that a store lists in one request."""

IN_ONE_PIECE = 64 << 20
"""Bytes up to which an object is written in one request, which is one that needs no cleaning up when it breaks off."""

_PIECE = 8 << 20  # bytes of a piece of an object that is written in several
_PIECES = 9000  # of at most 10,000 that S3 allows
_AT_ONCE = 4  # pieces that are sent at once


class ObjectStorage:
    """A bucket; see :class:`glimpsecli.storage.protocol.Storage`.

    It cannot be pickled: the store inside holds credentials. Send the address, and open it anew.

    Parameters
    ----------
    root : str
        The address of the bucket.
    store : obstore.store.ObjectStore
        The store, with its credentials.
    """

    def __init__(self, root: str, store: Any) -> None:
        self.root = root
        self._store = store
        self._lock = threading.Lock()
        self._next: dict[str, int] = {}  # number of the next part of each log
        self._replaces = False  # whether the store has shown that it cannot refuse to replace

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.root!r})"

    def __reduce__(self) -> str:
        raise TypeError(f"{self!r} holds credentials and cannot be pickled; send its address, and open it anew")

    def list(self, folder: str = "", *, deep: bool = True) -> Iterator[Entry]:
        """List the objects below a prefix, a page of 1,000 after another, in the order of their bytes."""
        label, prefix = self._label(folder), folder.rstrip("/") or None
        if not deep:
            found = attempt(lambda: self._store.list_with_delimiter(prefix), label, "listed")
            yield from map(_entry, found["objects"])
            yield from (Entry(path, is_folder=True) for path in found["common_prefixes"])
            return
        pages = attempt(lambda: iter(self._store.list(prefix, chunk_size=PAGE)), label, "listed")
        while (page := attempt(lambda: next(pages, None), label, "listed")) is not None:
            yield from map(_entry, page)

    def read(self, path: str) -> bytes:
        """Read an object."""
        content: bytes = attempt(lambda: self._store.get(self._key(path)).bytes().to_bytes(), self._label(path), "read")
        return content

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """Read a part of an object; nothing is asked for where it is empty."""
        if stop <= start:
            return b""
        try:
            part = attempt(
                lambda: self._store.get_range(self._key(path), start=start, end=stop), self._label(path), "read"
            )
        except NoPartsError:  # it begins after the end
            return b""
        return bytes(part)

    def put(self, path: str, content: bytes | memoryview, *, overwrite: bool = False) -> None:
        """Write an object; a store that cannot refuse to replace one is asked once, and refused from then on."""
        if overwrite:
            several = len(content) > IN_ONE_PIECE
            self._put(path, content, mode="overwrite", use_multipart=several, chunk_size=_PIECE)
            return
        try:
            if not self._replaces:
                self._put(path, content, mode="create", use_multipart=False)
                return
        except UnconditionalError:
            self._replaces = True
        raise UnconditionalError(f"{self.root} cannot refuse to overwrite", "give --overwrite")

    def stat(self, path: str) -> Entry | None:
        """Look an object up; a folder is none."""
        if not path.rstrip("/"):
            return Entry(path, is_folder=True)
        try:
            return _entry(attempt(lambda: self._store.head(self._key(path)), self._label(path), "read"))
        except MissingError:
            return None

    def delete(self, *paths: str) -> None:
        """Delete objects, 1,000 in a request where the store can do so."""
        keys = [self._key(path) for path in paths]
        if keys:
            label = self._label(paths[0]) if len(paths) == 1 else self.root
            attempt(lambda: self._store.delete(keys), label, "deleted")

    def append(self, path: str, lines: Sequence[str]) -> None:
        """Write lines as the next part of a log.

        A part of this number that holds the same lines is taken for this one: the store had kept it, and its answer was
        lost. Any other is that of a second writer.
        """
        if not lines:
            return
        content = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
        with self._lock:
            if path not in self._next:
                self._next[path] = self._parts(path).following
            part = parts.path_of_part(path, self._next[path])
            try:
                self.put(part, content)
            except UnconditionalError:
                self.put(part, content, overwrite=True)
            except PresentError:
                if self.read(part) != content:
                    raise InvalidInputError(
                        f"another run is writing to {self._label(path)}",
                        "wait until it has ended, or choose another output folder",
                    ) from None
            self._next[path] += 1

    def log(self, path: str) -> Iterator[str]:
        """Give the lines of the object that an earlier :meth:`join` has made, and those of the parts."""
        rest = b""
        for piece in self._pieces(path, self._parts(path).left):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", "surrogateescape")

    def join(self, path: str) -> None:
        """Put the parts of a log behind the object that an earlier call has made, as a stream, and delete them.

        The name of a mark says before how large the object will be, and how many parts it will hold. So they are known
        for what they are if the call is interrupted between the writing and the deleting.
        """
        with self._lock:
            self._join(path)
            self._next.pop(path, None)

    def move(self, path: str, to: str) -> None:
        """Join a log, and let the store copy its object; until that is done the log stays where it is."""
        self.join(path)
        self.discard(to)
        if self.stat(path) is not None:
            attempt(lambda: self._store.copy(self._key(path), self._key(to)), self._label(to), "written")
            self.delete(path)

    def discard(self, path: str) -> None:
        """Delete the object and the parts of a log."""
        with self._lock:
            self.delete(path, *(entry.path for entry in self.list(parts.folder_of_parts(path))))
            self._next.pop(path, None)

    def _join(self, path: str) -> None:
        found = self._parts(path)
        self.delete(*found.joined)
        self.delete(*found.marks)
        if not found.left:
            return
        size = found.size + sum(part.size for part in found.left)
        mark = parts.path_of_mark(path, found.following, size)
        self.put(mark, b"", overwrite=True)
        content = _checked(self._pieces(path, found.left), size, self._label(path))
        if size <= _PIECE:
            self.put(path, b"".join(content), overwrite=True)
        else:
            piece = max(_PIECE, size // _PIECES + 1)
            several = {"use_multipart": True, "chunk_size": piece, "max_concurrency": _AT_ONCE}
            self._put(path, elsewhere(content), mode="overwrite", **several)
        self.delete(*(part.path for part in found.left))
        self.delete(mark)  # last: until then it says what the parts are

    def _parts(self, path: str) -> parts.Parts:
        """Find the parts of a log, with one listing, and one look at the object where parts or a mark are there."""
        entries = [*self.list(parts.folder_of_parts(path))]
        joined = self.stat(path) if entries else None
        return parts.found(entries, 0 if joined is None else joined.size)

    def _pieces(self, path: str, left: Sequence[Entry]) -> Iterator[bytes]:
        """Give the content of a log: that of its object, where there is one, and of the parts that it does not hold."""
        label = self._label(path)
        try:
            stream = attempt(
                lambda: iter(self._store.get(self._key(path)).stream(min_chunk_size=_PIECE)), label, "read"
            )
            while (piece := attempt(lambda: next(stream, None), label, "read")) is not None:
                yield bytes(piece)
        except MissingError:
            pass  # it was never joined
        yield from ahead(self.read, [part.path for part in left])

    def _put(self, path: str, content: Any, **how: Any) -> None:
        attempt(lambda: self._store.put(self._key(path), content, **how), self._label(path), "written")

    def _key(self, path: str) -> str:
        """Give the name of an object, or refuse that of a folder."""
        if not path or path.endswith("/"):
            raise InvalidInputError(f"{self._label(path)} is a folder", "name a file in it")
        return path

    def _label(self, path: str) -> str:
        return f"{self.root}/{path}" if path else self.root


def _entry(meta: Any) -> Entry:
    return Entry(meta["path"], meta["size"], meta["last_modified"].timestamp(), meta["e_tag"])


def _checked(pieces: Iterator[bytes], size: int, label: str) -> Iterator[bytes]:
    """Pass the pieces of a log on, and refuse them at the end if they are not as many bytes as were listed."""
    passed = 0
    for piece in pieces:
        passed += len(piece)
        yield piece
    if passed != size:
        raise FileProblemError(f"{label} was changed while its parts were joined", "let one run write to it at a time")
