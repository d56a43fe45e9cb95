"""glimpse: look at a part of an image the way visual-attention models do.

The public names are resolved when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from glimpsecli import attention as attention
    from glimpsecli import torch as torch
    from glimpsecli.errors import GlimpseError as GlimpseError
    from glimpsecli.learning import fit as fit
    from glimpsecli.motion.path import Path as Path
    from glimpsecli.sampling import Sampler as Sampler
    from glimpsecli.sampling import Sampling as Sampling
    from glimpsecli.sampling import extract as extract
    from glimpsecli.sampling import extract_batch as extract_batch
    from glimpsecli.sampling.gradients import vjp as vjp
    from glimpsecli.sampling.gradients import vjp_batch as vjp_batch
    from glimpsecli.sampling.masks import mask as mask
    from glimpsecli.sampling.pasting import paste as paste
    from glimpsecli.video.films import write_film as write_film
    from glimpsecli.video.opening import open_clip as open_clip
    from glimpsecli.window import Affine as Affine
    from glimpsecli.window import GaussianParams as GaussianParams
    from glimpsecli.window import Projective as Projective
    from glimpsecli.window import Window as Window

_HOMES = {
    "Affine": "glimpsecli.window",
    "GaussianParams": "glimpsecli.window",
    "GlimpseError": "glimpsecli.errors",
    "Path": "glimpsecli.motion.path",
    "Projective": "glimpsecli.window",
    "Sampler": "glimpsecli.sampling",
    "Sampling": "glimpsecli.sampling",
    "Window": "glimpsecli.window",
    "extract": "glimpsecli.sampling",
    "extract_batch": "glimpsecli.sampling",
    "fit": "glimpsecli.learning",
    "mask": "glimpsecli.sampling.masks",
    "open_clip": "glimpsecli.video.opening",
    "paste": "glimpsecli.sampling.pasting",
    "vjp": "glimpsecli.sampling.gradients",
    "vjp_batch": "glimpsecli.sampling.gradients",
    "write_film": "glimpsecli.video.films",
}
_MODULES: dict[str, tuple[str, ...]] = {
    "attention": ("ellipses", "elliptical", "gaussian", "hard", "masks", "pasting", "score", "soft", "spatial"),
    "torch": (),  # not in __all__, because it needs torch
}

__all__ = [
    "Affine",
    "GaussianParams",
    "GlimpseError",
    "Path",
    "Projective",
    "Sampler",
    "Sampling",
    "Window",
    "attention",
    "extract",
    "extract_batch",
    "fit",
    "mask",
    "open_clip",
    "paste",
    "vjp",
    "vjp_batch",
    "write_film",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        package = f"{__name__}.{name}"
        for module in _MODULES[name]:
            importlib.import_module(f"{package}.{module}")
        return importlib.import_module(package)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
