"""One or many places to look, as plain arrays: what the samplers take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.window import conversions
from glimpsecli.window.checks import check_windows
from glimpsecli.window.places import Affine, GaussianParams, Window

if TYPE_CHECKING:
    from glimpsecli.window.checks import Size
    from glimpsecli.window.conversions import Floats

Place = Window | Affine | GaussianParams
Where = Place | Sequence[Window] | Sequence[Affine] | Sequence[GaussianParams] | np.ndarray
"""One place to look, a sequence of one kind, or an (N, 5) array with the rows (cx, cy, width, height, angle)."""


def is_single(where: Where) -> bool:
    """Tell whether `where` is one place to look and not several."""
    return isinstance(where, (Window, Affine, GaussianParams))


def stack_affines(where: Where, size: Size) -> Floats:
    """Give the (N, 2, 3) float64 matrices of one or several places, for glimpses of `size`."""
    kind, rows = _rows(where)
    if kind is Window:
        return conversions.windows_to_matrices(rows, size)
    return rows if kind is Affine else conversions.gaussians_to_matrices(rows)


def stack_gaussians(where: Where, size: Size, blur: float = 0.5) -> Floats:
    """Give the (N, 7) float64 rows (u_y, s_y, d_y, u_x, s_x, d_x, gain) of one or several places.

    `blur` makes sigma where the place has none of its own: see :meth:`Affine.to_gaussian`.
    """
    kind, rows = _rows(where)
    if kind is GaussianParams:
        return rows
    matrices = rows if kind is Affine else conversions.windows_to_matrices(rows, size)
    return conversions.matrices_to_gaussians(matrices, blur)


def _rows(where: Where) -> tuple[type, Floats]:
    """Sort out what `where` is: its kind, and its numbers as one array with a row for each place."""
    hint = "give one Window, Affine or GaussianParams, a sequence of one kind, or an (N, 5) array of windows"
    if isinstance(where, np.ndarray):
        if where.ndim != 2 or where.shape[1] != 5 or len(where) == 0 or where.dtype.kind not in "iuf":
            raise InvalidInputError(f"an array of shape {where.shape}, {where.dtype}, holds no windows", hint)
        windows = where.astype(np.float64)
        check_windows(windows)
        return Window, windows
    if isinstance(where, (Window, Affine, GaussianParams)):
        places: list[object] = [where]
    elif isinstance(where, Sequence) and not isinstance(where, str):
        places = list(where)
    else:
        raise InvalidInputError(f"{where!r} is no place to look", hint)
    for kind in (Window, Affine, GaussianParams):
        if places and all(isinstance(place, kind) for place in places):
            rows = [place.matrix if isinstance(place, Affine) else astuple(place) for place in places]  # type: ignore[call-overload]  # all are `kind`
            return kind, np.array(rows, dtype=np.float64)
    kinds = " and ".join(sorted({type(place).__name__ for place in places})) or "nothing"
    raise InvalidInputError(f"a sequence of {kinds} is no place to look", hint)
