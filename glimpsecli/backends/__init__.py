"""The samplers, fast: a module for each backend, with the functions of :class:`~glimpsecli.backends.protocol.Backend`.

A backend that needs more than an import has ``require()``, which raises an error where the backend cannot run.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any, overload

from glimpsecli.errors import InvalidInputError, UnavailableError, extra

if TYPE_CHECKING:
    from typing import Literal

    from glimpsecli.backends import numpy_backend
    from glimpsecli.backends.cpu import backend as cpu
    from glimpsecli.backends.cuda import backend as cuda
    from glimpsecli.backends.protocol import Backend, DeviceBackend

    _numpy: Backend = numpy_backend  # mypy proves that each module fits
    _cpu: Backend = cpu
    _cuda: DeviceBackend = cuda

BACKENDS = {
    "numpy": "glimpsecli.backends.numpy_backend",
    "cpu": "glimpsecli.backends.cpu.backend",
    "cuda": "glimpsecli.backends.cuda.backend",
}
"""Name of each backend, and the module to import when somebody asks for it."""

HINTS = {"cuda": f"{extra('cuda')}, on a machine with an NVIDIA GPU; or use the cpu backend"}


@overload
def load(name: Literal["cuda"]) -> DeviceBackend: ...


@overload
def load(name: str) -> Backend: ...


@functools.cache
def load(name: str) -> Any:
    """Import a backend; a backend that could not run is tried again at the next call.

    Raises
    ------
    InvalidInputError
        There is no backend of that name.
    UnavailableError
        It cannot run here; the message says why.
    """
    if name not in BACKENDS:
        raise InvalidInputError(f"unknown backend {name!r}", f"choose from auto, {', '.join(BACKENDS)}")
    try:
        module = importlib.import_module(BACKENDS[name])
        if hasattr(module, "require"):
            module.require()
    except Exception as error:  # drivers and half-installed packages raise anything
        # Some errors of drivers are pages long; the cause stands in their first lines.
        lines = [line for line in map(str.strip, str(error).splitlines()) if line] or [type(error).__name__]
        reason = " ".join(lines[:2]).rstrip(".")
        raise UnavailableError(
            f"the {name} backend cannot run: {reason}", HINTS.get(name, "use the numpy backend")
        ) from error
    return module
