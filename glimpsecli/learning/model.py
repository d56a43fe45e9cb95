"""The glimpse of a window, and its derivatives with respect to the numbers of a place."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.learning.jacobian import bilinear_jacobian, elliptical_jacobian, gaussian_jacobian
from glimpsecli.learning.places import to_window, window_slopes
from glimpsecli.sampling import Sampling, extract
from glimpsecli.window import GaussianParams, Window, stack_gaussians, stack_matrices
from glimpsecli.window.pullbacks import matrices_to_gaussians_vjp, windows_to_matrices_vjp

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats, Images
    from glimpsecli.window import Size


ROOM = 0.3
"""Share of half its extent by which a window may move within a scene, in addition to two strides."""

GROWTH = 1.15
"""Factor by which a window may grow within a scene."""

_REDUCING = 0.5  # sigma of the Gaussians that reduce a scene, in its own pixels


class Level(NamedTuple):
    """A level of softness of target and glimpse, from which the way down leads to the right place.

    Attributes
    ----------
    reduction : int
        Pixels of the target to one of its reduced copy.
    softness : float
        Sigma of the blur that is added, in pixels of the reduced copy; 0 for none, at the end.
    """

    reduction: int
    softness: float

    @property
    def sigma(self) -> float:
        """Sigma of the blur that is added, in pixels of the target."""
        return self.reduction * self.softness

    def soften(self, target: Images) -> Images:
        """Give the target at this level."""
        if self.softness == 0:
            return target
        h, w = target.shape[:2]
        size = max(2, -(-h // self.reduction)), max(2, -(-w // self.reduction))
        return extract(target, Window(w / 2, h / 2, w, h), size, blur=self.softness)


class Scene(NamedTuple):
    """The part of an image around a window, softened for a level.

    Attributes
    ----------
    pixels : (H, W, C) float64
        Reduced at a soft level of a large stride, where the Gaussians are many pixels wide.
    origin : (2,) float64
        x and y in the image of the corner of its first pixel.
    shrink : int
        Pixels of the image to one of its own.
    sampling : Sampling
        Its blur is in strides of the level.
    bounds : (2, 2) float64
        Least and greatest cx and cy for which it holds all pixels that are read.
    turns : bool
        Whether the angle is searched. The Gaussians are then ellipses at an angle of 0, too: there the separable ones
        have no derivative with respect to the angle.
    """

    pixels: Floats
    origin: Floats
    shrink: int
    sampling: Sampling
    bounds: Floats
    turns: bool = False

    @classmethod
    def around(
        cls, image: Images, place: Floats, size: Size, level: Level, sampling: Sampling, turns: bool = False
    ) -> Scene:
        """Cut the surroundings of a place out of an (H, W, C) image; `size` is that of the whole target."""
        window = to_window(place, size)
        stride = math.exp(place[2] + max(place[3], 0.0))
        reach = _upright_extent(window) / 2
        room = ROOM * float(reach.max()) + 2 * stride
        own = sampling.blur if sampling.sampler == "gaussian" else 0.0
        sigma = math.hypot(own, level.sigma)  # of a Gaussian, in strides of the target
        far = reach * GROWTH + room + 6 * sigma * max(stride, 1.0) + 2
        low = np.maximum(np.floor(window[:2] - far), 0).astype(int)
        high = np.maximum(np.minimum(np.ceil(window[:2] + far), image.shape[1::-1]).astype(int), low + 1)
        shrink = max(1, math.floor(min(sigma * stride / 2, stride * level.reduction))) if level.softness else 1
        pixels = image[low[1] : high[1], low[0] : high[0]]
        height, width = (-(-n // shrink) for n in pixels.shape[:2])  # beyond the edge Gaussians see the edge
        if sampling.sampler == "bilinear" and level.softness:
            soft = level.sigma * stride
            middle = (shrink - 1) / 2
            pixels = extract(pixels, GaussianParams(middle, soft, shrink, middle, soft, shrink), (height, width))
        elif shrink > 1:
            cells = Window(width * shrink / 2, height * shrink / 2, width * shrink, height * shrink)
            pixels = extract(pixels, cells, (height, width), blur=_REDUCING)
            sigma = math.sqrt(sigma**2 - (_REDUCING * shrink / stride) ** 2)
        bounds = np.stack([window[:2] - room, window[:2] + room])
        if own:
            sampling = replace(sampling, blur=sigma / level.reduction)
        return cls(pixels.astype(np.float64), low + 0.0, shrink, sampling, bounds, turns)

    def holds(self, place: Floats) -> bool:
        """Whether a place lies within the bounds of the scene."""
        return bool(np.all(place[:2] >= self.bounds[0]) and np.all(place[:2] <= self.bounds[1]))

    def look(self, place: Floats, target_size: Size, size: Size) -> tuple[Floats, Floats]:
        """Give the glimpse of `size` at a place, and its derivatives.

        Returns
        -------
        glimpse : (h, w, C) float64
        slopes : (5, h, w, C) float64
            With respect to the numbers of the place.
        """
        window = to_window(place, target_size)
        window[:2] -= self.origin
        window[:4] /= self.shrink
        matrices, blur = stack_matrices(window[None], size), self.sampling.blur
        by_matrix = np.eye(6).reshape(6, 2, 3)
        if self.sampling.sampler == "bilinear":
            glimpse, by_params = bilinear_jacobian(self.pixels, matrices[0], size)
        elif self.turns or window[4]:
            glimpse, by_params = elliptical_jacobian(self.pixels, matrices[0], size, blur)
        else:
            glimpse, by_params = gaussian_jacobian(self.pixels, stack_gaussians(window[None], size, blur)[0], size)
            by_matrix = matrices_to_gaussians_vjp(matrices.repeat(7, axis=0), blur, np.eye(7))
        # The pullback of each unit vector is a row of the derivative.
        by_window = windows_to_matrices_vjp(window[None].repeat(len(by_params), axis=0), size, by_matrix)
        by_window[:, :4] /= self.shrink
        return glimpse, np.tensordot((by_window @ window_slopes(place, target_size)).T, by_params, axes=(1, 0))


def _upright_extent(window: Floats) -> Floats:
    """Give the width and height of the upright box around a window."""
    cos, sin = abs(np.cos(np.deg2rad(window[4]))), abs(np.sin(np.deg2rad(window[4])))
    return np.array([cos * window[2] + sin * window[3], sin * window[2] + cos * window[3]])
