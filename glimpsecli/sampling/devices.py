"""Images that are on a GPU already: torch tensors, CuPy arrays, Numba device arrays.

An array with ``__cuda_array_interface__`` goes in without a copy, and its glimpses stay on the device. Kernels run on
the default stream: a caller on another stream waits for that stream before a call, and for the kernels after it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli import backends
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.sampling.options import Sampling


def is_on_device(array: Any) -> bool:
    """Return whether an array is in the memory of a GPU."""
    if isinstance(array, np.ndarray):
        return False
    try:
        # Numba's own arrays have the second, in its simulator too.
        return hasattr(array, "__cuda_array_interface__") or hasattr(array, "__cuda_ndarray__")
    except Exception as error:  # torch refuses tensors that require gradients
        reason = " ".join(str(error).split())
        raise InvalidInputError(f"an array on the device cannot be read: {reason}", "give a detached one") from None


def device_sampling(images: Any, sampling: Sampling, alpha: bool) -> Sampling:
    """Give the sampling of images that may be on a device: there the backend can only be cuda."""
    if not is_on_device(images):
        return sampling
    if sampling.backend not in ("auto", "cuda"):
        raise InvalidInputError(
            f"an image on the device, and the {sampling.backend} backend", "use cuda, or copy the image"
        )
    if alpha:
        raise InvalidInputError("alpha with an image on the device", "weight the colours first, or copy it to the host")
    return replace(sampling, backend="cuda")


def device_images(images: Any) -> Any:
    """Give an image, or several, as Numba's device array, contiguous."""
    array = _device_array(images)
    if not array.is_c_contiguous():
        raise InvalidInputError(
            f"an image of shape {tuple(array.shape)} with gaps or turned axes",
            "make it contiguous: .contiguous() in torch, ascontiguousarray() in CuPy",
        )
    if not array.dtype.isnative:
        raise InvalidInputError(f"an image of {array.dtype} on the device", "give it in the byte order of this machine")
    return array


def device_out(out: Any, shape: tuple[int, ...]) -> Any:
    """Give `out` as Numba's device array, or a new one where it is None."""
    backend = backends.load("cuda")
    if out is None:
        return backend.empty(shape)
    if not is_on_device(out):
        raise InvalidInputError(f"out is {type(out).__name__}, and the images are on the device", "give both there")
    array = _device_array(out)
    read_only = getattr(out, "__cuda_array_interface__", {"data": (0, False)})["data"][1]
    if tuple(array.shape) != shape or array.dtype != np.float32 or read_only or not array.is_c_contiguous():
        kind = ", read-only" if read_only else "" if array.is_c_contiguous() else ", not contiguous"
        raise InvalidInputError(
            f"out is {tuple(array.shape)}, {array.dtype}{kind}", f"it must be {shape}, float32, contiguous"
        )
    return array


def _device_array(array: Any) -> Any:
    """Take an array on the device as Numba's, without a copy."""
    if getattr(array, "__cuda_array_interface__", {}).get("mask") is not None:
        raise InvalidInputError("a masked array on the device", "give it without its mask")
    return backends.load("cuda").as_device_array(array)


def device_zeros(shape: tuple[int, ...]) -> Any:
    """Give zeros, float32, on the device."""
    zeros = backends.load("cuda").empty(shape)
    zeros[:] = np.float32(0)
    return zeros


def device_cotangents(cotangents: Any) -> Any:
    """Give gradients with respect to glimpses, wherever they are, as Numba's device array, contiguous float32."""
    backend = backends.load("cuda")
    if not is_on_device(cotangents):
        return backend.upload(np.asarray(cotangents, dtype=np.float32))
    array = _device_array(cotangents)
    if array.dtype != np.float32 or not array.is_c_contiguous():
        kind = "" if array.is_c_contiguous() else ", not contiguous"
        raise InvalidInputError(f"cotangents of {array.dtype}{kind} on the device", "they must be float32, contiguous")
    return array
