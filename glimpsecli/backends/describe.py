"""The state of each backend on this machine: whether it runs, and on which processor or device."""

from __future__ import annotations

import platform
from typing import Any

from glimpsecli.backends import BACKENDS, load
from glimpsecli.errors import GlimpseError


def describe() -> dict[str, dict[str, Any]]:
    """Describe every backend.

    Returns
    -------
    dict
        For each name ``available`` and, where it is not, ``reason``; for ``cpu`` also ``threads``,
        ``cache_folder`` and ``cache_writable``; for ``cuda`` also ``device``, ``compute_capability`` and ``memory``.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in BACKENDS:
        try:
            load(name)
            found[name] = {"available": True}
            found[name] |= cpu() if name == "cpu" else load("cuda").describe() if name == "cuda" else {}
        except GlimpseError as error:
            found[name] = {"available": False, "reason": error.message}
        except Exception as error:  # any error is the reason why a backend does not run
            found[name] = {"available": False, "reason": f"{type(error).__name__}: {error}".splitlines()[0]}
    return found


def processor() -> str:
    """Name the processor as the compiler of the cpu backend knows it."""
    try:
        from llvmlite.binding import get_host_cpu_name

        return f"{platform.machine()} {get_host_cpu_name()}"
    except ImportError:
        return platform.machine()


def cpu() -> dict[str, Any]:
    """Describe the cpu backend: ``threads``, ``cache_folder`` and ``cache_writable``."""
    from glimpsecli.backends.cpu import jit, threads
    from glimpsecli.backends.cpu.kernels import gaussian

    folder, writable = jit.cache_folder(gaussian.gaussian_kernel)
    return {
        "threads": threads.processors(),
        "cache_folder": folder,
        "cache_writable": writable,
    }
