"""The samplers as functions of torch that a model can be trained through. Needs torch, which nothing else here imports.

Images are tensors (B, C, H, W), places one for each image; one image serves all places, and one place all images.
Gradients go to those that require them, and add up over shared images and places.

============================  ======================================================================================
images                        computed by
============================  ======================================================================================
uint8, uint16, float32        the cpu backend, or for tensors on a GPU the cuda backend: float32 glimpses
float64, on the processor     the float64 definitions of :mod:`glimpsecli.attention`: float64 glimpses, exact and slow
============================  ======================================================================================

Tensors are read where they are, without a copy. Places are brought to the host as float64, so on a GPU each call waits
for them; their gradients have their dtype and are on their device. Kernels run on the default stream; from any other
stream, a call waits for that stream before it and for the kernels after it.

Gradients are those of ``backward()`` and ``torch.autograd.grad``. ``torch.func`` (``grad``, ``vmap``) and second
derivatives are not supported, and refused by torch or by this module; a batch takes the place of ``vmap``.
"""

from glimpsecli.errors import UnavailableError, extra

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise UnavailableError(f"glimpsecli.torch cannot be imported: {error}", extra("torch")) from error

from glimpsecli.torch.glimpses import affine_glimpse, gaussian_glimpse, matrix_glimpse, window_glimpse

__all__ = ["affine_glimpse", "gaussian_glimpse", "matrix_glimpse", "window_glimpse"]
