"""What tensors must be, and one line for each that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from glimpsecli import backends
from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.checks import colour_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

DTYPES = ("uint8", "uint16", "float32", "float64")
"""What images may be; names, because not every torch has uint16."""


def checked_images(images: Tensor) -> Tensor:
    """Give the images if they are (B, C, H, W) of a type, and in a place, that can be looked at."""
    if not isinstance(images, torch.Tensor):
        raise InvalidInputError(f"images are {type(images).__name__}", "give a tensor, (B, C, H, W)")
    if images.ndim != 4 or 0 in images.shape:
        raise InvalidInputError(
            f"images of shape {tuple(images.shape)}", "give (B, C, H, W), none of them 0: image[None] is a batch of one"
        )
    name = str(images.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise InvalidInputError(f"images of {name}", f"convert them to {', '.join(DTYPES)}")
    if images.device.type not in ("cpu", "cuda"):
        raise InvalidInputError(f"images on {images.device}", "bring them to cpu or cuda")
    if images.is_cuda and name == "float64":
        raise InvalidInputError(f"float64 images on {images.device}", "the definitions run on the cpu; or use float32")
    return images


def checked_places(places: Tensor, name: str, *shapes: tuple[int, ...]) -> Tensor:
    """Give places as float64 on the host if each has one of these shapes."""
    if not isinstance(places, torch.Tensor):
        raise InvalidInputError(f"{name} are {type(places).__name__}", "give a tensor")
    if tuple(places.shape[1:]) not in shapes or len(places) == 0:
        fits = " or ".join(str(("N", *shape)).replace("'", "") for shape in shapes)
        raise InvalidInputError(f"{name} of shape {tuple(places.shape)}", f"give {fits}")
    if not places.is_floating_point():
        raise InvalidInputError(f"{name} of {str(places.dtype).removeprefix('torch.')}", "give floating-point numbers")
    return places.cpu().double()


def checked_backend(images: Tensor, backend: str) -> str:
    """Give the backend that ``auto`` stands for: training looks again and again, so compiling pays."""
    if images.dtype == torch.float64 and backend != "auto":
        raise InvalidInputError(f"float64 images and the {backend} backend", "backends are for float32")
    if not images.is_cuda:
        return "cpu" if backend == "auto" else backend
    if backend not in ("auto", "cuda"):
        raise InvalidInputError(f"images on {images.device} and the {backend} backend", "use cuda, or copy the images")
    number = backends.load("cuda").device_number()
    if images.device.index != number:
        raise InvalidInputError(f"images on {images.device}, and the kernels run on cuda:{number}", "bring them there")
    return "cuda"


def fill_colour(fill: Any, images: Tensor, border: str) -> NDArray[Any]:
    """Give the fill colour, (C,), in the precision of the images."""
    if isinstance(fill, torch.Tensor):
        if fill.requires_grad:
            raise InvalidInputError("fill requires gradients, and gets none", "give fill.detach()")
        fill = fill.numpy(force=True)
    channels = images.shape[1]
    colour = colour_of(fill, channels, border)
    if images.dtype == torch.float64 and fill is not None:
        return np.broadcast_to(np.asarray(fill, dtype=np.float64), (channels,))
    return colour
