"""The three ways to say where to look: :class:`Window`, :class:`Affine` and :class:`GaussianParams`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLUR
from glimpsecli.window import conversions
from glimpsecli.window.checks import check_finite, check_gaussians, check_size, check_windows, number, numbers
from glimpsecli.window.matrix import Matrix

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Floats
    from glimpsecli.window.checks import Size


@dataclass(frozen=True)
class Window:
    """A rectangle on the image plane, in pixels.

    Parameters
    ----------
    cx, cy : float
        Centre on the image plane: the middle of the first pixel is (0.5, 0.5).
    width, height : float
        Extents along the window's own axes, positive.
    angle : float, default 0
        Degrees, clockwise on the screen, about the centre.

    Raises
    ------
    InvalidInputError
        A number is not finite or beyond a billion pixels, or an extent is not positive.
    """

    cx: float
    cy: float
    width: float
    height: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        _freeze_floats(self)
        check_windows(np.array([self.row]))  # astuple takes far longer

    @classmethod
    def from_box(cls, x: float, y: float, width: float, height: float, angle: float = 0.0) -> Window:
        """Make a window from its unrotated left, top, width and height (COCO order), turned about its centre."""
        x, y, width, height = (number(value, "a box's side") for value in (x, y, width, height))
        return cls(x + width / 2, y + height / 2, width, height, angle)

    @classmethod
    def from_affine(cls, affine: Affine, size: Size) -> Window:
        """Find the window whose cells are the taps of `affine` for a glimpse of `size`.

        Raises
        ------
        InvalidInputError
            The matrix shears, flips or flattens: no window does.
        """
        h, w = check_size(size)
        (a, b, _), (c, d, _) = affine.matrix.tolist()
        width, height = math.hypot(a, c) * w, math.hypot(b, d) * h
        if width == 0 or height == 0:
            raise InvalidInputError(f"{affine} has no extent on one axis, a window has", "use the Affine itself")
        if a * d - b * c < 0:
            raise InvalidInputError(f"{affine} flips the image, a window cannot", "use the Affine itself")
        if abs(a * b + c * d) > 1e-9 * math.hypot(a, c) * math.hypot(b, d):
            raise InvalidInputError(f"{affine} shears the image, a window cannot", "use the Affine itself")
        cx, cy = affine.matrix @ [(w - 1) / 2, (h - 1) / 2, 1] + 0.5
        return cls(cx, cy, width, height, math.degrees(math.atan2(c, a)))

    @property
    def row(self) -> tuple[float, float, float, float, float]:
        """Centre, width, height and angle: the window's row in an array of windows."""
        return self.cx, self.cy, self.width, self.height, self.angle

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height on the image plane, before the turn."""
        return self.cx - self.width / 2, self.cy - self.height / 2, self.width, self.height

    def scaled(self, factor: float) -> Window:
        """Enlarge or shrink the window about its centre."""
        return Window(self.cx, self.cy, self.width * factor, self.height * factor, self.angle)

    def squared(self) -> Window:
        """Grow the shorter side about the centre until the window is a square."""
        side = max(self.width, self.height)
        return Window(self.cx, self.cy, side, side, self.angle)

    def to_affine(self, size: Size) -> Affine:
        """Give the matrix from output index to source index for a glimpse of `size`."""
        return Affine(conversions.windows_to_matrices(np.array([astuple(self)]), size)[0])

    def to_gaussian(self, size: Size, blur: float = BLUR) -> GaussianParams:
        """Give the Gaussian parameters of the window's cells: see :meth:`Affine.to_gaussian`."""
        return self.to_affine(size).to_gaussian(size, blur)

    def to_theta(self, image_size: Size, align_corners: bool = False, size: Size | None = None) -> Floats:
        """Give the spatial transformer's theta: see :meth:`Affine.to_theta`.

        With ``align_corners=False`` theta does not depend on the size of the glimpse; with ``align_corners=True`` it
        does, and `size` is needed.
        """
        if size is None:
            if align_corners:
                raise InvalidInputError(
                    "theta with align_corners=True depends on the size of the glimpse, and none is given",
                    "pass size=(height, width)",
                )
            size = (1, 1)
        return self.to_affine(size).to_theta(image_size, size, align_corners)


