"""The contenders. To add one, write a :class:`~glimpsecli.bench.contenders.base.Contender` and name it here."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from glimpsecli.bench.contenders.base import Contender, Scene

__all__ = ["OURS", "PEERS", "Contender", "Scene", "chosen"]

_PACKAGE = "glimpsecli.bench.contenders"
OURS = {
    "numpy": (f"{_PACKAGE}.ours:Numpy",),
    "cpu": (f"{_PACKAGE}.ours:Cpu",),
    "cuda": (f"{_PACKAGE}.ours:Cuda", f"{_PACKAGE}.ours:CudaResident"),
}
"""The contenders of each of our backends."""

PEERS = (
    f"{_PACKAGE}.numpy_peers:Dense",
    f"{_PACKAGE}.numpy_peers:Cropped",
    f"{_PACKAGE}.scipy_peers:AffineTransform",
    f"{_PACKAGE}.pillow_peers:Transform",
    f"{_PACKAGE}.pillow_peers:Bicubic",
    f"{_PACKAGE}.pillow_peers:BicubicReduced",
    f"{_PACKAGE}.pillow_peers:Bilinear",
    f"{_PACKAGE}.pillow_peers:Box",
    f"{_PACKAGE}.opencv_peers:WarpAffine",
    f"{_PACKAGE}.opencv_peers:BlurAndWarp",
    f"{_PACKAGE}.opencv_peers:Resize",
    f"{_PACKAGE}.opencv_peers:Area",
    f"{_PACKAGE}.torch_peers:GridSample",
    f"{_PACKAGE}.torch_peers:Matmul",
    f"{_PACKAGE}.torch_peers:GridSampleCuda",
    f"{_PACKAGE}.torch_peers:MatmulCuda",
    f"{_PACKAGE}.vips_peers:Affine",
    f"{_PACKAGE}.vips_peers:Cubic",
)
"""The contenders of other libraries."""


def chosen(backends: Sequence[str], *, peers: bool) -> list[Contender]:
    """Make the contenders: ours for each of some backends, and the peers if they are wanted."""
    paths = [path for name in backends for path in OURS[name]] + list(PEERS if peers else ())
    return [_made(path) for path in paths]


def _made(path: str) -> Contender:
    module, _, name = path.partition(":")
    contender: Contender = getattr(importlib.import_module(module), name)()
    return contender
