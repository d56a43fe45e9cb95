"""The work on an image: the pixels that were decoded, the products that go into files, and the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli.jobs.requests import Placement, as_matrix
from glimpsecli.window import GaussianParams, Place, stack_gaussians
from glimpsecli.window.parts import in_part

if TYPE_CHECKING:
    from glimpsecli.errors import GlimpseError
    from glimpsecli.images.picture import Array, Picture
    from glimpsecli.jobs.at import At
    from glimpsecli.jobs.sharding import Receipt
    from glimpsecli.sampling import Sampling
    from glimpsecli.window import Size


NOTHING = np.empty((0, 0, 0), np.uint8)
"""The pixels of a product that was written, and needs them no more."""


class View(NamedTuple):
    """The decoded pixels of an image: all of it, a part, or a smaller copy.

    Attributes
    ----------
    picture : Picture
    image_size : (int, int)
        Height and width of the whole upright image.
    decoded : str
        ``whole``, ``window``, or ``reduced:2`` and the like, for the manifest.
    origin : (int, int)
        Pixel (top, left) of the image where the picture begins; negative where a reduced picture begins before it.
    scale : (float, float)
        Pixels of the picture per pixel of the image, in y and x.
    """

    picture: Picture
    image_size: Size
    decoded: str = "whole"
    origin: tuple[int, int] = (0, 0)
    scale: tuple[float, float] = (1.0, 1.0)

    def places(self, placements: Sequence[Placement], sampling: Sampling) -> list[Place]:
        """Give the places of placements of one kind and size in index coordinates of the picture."""
        if self.decoded == "whole":
            return [placement.place for placement in placements]
        if sampling.sampler == "gaussian":
            places: Any = [placement.place for placement in placements]
            rows = stack_gaussians(places, placements[0].size, sampling.blur)
            if rows.ndim == 2:
                return [in_part(GaussianParams(*row.tolist()), self.origin, self.scale) for row in rows]
        return [in_part(as_matrix(placement), self.origin, self.scale) for placement in placements]


class Product(NamedTuple):
    """A glimpse or another picture in memory.

    Attributes
    ----------
    pixels : (H, W, C) array
    alpha : bool
        Whether the last channel is alpha.
    icc : bytes or None
    record : dict
        Its entry in the manifest, whose ``index`` counts the products of an image.
    notes, details : tuple of str
        Messages for the user; details are shown with ``--verbose`` only.
    content : bytes, optional
        The bytes of its file, of which a shard is made.
    """

    pixels: Array
    alpha: bool
    icc: bytes | None
    record: dict[str, Any]
    notes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    content: bytes | None = None


class Done(NamedTuple):
    """The outcome of an image, or of the one file for all glimpses.

    Attributes
    ----------
    source : str
    products : tuple of Product
        Products that were written.
    failure : GlimpseError or None
        The reason why there are no more.
    dropped : tuple of str
        The reason for each window that was dropped.
    at : At, optional
        The frame of a video that it is the outcome of.
    skipped : bool
        Whether an earlier run made it, and nothing has changed.
    lines : tuple of str
        The lines of that run.
    shard : int, optional
        The number of its shard.
    receipt : Receipt, optional
        The receipt of its shard, of which it is the last image, where a worker has written the shard.
    """

    source: str
    products: tuple[Product, ...] = ()
    failure: GlimpseError | None = None
    dropped: tuple[str, ...] = ()
    at: At | None = None
    skipped: bool = False
    lines: tuple[str, ...] = ()
    shard: int | None = None
    receipt: Receipt | None = None
