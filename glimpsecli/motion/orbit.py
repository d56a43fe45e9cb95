"""The flight of a camera that rises on its way to a far goal.

It is that of van Wijk and Nuij 2003, "Smooth and efficient zooming and panning", IEEE Symposium on Information
Visualization. With u the distance gone and w the extent that is seen, the metric
``rho^2 du^2 / w^2 + dw^2 / (rho^2 w^2)`` measures the flow of the picture; the shortest curve in it is

    w(s) = w0 cosh(r0) / cosh(rho s + r0)
    u(s) = w0 sinh(rho s) / (rho^2 cosh(rho s + r0))

from s = 0 to S = (r1 - r0) / rho, where ``r_i = -arsinh(b_i)`` and ``b_0, b_1 = (w1^2 - w0^2 +- rho^4 u1^2) / (2 w_i
rho^2 u1)``. (The second line is the paper's, with its difference of large numbers written as one quotient.) Without a
distance the curve is ``w = w0 exp(+-rho s)``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats

RHO = math.sqrt(2)
"""Willingness to zoom: the paper's users preferred 1.42 on average; lower values stay nearer to the ground."""
_NEAR = 1e-9
"""Distance, in extents of the smaller window, up to which two windows have one centre."""


def orbit(start: Floats, end: Floats, share: Floats, rho: float = RHO) -> Floats:
    """Give the windows at shares of the way, at a constant speed to the eye.

    Parameters
    ----------
    start, end : (4,) float64
        cx, cy, width, height; pixels on the image plane. w is the geometric mean of width and height; their ratio
        changes geometrically.
    share : (N,) float64
        0 to 1.
    rho : float
        Positive; the more, the higher the camera rises.

    Returns
    -------
    (N, 4) float64
    """
    way = end[:2] - start[:2]
    u1 = float(np.hypot(*way))
    w0, w1 = (math.sqrt(extents[0] * extents[1]) for extents in (start[2:].tolist(), end[2:].tolist()))
    if u1 <= _NEAR * min(w0, w1):
        w, gone = w0 * np.exp(math.log(w1 / w0) * share), share
    else:
        b0, b1 = ((w1**2 - w0**2 + sign * rho**4 * u1**2) / (2 * w * rho**2 * u1) for sign, w in ((1, w0), (-1, w1)))
        r0, r1 = -math.asinh(b0), -math.asinh(b1)
        travelled = (r1 - r0) * share  # rho s
        w = w0 * math.cosh(r0) / np.cosh(travelled + r0)
        gone = w0 * np.sinh(travelled) / (rho**2 * np.cosh(travelled + r0)) / u1
    aspects = [math.log(extents[0] / extents[1]) / 2 for extents in (start[2:].tolist(), end[2:].tolist())]
    tall = np.exp(aspects[0] + (aspects[1] - aspects[0]) * share)
    return np.stack([start[0] + way[0] * gone, start[1] + way[1] * gone, w * tall, w / tall], axis=1)
