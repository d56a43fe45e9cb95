"""One or several places to look, as the arrays that samplers take."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLUR
from glimpsecli.window import conversions
from glimpsecli.window.checks import check_matrices, check_unmasked, check_windows
from glimpsecli.window.places import Affine, GaussianParams, Window
from glimpsecli.window.projective import Projective

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Floats
    from glimpsecli.window.checks import Size

_FIELDS = {
    Window: attrgetter("row"),
    Affine: attrgetter("matrix"),
    Projective: attrgetter("matrix"),
    GaussianParams: attrgetter("u_y", "s_y", "d_y", "u_x", "s_x", "d_x", "gain"),
}

Place = Window | Affine | Projective | GaussianParams
Where: TypeAlias = (
    "Place | Sequence[Window] | Sequence[Affine] | Sequence[Projective] | Sequence[GaussianParams] | ArrayLike"
)
"""One place to look, a sequence of one kind, or numbers: see :func:`places_of`."""

_PLACES = tuple(_FIELDS)
_HINT = (
    "give one Window, Affine, Projective or GaussianParams, a sequence of one kind, or numbers: windows (N, 4) or "
    "(N, 5), matrices (N, 2, 3) or (N, 3, 3), or one of them"
)


class PlaceRows(NamedTuple):
    """Places to look as numbers.

    Attributes
    ----------
    kind : {Window, Affine, Projective, GaussianParams}
    rows : (N, 5), (N, 2, 3), (N, 3, 3) or (N, 7) float64
    single : bool
        Whether one place was given, and not a sequence or an array of places.
    given : ndarray, float64, or None
        The numbers as they were given; None where the places were objects.
    """

    kind: type[Any]
    rows: Floats
    single: bool
    given: Floats | None


def places_of(where: Where | PlaceRows) -> PlaceRows:
    """Sort out places to look, and give their numbers as one array with a row for each.

    Numbers (an array, a tensor on the host, lists of rows) are recognised by their shape, which is never ambiguous.
    With 4 or 5 columns they are windows (cx, cy, width, height, angle), the angle being 0 where it is left out; with
    the last two axes (2, 3) they are affine matrices and with (3, 3) projective ones. (4,), (5,), (2, 3) and (3, 3) are
    one place, one axis more makes N of them, and an empty list is none.
    """
    if isinstance(where, PlaceRows):
        return where
    if type(where) is Window:  # the most common, in two thirds of the time
        return PlaceRows(Window, np.array((where.row,)), True, None)
    if type(where) is np.ndarray and where.dtype == np.float64 and where.ndim == 2 and where.shape[1] == 5:
        rows = where.copy()  # as _rows_of_numbers would find, in half the time
        check_windows(rows)
        return PlaceRows(Window, rows, False, rows)
    if type(where) in _FIELDS:
        return PlaceRows(type(where), np.array([_FIELDS[type(where)](where)], dtype=np.float64), True, None)
    single = isinstance(where, _PLACES)
    if single:
        places: list[object] = [where]
    elif isinstance(where, Sequence) and not isinstance(where, str):
        places = list(where)
        if not any(isinstance(place, _PLACES) for place in places):
            return _rows_of_numbers(where)
    elif hasattr(where, "__array__"):
        return _rows_of_numbers(where)
    else:
        raise InvalidInputError(f"{where!r} is no place to look", _HINT)
    for kind, numbers in _FIELDS.items():
        if all(isinstance(place, kind) for place in places):
            return PlaceRows(kind, np.array(list(map(numbers, places)), dtype=np.float64), single, None)
    kinds = " and ".join(sorted({type(place).__name__ for place in places}))
    raise InvalidInputError(f"a sequence of {kinds} is no place to look", _HINT)


def stack_matrices(where: Where | PlaceRows, size: Size) -> Floats:
    """Give the float64 matrices of places, for glimpses of `size`: (N, 2, 3), or (N, 3, 3) if they are projective.

    Raises
    ------
    InvalidInputError
        A tap of a projective place lies at infinity, or beyond it.
    """
    kind, rows, _, _ = places_of(where)
    if kind is Projective:
        return _checked_horizon(rows, size)
    if kind is Window:
        return conversions.windows_to_matrices(rows, size)
    return rows if kind is Affine else conversions.gaussians_to_matrices(rows)


def stack_gaussians(where: Where | PlaceRows, size: Size, blur: float = BLUR) -> Floats:
    """Give the (N, 7) float64 rows (u_y, s_y, d_y, u_x, s_x, d_x, gain) of one or several places.

    `blur` makes sigma where the place has none of its own: see :meth:`Affine.to_gaussian`. Where one of the places
    turns, shears or is projective the Gaussians are ellipses, and the result is :func:`stack_matrices`.
    """
    places = places_of(where)
    if places.kind is GaussianParams:
        return places.rows
    matrices = stack_matrices(places, size)
    return conversions.matrices_to_gaussians(matrices, blur) if conversions.all_upright(matrices) else matrices


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


def _rows_of_numbers(where: Any) -> PlaceRows:
    """Sort out an array, or lists of rows, by its shape; see :func:`places_of`."""
    check_unmasked(where, "the array of windows")
    try:
        array = np.asarray(where)
    except Exception as error:  # ragged lists, tensors on a device, any other __array__
        reason = " ".join(str(error).split())
        raise InvalidInputError(f"{type(where).__name__} holds no windows: {reason}", _HINT) from None
    shape = array.shape
    single = shape in ((4,), (5,), (2, 3), (3, 3))
    each = shape if single else shape[1:]
    if (each not in ((4,), (5,), (2, 3), (3, 3)) and shape != (0,)) or array.dtype.kind not in "iuf":
        raise InvalidInputError(f"an array of shape {shape}, {array.dtype}, holds no windows", _HINT)
    given = array.astype(np.float64)
    if len(each) == 2:
        rows = given.reshape(-1, *each)
        if each == (2, 3):
            check_matrices(rows)
            return PlaceRows(Affine, rows, single, given)
        check_matrices(rows, "projective")
        return PlaceRows(Projective, _divided(rows), single, given)
    rows = given.reshape(-1, *(each or (5,)))
    if each == (4,):
        rows = np.pad(rows, ((0, 0), (0, 1)))
    check_windows(rows)
    return PlaceRows(Window, rows, single, given)


def _divided(matrices: Floats) -> Floats:
    """Divide (N, 3, 3) projective matrices by their last elements, as :class:`Projective` does."""
    last = matrices[:, 2:, 2:]
    if not np.all(last):
        raise InvalidInputError("the last element of a projective matrix is 0: its first tap lies at infinity")
    with np.errstate(over="ignore"):
        matrices = matrices / last
    check_matrices(matrices, "projective")
    return matrices
