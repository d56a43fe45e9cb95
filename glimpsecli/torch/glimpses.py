"""The functions of torch: places in each convention become places of the samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLUR
from glimpsecli.sampling.options import sampling_of
from glimpsecli.torch.checks import checked_blur, checked_images, checked_places, without_gradient
from glimpsecli.torch.compiling import outside_graphs
from glimpsecli.torch.looking import look, write
from glimpsecli.torch.lowering import Lowering
from glimpsecli.window import check_size

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

    from glimpsecli.sampling import Sampling
    from glimpsecli.window import Size


@outside_graphs
def gaussian_glimpse(
    images: Tensor, params: Tensor, size: Size, *, backend: str = "auto", threads: int | None = None
) -> Tensor:
    """Look with Gaussian attention: ``gain * A_y I A_x^T`` of each channel, as :mod:`glimpsecli.attention.gaussian`.

    Parameters
    ----------
    images : (B, C, H, W) tensor
        uint8, uint16, float32 and float64 are not copied where they are contiguous or channels last; any other type is
        converted to float32. Integers beyond 2^24 are refused.
    params : (N, 7) or (N, 6) tensor, or (N, T, 7) or (N, T, 6), floating point
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
    (B or N, C, h, w) or (B or N, T, C, h, w) tensor
        In the scale and on the device of the images, and of their dtype if that is floating point, else float32.

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
    sampling = sampling_of("gaussian", BLUR, None, None, backend, threads)
    return _look(images, checked_places(params, "params", (7,), (6,)), "gaussians", size, sampling)


@outside_graphs
def gaussian_write(
    patches: Tensor, params: Tensor, image_size: Size, *, backend: str = "auto", threads: int | None = None
) -> Tensor:
    """Write with Gaussian attention, as DRAW does: ``A_y^T w A_x / gain`` of each channel, on black.

    It is the transpose of :func:`gaussian_glimpse` where the gain is 1, and not its inverse: each pixel of a patch is
    spread over its Gaussian.

    Parameters
    ----------
    patches : (B, C, h, w) tensor
        Of the types of images in :func:`gaussian_glimpse`.
    params : (N, 7) or (N, 6) tensor, floating point
        As for :func:`gaussian_glimpse`. N is B, or one of them is 1 and serves all of the other.
    image_size : (int, int)
        Height and width of the images in pixels.
    backend, threads
        As for :func:`gaussian_glimpse`.

    Returns
    -------
    (B or N, C, H, W) tensor
        Of the dtype of the patches where that is floating point, else float32.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`gaussian_glimpse`.
    """
    rows, patches = checked_places(params, "params", (7,), (6,)), checked_images(patches, "patches")
    if rows.ndim != 2:
        raise InvalidInputError(f"params of shape {tuple(rows.shape)} to write", "give (N, 7) or (N, 6)")
    sampling = sampling_of("gaussian", BLUR, None, None, backend, threads)
    lowering = Lowering("writes", (patches.shape[2], patches.shape[3]), check_size(image_size), sampling)
    return write(patches, rows, lowering)


@outside_graphs
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
    theta : (N, 2, 3) or (N, T, 2, 3) tensor, floating point
        From normalised output (x, y, 1) to normalised source (x, y), as ``torch.nn.functional.affine_grid`` takes it.
    align_corners : bool
        Whether -1 and 1 are the centres of the outermost pixels (True) or the edges of the image (False).
    sampler : {"bilinear", "gaussian", "hard"}
        The Gaussians of a theta that turns or shears are ellipses: see :mod:`glimpsecli.attention.elliptical`. The
        gradient of ``hard`` with respect to theta is 0.
    blur : float
        Sigma of the Gaussians in strides (in pixels where the stride is below one). It gets no gradient.
    border : {"zeros", "constant", "edge", "reflect"}, optional
        What stands outside the image, zeros by default; the Gaussian sampler has none by default, its weights being
        normalised over the image (:class:`~glimpsecli.Sampling`). ``edge`` is grid_sample's ``border``; ``reflect``
        mirrors about the image's edge whatever `align_corners` is.
    fill : array_like, scalar or (C,), optional
        Colour of the ``constant`` border, in the scale of the images. It gets no gradient.

    Returns
    -------
    (B or N, C, h, w) or (B or N, T, C, h, w) tensor
        As :func:`gaussian_glimpse`. On a pixel's centre the derivative is that to the right, and down.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`gaussian_glimpse`.
    """
    sampling = _sampling(sampler, blur, border, fill, backend, threads)
    kind = "corner theta" if align_corners else "theta"
    return _look(images, checked_places(theta, "theta", (2, 3)), kind, size, sampling)


@outside_graphs
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
    matrices : (N, 2, 3) or (N, T, 2, 3) tensor, floating point
        From output index (x, y, 1) to source index (x, y).

    Returns
    -------
    (B or N, C, h, w) or (B or N, T, C, h, w) tensor
        As :func:`affine_glimpse`.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`gaussian_glimpse`.
    """
    sampling = _sampling(sampler, blur, border, fill, backend, threads)
    return _look(images, checked_places(matrices, "matrices", (2, 3)), "matrices", size, sampling)


@outside_graphs
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
    windows : (N, 5) or (N, 4) tensor, or (N, T, 5) or (N, T, 4), floating point
        Rows (cx, cy, width, height, angle): image plane, pixels, degrees clockwise on the screen; without the last
        column the angle is 0. (cx, cy) is the centre, not a corner.
    sampler : {"gaussian", "bilinear", "hard"}
        The Gaussians of a turned window are ellipses. The gradient of ``hard`` with respect to windows is 0.
    blur, border, fill
        As for :func:`affine_glimpse`.

    Returns
    -------
    (B or N, C, h, w) or (B or N, T, C, h, w) tensor
        As :func:`affine_glimpse`.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`gaussian_glimpse`.
    """
    sampling = _sampling(sampler, blur, border, fill, backend, threads)
    return _look(images, checked_places(windows, "windows", (5,), (4,)), "windows", size, sampling)


def _look(images: Tensor, where: Tensor, kind: str, size: Size, sampling: Sampling) -> Tensor:
    images = checked_images(images)
    lowering = Lowering(kind, check_size(size), (images.shape[2], images.shape[3]), sampling)
    return look(images, where, lowering)


def _sampling(
    sampler: str, blur: float, border: str | None, fill: ArrayLike | None, backend: str, threads: int | None
) -> Sampling:
    """Check the keywords that say how to look."""
    if type(blur) is not float:
        blur = checked_blur(blur)
    fill = without_gradient(fill, "fill")
    return sampling_of(sampler, blur, border, fill, backend, threads)
