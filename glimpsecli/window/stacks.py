"""One or many places to look, as plain arrays: what the samplers take."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.window import conversions
from glimpsecli.window.checks import check_windows
from glimpsecli.window.places import Affine, GaussianParams, Window
from glimpsecli.window.projective import Projective

if TYPE_CHECKING:
    from glimpsecli.window.checks import Size
    from glimpsecli.window.conversions import Floats

_FIELDS = {
    Window: attrgetter("cx", "cy", "width", "height", "angle"),
    Affine: attrgetter("matrix"),
    Projective: attrgetter("matrix"),
    GaussianParams: attrgetter("u_y", "s_y", "d_y", "u_x", "s_x", "d_x", "gain"),
}

Place = Window | Affine | Projective | GaussianParams
Where = Place | Sequence[Window] | Sequence[Affine] | Sequence[Projective] | Sequence[GaussianParams] | np.ndarray
"""One place to look, a sequence of one kind, or an (N, 5) array with the rows (cx, cy, width, height, angle)."""


def is_single(where: Where) -> bool:
    """Tell whether `where` is one place to look and not several."""
    return isinstance(where, (Window, Affine, Projective, GaussianParams))


def stack_matrices(where: Where, size: Size) -> Floats:
    """Give the float64 matrices of places, for glimpses of `size`: (N, 2, 3), or (N, 3, 3) if they are projective.

    Raises
    ------
    InvalidInputError
        A tap of a projective place lies at infinity, or beyond it.
    """
    kind, rows = rows_of(where)
    if kind is Projective:
        return _checked_horizon(rows, size)
    if kind is Window:
        return conversions.windows_to_matrices(rows, size)
    return rows if kind is Affine else conversions.gaussians_to_matrices(rows)


def stack_gaussians(where: Where, size: Size, blur: float = 0.5) -> Floats:
    """Give the (N, 7) float64 rows (u_y, s_y, d_y, u_x, s_x, d_x, gain) of one or several places.

    `blur` makes sigma where the place has none of its own: see :meth:`Affine.to_gaussian`.
    """
    kind, rows = rows_of(where)
    if kind is GaussianParams:
        return rows
    if kind is Projective:
        rows = _checked_horizon(rows, size)
        if rows.shape[1] == 3:
            raise InvalidInputError(
                "the window is projective, and Gaussian filterbanks are separable: they follow the image's axes",
                "use the bilinear sampler",
            )
    matrices = rows if kind in (Affine, Projective) else conversions.windows_to_matrices(rows, size)
    return conversions.matrices_to_gaussians(matrices, blur)


def _checked_horizon(matrices: Floats, size: Size) -> Floats:
    """Refuse (N, 3, 3) matrices with a tap at infinity or beyond; where all are affine give (N, 2, 3)."""
    if np.all(matrices[:, 2] == [0, 0, 1]):
        return matrices[:, :2]
    h, w = size
    ends = np.array([[-0.5, -0.5, 1], [w - 0.5, -0.5, 1], [w - 0.5, h - 0.5, 1], [-0.5, h - 0.5, 1]])
    behind = np.flatnonzero(np.any(matrices[:, 2] @ ends.T <= 0, axis=1))
    if len(behind):
        raise InvalidInputError(
            f"the projective matrix {matrices[behind[0]].tolist()} has its horizon inside a glimpse of {w}x{h}",
            "look at a part on this side of it",
        )
    return matrices


def rows_of(where: Where) -> tuple[type, Floats]:
    """Sort out what `where` is: its kind, and its numbers as one array with a row for each place."""
    hint = (
        "give one Window, Affine, Projective or GaussianParams, a sequence of one kind, or an (N, 5) array of windows"
    )
    if isinstance(where, np.ndarray):
        if where.ndim != 2 or where.shape[1] != 5 or len(where) == 0 or where.dtype.kind not in "iuf":
            raise InvalidInputError(f"an array of shape {where.shape}, {where.dtype}, holds no windows", hint)
        windows = where.astype(np.float64)
        check_windows(windows)
        return Window, windows
    if is_single(where):
        places: list[object] = [where]
    elif isinstance(where, Sequence) and not isinstance(where, str):
        places = list(where)
    else:
        raise InvalidInputError(f"{where!r} is no place to look", hint)
    for kind, numbers in _FIELDS.items():
        if places and all(isinstance(place, kind) for place in places):
            return kind, np.array(list(map(numbers, places)), dtype=np.float64)
    kinds = " and ".join(sorted({type(place).__name__ for place in places})) or "nothing"
    raise InvalidInputError(f"a sequence of {kinds} is no place to look", hint)
