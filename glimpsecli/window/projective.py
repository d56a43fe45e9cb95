"""The projective window: any convex quadrilateral, for surfaces at an angle to the camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.window.checks import check_finite, check_size, numbers
from glimpsecli.window.matrix import Matrix

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Floats
    from glimpsecli.window.checks import Size

_FLAT = 1e-9
"""Sine of a corner's turn up to which its sides lie in a line; of two corners that are one, distance over extent."""
_SMALLEST = 1e-6
"""Extent, in pixels, below which a quadrilateral is taken for a point."""


class Projective(Matrix):
    """A 3x3 matrix from output index (x, y, 1) to homogeneous source index (x w, y w, w).

    It is a homography: straight lines stay straight, parallel ones need not stay parallel. An affine one has
    the last row (0, 0, 1).

    Parameters
    ----------
    matrix : array_like, (3, 3)
        Kept as a read-only float64 array, divided by its last element.
    """

    _NAME, _SHAPE = "projective", (3, 3)

    @staticmethod
    def _normalised(matrix: Floats) -> Floats:
        if matrix[2, 2] == 0:
            raise InvalidInputError("the last element of the projective matrix is 0: its first tap lies at infinity")
        with np.errstate(over="ignore"):
            matrix = matrix / matrix[2, 2]
        check_finite(matrix, "the projective matrix, divided by its last element,")
        return matrix

    @classmethod
    def from_quad(cls, corners: ArrayLike, size: Size) -> Projective:
        """Lay the cells of a glimpse over a quadrilateral.

        The unit square goes to the quadrilateral as in Heckbert 1989, "Fundamentals of Texture Mapping and Image
        Warping", section 2.2.3.

        Parameters
        ----------
        corners : array_like, (4, 2)
            (x, y) on the image plane, where the corners of the glimpse go: top left, top right, bottom right, bottom
            left. In another order the glimpse is turned or mirrored.
        size : (int, int)
            Height and width of the glimpse.

        Raises
        ------
        InvalidInputError
            The quadrilateral has no area, two corners in one place or three in a line, or it is not convex.
        """
        h, w = check_size(size)
        points = numbers(corners, "the quadrilateral")
        if points.shape != (4, 2):
            raise InvalidInputError(f"a quadrilateral has 4 corners x,y, not an array of shape {points.shape}")
        check_finite(points, "the quadrilateral")
        _check_convex(points)
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points.tolist()
        (sx, sy), (ax, ay), (bx, by) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3), (x1 - x2, y1 - y2), (x3 - x2, y3 - y2)
        denominator = ax * by - bx * ay
        g, k = (sx * by - bx * sy) / denominator, (ax * sy - sx * ay) / denominator
        square = np.array(
            [[x1 - x0 + g * x1, x3 - x0 + k * x3, x0], [y1 - y0 + g * y1, y3 - y0 + k * y3, y0], [g, k, 1]]
        )
        cells = np.array([[1 / w, 0, 0.5 / w], [0, 1 / h, 0.5 / h], [0, 0, 1]])
        to_index = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
        return cls(to_index @ square @ cells)


def _check_convex(points: Floats) -> None:
    """Raise unless four corners turn the same way all around; say what they do instead."""
    extent = float(np.ptp(points, axis=0).max())
    quad = "the quadrilateral " + " ".join(f"{x:g},{y:g}" for x, y in points.tolist())
    if extent < _SMALLEST:
        raise InvalidInputError(f"{quad} is less than {_SMALLEST:g} pixels large", "give corners that lie apart")
    edges = np.roll(points, -1, axis=0) - points
    after = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]
    flat = np.abs(turns) <= _FLAT * np.hypot(*edges.T) * np.hypot(*after.T)
    left, right = np.count_nonzero(turns < 0), np.count_nonzero(turns > 0)
    if not flat.any() and 0 in (left, right):
        return
    distances = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    if np.count_nonzero(distances <= _FLAT * extent) > 4:  # more than the 4 from a corner to itself
        reason = "two of its corners are in one place"
    elif flat.any():
        reason = "its corners lie in a line, so it has no area" if flat.all() else "three of its corners lie in a line"
    else:
        reason = "its sides cross" if left == right else "one of its corners points inwards"
    raise InvalidInputError(
        f"{quad} is not convex: {reason}",
        "give the corners in turn: top left, top right, bottom right, bottom left",
    )
