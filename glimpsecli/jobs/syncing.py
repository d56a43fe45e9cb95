"""Files on the disk, not only in the system's memory: a power cut takes none of their content."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable

from glimpsecli.errors import FileProblemError
from glimpsecli.images.atomic import explained

_UNSYNCABLE = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)  # a pipe, a device, some network drives


def sync_files(paths: Iterable[str]) -> None:
    """Wait until files, and their names in their folders, are on the disk.

    Raises
    ------
    FileProblemError
        A file is not there any more, or the disk refuses.
    """
    folders = set()
    for path in paths:
        folders.add(os.path.dirname(path) or ".")
        # Windows syncs only what may be written to.
        _sync(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY | os.O_NONBLOCK)
    for folder in folders if sys.platform != "win32" else ():
        _sync(folder, os.O_RDONLY)


def _sync(path: str, flags: int) -> None:
    try:
        file = os.open(path, flags)
    except FileNotFoundError:
        raise vanished(path) from None
    except PermissionError:
        return  # its mode was 0 before it was replaced
    except OSError as error:
        raise explained(path, error) from None
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in _UNSYNCABLE:
            raise explained(path, error) from None
    finally:
        os.close(file)


def vanished(path: str) -> FileProblemError:
    """Say that a file which was written is not there any more, or is another one."""
    return FileProblemError(f"{path} was removed or replaced while the batch ran", "run it again with --resume")
