"""Checks of tensors, each with an error of one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from glimpsecli import backends
from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.precision import LARGEST_INTEGER
from glimpsecli.window.checks import number

if TYPE_CHECKING:
    from torch import Tensor

DTYPES = {getattr(torch, name, None) for name in ("uint8", "uint16", "float32", "float64")}
"""Types of images that are read as they are; not every torch has uint16."""


def checked_images(images: Tensor, what: str = "images") -> Tensor:
    """Give the images, or whatever they are called, if they are (B, C, H, W) and can be read."""
    if not isinstance(images, torch.Tensor):
        raise InvalidInputError(f"{what} are {type(images).__name__}", "give a tensor, (B, C, H, W)")
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise InvalidInputError(
            f"{what} of shape {tuple(images.shape)}",
            "give (B, C, H, W), only B may be 0: image[None] has one",
        )
    if images.is_complex() or images.is_quantized:
        raise InvalidInputError(
            f"{what} of {str(images.dtype).removeprefix('torch.')}", "give bool, integers or floating-point numbers"
        )
    if images.layout != torch.strided:
        raise InvalidInputError(f"{what} in the layout {str(images.layout).removeprefix('torch.')}", "give to_dense()")
    if images.device.type not in ("cpu", "cuda"):
        raise InvalidInputError(f"{what} on {images.device}", "bring them to cpu or cuda")
    if images.is_cuda and images.dtype == torch.float64:
        raise InvalidInputError(f"float64 images on {images.device}", "the definitions run on the cpu; or use float32")
    return images.as_subclass(torch.Tensor)  # a subclass such as torchvision's Image is its pixels


def exact(images: Tensor, what: str = "images") -> Tensor:
    """Give images, or whatever they are called, of other types than `DTYPES` as float32.

    Raises
    ------
    InvalidInputError
        An integer is not exact in float32.
    """
    if images.dtype in DTYPES:
        return images
    name = str(images.dtype)
    if not images.is_floating_point() and images.element_size() > 2:
        wide = images.to(torch.int64)  # uint64 beyond it becomes negative
        if bool(((wide > LARGEST_INTEGER) | (wide < (0 if name == "torch.uint64" else -LARGEST_INTEGER))).any()):
            raise InvalidInputError(
                f"{what} hold an integer beyond {LARGEST_INTEGER}, which float32 does not hold exactly",
                "subtract an offset, or convert them to float64",
            )
    return images.float()


def checked_places(places: Tensor, name: str, *shapes: tuple[int, ...]) -> Tensor:
    """Give places, (N, ...) or (N, T, ...), if each has one of these shapes."""
    if not isinstance(places, torch.Tensor):
        raise InvalidInputError(f"{name} are {type(places).__name__}", "give a tensor")
    leading = places.ndim - len(shapes[0])
    if leading not in (1, 2) or tuple(places.shape[leading:]) not in shapes:
        fits = " or ".join(str(("N", *shape)).replace("'", "") for shape in shapes)
        raise InvalidInputError(
            f"{name} of shape {tuple(places.shape)}", f"give {fits}, or T of them for each image: (N, T, ...)"
        )
    if not places.is_floating_point():
        raise InvalidInputError(f"{name} of {str(places.dtype).removeprefix('torch.')}", "give floating-point numbers")
    if places.is_meta or places.layout != torch.strided:
        kind = "on meta" if places.is_meta else f"in the layout {str(places.layout).removeprefix('torch.')}"
        raise InvalidInputError(f"{name} {kind}", "give a dense tensor with numbers in it")
    return places


def checked_backend(images: Tensor, backend: str) -> str:
    """Give the backend that ``auto`` stands for: training looks again and again, so compiling pays.

    float64 goes to the definitions, which the numpy backend applies in any precision.
    """
    if images.dtype == torch.float64:
        if backend != "auto":
            raise InvalidInputError(f"float64 images and the {backend} backend", "backends are for float32")
        return "numpy"
    if not images.is_cuda:
        return "cpu" if backend == "auto" else backend
    if backend not in ("auto", "cuda"):
        raise InvalidInputError(f"images on {images.device} and the {backend} backend", "use cuda, or copy the images")
    number = backends.load("cuda").device_number()
    if images.device.index != number:
        raise InvalidInputError(f"images on {images.device}, and the kernels run on cuda:{number}", "bring them there")
    return "cuda"


def without_gradient(value: Any, name: str) -> Any:
    """Give a value, which may be a tensor without gradients, for NumPy."""
    if not isinstance(value, torch.Tensor):
        return value
    if value.requires_grad:
        raise InvalidInputError(f"{name} requires gradients, and gets none", f"give {name}.detach()")
    if value.is_meta or value.layout != torch.strided:
        raise InvalidInputError(f"{name} is a tensor that holds no dense numbers", "give numbers")
    return value.numpy(force=True)


def checked_blur(blur: Any) -> float:
    """Give the blur as Python's own float."""
    value = np.asarray(without_gradient(blur, "blur"))
    if value.size != 1:
        raise InvalidInputError(f"a blur of shape {value.shape}", "give one number")
    return number(value.item(), "blur")
