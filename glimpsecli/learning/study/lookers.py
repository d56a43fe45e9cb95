"""Who looks: the samplers that are compared, with their gradients, at each stage of an annealing.

A place here is (cx, cy, u): the centre on the image plane in pixels, and how far the window's edge has moved, in
strides, by a change of its size from the nominal one::

    extent = TAPS stride exp(2 u / TAPS)

so that a step of one in any of ``(cx / stride, cy / stride, u)`` moves taps by about a stride, and one learning rate
fits them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.attention import spatial
from glimpsecli.attention.gaussian import EPSILON
from glimpsecli.backends.support import gaussian_support
from glimpsecli.sampling import extract
from glimpsecli.sampling.gradients import vjp
from glimpsecli.window import GaussianParams, stack_gaussians, stack_matrices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Image = NDArray[np.float32]

TAPS = 16
"""A glimpse is TAPS x TAPS."""

SIZE = (TAPS, TAPS)
ANNEALED = tuple(4.0 * 2 ** (-step / 2) for step in range(7))
"""Sigma in strides, stage by stage: from 4 to 0.5."""


class Looker(NamedTuple):
    """A sampler under test.

    Attributes
    ----------
    name : str
    sampler : {"hard", "bilinear", "gaussian"}
    sigmas : tuple of float
        In strides, one for each stage: of the Gaussian sampler, or of the Gaussian that the image is blurred by before
        the bilinear sampler reads it. Empty: nothing is blurred.
    looks : int
        How many times the glimpses of the others it may look at.
    """

    name: str
    sampler: str
    sigmas: tuple[float, ...] = ()
    looks: int = 1

    @property
    def sampled(self) -> bool:
        """Whether it learns by the score function."""
        return self.sampler == "hard"

    def views(self, image: Image, stride: float) -> list[View]:
        """Prepare an (H, W) image for each stage; `stride` is the nominal one, which blurred images are blurred by."""
        if self.sampler == "gaussian":
            return [View(image, "gaussian", stride, sigma) for sigma in self.sigmas]
        blurred = [blur(image, sigma * stride) for sigma in self.sigmas]
        return [View(pixels, self.sampler, stride) for pixels in blurred or [image]]


LOOKERS = (
    Looker("hard", "hard"),
    Looker("hard, 10 times the looks", "hard", looks=10),
    Looker("bilinear", "bilinear"),
    Looker("bilinear, blurred 0.5", "bilinear", (0.5,)),
    Looker("bilinear, blurred 1", "bilinear", (1.0,)),
    Looker("bilinear, blurred 2", "bilinear", (2.0,)),
    Looker("bilinear, blur annealed", "bilinear", ANNEALED),
    Looker("gaussian 0.35", "gaussian", (0.35,)),
    Looker("gaussian 0.5", "gaussian", (0.5,)),
    Looker("gaussian 1", "gaussian", (1.0,)),
    Looker("gaussian 2", "gaussian", (2.0,)),
    Looker("gaussian annealed", "gaussian", ANNEALED),
)
"""All samplers that are compared."""


class View(NamedTuple):
    """An image as one stage of a sampler sees it.

    Attributes
    ----------
    pixels : (H, W) float32
        Blurred already, where the sampler takes it so.
    sampler : {"hard", "bilinear", "gaussian"}
    stride : float
        Nominal pixels from tap to tap.
    sigma : float
        Of the Gaussian sampler, in strides of the window as it is.
    """

    pixels: Image
    sampler: str
    stride: float
    sigma: float = 0.5

    @property
    def bounds(self) -> Floats:
        """Least and greatest cx, cy and u: the image, and half to twice the size."""
        height, width = self.pixels.shape
        widest = TAPS / 2 * np.log(2)
        return np.array([[0, 0, -widest], [width, height, widest]])

    def windows(self, places: Floats) -> Floats:
        """Give the (N, 5) windows of (N, 3) places."""
        extent = TAPS * self.stride * np.exp(2 / TAPS * places[:, 2])
        return np.column_stack([places[:, :2], extent, extent, np.zeros(len(places))])

    def glimpses(self, places: Floats) -> Floats:
        """Look: (N, 3) places to (N, TAPS, TAPS)."""
        seen = extract(self.pixels, self.windows(places), SIZE, **self._how)
        return np.asarray(seen, np.float64)

    def losses(self, places: Floats, targets: Floats) -> Floats:
        """Give the mean squared errors (N,) of what is seen at (N, 3) places against (N, TAPS, TAPS) targets."""
        losses: Floats = np.mean(np.square(self.glimpses(places) - targets), axis=(1, 2))
        return losses

    def gradients(self, places: Floats, targets: Floats) -> Floats:
        """Give the derivatives (N, 3) of :meth:`losses` by cx / stride, cy / stride and u: forth and back."""
        windows = self.windows(places)
        seen = extract(self.pixels, windows, SIZE, **self._how)
        cotangents = (seen - targets) * (2 / TAPS**2)
        by = vjp(self.pixels, windows, SIZE, cotangents, by="where", **self._how).where
        by_windows = np.asarray(by)
        by_extent = (by_windows[:, 2] + by_windows[:, 3]) * windows[:, 2]
        return np.column_stack([by_windows[:, :2] * self.stride, by_extent * (2 / TAPS)])

    def jacobians(self, places: Floats) -> tuple[Floats, Floats]:
        """Look, and tell how each pixel changes with the place.

        Returns
        -------
        glimpses : (N, TAPS * TAPS) float64
        slopes : (N, TAPS * TAPS, 3) float64
            By cx / stride, cy / stride and u.
        """
        if self.sampler == "hard":  # it moves in jumps
            seen = self.glimpses(places).reshape(len(places), -1)
            return seen, np.zeros((*seen.shape, 3))
        windows = self.windows(places)
        look = _gaussian_slopes if self.sampler == "gaussian" else _bilinear_slopes
        glimpses, slopes = look(self.pixels, windows, self.sigma)
        slopes *= [self.stride, self.stride, 2 / TAPS]
        return glimpses, slopes

    @property
    def _how(self) -> dict[str, Any]:
        how: dict[str, Any] = {"sampler": self.sampler, "backend": "cpu", "threads": 1}
        if self.sampler == "gaussian":
            return how | {"blur": self.sigma}
        return how | {"border": "edge"}  # Gaussians see the edge repeated, too


def blur(image: Image, sigma: float) -> Image:
    """Blur an (H, W) image by a Gaussian of `sigma` pixels, normalised over the image as the Gaussian sampler is."""
    params = GaussianParams(0, sigma, 1, 0, sigma, 1)
    return extract(image, params, (image.shape[0], image.shape[1]), backend="cpu", threads=1)


def _bilinear_slopes(pixels: Image, windows: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Give (N, T) glimpses and their (N, T, 3) derivatives by cx, cy and the logarithm of the extent."""
    matrices = stack_matrices(windows, SIZE)
    grid = np.stack([spatial.matrix_grid(matrix, SIZE) for matrix in matrices])
    seen = spatial.sample(pixels, grid, "edge").reshape(len(windows), -1)
    by_x, by_y = (slope.reshape(len(windows), -1) for slope in spatial.sample_slopes(pixels, grid, "edge"))
    from_centre = grid.reshape(len(windows), -1, 2) + 0.5 - windows[:, None, :2]
    grown = by_x * from_centre[..., 0] + by_y * from_centre[..., 1]
    return seen, np.stack([by_x, by_y, grown], axis=-1)


