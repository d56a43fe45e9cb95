"""The folders of many files: the system is asked once for each folder, not once for each file."""

from __future__ import annotations

import os
import unicodedata

from glimpsecli.annotations.text import listed
from glimpsecli.errors import InvalidInputError
from glimpsecli.storage.atomic import try_folder

MOST = 10_000
"""Folders that are remembered."""


class Folders:
    """Folders that were looked up: their real paths, whether they hold files, and whether they can be written to."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}
        self._filled: dict[str, bool] = {}
        self._writable: set[str] = set()

    def real(self, path: str) -> str:
        """Follow links as ``os.path.realpath`` does; the file need not exist."""
        folder, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir):
            return os.path.realpath(path)
        if folder not in self._real:
            self._forget_many()
            self._real[folder] = os.path.realpath(folder)
        real = os.path.join(self._real[folder], name)
        return os.path.realpath(real) if self.may_hold(folder) and os.path.islink(real) else real

    def may_hold(self, folder: str) -> bool:
        """Return whether a folder may hold files: one that is empty or not there yet holds none."""
        if folder not in self._filled:
            self._forget_many()
            try:
                with os.scandir(folder or os.curdir) as entries:
                    self._filled[folder] = next(entries, None) is not None
            except FileNotFoundError:
                self._filled[folder] = False
            except OSError:  # it cannot be listed, and may hold files
                self._filled[folder] = True
        return self._filled[folder]

    def check(self, folder: str, target: str) -> None:
        """Refuse a folder that can neither be written to nor be made.

        Parameters
        ----------
        folder : str
            A real path.
        target : str
            The file for which it is checked.
        """
        if folder in self._writable:
            return
        there = folder
        while not os.path.lexists(there):
            there = os.path.dirname(there)
        if not os.path.isdir(there):
            raise InvalidInputError(f"{target} cannot be written: {there} is not a folder", "choose another output")
        if there not in self._writable:
            try:
                try_folder(there)
            except OSError as error:
                raise InvalidInputError(
                    f"{target} cannot be written: {there}: {error.strerror or error}", "choose another output"
                ) from None
        self._writable |= {folder, there}

    def _forget_many(self) -> None:
        for known in (self._real, self._filled, self._writable):
            if len(known) >= MOST:
                known.clear()


class NamesOnDisk:
    """Names of files on disk, among which a file is found by its name in another Unicode form or with backslashes."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, list[str]]] = {}

    def find(self, path: str) -> str:
        """Give the path of a file on disk; the path as given where that exists, or where no file fits.

        Raises
        ------
        InvalidInputError
            Several files have this name in different Unicode forms.
        """
        if os.path.lexists(path):
            return path
        parts = path.replace("\\", "/").split("/")
        found = "/" if parts[0] == "" else ""
        for part in filter(None, parts):
            exact = os.path.join(found, part)
            if os.path.lexists(exact):
                found = exact
                continue
            names = self._in(found).get(unicodedata.normalize("NFC", part), [])
            if len(names) > 1:
                raise InvalidInputError(f"{path} fits {listed(names)} in {found or '.'}", "rename one of them")
            if not names:
                return path
            found = os.path.join(found, names[0])
        return found

    def _in(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._entries:
            entries = self._entries.setdefault(folder, {})
            try:
                names = os.listdir(folder or ".")
            except OSError:
                names = []
            for name in sorted(names):
                entries.setdefault(unicodedata.normalize("NFC", name), []).append(name)
        return self._entries[folder]
