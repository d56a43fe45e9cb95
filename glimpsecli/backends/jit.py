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
from numba.core.caching import FunctionCache


class ForgivingCache(FunctionCache):
    """Numba's own cache of one function, in which a failure means: not cached."""

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


def jit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that Python calls with ``numba.njit``, without the GIL, cached on disk where that is possible.

    Keep the functions that a cached one calls in its own file: Numba watches no other. And never compile one ``def``
    twice with different options: the two would share a cache entry.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)(function)
        try:
            dispatcher._cache = ForgivingCache(function)
        except (RuntimeError, OSError):  # no folder for a cache: Numba's default, no cache, stays
            return dispatcher
        return dispatcher

    return decorate


def helper(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that only other compiled functions call.

    The code of its callers contains it, so it has no cache of its own, and nothing for Python or C to call it by: that
    takes a third of the time that all else takes.
    """
    return numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)  # type: ignore[no-any-return]


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
