"""Tar files of which the same members make the same bytes."""

from __future__ import annotations

import io
import tarfile

_MODE = 0o644


class Tar:
    """A tar in memory, to which members are added; no member has a time, an owner or a group."""

    def __init__(self) -> None:
        self._content = io.BytesIO()

    def add(self, name: str, content: bytes) -> None:
        """Add a member."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), _MODE
        self._content.write(_header(member))
        self._content.write(content)
        self._content.write(bytes(-len(content) % tarfile.BLOCKSIZE))

    def finish(self) -> bytes:
        """Give the bytes of the whole file."""
        self._content.write(bytes(2 * tarfile.BLOCKSIZE))
        return self._content.getvalue()


def _header(member: tarfile.TarInfo) -> bytes:
    """Write the header of a member: in the oldest form, which everybody reads, where its name fits there."""
    try:
        return member.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
    except ValueError:  # the name is too long, or has other letters
        return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
