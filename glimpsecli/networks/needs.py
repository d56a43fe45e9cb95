"""The libraries that a model needs, and that not every installation has."""

from __future__ import annotations

import importlib

from glimpsecli.errors import UnavailableError, extra


def check_installed(use: str) -> None:
    """Refuse, in one line, to go on where torch or safetensors is not installed.

    Parameters
    ----------
    use : str
        What needs them, for the message.

    Raises
    ------
    UnavailableError
    """
    for name in ("torch", "safetensors"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UnavailableError(f"{use} needs {name}: {error}", extra("learn")) from error
