"""The outlines of objects as annotations have them: polygons, runs of pixels, and pictures.

They are kept nearly as they stand in their file, and become pixels when their image comes, one part of it at a time:
:func:`coverage` gives the share of each pixel that an object covers. A polygon lies on the image plane and has soft
edges; runs and pictures cover whole pixels.
"""

from __future__ import annotations

import base64
import io
import math
import zlib
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from glimpsecli.annotations.text import shown
from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError
from glimpsecli.names import MAX_PIXELS

if TYPE_CHECKING:
    from glimpsecli.arrays import Glimpses
    from glimpsecli.window import Size

LARGEST = 1e9
"""Pixels beyond which a point is a mistake, not a place."""
_CIRCLE = 128
"""Corners of the polygon that stands for an ellipse: off by 0.03 % of its radius."""

Ring: TypeAlias = "array[float]"
"""A closed line: x and y of each corner, one after the other."""


class Polygons(NamedTuple):
    """The union of some parts, each of which has one or several rings.

    A point is in a part if a ray from it crosses the rings an odd number of times: a ring inside another is a hole.

    Attributes
    ----------
    parts : tuple of tuple of Ring
    fractions : bool
        Whether x and y are fractions of the image's width and height, not pixels.
    """

    parts: tuple[tuple[Ring, ...], ...]
    fractions: bool = False


class Runs(NamedTuple):
    """Lengths of runs of pixels, outside and inside the object by turns, beginning outside.

    Attributes
    ----------
    counts : str or array of int
        COCO's compressed text, or numbers.
    size : (int, int)
        Height and width of the mask.
    corner : (int, int), optional
        Pixel (top, left) of the image where the mask begins; None where it is as large as the image.
    by_rows : bool
        Whether runs go along rows, and not down columns as COCO's do.
    """

    counts: str | array[int]
    size: Size
    corner: tuple[int, int] | None = None
    by_rows: bool = False


class Drawn(NamedTuple):
    """A small picture of the object.

    Attributes
    ----------
    content : str
        The file of a picture, in base64.
    corner : (int, int)
        Pixel (top, left) of the image where it begins.
    packed : bool
        Whether the file is compressed by zlib.
    soft : bool
        Whether its values are shares from 0 to 255, and not only 0 or inside.
    """

    content: str
    corner: tuple[int, int]
    packed: bool = False
    soft: bool = False


Outline = Polygons | Runs | Drawn


def ring_of(values: Any) -> Ring:
    """Read the x and y of at least three corners from a list of numbers."""
    try:
        ring = array("d", values)
    except (TypeError, OverflowError):
        raise InvalidInputError(f"a polygon {shown(values)} is not a list of numbers") from None
    if len(ring) < 6 or len(ring) % 2:
        raise InvalidInputError(f"a polygon of {len(ring)} numbers", "it has x and y of three points or more")
    if not -LARGEST <= min(values) <= max(values) <= LARGEST or math.isnan(sum(values)):  # lists are faster than arrays
        raise InvalidInputError(f"a polygon {shown(values)} is out of all bounds")
    return ring


def polygon_of(*rings: Iterable[tuple[float, float]]) -> Polygons:
    """Make an outline of one part, of the points of its rings."""
    return Polygons((tuple(ring_of([value for point in ring for value in point]) for ring in rings),))