def _gaussian_slopes(pixels: Image, windows: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Do the same for Gaussians whose sigma is so many strides, and grows with the window.

    See :func:`~glimpsecli.attention.gaussian.glimpse_jacobian`, of which only three combinations are needed here. Where
    the stride is below one pixel sigma stays, as in ``window``.
    """
    rows = stack_gaussians(windows, SIZE, sigma)
    boxes = gaussian_support(rows, SIZE, pixels.shape)
    seen, slopes = np.empty((len(rows), *SIZE)), np.empty((len(rows), *SIZE, 3))
    for n, ((u_y, s_y, d_y, u_x, s_x, d_x, _), (top, bottom, left, right)) in enumerate(
        zip(rows.tolist(), boxes.tolist(), strict=True)
    ):
        down = _bank_slopes(u_y - top, s_y, d_y, bottom - top)
        across = _bank_slopes(u_x - left, s_x, d_x, right - left)
        read = down.reshape(3 * TAPS, -1) @ pixels[top:bottom, left:right].astype(np.float64)
        by_y = (read @ across[0].T).reshape(3, *SIZE)
        by_x = (read[:TAPS] @ across[1:].reshape(2 * TAPS, -1).T).reshape(TAPS, 2, TAPS)
        seen[n] = by_y[0]
        slopes[n] = np.stack([by_x[:, 0], by_y[1], by_x[:, 1] + by_y[2]], axis=-1)
    return seen.reshape(len(rows), -1), slopes.reshape(len(rows), -1, 3)


def _bank_slopes(first: float, sigma: float, stride: float, pixels: int) -> Floats:
    """Give (3, TAPS, pixels): a filterbank, and its derivatives by the centre and by the logarithm of the extent."""
    step = np.arange(TAPS)[:, None]
    z = (np.arange(pixels) - (first + step * stride)) / sigma
    bank = np.exp(-z * z / 2)
    bank /= bank.sum(axis=1, keepdims=True) + EPSILON
    by_centre = z / sigma
    growing = 1.0 if stride >= 1 else 0.0
    by_size = by_centre * ((step - (TAPS - 1) / 2) * stride) + growing * z * z
    slopes = [bank * (psi - np.sum(bank * psi, axis=1, keepdims=True)) for psi in (by_centre, by_size)]
    return np.stack([bank, *slopes])
