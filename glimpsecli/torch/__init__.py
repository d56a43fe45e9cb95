"""The samplers as functions of torch that a model can be trained through. Needs torch, which nothing else here imports.

Images are tensors (B, C, H, W), places one for each image; one image serves all places, and one place all images.
Places may be sequences, (N, T, ...), for T glimpses of each image, (N, T, C, h, w). Gradients go to those that require
them, and add up over shared images and places. :mod:`glimpsecli.torch.modules` has the parts of networks.

============================  ======================================================================================
images                        computed by
============================  ======================================================================================
uint8, uint16, float32        the cpu backend, or for tensors on a GPU the cuda backend: float32 glimpses
float16, bfloat16             likewise, in float32: glimpses and gradients are rounded to the images' type at the end
float64, on the processor     the float64 definitions of :mod:`glimpsecli.attention`: float64 glimpses, exact and slow
============================  ======================================================================================

Tensors are read where they are, without a copy, contiguous or in ``torch.channels_last``; images (B, H, W, C) are
``images.permute(0, 3, 1, 2)``. Places are brought to the host as float64, so on a GPU each call waits for them; their
gradients have their dtype and are on their device. Kernels run on the default stream; from any other stream, a call
waits for that stream before it and for the kernels after it.

``torch.func`` can transform the functions: ``grad``, ``vjp``, ``jacrev``, and ``vmap``, which is one call where each
example has its own images and a loop where they share them. Second derivatives and forward mode are refused.
``torch.compile`` breaks its graph at a call, and compiles what is around it.
"""

from glimpsecli.errors import UnavailableError, extra

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise UnavailableError(f"glimpsecli.torch cannot be imported: {error}", extra("torch")) from error

from glimpsecli.torch.glimpses import affine_glimpse, gaussian_glimpse, gaussian_write, matrix_glimpse, window_glimpse

__all__ = ["affine_glimpse", "gaussian_glimpse", "gaussian_write", "matrix_glimpse", "window_glimpse"]
