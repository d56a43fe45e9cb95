"""The functions of torch: places in each convention become places of the samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLUR, DIFFERENTIABLE
from glimpsecli.sampling import Sampling
from glimpsecli.torch.autograd import Places, look
from glimpsecli.torch.checks import checked_blur, checked_images, checked_places, without_gradient
from glimpsecli.window import check_size

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

    from glimpsecli.window import Size


def gaussian_glimpse(
    images: Tensor, params: Tensor, size: Size, *, backend: str = "auto", threads: int | None = None
) -> Tensor:
    """Look with Gaussian attention: ``gain * A_y I A_x^T`` of each channel, as :mod:`glimpsecli.attention.gaussian`.

    Parameters
    ----------
    images : (B, C, H, W) tensor
        uint8, uint16, float32 and float64 are not copied where they are contiguous or channels last; any other type is
        converted to float32. Integers beyond 2^24 are refused.
    params : (N, 7) or (N, 6) tensor, floating point
        Rows (u_y, s_y, d_y, u_x, s_x, d_x, gain), index coordinates, pixels; without the last column the gain is 1.
        N is B; where N is 1 they are for all images, and where B is 1 all look at one image. Either may be 0.
    size : (int, int)
        Height and width of the glimpses in pixels.
    backend : {"auto", "cpu", "numpy", "cuda"}
        ``auto`` takes cpu or cuda, by where the images are: a job that is done again and again repays compiling.
    threads : int, optional
        The most threads that the cpu backend may use, all processors by default. The result does not depend on it.

    Returns
    -------
    (B or N, C, h, w) tensor
        In the scale and on the device of the images; float64 for float64 images, else float32.

    Raises
    ------
    InvalidInputError
        A tensor or a number cannot mean anything; the message says which. A second derivative is refused likewise.
    UnavailableError
        The backend cannot run here.

    Examples
    --------
    >>> import torch
    >>> from glimpsecli.torch import gaussian_glimpse
    >>> ramp = torch.arange(9.0).expand(1, 1, 9, 9)
    >>> params = torch.tensor([[4.0, 1, 1, 4, 1, 1]], requires_grad=True)
    >>> gaussian_glimpse(ramp, params, (1, 1)).sum().backward()
    >>> params.grad[0, 3]  # a pixel to the right the ramp is higher by nearly 1: it ends at 8
    tensor(0.9999)
    """
    places = checked_places(params, "params", (7,), (6,))
    if places.shape[1] == 6:
        places = torch.nn.functional.pad(places, (0, 1), value=1.0)
    return look(images, places, size, Sampling(backend=backend, threads=threads))


def affine_glimpse(
    images: Tensor,
    theta: Tensor,
    size: Size,
    *,
    align_corners: bool = False,
    sampler: str = "bilinear",
    blur: float = BLUR,
    border: str | None = None,
    fill: ArrayLike | None = None,
    backend: str = "auto",
    threads: int | None = None,
) -> Tensor:
    """Look through the theta of a spatial transformer: ``grid_sample(images, affine_grid(theta, ...))`` if bilinear.

    Parameters
    ----------
    images, size, backend, threads
        As for :func:`gaussian_glimpse`.
    theta : (N, 2, 3) tensor, floating point
        From normalised output (x, y, 1) to normalised source (x, y), as ``torch.nn.functional.affine_grid`` takes it.
    align_corners : bool
        Whether -1 and 1 are the centres of the outermost pixels (True) or the edges of the image (False).
    sampler : {"bilinear", "gaussian"}
        The Gaussians of a theta that turns or shears are ellipses: see :mod:`glimpsecli.attention.elliptical`.
    blur : float
        Sigma of the Gaussians in strides (in pixels where the stride is below one). It gets no gradient.
    border : {"zeros", "constant", "edge", "reflect"}, optional
        What stands outside the image, zeros by default; not for the Gaussian sampler. ``edge`` is grid_sample's
        ``border``; ``reflect`` mirrors about the image's edge whatever `align_corners` is.
    fill : array_like, scalar or (C,), optional
        Colour of the ``constant`` border, in the scale of the images. It gets no gradient.

    Returns
    -------
    (B or N, C, h, w) tensor
        As :func:`gaussian_glimpse`. On a pixel's centre the derivative is that to the right, and down.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`gaussian_glimpse`.
    """
    sampling = _sampling(sampler, blur, border, fill, backend, threads)
    places = checked_places(theta, "theta", (2, 3))
    matrices = _theta_to_matrices(places, checked_images(images).shape[2:], check_size(size), align_corners)
    return look(images, matrices, size, sampling)


def matrix_glimpse(
    images: Tensor,
    matrices: Tensor,
    size: Size,
    *,
    sampler: str = "bilinear",
    blur: float = BLUR,
    border: str | None = None,
    fill: ArrayLike | None = None,
    backend: str = "auto",
    threads: int | None = None,
) -> Tensor:
    """Look through matrices in pixels, as :class:`~glimpsecli.Affine` has them.

    Parameters
    ----------
    images, size, sampler, blur, border, fill, backend, threads
        As for :func:`affine_glimpse`.
    matrices : (N, 2, 3) tensor, floating point
        From output index (x, y, 1) to source index (x, y).

    Returns
    -------
    (B or N, C, h, w) tensor
        As :func:`affine_glimpse`.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`gaussian_glimpse`.
    """
    sampling = _sampling(sampler, blur, border, fill, backend, threads)
    return look(images, checked_places(matrices, "matrices", (2, 3)), size, sampling)


def window_glimpse(
    images: Tensor,
    windows: Tensor,
    size: Size,
    *,
    sampler: str = "gaussian",
    blur: float = BLUR,
    border: str | None = None,
    fill: ArrayLike | None = None,
    backend: str = "auto",
    threads: int | None = None,
) -> Tensor:
    """Look through windows, as :func:`glimpsecli.extract_batch` does.

    Parameters
    ----------
    images, size, backend, threads
        As for :func:`gaussian_glimpse`.
    windows : (N, 5) or (N, 4) tensor, floating point
        Rows (cx, cy, width, height, angle): image plane, pixels, degrees clockwise on the screen; without the last
        column the angle is 0. (cx, cy) is the centre, not a corner.
    sampler : {"gaussian", "bilinear"}
        The Gaussians of a turned window are ellipses.
    blur, border, fill
        As for :func:`affine_glimpse`.

    Returns
    -------
    (B or N, C, h, w) tensor
        As :func:`affine_glimpse`.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`gaussian_glimpse`.
    """
    sampling = _sampling(sampler, blur, border, fill, backend, threads)
    rows = checked_places(windows, "windows", (5,), (4,))
    return look(images, Places.apply(rows, check_size(size), sampling), size, sampling)


def _sampling(
    sampler: str, blur: float, border: str | None, fill: ArrayLike | None, backend: str, threads: int | None
) -> Sampling:
    """Check the keywords that say how to look."""
    if sampler not in DIFFERENTIABLE:
        raise InvalidInputError(
            f"the sampler {sampler!r} has no gradient with respect to windows",
            f"choose from {', '.join(DIFFERENTIABLE)}; or use extract_batch",
        )
    blur, fill = checked_blur(blur), without_gradient(fill, "fill")
    return Sampling(sampler=sampler, blur=blur, border=border, fill=fill, backend=backend, threads=threads)


def _theta_to_matrices(theta: Tensor, image_size: Size, size: Size, align_corners: bool) -> Tensor:
    """Convert (N, 2, 3) theta as :meth:`glimpsecli.Affine.from_theta` does; a single tap has no use for a stride."""
    (h, w), extent = size, torch.tensor([image_size[1], image_size[0]], dtype=theta.dtype)
    taps = torch.tensor([w, h], dtype=theta.dtype)
    if align_corners:
        span, steps = extent - 1, (taps - 1).clamp(min=1)
    else:
        span, steps = extent, taps
    strides = theta[:, :, :2] * span[:, None] / steps
    # The middle of the glimpse looks at the point of the image that the shift says.
    first = theta[:, :, 2] * span / 2 + (extent - 1) / 2 - strides @ ((taps - 1) / 2)
    return torch.cat([strides, first[:, :, None]], dim=2)
