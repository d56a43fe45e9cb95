"""The folder on disk where compiled kernels are kept: in the user's cache, so that nothing stays behind a package.

BASE/glimpse_HASH/ holds the kernels of one installation, HASH being that of the folder of its sources. BASE is
NUMBA_CACHE_DIR where that is set, and else ``glimpse`` in the platform's folder for the caches of a user.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from glimpsecli.errors import FileProblemError

_PREFIX = "glimpse_"
_KERNELS = "*.nbc*"  # compiled kernels, and temporary files that a killed process left
_KEPT = 90 * 24 * 3600  # seconds since an installation last wrote a kernel, after which its folder may go


def base_folder() -> Path | None:
    """Give the folder that holds those of all installations, or None where the user has no home."""
    with contextlib.suppress(Exception):  # a Numba that cannot be imported
        from numba.core import config

        if given := getattr(config, "CACHE_DIR", ""):
            return Path(given).absolute()
    folder = Path(os.path.expanduser(_user_cache()))
    return folder if folder.is_absolute() else None


def folder_of(source: str) -> Path | None:
    """Give the folder for the kernels of a source file."""
    base = base_folder()
    if base is None:
        return None
    place = os.path.dirname(os.path.abspath(source))
    return base / f"{_PREFIX}{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}"


def forget_old(folder: Path) -> None:
    """Remove the kernels of other installations that have compiled nothing for a long time; they may be gone."""
    for other in _installations(folder.parent):
        with contextlib.suppress(OSError, FileProblemError):
            if other != folder and time.time() - other.stat().st_mtime > _KEPT:
                _empty(other)


def clear() -> tuple[int, int]:
    """Remove the kernels of all installations and the folders that this leaves empty, and nothing else.

    Returns
    -------
    files, size : int
        Number of files that are gone, and their size in bytes.

    Raises
    ------
    FileProblemError
        If a file cannot be removed.
    """
    base = base_folder()
    removed = [_empty(folder) for folder in _installations(base)] if base else []
    return sum(files for files, _ in removed), sum(size for _, size in removed)


def _user_cache() -> str:
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or r"~\AppData\Local", "glimpse", "Cache")
    if sys.platform == "darwin":
        return "~/Library/Caches/glimpse"
    given = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(given if os.path.isabs(given) else "~/.cache", "glimpse")  # XDG: relative paths do not count


def _installations(base: Path) -> Iterator[Path]:
    return (folder for folder in base.glob(f"{_PREFIX}*") if folder.is_dir())


def _empty(folder: Path) -> tuple[int, int]:
    """Remove the kernels of one installation, and its folder if nothing else is in it; count files and bytes."""
    files = size = 0
    for path in folder.glob(_KERNELS):
        try:
            bytes_of_file = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue  # another process was quicker
        except OSError as error:
            raise FileProblemError(
                f"{path} could not be removed: {error.strerror}", "check the permissions of its folder"
            ) from error
        files, size = files + 1, size + bytes_of_file
    with contextlib.suppress(OSError):
        folder.rmdir()
    return files, size
