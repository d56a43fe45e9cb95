"""Paths, addresses and streams that the user names, opened as seekable streams."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from glimpsecli.errors import GlimpseError
from glimpsecli.images.streams import is_stream, read_bytes
from glimpsecli.storage import is_stored, path_of, shown, storage_of
from glimpsecli.storage.local import unreadable

Source = str | os.PathLike[str] | BinaryIO


@contextmanager
def opened(source: Source, name: str | None = None) -> Iterator[tuple[BinaryIO, str]]:
    """Open a path or an address, or take a stream as it is.

    Parameters
    ----------
    source : path, address or binary stream
        A stream is read from where it stands, and stays open. What an address names is read into memory at once.
    name : str, optional
        The name of the source in messages.

    Yields
    ------
    stream, label : BinaryIO, str
        A seekable stream at its start, and its name in messages.
    """
    if not isinstance(source, (str, os.PathLike)):
        yield _seekable(source), name or "the input stream"
        return
    if isinstance(source, str) and is_stored(source):
        yield io.BytesIO(storage_of(source).read(path_of(source))), name or shown(source)
        return
    label = name or os.fspath(source)
    try:
        # Closed below; only the opening is guarded here.
        file = io.BytesIO(read_bytes(source, label)) if is_stream(source) else open(source, "rb")  # noqa: SIM115
    except GlimpseError:
        raise
    except (OSError, ValueError) as error:
        raise unreadable(source, label, error) from error
    with file:
        yield _seekable(file), label


def _seekable(stream: BinaryIO) -> BinaryIO:
    """Return the stream itself if decoders may jump about in it, else its content in memory."""
    named = isinstance(getattr(stream, "name", ""), str)  # tifffile trips over a file that was opened by number
    if named and stream.seekable() and stream.tell() == 0:
        return stream
    return io.BytesIO(stream.read())
