"""Files of web servers as a storage: they are read by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from glimpsecli.errors import InvalidInputError
from glimpsecli.storage.protocol import Entry
from glimpsecli.storage.reading import ReadOnly
from glimpsecli.storage.refusals import MissingError, NoPartsError, attempt

_SIMPLE = re.compile(r"(?:[A-Za-z0-9_.~-]+/)*[A-Za-z0-9_.~-]+")  # paths that are the same decoded and encoded
_DOTS = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")


class WebStorage(ReadOnly):
    """A web server; see :class:`glimpsecli.storage.protocol.Storage`. It is read-only and gives no listing.

    Parameters
    ----------
    root : str
        The address of the host.
    open_store : callable
        Opens a store from an address. It is called once for the host, and for each file whose name is percent-encoded
        or has a query, since the store would encode the name anew.
    """

    def __init__(self, root: str, open_store: Callable[[str], Any]) -> None:
        self.root = root
        self._open = open_store
        self._host = open_store(root)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.root!r})"

    def read(self, path: str) -> bytes:
        """Read a file."""
        content: bytes = attempt(lambda: self._get(path).bytes().to_bytes(), self._label(path), "read")
        return content

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """Read a part of a file; of a server that gives no parts the whole file is read."""
        if stop <= start:
            return b""
        try:
            return bytes(attempt(lambda: self._get(path, (start, stop)).bytes(), self._label(path), "read"))
        except NoPartsError:
            return self.read(path)[start:stop]

    def stat(self, path: str) -> Entry | None:
        """Look a file up by asking for its first byte: an address that is signed for reading allows nothing else."""
        label = self._label(path)
        try:
            try:
                found = attempt(lambda: self._get(path, (0, 1)).meta, label, "read")
            except NoPartsError:  # an empty file, or a server that gives none
                found = attempt(lambda: self._get(path).meta, label, "read")
        except MissingError:
            return None
        return Entry(path, found["size"], found["last_modified"].timestamp(), found["e_tag"])

    def list(self, folder: str = "", *, deep: bool = True) -> Iterator[Entry]:
        """Refuse: a web server has no listing."""
        raise InvalidInputError(f"{self._label(folder)} cannot be listed", "name its files one by one")

    def _get(self, path: str, part: tuple[int, int] | None = None) -> Any:
        options = {} if part is None else {"options": {"range": part}}
        if _SIMPLE.fullmatch(path) and not _DOTS.search(path):
            return self._host.get(path, **options)
        return self._open(f"{self.root}/{path}").get("", **options)

    def _label(self, path: str = "") -> str:
        return f"{self.root}/{unquote(path.partition('?')[0])}"
