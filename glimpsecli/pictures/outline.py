"""The outline of a window on a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.scale import scale_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glimpsecli.arrays import Array, Floats


CASING = 0.55  # opacity of the black casing
_MITRE = 4.0  # corners sharper than 29 degrees are cut off at this many half weights, as SVG does
_TILE = 64  # pixels of a side


def line_weight(image_size: tuple[int, int]) -> float:
    """Give the weight of a line, in pixels, that fits an image of `image_size` (height, width)."""
    return max(1.5, max(image_size) / 300)


def outline(
    picture: Array,
    corners: Array,
    *,
    colour: tuple[float, float, float] = (1.0, 0.85, 0.0),
    weight: float | None = None,
    dash: float | None = None,
) -> None:
    """Draw the outline of a window into a picture, in place.

    The line is centred on the edges, has mitred corners, is antialiased, and lies in a dark casing half a weight
    wide on either side, so that it shows on any photo. Pixels outside the casing keep their bits.

    Parameters
    ----------
    picture : (H, W, 3 or 4) uint8, uint16 or float32
        RGB, or RGB with straight alpha.
    corners : (4, 2) float
        x and y on the image plane, in order, of a convex window. They may lie anywhere outside the picture, and a
        window without extent becomes a line or a dot.
    colour : (3,) float
        RGB in 0..1.
    weight : float, optional
        The weight of the line in pixels; without it, `line_weight` of the picture.
    dash : float, optional
        The length of dashes, and of the gaps between, in pixels; the casing has none.
    """
    scale = scale_of(picture)
    points = np.asarray(corners, np.float64)
    if picture.ndim != 3 or picture.shape[2] not in (3, 4):
        raise InvalidInputError(f"a picture of shape {picture.shape}", "use (H, W, 3) or (H, W, 4)")
    if points.shape != (4, 2) or not np.isfinite(points).all():
        raise InvalidInputError(f"corners of shape {points.shape}", "give four finite points (x, y)")
    weight = line_weight(picture.shape[:2]) if weight is None else weight
    if not 0 < weight < math.inf:
        raise InvalidInputError(f"a line of weight {weight}", "give a positive number of pixels")
    pen = np.asarray(colour, np.float64)
    polygon = _Polygon(points)
    for rows, columns in _tiles_near(polygon, picture.shape[:2], weight):
        y, x = np.mgrid[rows, columns] + 0.5
        near = abs(polygon.distance(x, y)) <= weight + 1
        x, y = x[near], y[near]
        line = polygon.stroke(x, y, weight)
        casing = CASING * polygon.stroke(x, y, 2 * weight)
        if dash is not None:
            line = line * polygon.dashes(x, y, dash)
        layer = line + casing * (1 - line)
        touched = np.zeros(near.shape, bool)
        touched[near] = layer > 0
        line, layer = line[layer > 0, None], layer[layer > 0, None]
        tile = picture[rows, columns]
        pixels = tile[touched] / scale
        behind = pixels[:, 3:] if picture.shape[2] == 4 else np.ones_like(layer)
        opaque = layer + behind * (1 - layer)
        pixels[:, :3] = (pen * line + pixels[:, :3] * behind * (1 - layer)) / opaque
        pixels[:, 3:] = opaque[:, : picture.shape[2] - 3]
        pixels *= scale
        tile[touched] = np.rint(pixels) if picture.dtype.kind == "u" else pixels


class _Polygon:
    """A convex quadrilateral as four half planes: ``normal . point <= reach``, the normals pointing out."""

    def __init__(self, points: Floats) -> None:
        edges = np.roll(points, -1, axis=0) - points
        lengths = np.hypot(edges[:, 0], edges[:, 1])
        self._points, self._lengths = points, lengths
        along = edges / np.where(lengths > 0, lengths, 1)[:, None]
        for i in range(4):
            if lengths[i] == 0:  # an edge without length goes on square to the edge before it
                before = along[i - 1] if along[i - 1].any() else np.array([0.0, -1.0])
                along[i] = -before[1], before[0]
        self._along = along
        following = np.roll(along, -1, axis=0)
        turn = float((along[:, 0] * following[:, 1] - along[:, 1] * following[:, 0]).sum())
        self.normals = np.stack([along[:, 1], -along[:, 0]], axis=1) * (1 if turn >= 0 else -1)
        self.reaches = (self.normals * points).sum(1)
        # At a sharp corner the mitre is cut square to the bisector.
        bisectors = self.normals + np.roll(self.normals, 1, axis=0)
        sizes = np.hypot(bisectors[:, 0], bisectors[:, 1])
        sharp = (sizes < 4 / _MITRE - 1e-9) & (sizes > 1e-9)
        self.cut_normals = bisectors[sharp] / sizes[sharp, None]
        self.cut_reaches = (self.cut_normals * points[sharp]).sum(1)

    def distance(self, x: Floats, y: Floats) -> Floats:
        """Give how far points lie outside (or, negative, inside), measured square to the nearest edge."""
        beyond = [n[0] * x + n[1] * y - r for n, r in zip(self.normals, self.reaches, strict=True)]
        farthest: Floats = np.maximum(np.maximum(beyond[0], beyond[1]), np.maximum(beyond[2], beyond[3]))
        return farthest

    def stroke(self, x: Floats, y: Floats, weight: float) -> Floats:
        """Give the share of the pixels at `x`, `y` (their centres) that a line of `weight` along the edges covers."""
        return np.maximum(self._filled(x, y, weight / 2, cut=True) - self._filled(x, y, -weight / 2), 0)

    def dashes(self, x: Floats, y: Floats, dash: float) -> Floats:
        """Give the share of the pixels at `x`, `y` that dashes of this length along their nearest edges cover."""
        nearest = np.full(x.shape, np.inf)
        place = np.zeros(x.shape)
        starts = np.cumsum([0.0, *self._lengths[:-1]])
        for (px, py), (ax, ay), length, start in zip(self._points, self._along, self._lengths, starts, strict=True):
            run = np.clip((x - px) * ax + (y - py) * ay, 0, length)
            distance = np.hypot(x - px - run * ax, y - py - run * ay)
            closer = distance < nearest
            nearest[closer], place[closer] = distance[closer], start + run[closer]
        share: Floats = np.clip(dash / 2 - abs(place % (2 * dash) - dash / 2) + 0.5, 0, 1)
        return share

    def _filled(self, x: Floats, y: Floats, offset: float, cut: bool = False) -> Floats:
        """Give the share of the pixels that the polygon covers when its edges are moved out by `offset`.

        Opposite edges make a band; the two bands are multiplied. That is exact for upright rectangles of any size.
        """
        planes = [
            _half_plane(n[0] * x + n[1] * y - (r + offset), n) for n, r in zip(self.normals, self.reaches, strict=True)
        ]
        share: Floats = np.maximum(planes[0] + planes[2] - 1, 0) * np.maximum(planes[1] + planes[3] - 1, 0)
        if cut:
            for n, r in zip(self.cut_normals, self.cut_reaches, strict=True):
                share *= _half_plane(n[0] * x + n[1] * y - (r + _MITRE * offset), n)
        return share


def _half_plane(distance: Floats, normal: Floats) -> Floats:
    """Give the share of unit squares that lies behind a line, from the signed distance of their centres beyond it.

    The square's shadow on the normal is a trapezium: its integral is made of four parabolas.
    """
    a, b = max(abs(normal)), min(abs(normal))
    if b < 1e-6:
        return np.clip(0.5 - distance, 0, 1)
    outer, inner = (a + b) / 2, (a - b) / 2
    squares = [np.square(np.maximum(d - distance, 0)) for d in (outer, inner, -inner, -outer)]
    share: Floats = (squares[0] - squares[1] - squares[2] + squares[3]) / (2 * a * b)
    return np.clip(share, 0, 1)


def _tiles_near(polygon: _Polygon, size: tuple[int, ...], weight: float) -> Iterator[tuple[slice, slice]]:
    """Give the tiles of a picture that the line and its casing may touch, so that a large picture costs little."""
    height, width = size
    tops, lefts = np.arange(0, height, _TILE), np.arange(0, width, _TILE)
    middle_x, middle_y = np.meshgrid(lefts + _TILE / 2, tops + _TILE / 2)
    reach = weight + _TILE * math.sqrt(0.5) + 1  # the distance never changes faster than the point moves
    for i, j in np.argwhere(abs(polygon.distance(middle_x, middle_y)) <= reach).tolist():
        top, left = i * _TILE, j * _TILE
        yield slice(top, min(top + _TILE, height)), slice(left, min(left + _TILE, width))
