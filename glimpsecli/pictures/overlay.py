"""A map laid over a photo: the higher the value, the more of its colour covers the pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.scale import in_colour, scale_of

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Reals

_BLOCK = 1 << 15  # pixels at a time: the buffers of a block stay in the cache


def tint(
    photo: Array,
    values: Reals,
    table: Reals,
    *,
    top: int = 0,
    left: int = 0,
    coverage: tuple[Reals, Reals] | None = None,
    opacity: float = 0.7,
    alpha: bool = False,
    in_place: bool = False,
) -> Array:
    """Lay a map over a photo.

    With v a value, m its colour and p the photo, ``out = p + a (m - p)``, where ``a = opacity * v * coverage``. So
    where the value is 0 the photo stays as it is, to the bit. Over transparent pixels this is Porter and Duff's "over".

    Parameters
    ----------
    photo : (H, W, C) uint8, uint16 or float32
        Grey or RGB, and last the straight alpha where `alpha`.
    values : (h, w) float
        The map; cut to 0..1. NaN counts as 0.
    table : (n, 3) float
        The colours of the values, in 0..1, at even steps; the nearest step is taken.
    top, left : int
        Where the map's first row and column lie on the photo. Parts beyond the photo are not drawn.
    coverage : pair of (h,) and (w,) float, optional
        How much of each row and column the map covers, 0 to 1, where its border crosses pixels.
    opacity : float
        The share of the colour at value 1, 0 to 1.
    alpha : bool
        Whether the photo's last channel is alpha.
    in_place : bool
        Whether a photo of three colours may be drawn on, which saves the time of a copy.

    Returns
    -------
    (H, W, 3) array, or (H, W, 4) where `alpha`
        Of the photo's type, the photo itself or a new array; integers are rounded half to even.
    """
    scale = scale_of(photo)
    if photo.ndim != 3 or photo.shape[2] - alpha not in (1, 3):
        raise InvalidInputError(f"a photo of shape {photo.shape}", "use (H, W, C), C = 1 or 3, and one more for alpha")
    if values.ndim != 2:
        raise InvalidInputError(f"a map of shape {values.shape}", "use (h, w)")
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] != 3:
        raise InvalidInputError(f"a colour table of shape {table.shape}", "use (n, 3)")
    if not 0 <= opacity <= 1:
        raise InvalidInputError(f"an opacity of {opacity}", "use 0 to 1")
    cover_y, cover_x = coverage or (np.ones(values.shape[0]), np.ones(values.shape[1]))
    if (cover_y.shape, cover_x.shape) != ((values.shape[0],), (values.shape[1],)):
        raise InvalidInputError(f"coverage of shapes {cover_y.shape} and {cover_x.shape} for a map of {values.shape}")

    result = photo if in_place and photo.shape[2] > 2 and photo.flags.writeable else in_colour(photo)
    rows, over_rows = _overlap(top, values.shape[0], photo.shape[0])
    columns, over_columns = _overlap(left, values.shape[1], photo.shape[1])
    canvas, values = result[rows, columns], values[over_rows, over_columns]
    if not values.size:
        return result
    # float32 holds any mix of 8-bit values; the others need more to be rounded right.
    work: type[np.floating[Any]] = np.float32 if photo.dtype == np.uint8 else np.float64
    weight_y = (opacity * np.clip(cover_y[over_rows], 0, 1)).astype(work)
    weight_x = np.clip(cover_x[over_columns], 0, 1).astype(work)
    colours = np.ascontiguousarray(table.T * float(scale), work)
    height = max(1, _BLOCK // values.shape[1])
    buffers = _Buffers((height, values.shape[1]), work)
    with np.errstate(invalid="ignore"):  # an infinite pixel of a float photo
        for start in range(0, values.shape[0], height):
            block = slice(start, start + height)
            buffers.mix(canvas[block], values[block], colours, weight_y[block], weight_x, scale if alpha else None)
    return result


def _overlap(start: int, extent: int, limit: int) -> tuple[slice, slice]:
    """Give the part of the photo that a map covers, and the part of the map that lies there."""
    first, last = min(max(start, 0), limit), max(min(start + extent, limit), 0)
    last = max(first, last)
    return slice(first, last), slice(first - start, last - start)


class _Buffers:
    """Arrays for one block, made once: planes are mixed one by one, since numpy is slow along an axis of three."""

    def __init__(self, shape: tuple[int, int], work: type[np.floating[Any]]) -> None:
        self.value, self.weight, self.colour, self.plane, self.share = (np.empty(shape, work) for _ in range(5))
        self.index = np.empty(shape, np.intp)

    def mix(
        self,
        canvas: Array,
        values: Reals,
        colours: Reals,
        weight_y: Reals,
        weight_x: Reals,
        alpha_scale: int | None,
    ) -> None:
        """Tint one block in place. `colours` is (3, n) in the canvas's scale."""
        n = len(values)
        value, weight, colour, plane = (b[:n] for b in (self.value, self.weight, self.colour, self.plane))
        np.fmax(values, 0, out=value, casting="same_kind")  # NaN becomes 0 as well
        np.minimum(value, 1, out=value)
        np.multiply(value, weight_y[:, None], out=weight)
        if not weight.any():
            return
        np.multiply(weight, weight_x, out=weight)
        value *= colours.shape[1] - 1
        value += 0.5
        np.copyto(self.index[:n], value, casting="unsafe")
        integer = canvas.dtype.kind == "u"
        # A float pixel that is not touched must keep even its infinities and the sign of its zero.
        touched = True if integer else weight > 0
        share = weight
        if alpha_scale is not None:
            # Alpha grows by the same mix towards opaque; of the colour there, the tint's share is a / alpha.
            behind = canvas[..., 3] / value.dtype.type(alpha_scale)
            behind += weight * (1 - behind)
            share = self.share[:n]
            share[...] = 0
            np.divide(weight, behind, out=share, where=weight > 0)
            _store(canvas[..., 3], behind * alpha_scale, integer, touched)
        for c in range(3):
            np.take(colours[c], self.index[:n], out=colour, mode="clip")
            np.copyto(plane, canvas[..., c])
            colour -= plane
            colour *= share
            colour += plane
            _store(canvas[..., c], colour, integer, touched)


def _store(channel: Array, values: Reals, integer: bool, touched: Any) -> None:
    if integer:
        np.rint(values, out=values)
    np.copyto(channel, values, casting="unsafe", where=touched)
