"""The chain rule through the conversions: from gradients by what a sampler takes to gradients by what was said.

Each function is the transpose of the derivative of the conversion that it is named after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.window.conversions import cos_sin, middle

if TYPE_CHECKING:
    from glimpsecli.window.checks import Size
    from glimpsecli.window.conversions import Floats


def windows_to_matrices_vjp(windows: Floats, size: Size, by_matrices: Floats) -> Floats:
    """Give the gradients by (N, 5) windows (cx, cy, width, height, angle) from those by their (N, 2, 3) matrices.

    The angle is in degrees, and so is what stands below the line of its derivative.
    """
    h, w = size
    _, _, width, height, angle = windows.T
    cos, sin = cos_sin(angle)
    by_centre = by_matrices[:, :, 2]
    # The shift is the centre minus the linear part times the middle tap.
    linear = by_matrices[:, :, :2] - by_centre[:, :, None] * middle(size)
    (a, b), (c, d) = linear[:, 0].T, linear[:, 1].T
    by_width = (a * cos + c * sin) / w
    by_height = (d * cos - b * sin) / h
    by_radians = (c * cos - a * sin) * width / w - (b * cos + d * sin) * height / h
    return np.stack([by_centre[:, 0], by_centre[:, 1], by_width, by_height, np.deg2rad(by_radians)], axis=1)


def matrices_to_gaussians_vjp(matrices: Floats, blur: float, by_gaussians: Floats) -> Floats:
    """Give the gradients by (N, 2, 3) matrices from those by their (N, 7) Gaussians.

    Sigma is ``blur * max(|stride|, 1)``: up to a stride of one pixel it does not change, and where it begins to, the
    derivative is that of the larger side.
    """
    u_y, s_y, d_y, u_x, s_x, d_x, _ = by_gaussians.T
    strides = matrices[:, [0, 1], [0, 1]]
    grows = np.where(np.abs(strides) >= 1, blur * np.sign(strides), 0)
    found = np.zeros(matrices.shape)
    found[:, 0, 0], found[:, 0, 2] = d_x + grows[:, 0] * s_x, u_x
    found[:, 1, 1], found[:, 1, 2] = d_y + grows[:, 1] * s_y, u_y
    return found