class Affine(Matrix):
    """A 2x3 matrix from output index (x, y, 1) to source index (x, y); it alone can shear and flip.

    Parameters
    ----------
    matrix : array_like, (2, 3)
        Row 0 gives x, row 1 gives y. Kept as a read-only float64 array.
    """

    _NAME, _SHAPE = "affine", (2, 3)

    @classmethod
    def from_box(cls, x: float, y: float, width: float, height: float, size: Size, convention: str = "cells") -> Affine:
        """Place the taps of a glimpse in a box.

        `convention` is ``cells``, ``corners`` or ``hart``; see the table in `glimpsecli.window.conversions`.
        """
        h, w = check_size(size)
        Window.from_box(x, y, width, height)  # for its checks
        (u_x, d_x), (u_y, d_y) = [
            conversions.box_to_taps(*axis, convention) for axis in ((x, width, w), (y, height, h))
        ]
        return cls([[d_x, 0, u_x], [0, d_y, u_y]])

    def to_box(self, size: Size, convention: str = "cells") -> tuple[float, float, float, float]:
        """Give x, y, width, height of the box whose taps these are: the inverse of :meth:`from_box`."""
        h, w = check_size(size)
        (d_x, b, u_x), (c, d_y, u_y) = self.matrix.tolist()
        if b or c or d_x < 0 or d_y < 0:
            raise InvalidInputError(f"{self} rotates, shears or flips, a box cannot", "use the Affine itself")
        (x, width), (y, height) = [
            conversions.taps_to_box(*axis, convention) for axis in ((u_x, d_x, w), (u_y, d_y, h))
        ]
        return x, y, width, height

    @classmethod
    def from_theta(cls, theta: ArrayLike, image_size: Size, size: Size, align_corners: bool = False) -> Affine:
        """Convert the spatial transformer's theta.

        Parameters
        ----------
        theta : array_like, (4,), (6,) or (2, 3)
            From normalised output to normalised source coordinates, x in row 0. Four numbers are the attention form in
            the order (scale_x, shift_x, scale_y, shift_y).
        image_size, size : (int, int)
            Height and width of the image and of the glimpse.
        align_corners : bool
            Whether -1 and 1 are the centres of the outermost pixels (True) or the edges of the image (False), as in
            ``torch.nn.functional.affine_grid`` and ``grid_sample``.
        """
        values = numbers(theta, "theta")
        if values.size == 4:
            s_x, t_x, s_y, t_y = values.ravel()
            values = np.array([[s_x, 0, t_x], [0, s_y, t_y]])
        elif values.size != 6:
            raise InvalidInputError(f"theta has 4 or 6 numbers, not {values.size}")
        check_finite(values, "theta")
        return cls(conversions.theta_to_matrix(values.reshape(2, 3), image_size, size, align_corners))

    def to_theta(self, image_size: Size, size: Size, align_corners: bool = False) -> Floats:
        """Give the (2, 3) theta that reads these taps: the inverse of :meth:`from_theta`.

        Raises
        ------
        InvalidInputError
            With ``align_corners=True``: the image is one pixel wide or high, or a single tap has a stride below one
            pixel; no theta stands for those.
        """
        return conversions.matrix_to_theta(self.matrix, image_size, size, align_corners)

    def to_gaussian(self, size: Size, blur: float = BLUR) -> GaussianParams:
        """Give the Gaussians that sit on these taps, with ``sigma = blur * max(|stride|, 1)``.

        Raises
        ------
        InvalidInputError
            The matrix rotates or shears, and these parameters follow the image's axes.
        """
        if not conversions.all_upright(self.matrix[None]):
            raise InvalidInputError(
                f"the matrix {self.matrix.tolist()} is rotated or sheared, and GaussianParams follow the image's axes",
                "give the Window or the Affine itself to the Gaussian sampler",
            )
        return GaussianParams(*conversions.matrices_to_gaussians(self.matrix[None], blur)[0])


