"""Paths and streams that the user names, opened as seekable streams."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.streams import is_stream, read_bytes

Source = str | os.PathLike[str] | BinaryIO


@contextmanager
def opened(source: Source, name: str | None = None) -> Iterator[tuple[BinaryIO, str]]:
    """Open a path, or take a stream as it is.

    Parameters
    ----------
    source : path or binary stream
        A stream is read from where it stands, and stays open.
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
    label = name or os.fspath(source)
    try:
        # Closed below; only the opening is guarded here.
        file = io.BytesIO(read_bytes(source, label)) if is_stream(source) else open(source, "rb")  # noqa: SIM115
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidInputError(f"{label} does not exist", "check the path") from error
    except (IsADirectoryError, PermissionError) as error:
        if os.path.isdir(source):  # Windows says only that it may not be read
            raise InvalidInputError(f"{label} is a folder", "name the images in it") from error
        raise FileProblemError(f"{label} may not be read: permission denied", "check its permissions") from error
    except InvalidInputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileProblemError(f"{label} could not be opened: {reason}", "check the path") from error
    with file:
        yield _seekable(file), label


def _seekable(stream: BinaryIO) -> BinaryIO:
    """Return the stream itself if decoders may jump about in it, else its content in memory."""
    named = isinstance(getattr(stream, "name", ""), str)  # tifffile trips over a file that was opened by number
    if named and stream.seekable() and stream.tell() == 0:
        return stream
    return io.BytesIO(stream.read())
