"""Checks of sizes, coordinates and rows of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Size = tuple[int, int]
"""Height and width in pixels."""

LARGEST_COORDINATE = 1e9
"""Numbers beyond this, in pixels, are refused: no image is so large, and int64 pixel indices stay exact."""

LARGEST_BLUR = 1e6
"""Sigmas beyond this, in strides, are refused."""


def check_size(size: Size) -> Size:
    """Return `size` as two positive ints (height, width), or raise."""
    try:
        h, w = size
        if type(h) is type(w) is int and h >= 1 <= w:  # as most are, in a fourth of the time
            return h, w
        if int(h) == h >= 1 and int(w) == w >= 1:
            return int(h), int(w)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InvalidInputError(f"{size!r} is not a size", "give (height, width), two positive whole numbers of pixels")


def number(value: Any, name: str) -> float:
    """Return a value as a float, or raise."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(f"{name} is {value!r}, not a number") from None


def checked_blur(blur: Any) -> float:
    """Return sigma in strides as a float, or raise."""
    value = number(blur, "blur")
    if not 0 < value <= LARGEST_BLUR:
        raise InvalidInputError(f"blur is {value:g}", f"give a number of strides above 0 and up to {LARGEST_BLUR:g}")
    return value


def numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return values as a float64 array of their own, or raise."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(f"{name} is {values!r}, not an array of numbers") from None


def check_unmasked(values: Any, name: str) -> None:
    """Raise if an array, or one in a list, has masked values: NumPy would drop the mask silently."""
    if type(values) is np.ndarray:
        return
    parts = values if isinstance(values, (list, tuple)) else (values,)
    if any(isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part) for part in parts):
        raise InvalidInputError(f"{name} has masked values", "give them a value first: .filled(value)")


def check_finite(values: NDArray[np.float64], name: str) -> None:
    """Raise unless all `values` are finite and within :data:`LARGEST_COORDINATE`."""
    listed = ",".join(f"{value:g}" for value in values.ravel().tolist())
    if not np.all(np.isfinite(values)):
        raise InvalidInputError(f"{name} has numbers that are not finite: {listed}")
    if np.any(np.abs(values) > LARGEST_COORDINATE):
        raise InvalidInputError(f"{name} has numbers beyond {LARGEST_COORDINATE:g}: {listed}")


def check_windows(windows: NDArray[np.float64]) -> None:
    """Raise, naming the first culprit, unless all (N, 5) rows (cx, cy, width, height, angle) are windows."""
    if len(windows) == 1:  # Python's arithmetic starts at once
        ((cx, cy, width, height, angle),) = windows.tolist()
        if width > 0 < height and abs(cx) + abs(cy) + width + height + abs(angle) <= LARGEST_COORDINATE:
            return
    if np.abs(windows).max(initial=0) <= LARGEST_COORDINATE and windows[:, 2:4].min(initial=1) > 0:
        return
    good = np.all(np.abs(windows) <= LARGEST_COORDINATE, axis=1) & np.all(windows[:, 2:4] > 0, axis=1)
    row = int(np.flatnonzero(~good)[0])
    name = "the window" if len(windows) == 1 else f"window {row}"
    for field, value in zip(("cx", "cy", "width", "height", "angle"), windows[row].tolist(), strict=True):
        if not abs(value) <= LARGEST_COORDINATE:
            raise InvalidInputError(f"{name} has the {field} {value:g}", f"its limit is {LARGEST_COORDINATE:g}")
    cx, cy, width, height, _ = windows[row]
    raise InvalidInputError(
        f"{name} at {cx:g},{cy:g} has the extent {width:g}x{height:g}", "width and height must be positive"
    )


def check_gaussians(rows: NDArray[np.float64]) -> None:
    """Raise, naming the first culprit, unless all (N, 7) rows (u_y, s_y, d_y, u_x, s_x, d_x, gain) are Gaussians."""
    if np.abs(rows).max(initial=0) <= LARGEST_COORDINATE and rows[:, 1::3].min(initial=1) > 0:
        return
    good = np.all(np.abs(rows) <= LARGEST_COORDINATE, axis=1) & np.all(rows[:, 1::3] > 0, axis=1)
    row = int(np.flatnonzero(~good)[0])
    which = "" if len(rows) == 1 else f" {row}"
    names = ("u_y", "s_y", "d_y", "u_x", "s_x", "d_x", "gain")
    for field, value in zip(names, rows[row].tolist(), strict=True):
        if not abs(value) <= LARGEST_COORDINATE:
            raise InvalidInputError(
                f"Gaussian attention{which} with {field} {value:g}", f"its limit is {LARGEST_COORDINATE:g}"
            )
    sigma = min(rows[row, 1], rows[row, 4])
    where = f" of Gaussian attention{which}" if which else ""
    raise InvalidInputError(f"sigma{where} is {sigma:g}", "the standard deviation of a Gaussian must be positive")


def check_matrices(matrices: NDArray[np.float64], kind: str = "affine") -> None:
    """Raise, naming the first culprit, unless all (N, 2 or 3, 3) matrices are finite and within the limit."""
    if not np.abs(matrices).max(initial=0) <= LARGEST_COORDINATE:
        bad = np.flatnonzero(~np.all(np.abs(matrices) <= LARGEST_COORDINATE, axis=(1, 2)))
        check_finite(matrices[bad[0]], f"the {kind} matrix" if len(matrices) == 1 else f"{kind} matrix {bad[0]}")
