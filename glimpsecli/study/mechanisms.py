"""The mechanisms that are compared: samplers with their gradients, at each stage of an annealing.

A place here is (cx, cy, u, v): the centre on the image plane in pixels, and the distances in strides by which a change
of size and a turn have moved the middle of the window's edge from the nominal one::

    extent = TAPS stride exp(2 u / TAPS)        angle = 2 v / TAPS radians

so that a step of one in any of ``(cx / stride, cy / stride, u, v)`` moves taps by about a stride, and one learning rate
fits them all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.sampling import Sampler, Sampling
from glimpsecli.study.slopes import bilinear_slopes, gaussian_slopes
from glimpsecli.window import GaussianParams

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats, Image


TAPS = 16
"""A glimpse is TAPS x TAPS."""

SIZE = (TAPS, TAPS)
ANNEALED = tuple(4.0 * 2 ** (-step / 2) for step in range(7))
"""Sigma in strides, stage by stage: from 4 to 0.5."""


class Mechanism(NamedTuple):
    """A sampler under test.

    Attributes
    ----------
    name : str
    sampler : {"hard", "bilinear", "gaussian"}
    sigmas : tuple of float
        In strides, one for each stage: of the Gaussian sampler, or of the Gaussian that the image is blurred by before
        the bilinear sampler reads it. Empty: nothing is blurred.
    evaluations : int
        Multiple of the others' evaluations that it may use.
    """

    name: str
    sampler: str
    sigmas: tuple[float, ...] = ()
    evaluations: int = 1

    @property
    def sampled(self) -> bool:
        """Whether the mechanism learns by the score function."""
        return self.sampler == "hard"

    def views(self, image: Image, stride: float) -> list[View]:
        """Prepare an (H, W) image for each stage.

        `stride` is that of the true window. The blur of an image depends on it alone, while the Gaussians grow and
        shrink with the window that is searched.
        """
        sampling = Sampling(sampler=self.sampler, backend="cpu", threads=1)
        if self.sampler == "gaussian":
            return [View(image, stride, replace(sampling, blur=sigma)) for sigma in self.sigmas]
        blurred = [blur(image, sigma * max(stride, 1.0)) for sigma in self.sigmas]
        return [View(pixels, stride, replace(sampling, border="edge")) for pixels in blurred or [image]]


MECHANISMS = (
    Mechanism("hard", "hard"),
    Mechanism("hard, 10 times the looks", "hard", evaluations=10),
    Mechanism("bilinear", "bilinear"),
    Mechanism("bilinear, blurred 0.5", "bilinear", (0.5,)),
    Mechanism("bilinear, blurred 1", "bilinear", (1.0,)),
    Mechanism("bilinear, blurred 2", "bilinear", (2.0,)),
    Mechanism("bilinear, blur annealed", "bilinear", ANNEALED),
    Mechanism("gaussian 0.35", "gaussian", (0.35,)),
    Mechanism("gaussian 0.5", "gaussian", (0.5,)),
    Mechanism("gaussian 1", "gaussian", (1.0,)),
    Mechanism("gaussian 2", "gaussian", (2.0,)),
    Mechanism("gaussian annealed", "gaussian", ANNEALED),
)
"""All mechanisms that are compared."""

TURNED = ("bilinear", "bilinear, blurred 0.5", "bilinear, blur annealed", "gaussian 0.5", "gaussian annealed")
"""Names of those that are compared where windows are turned: there wide Gaussians, which are ellipses, take long."""


class View(NamedTuple):
    """An image at one stage of a mechanism.

    Attributes
    ----------
    pixels : (H, W) float32
        Already blurred, where the mechanism blurs the image.
    stride : float
        Nominal pixels from tap to tap.
    sampling : Sampling
        Its blur is in strides of the window that is searched.
    """

    pixels: Image
    stride: float
    sampling: Sampling

    def keep(self, places: Floats) -> None:
        """Keep the windows of (N, 4) places, at nominal size, inside the image.

        Inside the image all samplers read the same pixels; beyond it each has its own border. The size is kept between
        half and twice the nominal one, and the angle within half a turn.
        """
        np.clip(places[:, 3], -TAPS / 2 * np.pi, TAPS / 2 * np.pi, out=places[:, 3])
        angle, widest = 2 / TAPS * places[:, 3], TAPS / 2 * np.log(2)
        half = (TAPS * self.stride / 2 * (np.abs(np.cos(angle)) + np.abs(np.sin(angle))))[:, None]
        np.clip(places[:, :2], half, self.pixels.shape[::-1] - half, out=places[:, :2])
        np.clip(places[:, 2], -widest, widest, out=places[:, 2])

    def windows(self, places: Floats) -> Floats:
        """Give the (N, 5) windows of (N, 4) places."""
        extent = TAPS * self.stride * np.exp(2 / TAPS * places[:, 2])
        return np.column_stack([places[:, :2], extent, extent, np.rad2deg(2 / TAPS * places[:, 3])])

    def sampler(self, places: Floats) -> Sampler:
        """Give the sampler of (N, 4) places; that of upright windows knows no angle, and gives gradients sooner."""
        windows = self.windows(places)
        return Sampler(windows if windows[:, 4].any() else windows[:, :4], SIZE, self.pixels.shape, self.sampling)

    def glimpses(self, places: Floats) -> Floats:
        """Give the glimpses (N, TAPS, TAPS) of (N, 4) places."""
        return self.sampler(places)(self.pixels).astype(np.float64)

    def losses(self, places: Floats, targets: Floats) -> Floats:
        """Give the mean squared errors (N,) of the glimpses at (N, 4) places against (N, TAPS, TAPS) targets."""
        losses: Floats = np.mean(np.square(self.glimpses(places) - targets), axis=(1, 2))
        return losses

    def gradients(self, places: Floats, targets: Floats) -> Floats:
        """Give the gradients (N, 4) of :meth:`losses` with respect to ``(cx / stride, cy / stride, u, v)``."""
        sampler = self.sampler(places)
        cotangents = (sampler(self.pixels) - targets) * (2 / TAPS**2)
        found = np.asarray(sampler.vjp(self.pixels, cotangents, by="where").where)
        by_windows = np.pad(found, ((0, 0), (0, 5 - found.shape[1])))
        by_extent = (by_windows[:, 2] + by_windows[:, 3]) * self.windows(places)[:, 2]
        by_angle = np.rad2deg(by_windows[:, 4])
        return np.column_stack([by_windows[:, :2] * self.stride, by_extent * (2 / TAPS), by_angle * (2 / TAPS)])

    def jacobians(self, places: Floats) -> tuple[Floats, Floats]:
        """Give the glimpses at (N, 4) places, and their derivatives.

        Returns
        -------
        glimpses : (N, TAPS * TAPS) float64
        slopes : (N, TAPS * TAPS, 4) float64
            With respect to cx / stride, cy / stride, u and v.
        """
        windows = self.windows(places)
        if self.sampling.sampler == "gaussian":
            glimpses, slopes = gaussian_slopes(self.pixels, windows, TAPS, self.sampling.blur)
        else:
            glimpses, slopes = bilinear_slopes(self.pixels, windows, TAPS)
        slopes *= [self.stride, self.stride, 2 / TAPS, 2 / TAPS]
        return glimpses, slopes


def blur(image: Image, sigma: float) -> Image:
    """Blur an (H, W) image by a Gaussian of `sigma` pixels, normalised over the image as the Gaussian sampler is."""
    params, size = GaussianParams(0, sigma, 1, 0, sigma, 1), (image.shape[0], image.shape[1])
    return Sampler(params, size, image.shape, Sampling(backend="cpu", threads=1))(image)
