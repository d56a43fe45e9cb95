"""Where to look, and all conversions of coordinates: no other package converts any.

* **Image plane**: continuous, x right, y down; pixel ``k`` covers ``[k, k + 1)`` and the image ``[0, W] x [0, H]``.
  Windows and boxes live here.
* **Index coordinates**: the plane minus one half, so that the centre of pixel ``k`` is ``k``. :class:`Affine`,
  :class:`Projective`, :class:`GaussianParams` and everything in ``attention`` and ``backends`` live here.

A glimpse of size (h, w) divides its window into h x w equal cells and looks at the centre of each. Sizes are always
(height, width).
"""

from glimpsecli.window.checks import Size, check_size
from glimpsecli.window.conversions import plane_to_index
from glimpsecli.window.outline import area, clamped, common_area, common_outline, corners, share_outside
from glimpsecli.window.places import Affine, GaussianParams, Window
from glimpsecli.window.projective import Projective
from glimpsecli.window.stacks import Place, PlaceRows, Where, places_of, stack_gaussians, stack_matrices

__all__ = [
    "Affine",
    "GaussianParams",
    "Place",
    "PlaceRows",
    "Projective",
    "Size",
    "Where",
    "Window",
    "area",
    "check_size",
    "clamped",
    "common_area",
    "common_outline",
    "corners",
    "places_of",
    "plane_to_index",
    "share_outside",
    "stack_gaussians",
    "stack_matrices",
]
