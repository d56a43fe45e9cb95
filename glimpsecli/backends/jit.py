"""Numba's compiler with a cache on disk that cannot stop anybody's work.

Numba raises where a function's cache has nowhere to go, and lets errors of a full disk, a read-only folder or a damaged
cache file out of the call of the function. Here each of these costs the time to compile and nothing else.
NUMBA_CACHE_DIR is respected, and no global setting is touched.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile


class ForgivingCache(FunctionCache):
    """Numba's own cache of one function, in which a failure means: not cached.

    Numba watches the file of the function alone; this watches all of this folder: kernels share helpers and options.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        files = sorted(Path(__file__).parent.glob("*.py"))
        stamps = tuple((file.name, status.st_mtime_ns, status.st_size) for file in files for status in [file.stat()])
        own = self._impl.locator.get_source_stamp()
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, (own, *stamps))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load a compiled function, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling a damaged file can raise anything
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save a compiled function if that is possible."""
        try:
            super().save_overload(sig, data)
        except Exception:  # no space, no permission, a folder that went away
            return


# Half of the time to compile goes into what the kernels can do without: tests of each division, reference counts (so
# their arrays are made by Python) and entries for C. Numba's annotations do not know all of these options.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}


def jit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that Python calls with ``numba.njit``, without the GIL, cached on disk where that is possible.

    It makes no arrays. The functions that it calls are in this folder: the cache watches no other. And never compile
    one ``def`` twice with different options: the two would share a cache entry.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher: Any = numba.njit(nogil=True, **_OPTIONS, **options)(function)
        try:
            dispatcher._cache = ForgivingCache(function)
        except (RuntimeError, OSError):  # no folder for a cache: Numba's default, no cache, stays
            return dispatcher
        return dispatcher

    return decorate


def helper(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that only compiled functions call: they contain its code, so it has no cache and no entry."""
    every: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True, **options}
    compiler: Callable[[Callable[..., Any]], Any] = numba.njit(**every)
    return compiler


def cache_folder(dispatcher: Any) -> tuple[str | None, bool]:
    """Tell where the compiled code of a function is kept, and whether anything can be written there."""
    path = getattr(dispatcher._cache, "cache_path", None)
    if path is None:
        return None, False
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return os.fspath(path), True
    except OSError:
        return os.fspath(path), False
