"""Who is timed. To add somebody, write a :class:`~glimpsecli.bench.contenders.base.Contender` and name it here."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from glimpsecli.bench.contenders.base import Contender, Scene

__all__ = ["OURS", "PEERS", "Contender", "Scene", "chosen"]

_ROOM = "glimpsecli.bench.contenders"
OURS = {
    "numpy": (f"{_ROOM}.ours:Numpy",),
    "cpu": (f"{_ROOM}.ours:Cpu",),
    "cuda": (f"{_ROOM}.ours:Cuda", f"{_ROOM}.ours:CudaResident"),
}
"""The contenders of each of our backends."""

PEERS = (
    f"{_ROOM}.numpy_peers:Dense",
    f"{_ROOM}.numpy_peers:Cropped",
    f"{_ROOM}.scipy_peers:AffineTransform",
    f"{_ROOM}.pillow_peers:Transform",
    f"{_ROOM}.pillow_peers:Bicubic",
    f"{_ROOM}.pillow_peers:BicubicReduced",
    f"{_ROOM}.pillow_peers:Bilinear",
    f"{_ROOM}.pillow_peers:Box",
    f"{_ROOM}.opencv_peers:WarpAffine",
    f"{_ROOM}.opencv_peers:Resize",
    f"{_ROOM}.opencv_peers:Area",
    f"{_ROOM}.torch_peers:GridSample",
    f"{_ROOM}.torch_peers:Matmul",
    f"{_ROOM}.torch_peers:GridSampleCuda",
    f"{_ROOM}.torch_peers:MatmulCuda",
    f"{_ROOM}.vips_peers:Affine",
    f"{_ROOM}.vips_peers:Cubic",
)
"""What somebody might use instead."""


def chosen(backends: Sequence[str], *, peers: bool) -> list[Contender]:
    """Make the contenders: ours for each of some backends, and the peers if they are wanted."""
    paths = [path for name in backends for path in OURS[name]] + list(PEERS if peers else ())
    return [_made(path) for path in paths]


def _made(path: str) -> Contender:
    module, _, name = path.partition(":")
    contender: Contender = getattr(importlib.import_module(module), name)()
    return contender
