"""The cache of a compiled function, built on parts of Numba that are its own affair: another Numba may lack them.

Numba lets errors of a full disk, a read-only folder or a damaged cache file out of the call of the function. Here each
of these costs the time to compile and nothing else.

Numba keeps an index beside the code, in which two processes that compile at the same time can exchange the code of two
signatures. Here the name of a file holds all that its code depends on, and files appear whole, so processes,
installations and versions share a folder without harm.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator

from glimpsecli.backends.cpu import jit_folder


@functools.cache
def _folder_digest() -> bytes:
    """Give the hash of all sources of the backends: kernels share helpers and options."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).digest()


class _Locator(_CacheLocator):
    """The place of a function in the cache, found without writing to the disk."""

    def __init__(self, source: str) -> None:
        self._py_file = source
        self._cache_path = os.fspath(jit_folder.folder_of(source) or "")

    def get_cache_path(self) -> str:
        """Give the folder."""
        return self._cache_path

    def get_disambiguator(self) -> str:
        """Give the version in place of the line: a kernel that moves in its file replaces its old code."""
        return f"numba{numba.__version__}"

    def get_source_stamp(self) -> str:
        """Give the hash of the sources. Times of files do not do: some installers set them all alike."""
        return hashlib.sha256(_folder_digest() + Path(self._py_file).read_bytes()).hexdigest()[:16]

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator | None:
        """Give the locator, or None where the user has no cache folder or the source is no file."""
        locator = cls(py_file)
        return locator if locator._cache_path and os.path.exists(py_file) else None


class _Implementation(CompileResultCacheImpl):
    _locator_classes: list[Any] = [_Locator]  # noqa: RUF012


class _Files(IndexDataCacheFile):
    """One file for each state of the sources, signature and processor, and named by these."""

    def __init__(self, folder: str, base: str, stamp: str) -> None:
        super().__init__(folder, base, stamp)
        self._folder, self._base, self._state = Path(folder), f"{base}.", f"{base}.{stamp}."

    def save(self, key: Any, data: Any) -> None:
        """Write the code, and remove that of other states of the sources."""
        if not any(self._folder.iterdir()):
            jit_folder.forget_old(self._folder)
        self._save_data(self._name(key), data)
        for path in self._folder.iterdir():
            if path.name.startswith(self._base) and not path.name.startswith(self._state):
                path.unlink(missing_ok=True)

    def load(self, key: Any) -> Any:
        """Read the code; an error where there is none."""
        return self._load_data(self._name(key))

    def _name(self, key: Any) -> str:
        return f"{self._state}{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.nbc"


class ForgivingCache(FunctionCache):
    """Numba's own cache of one function, in which a failure means: not cached."""

    _impl_class = _Implementation
    failures: ClassVar[list[str]] = []
    """Why code could not be kept: a reason for each compiled function that this process lost."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load a compiled function, or None."""
        try:
            # Not Numba's own, which first imports all that a compiler may need: most of the time of a first call.
            return self._load_overload(sig, target_context)
        except Exception:  # none there; and unpickling a damaged file can raise anything
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save a compiled function if that is possible."""
        try:
            super().save_overload(sig, data)
        except Exception as error:  # no space, no permission, a folder that went away
            self.failures.append(getattr(error, "strerror", None) or f"{type(error).__name__}: {error}")
