"""The functions of a backend, their shapes and types; mypy holds each backend against them.

Images are (B, H, W, C) in uint8, uint16 or float32, any strides, with B = 1 (all windows look at one image) or B = N
(one image each). Matrices may have several images each, one after the other: B is then a multiple of N, and
there are B glimpses. Glimpses and cotangents are (N, h, w, C) float32, C-contiguous. All coordinates are index
coordinates. The callers, in ``sampling``, have checked everything. `threads` is the most that may be used, None for all
processors; the result does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

ImageShape: TypeAlias = tuple[int, int, int, int]
"""(B, H, W, C) of images."""

Size: TypeAlias = tuple[int, int]
"""Height and width of a glimpse."""

Read: TypeAlias = Callable[[Any, Any], None]
"""A sampler bound to its windows: ``read(images, out)`` fills the glimpses `out`, for several threads at once, too."""


class Interpolation(NamedTuple):
    """The reading of a point between pixels.

    Attributes
    ----------
    order : int
        1 for bilinear, 0 for the nearest pixel.
    border : {"zeros", "constant", "edge", "reflect"}
    fill : (N, C) float32
        Colour of the ``constant`` border for each image.
    """

    order: int
    border: str
    fill: Any


class Backend(Protocol):
    """A module that computes the samplers and their derivatives.

    Its arrays are NumPy's or, for the backend of a device, that device's.
    """

    def prepare_gaussian(self, params: Any, size: Size, image_shape: ImageShape, threads: int | None) -> Read:
        """Bind Gaussian glimpses of (N, 7) float64 rows (u_y, s_y, d_y, u_x, s_x, d_x, gain)."""

    def prepare_bilinear(
        self,
        matrices: Any,
        size: Size,
        image_shape: ImageShape,
        interpolation: Interpolation,
        threads: int | None,
    ) -> Read:
        """Bind interpolated glimpses of (N, 2, 3) affine or (N, 3, 3) projective float64 matrices, all w positive."""

    def prepare_elliptical(
        self, matrices: Any, blur: float, size: Size, image_shape: ImageShape, threads: int | None
    ) -> Read:
        """Bind the elliptical Gaussians of (N, 2, 3) affine or (N, 3, 3) projective matrices; `blur` is in strides."""

    def gaussian_vjp(
        self, images: Any, params: Any, cotangents: Any, by_images: Any, by_params: Any, threads: int | None = None
    ) -> None:
        """Pull gradients with respect to Gaussian glimpses back to images and parameters.

        They add to `by_images`, (B, H, W, C) float32, and fill `by_params`, (N, 7) float64, or (N, 10) with those of
        :func:`glimpsecli.attention.gaussian.turn_vjp` at the end; one that is None is not computed.
        """

    def bilinear_vjp(
        self,
        images: Any,
        matrices: Any,
        cotangents: Any,
        by_images: Any,
        by_matrices: Any,
        interpolation: Interpolation,
        threads: int | None = None,
    ) -> None:
        """Pull gradients back through interpolated glimpses, as :meth:`gaussian_vjp` does."""

    def elliptical_vjp(
        self,
        images: Any,
        matrices: Any,
        blur: float,
        cotangents: Any,
        by_images: Any,
        by_matrices: Any,
        threads: int | None = None,
    ) -> None:
        """Pull gradients back through elliptical Gaussians, as :meth:`gaussian_vjp` does."""


class DeviceBackend(Backend, Protocol):
    """A backend whose arrays may be in the memory of a device."""

    def describe(self) -> dict[str, Any]:
        """Give the facts about the device that ``info`` shows."""

    def device_number(self) -> int:
        """Give the number of the device that the kernels run on."""

    def empty(self, shape: tuple[int, ...]) -> Any:
        """Make a float32 array on the device."""

    def as_device_array(self, array: Any) -> Any:
        """Give an array that is on the device as the backend's own, without a copy."""

    def upload(self, array: Any) -> Any:
        """Copy an array to the device."""

    def put_together(self, images: Any, start: tuple[int, int], size: Size, border: str, colours: Any) -> Any:
        """Give the part (B, h, w, C) of images on the device that begins at `start`, as a border continues them.

        `colours`, (B, C), stand where the ``constant`` border does.
        """

    def bring_back(self, by_part: Any, start: tuple[int, int], border: str, by_images: Any) -> None:
        """Add float32 gradients with respect to the pixels of such a part to those of the images, on the device."""
