"""The members of tar files: a tar is read as a folder, ``shards/x-00000.tar/a/b.jpg``.

A local tar is read where it lies. One of a store is fetched once, into an unnamed temporary file, which is gone when
the tar has not been used for a while or the process ends.
"""

from __future__ import annotations

import os
import posixpath
import re
import tarfile
import tempfile
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError
from glimpsecli.storage.addresses import is_address, path_of, shown
from glimpsecli.storage.local import unreadable
from glimpsecli.storage.protocol import Entry, Storage
from glimpsecli.storage.reading import ReadOnly

HELD = 64
"""Tars that are held open."""
FRESH = 60.0
"""Seconds after which a store is asked whether a tar is still the one that was fetched."""
PIECE = 64 << 20
"""Bytes of a tar that are asked for at a time."""

_DRIVE = re.compile(r"[A-Za-z]:")


class Member(NamedTuple):
    """A file in a tar: where its bytes begin, and how many they are."""

    start: int
    size: int


class TarStorage(ReadOnly):
    """The members of a tar; see :class:`glimpsecli.storage.protocol.Storage`.

    Of members with one name the last one is read, as when a tar is unpacked. A hard link is the member that it is
    linked to; symbolic links and devices are not read.

    Parameters
    ----------
    path : str
        The path or the address of the tar.
    file : BinaryIO
        Its content.

    Raises
    ------
    FileProblemError
        It is no tar, or a compressed one.
    """

    def __init__(self, path: str, file: BinaryIO) -> None:
        self.root = shown(path)
        self._file, self._lock = file, threading.Lock()
        weakref.finalize(self, file.close)  # when nobody reads from it any more
        self._members: dict[str, Member] = {}
        self._folders: dict[str, dict[str, bool]] = {"": {}}  # what each holds, and whether that is a folder
        self.problem: tuple[str, str] | None = None  # and the way out
        self._index()

    def list(self, folder: str = "", *, deep: bool = True) -> Iterator[Entry]:
        """List a folder; after the uppermost comes the error of a tar that ends early, or has names it may not have."""
        folder = folder.strip("/")
        for name, is_folder in self._folders.get(folder, {}).items():
            path = posixpath.join(folder, name)
            if not is_folder:
                yield Entry(path, self._members[path].size)
            elif deep:
                yield from self.list(path)
            else:
                yield Entry(path, is_folder=True)
        if not folder and self.problem is not None:
            raise FileProblemError(*self.problem)

    def read(self, path: str) -> bytes:
        """Read a member whole."""
        member = self._member(path)
        return self.read_part(path, 0, member.size)

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """Read a part of a member."""
        member = self._member(path)
        with self._lock:
            self._file.seek(member.start + start)
            return self._file.read(max(0, min(stop, member.size) - start))

    def stat(self, path: str) -> Entry | None:
        """Look a member or a folder up."""
        if path in self._members:
            return Entry(path, self._members[path].size)
        return Entry(path, is_folder=True) if path.strip("/") in self._folders else None

    def _label(self, path: str = "") -> str:
        return f"{self.root}/{path}"

    def _member(self, path: str) -> Member:
        if path not in self._members:
            raise InvalidInputError(f"{self._label(path)} does not exist", "check the path")
        return self._members[path]

    def _index(self) -> None:
        size, refused = self._file.seek(0, os.SEEK_END), list[str]()
        damage = None
        self._file.seek(0)
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                for member in tar:
                    name = posixpath.normpath(member.name)
                    found = self._found(member)
                    if found is None or name == ".":
                        continue
                    if found.start + found.size > size:
                        damage = f"it is truncated: {member.name!r} ends early"
                        break
                    fault = _fault(name)
                    if fault is not None:
                        refused.append(f"{member.name!r} {fault}")
                        continue
                    self._add(name, found)
                else:
                    if tar.offset >= size:  # a tar ends with blocks of zeros
                        damage = "it is truncated: its end is missing"
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            if not self._members:
                raise FileProblemError(
                    f"{self.root} is no tar file, or a compressed one", "unpack it, or leave it out"
                ) from error
            damage = f"it is damaged after {next(reversed(self._members))!r}"
        problems = [damage] if damage is not None else []
        if refused:
            many = f"{len(refused)} members are" if len(refused) > 1 else "1 member is"
            problems.append(f"{many} not read; the first: {refused[0]}")
        if problems:
            hint = "rename the members" if damage is None else "copy the tar again"
            self.problem = ", and ".join(problems), hint

    def _found(self, member: tarfile.TarInfo) -> Member | None:
        """Give where the bytes of a member are; None for one that is not read."""
        if member.islnk():
            return self._members.get(posixpath.normpath(member.linkname))
        if not member.isreg() or member.sparse is not None:
            return None
        return Member(member.offset_data, member.size)

    def _add(self, name: str, member: Member) -> None:
        self._members.pop(name, None)
        self._members[name] = member
        folder, is_folder = name, False
        while folder:
            above, _, last = folder.rpartition("/")
            inside = self._folders.setdefault(above, {})
            inside[last] = is_folder
            folder, is_folder = above, True


def _fault(name: str) -> str | None:
    """Give the reason why a member with a name is not read, if there is one."""
    if name.startswith("/") or name.split("/")[0] == "..":
        return "leads out of the tar"
    if _DRIVE.match(name):
        return "begins with a drive"
    if "\\" in name:
        return "holds a backslash"
    return None if name.isprintable() else "holds a character that is not printable"


class _Slot:
    """A tar that is held open, and a lock under which it is opened once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.state: tuple[object, ...] | None = None
        self.asked = 0.0
        self.tar: TarStorage | None = None


_slots: OrderedDict[str, _Slot] = OrderedDict()
_slots_lock = threading.Lock()


def distrust_tars() -> None:
    """Ask the stores, when the tars are used next, whether they are still the ones that were fetched."""
    with _slots_lock:
        for slot in _slots.values():
            slot.asked = -FRESH


def tar_of(path: str, storage: Storage) -> TarStorage:
    """Give the members of a tar, which is opened once, and again where it has changed.

    Parameters
    ----------
    path : str
        The path or the address of the tar.
    storage : Storage
        The one that holds it.

    Raises
    ------
    GlimpseError
        It is not there, or cannot be read.
    """
    with _slots_lock:
        slot = _slots.setdefault(path, _Slot())
        _slots.move_to_end(path)
        while len(_slots) > HELD:
            _slots.popitem(last=False)
    inside = path_of(path)
    with slot.lock:
        if slot.tar is None or not is_address(path) or time.monotonic() - slot.asked > FRESH:
            found = storage.stat(inside)
            if found is None:
                raise InvalidInputError(f"{shown(path)} does not exist", "check the path")
            state = found.size, found.modified, found.etag
            if slot.tar is None or state != slot.state:
                slot.tar = None  # the old one is wrong, whatever comes now
                slot.tar = TarStorage(path, _opened(path, inside, storage, found.size))
                slot.state = state
            slot.asked = time.monotonic()
        return slot.tar


def _opened(path: str, inside: str, storage: Storage, size: int) -> BinaryIO:
    if not is_address(path):
        try:
            return open(path, "rb")
        except OSError as error:
            raise unreadable(path, path, error) from error
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the last that reads it
    try:
        for start in range(0, size, PIECE):
            file.write(storage.read_part(inside, start, min(start + PIECE, size)))
        file.flush()
    except OSError as error:
        file.close()
        if isinstance(error, GlimpseError):
            raise
        reason = f"{shown(path)} cannot be kept for a while: {error.strerror}"
        raise FileProblemError(reason, "free some space, or set TMPDIR") from error
    return file
