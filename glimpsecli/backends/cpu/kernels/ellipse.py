"""The mathematics of one tap of :mod:`glimpsecli.attention.elliptical`, for the kernels of all devices.

The squared distance of pixel (k, r) from the centre (x, y), in sigmas, is taken apart by rows::

    Q(k, r) = ((k - m_r)^2 / v) + (r - y)^2 / s_yy        m_r = x + shear (r - y)

v is the variance along a row, and m_r the middle of row r.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from glimpsecli.backends.cpu.kernels.filterbank import EPSILON
from glimpsecli.backends.footprint import GONE, SHARPEST


class Functions(NamedTuple):
    """The result of :func:`functions`."""

    linear_of: Any
    ellipse_of: Any
    fade_of: Any
    is_gone: Any
    nearest_of: Any
    row_square: Any
    rows_of: Any
    least_square_of: Any
    columns_of: Any
    add_row_moments: Any
    tap_vjp: Any


class Ellipse(NamedTuple):
    """The Gaussian of a tap, index coordinates, pixels.

    Attributes
    ----------
    x, y : float
        The centre.
    s_xx, s_yy : float
        Variances.
    shear : float
        Columns by which the middle of a row lies to the right of that of the row above.
    along : float
        The variance along a row.
    per_along, per_s_yy : float
        One over them: a product takes a fraction of the time of a quotient, on a GPU above all.
    """

    x: Any
    y: Any
    s_xx: Any
    s_yy: Any
    shear: Any
    along: Any
    per_along: Any
    per_s_yy: Any


class Linear(NamedTuple):
    """A matrix at one tap.

    Attributes
    ----------
    x, y : float
        The point.
    a, b, c, d : float
        The derivatives of x, and then of y, with respect to column and row of the glimpse.
    depth : float
        The w of the point, 1 for an affine matrix.
    """

    x: Any
    y: Any
    a: Any
    b: Any
    c: Any
    d: Any
    depth: Any


def functions(compiler: Callable[[Callable[..., Any]], Any]) -> Functions:
    """Compile the functions of a tap for a device: a compiled function can only call those of its own device."""

    @compiler
    def linear_of(matrices, n, i, j):
        """Give the `Linear` of window n at output pixel (j, i)."""
        a, b, c, d, depth = matrices[n, 0, 0], matrices[n, 0, 1], matrices[n, 1, 0], matrices[n, 1, 1], 1.0
        x, y = (a * j + b * i) + matrices[n, 0, 2], (c * j + d * i) + matrices[n, 1, 2]
        if matrices.shape[1] == 3:
            g, k = matrices[n, 2, 0], matrices[n, 2, 1]
            depth = (g * j + k * i) + matrices[n, 2, 2]
            x, y = x / depth, y / depth
            a, b, c, d = (a - x * g) / depth, (b - x * k) / depth, (c - y * g) / depth, (d - y * k) / depth
        return Linear(x, y, a, b, c, d, depth)

    @compiler
    def eigenvalues_of(linear):
        """Give the numbers xx, xy, yy of ``J J^T`` and its eigenvalues, the larger first."""
        a, b, c, d = linear.a, linear.b, linear.c, linear.d
        xx, xy, yy, area = a * a + b * b, a * c + b * d, c * c + d * d, a * d - b * c
        half = (xx - yy) / 2
        larger = (xx + yy) / 2 + math.sqrt(half * half + xy * xy)
        # By way of the determinant of J the smaller one keeps its digits where the ellipse is thin.
        smaller = min(area / larger * area, larger) if larger > 0 else 0.0
        return xx, xy, yy, larger, smaller

    @compiler
    def floored_slope(larger, smaller):
        """Give the slope of ``max(l, 1)`` between two eigenvalues."""
        if larger > smaller:
            return (max(larger, 1.0) - max(smaller, 1.0)) / (larger - smaller)
        return 1.0 if larger >= 1 else 0.0

    @compiler
    def ellipse_of(linear, blur):
        """Give the `Ellipse` of a tap."""
        xx, xy, yy, larger, smaller = eigenvalues_of(linear)
        slope, square = floored_slope(larger, smaller), max(blur, SHARPEST) ** 2
        base = max(smaller, 1.0) - slope * smaller
        s_xx, s_xy, s_yy = square * (base + slope * xx), square * slope * xy, square * (base + slope * yy)
        determinant = square * square * max(larger, 1.0) * max(smaller, 1.0)
        return Ellipse(linear.x, linear.y, s_xx, s_yy, s_xy / s_yy, determinant / s_yy, s_yy / determinant, 1 / s_yy)

    @compiler
    def outside_of(centre, pixels):
        """Give the distance of a tap from the pixels of an axis, 0 between the first and the last."""
        return max(-centre, centre - (pixels - 1.0), 0.0)

    @compiler
    def fade_of(centre, variance, pixels, cut):
        """Give the fade of an axis, and its derivatives with respect to centre and variance."""
        outside, last = outside_of(centre, pixels), pixels - 1.0
        if outside == 0:
            return 1.0, 0.0, 0.0
        total, by_centre, by_variance = 0.0, 0.0, 0.0
        farthest = outside * outside + cut * cut * variance
        k = 0.0
        while k <= last and (outside + k) * (outside + k) <= farthest:
            away = outside + k
            weight = math.exp(-0.5 * away * away / variance)
            total += weight
            by_centre += weight * away / variance
            by_variance += weight * away * away / (2 * variance * variance)
            k += 1.0
        slope = EPSILON / ((total + EPSILON) * (total + EPSILON))
        sign = 1.0 if centre < 0 else -1.0  # towards the image
        return total / (total + EPSILON), sign * slope * by_centre, slope * by_variance

    @compiler
    def is_gone(ellipse, height, width):
        """Return whether a tap lies so far outside the image that it sees nothing."""
        y, x = outside_of(ellipse.y, height), outside_of(ellipse.x, width)
        return x * x > GONE * GONE * ellipse.s_xx or y * y > GONE * GONE * ellipse.s_yy

    @compiler
    def nearest_of(centre, pixels):
        """Give the pixel of an axis that is nearest to a point."""
        return min(max(math.floor(centre + 0.5), 0.0), pixels - 1.0)

    @compiler
    def row_square(ellipse, r, width):
        """Give the least squared distance of a pixel of row r."""
        middle = ellipse.x + ellipse.shear * (r - ellipse.y)
        away = nearest_of(middle, width) - middle
        return away * away * ellipse.per_along + (r - ellipse.y) * (r - ellipse.y) * ellipse.per_s_yy

    @compiler
    def rows_of(ellipse, square, height):
        """Give the first and the last row with pixels within a squared distance."""
        reach = math.sqrt(square * ellipse.s_yy)
        nearest = nearest_of(ellipse.y, height)
        first = min(max(math.ceil(ellipse.y - reach), 0.0), nearest)
        return first, max(min(math.floor(ellipse.y + reach), height - 1.0), nearest)

    @compiler
    def least_square_of(ellipse, height, width):
        """Give the least squared distance of a pixel of the image."""
        square = row_square(ellipse, nearest_of(ellipse.y, height), width)
        first, last = rows_of(ellipse, square, height)
        for r in range(int(first), int(last) + 1):
            square = min(square, row_square(ellipse, float(r), width))
        return square

    @compiler
    def columns_of(ellipse, square, r, width):
        """Give the first and the last column of row r within a squared distance; with none, the last is less."""
        left = square - (r - ellipse.y) * (r - ellipse.y) * ellipse.per_s_yy
        if left < 0:
            return 0.0, -1.0
        middle, reach = ellipse.x + ellipse.shear * (r - ellipse.y), math.sqrt(left * ellipse.along)
        return max(math.ceil(middle - reach), 0.0), min(math.floor(middle + reach), width - 1.0)

    @compiler
    def add_row_moments(ellipse, r, sum_0, sum_1, sum_2, moments):
        """Add a row to the moments of 1, v_x, v_y, v_x^2, v_x v_y and v_y^2, with ``v = S^-1 (k - c)``.

        The sums are those of 1, u and u^2, with u the distance from the middle of the row::

            v_x = u / along        v_y = (r - y) / s_yy - shear v_x
        """
        q, shear = (r - ellipse.y) * ellipse.per_s_yy, ellipse.shear
        sum_1, sum_2 = sum_1 * ellipse.per_along, sum_2 * ellipse.per_along * ellipse.per_along
        moments[0] += sum_0
        moments[1] += sum_1
        moments[2] += q * sum_0 - shear * sum_1
        moments[3] += sum_2
        moments[4] += q * sum_1 - shear * sum_2
        moments[5] += q * q * sum_0 - 2 * shear * q * sum_1 + shear * shear * sum_2

    @compiler
    def covariance_vjp(linear, blur, by_xx, by_xy, by_yy):
        """Give the gradients with respect to a, b, c and d from those with respect to the covariance.

        With B their matrix, P and P' the projections onto the axes of the ellipse, and f the floor, the gradient with
        respect to ``J J^T`` is ``blur^2 (f12 B + (f1 - f12) tr(P B) P + (f2 - f12) tr(P' B) P')``: see
        :func:`~glimpsecli.attention.ellipses.of_taps_vjp`.
        """
        xx, xy, yy, larger, smaller = eigenvalues_of(linear)
        between, square = floored_slope(larger, smaller), max(blur, SHARPEST) ** 2
        near = 1 / (larger - smaller) if larger > smaller else 0.0
        p_xx, p_xy, p_yy = (xx - smaller) * near, xy * near, (yy - smaller) * near
        first = p_xx * by_xx + p_xy * by_xy + p_yy * by_yy
        second = by_xx + by_yy - first
        first *= (1.0 if larger >= 1 else 0.0) - between
        second *= (1.0 if smaller >= 1 else 0.0) - between
        m_xx = 2 * square * (between * by_xx + first * p_xx + second * (1 - p_xx))
        m_xy = 2 * square * (between * by_xy / 2 + (first - second) * p_xy)
        m_yy = 2 * square * (between * by_yy + first * p_yy + second * (1 - p_yy))
        by_a, by_b = m_xx * linear.a + m_xy * linear.c, m_xx * linear.b + m_xy * linear.d
        return by_a, by_b, m_xy * linear.a + m_yy * linear.c, m_xy * linear.b + m_yy * linear.d

    @compiler
    def matrix_vjp(linear, g, k, j, i, by_x, by_y, by_a, by_b, by_c, by_d):
        """Give the part of tap (j, i) in the gradient with respect to the matrix, nine numbers, row by row.

        (g, k) begins the last row of the matrix, (0, 0) of an affine one, whose last three numbers mean nothing.
        """
        x, y, depth = linear.x, linear.y, linear.depth
        by_depth = -(by_a * linear.a + by_b * linear.b + by_c * linear.c + by_d * linear.d) / depth
        by_a, by_b, by_c, by_d = by_a / depth, by_b / depth, by_c / depth, by_d / depth
        by_x, by_y = (by_x - by_a * g - by_b * k) / depth, (by_y - by_c * g - by_d * k) / depth
        by_depth -= by_x * x + by_y * y
        return (
            by_x * j + by_a, by_x * i + by_b, by_x,
            by_y * j + by_c, by_y * i + by_d, by_y,
            by_depth * j - (by_a * x + by_c * y), by_depth * i - (by_b * x + by_d * y), by_depth,
        )  # fmt: skip

    @compiler
    def tap_vjp(linear, ellipse, blur, g, k, j, i, height, width, cut, moments):
        """Give the part of tap (j, i) in the gradient with respect to the matrix, as `matrix_vjp` does.

        `moments`, (2, 6), are those of the weights and of their products with the pixels' parts in the loss.
        """
        f_x, f_x_centre, f_x_variance = fade_of(ellipse.x, ellipse.s_xx, width, cut)
        f_y, f_y_centre, f_y_variance = fade_of(ellipse.y, ellipse.s_yy, height, cut)
        mean, scale = moments[1, 0] / moments[0, 0], f_x * f_y / moments[0, 0]
        by_x = scale * (moments[1, 1] - moments[0, 1] * mean) + mean * f_y * f_x_centre
        by_y = scale * (moments[1, 2] - moments[0, 2] * mean) + mean * f_x * f_y_centre
        by_xx = scale * (moments[1, 3] - moments[0, 3] * mean) / 2 + mean * f_y * f_x_variance
        by_xy = scale * (moments[1, 4] - moments[0, 4] * mean)
        by_yy = scale * (moments[1, 5] - moments[0, 5] * mean) / 2 + mean * f_x * f_y_variance
        by_a, by_b, by_c, by_d = covariance_vjp(linear, blur, by_xx, by_xy, by_yy)
        return matrix_vjp(linear, g, k, j, i, by_x, by_y, by_a, by_b, by_c, by_d)

    return Functions(
        linear_of, ellipse_of, fade_of, is_gone, nearest_of, row_square, rows_of, least_square_of, columns_of,
        add_row_moments, tap_vjp,
    )  # fmt: skip
