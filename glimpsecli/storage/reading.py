"""Storages that are only read: whatever would write there is refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NoReturn

from glimpsecli.errors import InvalidInputError


class ReadOnly(ABC):
    """The writing half of :class:`glimpsecli.storage.protocol.Storage`, refused."""

    def put(self, path: str, content: bytes | memoryview, *, overwrite: bool = False) -> None:
        """Refuse to write."""
        self._refuse(path)

    def delete(self, *paths: str) -> None:
        """Refuse to delete."""
        self._refuse(*paths)

    def append(self, path: str, lines: Sequence[str]) -> None:
        """Refuse to write."""
        self._refuse(path)

    def log(self, path: str) -> Iterator[str]:
        """Refuse: only what is written here is kept as a log."""
        self._refuse(path)

    def join(self, path: str) -> None:
        """Refuse to write."""
        self._refuse(path)

    def move(self, path: str, to: str) -> None:
        """Refuse to write."""
        self._refuse(to)

    def discard(self, path: str) -> None:
        """Refuse to delete."""
        self._refuse(path)

    @abstractmethod
    def _label(self, path: str = "") -> str:
        """Name a file in messages."""

    def _refuse(self, *paths: str) -> NoReturn:
        raise InvalidInputError(f"{self._label(*paths[:1])} is read-only", "write to a folder or to a bucket")
