"""Where and how to look, checked, as the arrays that a backend takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.attention.borders import BORDERS
from glimpsecli.backends.support import affine_support, gaussian_support
from glimpsecli.errors import InvalidInputError
from glimpsecli.window import check_size, stack_affines, stack_gaussians

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.window import Size, Where

    Floats = NDArray[np.float64]

SAMPLERS = ("hard", "bilinear", "gaussian")
LARGEST_GLIMPSE = 2**27
"""Pixels of one glimpse; more is taken for a slip of the keyboard."""


class Look(NamedTuple):
    """N windows over images of one size, and the sampler that looks through them."""

    sampler: str
    places: Floats  # (N, 7) Gaussian parameters or (N, 2, 3) matrices
    size: Size
    image_size: Size
    border: str

    @classmethod
    def make(
        cls, where: Where, size: Size, image_size: tuple[int, ...], sampler: str, blur: float, border: str | None
    ) -> Look:
        """Check and convert what :func:`~glimpsecli.extract` is told."""
        if sampler not in SAMPLERS:
            raise InvalidInputError(f"unknown sampler {sampler!r}", f"choose from {', '.join(SAMPLERS)}")
        if border is not None and border not in BORDERS:
            raise InvalidInputError(f"unknown border {border!r}", f"choose from {', '.join(BORDERS)}")
        if border is not None and sampler == "gaussian":
            raise InvalidInputError(
                f"border {border!r} with the Gaussian sampler, which has none: its weights stay inside the image",
                "leave the border out, or use the bilinear or the hard sampler",
            )
        h, w = check_size(size)
        if h * w > LARGEST_GLIMPSE:
            raise InvalidInputError(
                f"a glimpse of {w}x{h} has {h * w / 1e6:.0f} megapixels", f"{LARGEST_GLIMPSE / 1e6:.0f} is the limit"
            )
        stack = stack_gaussians(where, (h, w), blur) if sampler == "gaussian" else stack_affines(where, (h, w))
        return cls(sampler, stack, (h, w), (image_size[0], image_size[1]), border or "zeros")

    @property
    def windows(self) -> int:
        """Number of windows."""
        return len(self.places)

    @property
    def order(self) -> int:
        """0 to read single pixels, 1 to interpolate; whole-pixel windows have nothing to interpolate."""
        m = self.places
        whole = self.sampler == "bilinear" and np.all(m[:, :, :2] == np.eye(2)) and np.all(m[:, :, 2] % 1 == 0)
        return 0 if self.sampler == "hard" or whole else 1

    def boxes(self) -> NDArray[np.int64]:
        """Give the (N, 4) parts (top, bottom, left, right) of the image that are read."""
        if self.sampler == "gaussian":
            return gaussian_support(self.places, self.size, self.image_size)
        return affine_support(self.places, self.size, self.image_size, self.border)

    def for_each(self, images: int) -> Look:
        """Give every image a window."""
        if self.windows not in (1, images):
            raise InvalidInputError(f"{self.windows} windows for {images} images", "give one for each image, or one")
        return self if self.windows == images else self.repeated(images)

    def repeated(self, times: int) -> Look:
        """Give each window so many times in a row."""
        return self._replace(places=np.repeat(self.places, times, axis=0))

    def moved(self, top: int, left: int, image_size: Size) -> Look:
        """Give the same windows over a cut of the image whose first pixel is (top, left)."""
        places = self.places.copy()
        if self.sampler == "gaussian":
            places[:, [0, 3]] -= [top, left]
        else:
            places[:, :, 2] -= [left, top]
        return self._replace(places=places, image_size=image_size)