@dataclass(frozen=True)
class GaussianParams:
    """A grid of Gaussians in index coordinates, pixels, in the order of the article.

    Parameters
    ----------
    u_y, u_x : float
        Centre of the *first* Gaussian.
    s_y, s_x : float
        Standard deviation, positive.
    d_y, d_x : float
        Distance from one Gaussian to the next; 0 and negative (a flip) are fine.
    gain : float, default 1
        Factor of the glimpse: DRAW's gamma.
    """

    u_y: float
    s_y: float
    d_y: float
    u_x: float
    s_x: float
    d_x: float
    gain: float = 1.0

    def __post_init__(self) -> None:
        _freeze_floats(self)
        check_gaussians(np.array([astuple(self)]))

    def __iter__(self) -> Iterator[float]:
        return iter(astuple(self))

    @classmethod
    def from_draw(
        cls,
        gx: float,
        gy: float,
        log_variance: float,
        log_stride: float,
        log_gain: float,
        size: Size,
        image_size: Size,
    ) -> GaussianParams:
        """Convert the five numbers of DRAW's attention (Gregor et al. 2015, equations 19 to 24).

        The paper counts pixels from 1: the centre of the grid is ``(W + 1)/2 (gx + 1)`` and the stride
        ``(max(H, W) - 1)/(N - 1) exp(log_stride)``. A glimpse that is not square has a stride for each axis.
        """
        gx, gy = number(gx, "gx"), number(gy, "gy")
        for name, value in (("log_variance", log_variance), ("log_stride", log_stride), ("log_gain", log_gain)):
            if not abs(number(value, name)) <= 700:
                raise InvalidInputError(f"DRAW's {name} {value:g} is out of range", "give -700 to 700")
        sigma = math.exp(log_variance / 2)
        span = (max(check_size(image_size)) - 1) * math.exp(log_stride)
        axes = zip((gy, gx), check_size(image_size), check_size(size), strict=True)
        (u_y, d_y), (u_x, d_x) = [conversions.draw_to_axis(g, extent, taps, span) for g, extent, taps in axes]
        return cls(u_y, sigma, d_y, u_x, sigma, d_x, math.exp(log_gain))

    def to_draw(self, size: Size, image_size: Size) -> tuple[float, float, float, float, float]:
        """Give DRAW's (gx, gy, log_variance, log_stride, log_gain): the inverse of :meth:`from_draw`.

        Raises
        ------
        InvalidInputError
            DRAW has one sigma, one positive stride and a positive gain; these parameters have not. A glimpse of a
            single tap, or an image of a single pixel, has no stride to take the logarithm of.
        """
        h, w = check_size(size)
        span = max(check_size(image_size)) - 1
        spans = [d * (n - 1) for d, n in ((self.d_y, h), (self.d_x, w)) if n > 1]
        if not spans or span == 0:
            raise InvalidInputError("DRAW has no stride for a single tap or an image of a single pixel")
        if min(spans) <= 0 or not math.isclose(spans[0], spans[-1]):
            raise InvalidInputError(f"DRAW has one positive stride, not {self.d_y:g} and {self.d_x:g}")
        if not math.isclose(self.s_y, self.s_x):
            raise InvalidInputError(f"DRAW has one sigma, not {self.s_y:g} and {self.s_x:g}")
        if self.gain <= 0:
            raise InvalidInputError(f"DRAW's gain is positive, not {self.gain:g}")
        gy = conversions.axis_to_draw(self.u_y, self.d_y, image_size[0], h)
        gx = conversions.axis_to_draw(self.u_x, self.d_x, image_size[1], w)
        return gx, gy, 2 * math.log(self.s_y), math.log(spans[0] / span), math.log(self.gain)

    def to_affine(self) -> Affine:
        """Give the matrix of the Gaussians' centres; sigma and gain have no place in it."""
        return Affine([[self.d_x, 0, self.u_x], [0, self.d_y, self.u_y]])


def _freeze_floats(instance: Window | GaussianParams) -> None:
    """Turn the fields into floats, so that ints and NumPy scalars compare and print alike."""
    for field in fields(instance):
        object.__setattr__(instance, field.name, number(getattr(instance, field.name), field.name))
