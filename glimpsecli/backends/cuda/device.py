"""Numba's CUDA target, and whether it runs here. The only place that imports it.

The target is moving out of Numba into packages of its own (numba-cuda puts itself in the place of ``numba.cuda``), so
there is one line to change. Nothing imports this module until somebody asks for the GPU.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np
from numba import cuda as target

cuda: Any = target  # it ships no types

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
"""Whether Numba's simulator, slow and on the processor, stands in for the device: NUMBA_ENABLE_CUDASIM=1."""

FEWEST_BLOCKS = 128  # Numba warns of launches with fewer; a block that finds no job ends at once
MOST_BLOCKS = 1 << 30


def blocks(jobs: int) -> int:
    """Give the number of blocks for a number of jobs; a block goes on to another job while there is one."""
    return jobs if SIMULATED else min(max(jobs, FEWEST_BLOCKS), MOST_BLOCKS)


@functools.cache
def require() -> None:
    """Raise whatever keeps kernels from being compiled and run here; Numba's errors are of many kinds."""
    if SIMULATED:
        return
    cuda.get_current_device()
    # Only running a kernel shows that compiler, driver and device understand each other.
    found = cuda.to_device(np.zeros(1, np.int32))
    cuda.jit(_answer)[FEWEST_BLOCKS, 1](found)
    if found.copy_to_host()[0] != 42:
        raise RuntimeError("a kernel of the CUDA device computed nothing")


def device_number() -> int:
    """Give the number of the device that kernels run on, among those that are visible."""
    return int(cuda.get_current_device().id)


def describe() -> dict[str, Any]:
    """Describe the device: ``device``, ``compute_capability`` and ``memory``, in bytes."""
    if SIMULATED:
        return {"device": "Numba's simulator of CUDA", "compute_capability": None, "memory": None}
    device = cuda.get_current_device()
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    capability = ".".join(map(str, device.compute_capability))
    return {
        "device": name,
        "compute_capability": capability,
        "memory": int(cuda.current_context().get_memory_info()[1]),
    }


def _answer(out):
    if cuda.grid(1) == 0:
        out[0] = 42
