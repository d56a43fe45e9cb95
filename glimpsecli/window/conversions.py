"""The arithmetic of the conversions, on arrays; `places` gives it names and checks.

Conventions for the taps of one axis, with ``n`` taps in an extent ``S`` that starts at ``y`` on the image plane. The
first tap is in index coordinates.

===========  =====================  =================  ================================================================
convention   first tap              stride             who uses it
===========  =====================  =================  ================================================================
``cells``    ``y + S/(2n) - 1/2``   ``S / n``          this project, align_corners=False, aligned RoIAlign, COCO boxes
``corners``  ``y``                  ``(S-1) / (n-1)``  Sonnet, align_corners=True, TensorFlow's crop_and_resize, kornia
``hart``     ``y``                  ``S / (n-1)``      HART
===========  =====================  =================  ================================================================

A single tap looks at the middle in every convention, and its stride is the extent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.window.checks import check_size, checked_blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Floats
    from glimpsecli.window.checks import Size


CONVENTIONS = ("cells", "corners", "hart")


def plane_to_index(coordinate: float) -> float:
    """Give the index coordinate of a point on one axis of the image plane."""
    return coordinate - 0.5


def box_to_taps(start: float, extent: float, taps: int, convention: str) -> tuple[float, float]:
    """Give the first tap and the stride on one axis."""
    if _checked(convention) == "cells":
        return start + extent / (2 * taps) - 0.5, extent / taps
    reach = extent - 1 if convention == "corners" else extent  # from the first tap to the last
    if reach < 0 and taps > 1:
        raise InvalidInputError(
            f"an extent of {extent:g} has no two corners: the convention counts from pixel centre to pixel centre",
            "give at least 1 pixel, or use the convention cells",
        )
    return (start, reach / (taps - 1)) if taps > 1 else (start + reach / 2, extent)


def taps_to_box(first: float, stride: float, taps: int, convention: str) -> tuple[float, float]:
    """Give the start and the extent on one axis: the inverse of :func:`box_to_taps`."""
    if _checked(convention) == "cells":
        return first - stride / 2 + 0.5, stride * taps
    beyond = 1 if convention == "corners" else 0  # the extent is this much more than from the first tap to the last
    if taps == 1:
        return first - (stride - beyond) / 2, stride
    return first, stride * (taps - 1) + beyond


def windows_to_matrices(windows: Floats, size: Size) -> Floats:
    """Give the (N, 2, 3) matrices, output index to source index, of (N, 5) windows (cx, cy, width, height, angle)."""
    size = check_size(size)
    if len(windows) == 1:  # Python's arithmetic has the same bits, and starts at once
        ((cx, cy, width, height, angle),) = windows.tolist()
        numbers = _matrix_of(cx, cy, width, height, *_cos_sin_of(angle), size)
        return np.array(numbers).reshape(1, 2, 3)
    cx, cy, width, height, angles = windows.T
    return np.stack(_matrix_of(cx, cy, width, height, *cos_sin(angles), size), axis=1).reshape(-1, 2, 3)


def _matrix_of(cx: Any, cy: Any, width: Any, height: Any, cos: Any, sin: Any, size: Size) -> tuple[Any, ...]:
    """Give the six numbers of a window's matrix, or of many, row by row."""
    (h, w), x_stride, y_stride = size, width / size[1], height / size[0]
    a, b, c, d = cos * x_stride, 0.0 - sin * y_stride, sin * x_stride, cos * y_stride
    # From the centre by whole strides, so that a window of w x h pixels on whole pixels lands on integers exactly.
    x_middle, y_middle = (w - 1) / 2, (h - 1) / 2
    x, y = cx - 0.5 - (a * x_middle + b * y_middle), cy - 0.5 - (c * x_middle + d * y_middle)
    return a, b, x, c, d, y


def upright(matrices: Floats) -> NDArray[np.bool_]:
    """Return which of (N, 2, 3) or (N, 3, 3) matrices neither turn nor shear, nor are projective."""
    if matrices.shape[1] == 3:
        return np.zeros(len(matrices), np.bool_)
    return np.asarray((matrices[:, 0, 1] == 0) & (matrices[:, 1, 0] == 0))


def all_upright(matrices: Floats) -> bool:
    """Return whether all are :func:`upright`; Python's arithmetic starts at once for one of them."""
    if len(matrices) == 1 and matrices.shape[1] == 2:
        return matrices.item(1) == matrices.item(3) == 0
    return bool(upright(matrices).all())


def matrices_to_gaussians(matrices: Floats, blur: float) -> Floats:
    """Put a Gaussian of ``sigma = blur * max(|stride|, 1)`` on each tap of upright (N, 2, 3) matrices: (N, 7) rows."""
    blur = checked_blur(blur)
    if len(matrices) == 1:  # Python's arithmetic has the same bits, and starts at once
        ((d_x, _, u_x), (_, d_y, u_y)), *_ = matrices.tolist()
        return np.array(((u_y, blur * max(abs(d_y), 1), d_y, u_x, blur * max(abs(d_x), 1), d_x, 1.0),))
    d_x, d_y = matrices[:, 0, 0], matrices[:, 1, 1]
    s_x, s_y = blur * np.maximum(np.abs(d_x), 1), blur * np.maximum(np.abs(d_y), 1)
    return np.stack([matrices[:, 1, 2], s_y, d_y, matrices[:, 0, 2], s_x, d_x, np.ones(len(matrices))], axis=1)