def ellipse_of(cx: float, cy: float, rx: float, ry: float, degrees: float = 0.0) -> Polygons:
    """Make the outline of an ellipse that is turned by `degrees`, clockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turns = [2 * math.pi * k / _CIRCLE for k in range(_CIRCLE)]
    points = [(rx * math.cos(turn), ry * math.sin(turn)) for turn in turns]
    return polygon_of((cx + cos * x - sin * y, cy + sin * x + cos * y) for x, y in points)


def runs_of(counts: Any, size: Any, corner: tuple[int, int] | None = None, *, by_rows: bool = False) -> Runs:
    """Read runs, and the height and width of their mask."""
    if not isinstance(size, Sequence) or len(size) != 2 or not all(type(one) is int and one > 0 for one in size):
        raise InvalidInputError(f"a mask of the size {shown(size)}", "it is [height, width]")
    if not isinstance(counts, str):
        try:
            counts = array("q", counts)
        except (TypeError, OverflowError):
            raise InvalidInputError(f"the counts of a mask are {shown(counts)}", "they are numbers or a text") from None
    return Runs(counts, (size[0], size[1]), corner, by_rows)


def coco_outline(segmentation: Any) -> Outline | None:
    """Read COCO's ``segmentation``; None where it is missing or empty.

    A list holds polygons ``[x1, y1, x2, y2, ...]``, whose union is the object, as ``pycocotools`` takes them; points
    ``[x, y]`` are one polygon. An object holds ``counts``, a list or its compressed text, and ``size``.
    """
    if segmentation is None or segmentation == []:
        return None
    if isinstance(segmentation, dict):
        return runs_of(segmentation.get("counts"), segmentation.get("size"))
    if not isinstance(segmentation, list) or not all(isinstance(one, list) for one in segmentation):
        raise InvalidInputError(f"the segmentation {shown(segmentation)} is neither polygons nor runs")
    if all(len(one) == 2 for one in segmentation):
        return Polygons(((ring_of([value for point in segmentation for value in point]),),))
    return Polygons(tuple((ring_of(one),) for one in segmentation))


def coverage(outline: Outline, part: tuple[int, int, int, int], image_size: Size) -> Glimpses:
    """Give the share of each pixel that an object covers.

    Parameters
    ----------
    outline : Outline
    part : (int, int, int, int)
        The pixels that are asked for: top, bottom, left, right.
    image_size : (int, int)
        Height and width of the upright image.

    Returns
    -------
    (bottom - top, right - left) float32, 0 to 1

    Raises
    ------
    FileProblemError
        The outline is damaged, or of an image of another size.
    """
    import numpy as np

    from glimpsecli.annotations.rasterising import fill_polygons, read_runs

    top, bottom, left, right = part
    height, width = image_size
    if isinstance(outline, Polygons):
        scale = (width, height) if outline.fractions else (1, 1)
        parts = [[np.frombuffer(ring).reshape(-1, 2) * scale for ring in rings] for rings in outline.parts]
        return fill_polygons(parts, part)
    if isinstance(outline, Runs):
        if outline.corner is None and outline.size != tuple(image_size):
            claimed = f"{outline.size[1]}x{outline.size[0]}"
            raise FileProblemError(f"a mask of {claimed} pixels in an image of {width}x{height}")
        y, x = outline.corner or (0, 0)
        inside = _clipped(part, (y, x), outline.size)
        seen = read_runs(outline.counts, outline.size, inside, by_rows=outline.by_rows).astype(np.float32)
    else:
        y, x = outline.corner
        drawn = _picture(outline)
        inside = _clipped(part, (y, x), drawn.shape)
        seen = drawn[inside[0] : inside[1], inside[2] : inside[3]]
    covered = np.zeros((bottom - top, right - left), np.float32)
    covered[y + inside[0] - top : y + inside[1] - top, x + inside[2] - left : x + inside[3] - left] = seen
    return covered


def _clipped(part: tuple[int, int, int, int], corner: tuple[int, int], size: Size) -> tuple[int, int, int, int]:
    """Give the rows and columns of a mask that lie in a part of the image."""
    (y, x), (height, width), (top, bottom, left, right) = corner, size, part
    first, start = (min(max(edge, 0), most) for edge, most in ((top - y, height), (left - x, width)))
    return first, max(min(bottom - y, height), first), start, max(min(right - x, width), start)


def _picture(outline: Drawn) -> Glimpses:
    """Give the shares that a small picture holds, in its alpha or else in its first channel."""
    import numpy as np

    from glimpsecli import images

    try:
        content = base64.b64decode(outline.content)
        if outline.packed:
            content = zlib.decompressobj().decompress(content, MAX_PIXELS)  # no bomb
        read = images.read(io.BytesIO(content), name="the mask")
    except (ValueError, zlib.error, GlimpseError) as error:
        raise FileProblemError(f"the data of a mask are no picture: {error}") from None
    values = read.pixels[..., -1 if read.alpha else 0]
    if outline.soft and values.dtype == np.uint8:
        soft: Glimpses = np.divide(values, 255, dtype=np.float32)
        return soft
    return (values > 0).astype(np.float32)
