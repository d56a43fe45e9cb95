"""Numba's compiler with a cache on disk that cannot stop anybody's work.

Numba raises where a function's cache has nowhere to go. Here that costs the time to compile and nothing else. The
cache lies in the user's cache folder or in NUMBA_CACHE_DIR, and no global setting is touched.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

# Half of the time to compile goes into what the kernels can do without: tests of each division, reference counts (so
# their arrays are made by Python) and entries for C. Numba's annotations do not know all of these options.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}


def jit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that Python calls with ``numba.njit``, without the GIL, cached on disk where that is possible.

    It makes no arrays. The functions that it calls are in ``backends``: the cache watches nothing else. And never
    compile one ``def`` twice with different options: the two would share a cache entry.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher: Any = numba.njit(nogil=True, **_OPTIONS, **options)(function)
        # No folder for a cache, or a Numba that has changed within: its default, no cache, stays.
        with contextlib.suppress(Exception):
            from glimpsecli.backends.cpu.jit_cache import ForgivingCache

            dispatcher._cache = ForgivingCache(function)
        return dispatcher

    return decorate


def helper(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that only compiled functions call: they contain its code, so it has no cache and no entry."""
    every: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True, **options}
    compiler: Callable[[Callable[..., Any]], Any] = numba.njit(**every)
    return compiler


def cache_folder(dispatcher: Any) -> tuple[str | None, bool]:
    """Give the folder that keeps the compiled code of a function, and whether it can be written to."""
    path = getattr(getattr(dispatcher, "_cache", None), "cache_path", None)
    if path is None:
        return None, False
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return os.fspath(path), True
    except OSError:
        return os.fspath(path), False
