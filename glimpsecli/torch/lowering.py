"""The conventions in which tensors say where to look, and the chain rule back to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.window import PlaceRows, Window, places_of, stack_gaussians, stack_matrices
from glimpsecli.window.conversions import middle
from glimpsecli.window.pullbacks import stack_vjp

if TYPE_CHECKING:
    from glimpsecli.arrays import Floats
    from glimpsecli.sampling import Sampling
    from glimpsecli.window import Size


class Lowering(NamedTuple):
    """A convention of rows that say where to look, with whatever their numbers refer to.

    Attributes
    ----------
    kind : {"windows", "gaussians", "writes", "matrices", "theta", "corner theta"}
        Windows (N, 4) or (N, 5); Gaussian parameters (N, 6) or (N, 7), of ``writes`` with a gain that divides; matrices
        in pixels (N, 2, 3); theta of ``affine_grid``, (N, 2, 3), without or with ``align_corners``.
    size, image_size : (int, int)
        Height and width of the glimpses and of the images.
    sampling : Sampling
    """

    kind: str
    size: Size
    image_size: Size
    sampling: Sampling

    @property
    def axes(self) -> int:
        """Number of axes of one place."""
        return 1 if self.kind in ("windows", "gaussians", "writes") else 2

    def places(self, rows: Floats, checked: bool = False) -> Floats:
        """Give the (N, 7) or (N, 2, 3) places, index coordinates, that the sampler takes.

        `checked` rows have been here before, on the way forward.
        """
        if self.kind == "windows":
            windows = _windows(rows) if checked else places_of(rows)
            # Without an angle no gradient turns them either, so Gaussian parameters will do.
            if self.sampling.sampler == "gaussian" and rows.shape[1] == 4:
                return stack_gaussians(windows, self.size, self.sampling.blur)
            return stack_matrices(windows, self.size)
        if self.kind in ("gaussians", "writes"):
            places = np.ones((len(rows), 7))
            places[:, : rows.shape[1]] = rows
            return _divided(places) if self.kind == "writes" else places
        if self.kind == "matrices":
            return rows
        span, steps, centre = self._theta()
        places = np.empty(rows.shape)
        places[:, :, :2] = rows[:, :, :2] * (span[:, None] / steps)
        # The middle of the glimpse looks at the point of the image that the shift says.
        places[:, :, 2] = rows[:, :, 2] * (span / 2) + centre - places[:, :, :2] @ middle(self.size)
        return places

    def pull_back(self, rows: Floats, by_places: Floats) -> Floats:
        """Give the gradient with respect to the rows from that with respect to their places."""
        if self.kind == "windows":
            return np.asarray(stack_vjp(_windows(rows), self.size, self.sampling.blur, by_places))
        if self.kind == "gaussians":
            return by_places[:, : rows.shape[1]]
        if self.kind == "writes":
            found = by_places[:, : rows.shape[1]].copy()
            found[:, 6:] *= -1 / rows[:, 6:] ** 2
            return found
        if self.kind == "matrices":
            return by_places
        span, steps, _ = self._theta()
        by_first = by_places[:, :, 2:]
        by_strides = by_places[:, :, :2] - by_first * middle(self.size)
        return np.concatenate([by_strides * (span[:, None] / steps), by_first * (span / 2)[:, None]], axis=2)

    def _theta(self) -> tuple[Floats, Floats, Floats]:
        """Give the span of the image from -1 to 1, the steps of the glimpse, and the middle pixel, all as (x, y)."""
        extent, taps = np.array(self.image_size[::-1], np.float64), np.array(self.size[::-1], np.float64)
        if self.kind == "corner theta":
            return extent - 1, np.maximum(taps - 1, 1), (extent - 1) / 2  # a single tap has no use for a stride
        return extent, taps, (extent - 1) / 2


def _windows(rows: Floats) -> PlaceRows:
    """Give windows that need no check."""
    return PlaceRows(Window, np.pad(rows, ((0, 0), (0, 1))) if rows.shape[1] == 4 else rows, False, rows)


def _divided(places: Floats) -> Floats:
    """Give the places of writing, whose gain is the factor that is left after a division."""
    none = np.flatnonzero(places[:, 6] == 0)
    if len(none):
        raise InvalidInputError(f"the gain of write {none[0]} is 0, which it is divided by", "give another gain")
    places[:, 6] = 1 / places[:, 6]
    return places
