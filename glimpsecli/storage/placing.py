"""Files and objects that appear whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import BinaryIO

from glimpsecli.storage import atomic
from glimpsecli.storage.addresses import is_address, path_of
from glimpsecli.storage.opening import storage_of


def place(path: str | os.PathLike[str], write: Callable[[BinaryIO], object], *, overwrite: bool = False) -> None:
    """Write a file or an object so that it is whole, or not there, whatever happens.

    Parameters
    ----------
    path : path or address
        The target. The folder of a file must be there; an object needs none.
    write : callable
        Gets a seekable binary stream and writes the content to it. It may raise anything. The content of an object is
        kept in memory until it is put.
    overwrite : bool
        Replace an existing file or object; otherwise it is an error.

    Raises
    ------
    InvalidInputError
        If the target exists and `overwrite` is off.
    FileProblemError
        If the target is a folder, or the system or the store refuses.
    """
    if not isinstance(path, str) or not is_address(path):
        atomic.place(path, write, overwrite=overwrite)
        return
    content = io.BytesIO()
    write(content)
    storage_of(path).put(path_of(path), content.getbuffer(), overwrite=overwrite)
