"""Places to look, checked, as the arrays that a backend takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.backends.footprint import (
    elliptical_reach,
    elliptical_support,
    gaussian_reach,
    gaussian_support,
    is_whole,
    matrix_support,
    visible,
    whole_pixels,
)
from glimpsecli.errors import InvalidInputError
from glimpsecli.window import check_size, stack_gaussians, stack_matrices
from glimpsecli.window.checks import check_gaussians, check_matrices
from glimpsecli.window.conversions import matrices_to_gaussians, upright

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.sampling.options import Sampling
    from glimpsecli.window import PlaceRows, Size, Where


LARGEST_GLIMPSE = 2**27
"""The most pixels of one glimpse; a larger size is taken for a slip of the keyboard."""


class Taps(NamedTuple):
    """The taps of N windows over images of one size, and the sampler that reads them.

    Attributes
    ----------
    sampler : {"hard", "bilinear", "gaussian"}
    places : (N, 7), (N, 2, 3) or (N, 3, 3) float64
        Gaussian parameters, or affine or projective matrices; index coordinates. The Gaussian sampler takes both: with
        matrices its Gaussians are ellipses.
    size, image_size : (int, int)
        Height and width of the glimpses and of the images.
    border : {"zeros", "constant", "edge", "reflect", "none"}
        Without one Gaussians are normalised over the image.
    blur : float
        Sigma of Gaussians in strides, where they are ellipses.
    """

    sampler: str
    places: Floats
    size: Size
    image_size: Size
    border: str
    blur: float

    @classmethod
    def make(cls, where: Where | PlaceRows, size: Size, image_size: Size, sampling: Sampling) -> Taps:
        """Check and convert places, for glimpses and images of these sizes.

        Raises
        ------
        InvalidInputError
            The places cannot mean anything, or not with this sampler, or the glimpse is over the limit.
        """
        size = _checked_size(size)
        if sampling.sampler == "gaussian":
            places, border = stack_gaussians(where, size, sampling.blur), "none"
        else:
            places, border = stack_matrices(where, size), "zeros"
        return cls(sampling.sampler, places, size, image_size, sampling.border or border, sampling.blur)

    @classmethod
    def at(cls, places: Floats, size: Size, image_size: Size, sampling: Sampling, checked: bool = False) -> Taps:
        """Check places, unless they were `checked` before, in the sampler's own numbers: (N, 7) or (N, 2, 3).

        Raises
        ------
        InvalidInputError
            As :meth:`make`.
        """
        if not checked:
            (check_gaussians if places.ndim == 2 else check_matrices)(places)
        border = sampling.border or ("none" if sampling.sampler == "gaussian" else "zeros")
        return cls(sampling.sampler, places, _checked_size(size), image_size, border, sampling.blur)

    @property
    def windows(self) -> int:
        """Number of windows."""
        return len(self.places)

    @property
    def elliptical(self) -> bool:
        """Whether the taps are Gaussians of matrices."""
        return self.sampler == "gaussian" and self.places.ndim == 3

    @property
    def order(self) -> int:
        """0 to read single pixels, 1 to interpolate; 0, too, where all windows are on whole pixels."""
        if self.sampler == "hard":
            return 0
        if self.sampler == "bilinear" and len(self.places) == 1:  # nearly always
            return 0 if is_whole(self.places[0]) else 1
        return 0 if self.whole_pixels().all() else 1

    def whole_pixels(self) -> NDArray[np.bool_]:
        """Return which windows are crops: on whole pixels, with a stride of 1, and not through Gaussians."""
        if self.sampler == "gaussian":
            return np.zeros(self.windows, np.bool_)
        return whole_pixels(self.places)

    def boxes(self) -> NDArray[np.int64]:
        """Give the (N, 4) parts (top, bottom, left, right) of the image that are read."""
        if self.sampler == "gaussian" and self.border != "none":
            return visible(self.reach().T, self.image_size, self.border)
        if self.elliptical:
            return elliptical_support(self.places, self.blur, self.size, self.image_size)
        if self.sampler == "gaussian":
            return gaussian_support(self.places, self.size, self.image_size)
        return matrix_support(self.places, self.size, self.image_size, self.border)

    def reach(self) -> Floats:
        """Give the (N, 4) parts (top, bottom, left, right) that Gaussians read of an image without end."""
        if self.elliptical:
            return elliptical_reach(self.places, self.blur, self.size)
        return gaussian_reach(self.places, self.size)

    def one(self, number: int) -> Taps:
        """Give the taps of one window; the Gaussians of an upright one are filterbanks."""
        places = self.places[number : number + 1]
        if self.elliptical and upright(places)[0]:
            places = matrices_to_gaussians(places, self.blur)
        return self._replace(places=places)

    def for_each(self, images: int) -> Taps:
        """Give the taps with one window for each image."""
        if self.windows not in (1, images):
            raise InvalidInputError(f"{self.windows} windows for {images} images", "give one for each image, or one")
        return self if self.windows == images else self.repeated(images)

    def repeated(self, times: int) -> Taps:
        """Give each window `times` times in a row."""
        return self._replace(places=np.repeat(self.places, times, axis=0))

    def for_planes(self, planes: int) -> Taps:
        """Give the taps for the planes of each image: a matrix serves all, Gaussian parameters are repeated."""
        return self.repeated(planes) if self.places.ndim == 2 else self

    def moved(self, top: int, left: int, image_size: Size) -> Taps:
        """Give the same windows over a cut of the image whose first pixel is (top, left)."""
        places = self.places.copy()
        if places.ndim == 2:
            places[:, [0, 3]] -= [top, left]
        elif places.shape[1] == 3:
            places[:, :2] -= np.array([left, top])[:, None] * places[:, 2:]
        else:
            places[:, :, 2] -= [left, top]
        return self._replace(places=places, image_size=image_size)


def _checked_size(size: Size) -> Size:
    """Give the size of a glimpse as two ints, or raise."""
    h, w = check_size(size)
    if h * w > LARGEST_GLIMPSE:
        raise InvalidInputError(
            f"a glimpse of {w}x{h} has {h * w / 1e6:.0f} megapixels",
            f"{LARGEST_GLIMPSE / 1e6:.0f} is the limit: ask for a smaller size",
        )
    return h, w
