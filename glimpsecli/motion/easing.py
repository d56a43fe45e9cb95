"""Easing: the share of the way between two keyframes that is done after a share of the time.

==========  ==================================  =======================================================
``linear``  ``u``                               constant speed, with a jerk at either end
``smooth``  ``10 u^3 - 15 u^4 + 6 u^5``         the least jerk from rest to rest (Flash and Hogan 1985)
``in``      ``2 u^3 - u^4``                     from rest to full speed
``out``     ``1 - 2 (1 - u)^3 + (1 - u)^4``     from full speed to rest
``hold``    ``0``, and ``1`` at the end         stays at the first keyframe, and cuts to the second
==========  ==================================  =======================================================

Where speed and rest meet, the acceleration is 0 too. ``spline`` is no easing of one piece of a path, but a curve
through all its keyframes: see :class:`glimpsecli.motion.path.Path`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import EASINGS

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats


def check_easing(name: str) -> None:
    """Raise unless it is the name of an easing, or ``spline``."""
    if name not in EASINGS:
        raise InvalidInputError(f"{name!r} is no easing", f"choose {', '.join(EASINGS)}")


def ease(name: str, share: Floats) -> Floats:
    """Give the share of the way after a share of the time, both 0 to 1; ``spline`` counts as ``linear``."""
    check_easing(name)
    u = share
    if name == "smooth":
        return u**3 * (10 - 15 * u + 6 * u**2)
    if name == "in":
        return u**3 * (2 - u)
    if name == "out":
        return 1 - (1 - u) ** 3 * (1 + u)
    if name == "hold":
        return np.where(u < 1, 0.0, 1.0)
    return u
