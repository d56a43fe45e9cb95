"""The machine on which times are taken."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from glimpsecli.jobs.pool import processors

THREADS = (
    "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS", "VIPS_CONCURRENCY",
)  # fmt: skip
"""Environment variables that libraries read, once, when they start."""
BUSY = 0.5
"""Load average for each processor above which the machine is busy with something else."""


def describe() -> dict[str, Any]:
    """Describe the machine: ``cpu``, ``processors``, ``cores``, ``memory`` (bytes), ``os``, ``python``, ``gpu``."""
    info = _cpuinfo()
    return {
        "cpu": info.get("model name") or _sysctl("machdep.cpu.brand_string") or platform.processor() or "unknown",
        "architecture": platform.machine(),
        "processors": processors(),
        "cores": _cores(),
        "memory": memory(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "gpu": _gpu(),
    }


def load() -> float | None:
    """Give the load average of the last minute; None where the system keeps none."""
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def load_warning(average: float | None) -> str | None:
    """Warn of a machine that was busy before the run."""
    count = processors()
    if average is None or average <= BUSY * count:
        return None
    return (
        f"the load average was {average:.2f} on {count} processor{'s'[: count > 1]} before the run; close other "
        "programs, or look at the ratios only"
    )


def _cpuinfo() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cores() -> int | None:
    """Count the cores: processors that share one are counted once."""
    cores = set()
    with suppress(OSError):
        for folder in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology"):
            names = ("physical_package_id", "core_id")
            cores.add(tuple((folder / name).read_text(encoding="ascii").strip() for name in names))
    return len(cores) or None


def memory() -> int | None:
    """Give the bytes of memory; None where the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _gpu() -> str | None:
    return _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")


def _sysctl(name: str) -> str | None:
    return _output("sysctl", "-n", name) if platform.system() == "Darwin" else None


def _output(*command: str) -> str | None:
    """Run a program that may not be there and give its first line."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else None
