"""The cache of a compiled function, built on parts of Numba that are its own affair: another Numba may lack them.

Numba lets errors of a full disk, a read-only folder or a damaged cache file out of the call of the function. Here each
of these costs the time to compile and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