def gaussians_to_matrices(gaussians: Floats) -> Floats:
    """Give the (N, 2, 3) matrices of the centres of (N, 7) Gaussians."""
    u_y, _, d_y, u_x, _, d_x, _ = gaussians.T
    matrices = np.zeros((len(gaussians), 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 2], matrices[:, 1, 1], matrices[:, 1, 2] = d_x, u_x, d_y, u_y
    return matrices


def theta_to_matrix(theta: Floats, image_size: Size, size: Size, align_corners: bool) -> Floats:
    """Give the (2, 3) matrix of a (2, 3) theta (normalised output to normalised source)."""
    extent = np.array(check_size(image_size)[::-1])
    half = theta * _span(image_size, align_corners)[:, None] / 2  # source pixels for each normalised unit
    matrix = np.empty((2, 3))
    for axis, taps in enumerate(check_size(size)[::-1]):
        whole = 2 * half[:, axis]  # from -1 to 1
        if not align_corners:
            matrix[:, axis] = whole / taps
        elif taps > 1:
            matrix[:, axis] = whole / (taps - 1)
        else:
            matrix[:, axis] = whole + _direction(whole, axis)  # -1 and 1 are pixel centres: the extent is one more
    matrix[:, 2] = half[:, 2] + (extent - 1) / 2 - matrix[:, :2] @ middle(size)
    return matrix


def matrix_to_theta(matrix: Floats, image_size: Size, size: Size, align_corners: bool) -> Floats:
    """Give the (2, 3) theta of a (2, 3) matrix: the inverse of :func:`theta_to_matrix`."""
    extent, span = np.array(check_size(image_size)[::-1]), _span(image_size, align_corners)
    if np.any(span == 0):
        raise InvalidInputError(
            f"theta with align_corners=True cannot move over an image of {extent[0]}x{extent[1]} pixels",
            "use align_corners=False",
        )
    theta = np.empty((2, 3))
    for axis, taps in enumerate(check_size(size)[::-1]):
        column = matrix[:, axis]
        if not align_corners:
            theta[:, axis] = column * taps / span
        elif taps > 1:
            theta[:, axis] = column * (taps - 1) / span
        elif np.hypot(*column) <= 1 and not np.array_equal(column, np.eye(2)[axis]):
            # An extent of one pixel is 0 from centre to centre, and 0 has no direction.
            raise InvalidInputError(
                "theta with align_corners=True cannot give a single tap an extent of a pixel or less",
                "use align_corners=False",
            )
        else:
            theta[:, axis] = (column - _direction(column, axis)) / span
    theta[:, 2] = (2 * (matrix[:, 2] + matrix[:, :2] @ middle(size)) - extent + 1) / span
    return theta


def draw_to_axis(g: float, extent: int, taps: int, span: float) -> tuple[float, float]:
    """Give the first centre and the stride on one axis of DRAW's grid.

    ``g`` is DRAW's normalised centre and `span` is ``(max(H, W) - 1) exp(log_stride)``, from the first tap to the
    last. The paper counts pixels from 1 (Gregor et al. 2015, equations 19 to 24).
    """
    stride = span / (taps - 1) if taps > 1 else 0.0
    return (extent + 1) / 2 * (g + 1) - 1 - stride * (taps - 1) / 2, stride


def axis_to_draw(first: float, stride: float, extent: int, taps: int) -> float:
    """Give DRAW's normalised centre on one axis: the inverse of :func:`draw_to_axis`."""
    return 2 * (first + 1 + stride * (taps - 1) / 2) / (extent + 1) - 1


def middle(size: Size) -> Floats:
    """Give the output index (x, y) of the middle of a glimpse."""
    return np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])


def cos_sin(angle: Floats) -> tuple[Floats, Floats]:
    """Give cosine and sine of degrees, exact at multiples of 90."""
    if not angle.any():  # so common that it is worth a shortcut
        return np.ones_like(angle), np.zeros_like(angle)
    quarters = np.floor(angle / 90 + 0.5)
    rest = np.deg2rad(angle - 90 * quarters)
    cos, sin = np.cos(rest), np.sin(rest)
    turn = quarters.astype(np.int64) % 4
    swap, flip = turn % 2 == 1, turn >= 2
    cos, sin = np.where(swap, -sin, cos), np.where(swap, cos, sin)
    return np.where(flip, -cos, cos), np.where(flip, -sin, sin)


def _cos_sin_of(angle: float) -> tuple[float, float]:
    """Give the same as :func:`cos_sin` for one angle."""
    if not angle:
        return 1.0, 0.0
    quarters = math.floor(angle / 90 + 0.5)
    rest = math.radians(angle - 90 * quarters)
    cos, sin = float(np.cos(rest)), float(np.sin(rest))
    return ((cos, sin), (-sin, cos), (-cos, -sin), (sin, -cos))[quarters % 4]


def _span(image_size: Size, align_corners: bool) -> Floats:
    """Give the pixels (x, y) between the normalised coordinates -1 and 1: corner centres or outer edges."""
    return np.array(image_size[::-1], dtype=np.float64) - (1 if align_corners else 0)


def _direction(column: Floats, axis: int) -> Floats:
    """Give the unit vector along `column`, or along the axis where the column is zero."""
    length = float(np.hypot(*column))
    return column / length if length else np.eye(2)[axis]


def _checked(convention: str) -> str:
    if convention not in CONVENTIONS:
        raise InvalidInputError(f"unknown convention {convention!r}", f"choose from {', '.join(CONVENTIONS)}")
    return convention
