"""Pictures of one object: the outline of its annotation becomes alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.annotations.outlines import Outline, coverage
from glimpsecli.backends.footprint import union
from glimpsecli.images import DEPTHS, Picture, depth_of
from glimpsecli.sampling import Taps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpsecli.jobs.products import View
    from glimpsecli.jobs.requests import Placement
    from glimpsecli.sampling import Sampling


def cut_out(view: View, outline: Outline, placements: Sequence[Placement], sampling: Sampling) -> View:
    """Make all transparent but an object, so far as placements of one kind and size read it.

    The alpha of a pixel is the share of it that the object covers, times the alpha that it has already. Where the
    object is not, colours are 0, so that readers that pass over alpha do not see them.

    Raises
    ------
    FileProblemError
        The outline is damaged, or of an image of another size.
    """
    picture = view.picture
    pixels, alpha = picture.pixels, picture.alpha
    height, width, channels = pixels.shape
    colours = channels - alpha
    places: Any = view.places(placements, sampling)
    top, bottom, left, right = union(Taps.make(places, placements[0].size, (height, width), sampling).boxes())
    y, x = view.origin
    covered = coverage(outline, (top + y, bottom + y, left + x, right + x), view.image_size)
    part = pixels[top:bottom, left:right]
    opaque = part[..., -1] if alpha else DEPTHS[depth_of(pixels)].scale
    shares = covered.astype(np.float64) * opaque
    # As large as the picture, so that places stay as they are; untouched zeros take no memory.
    canvas = np.zeros((height, width, colours + 1), pixels.dtype)
    cut = canvas[top:bottom, left:right]
    for channel in range(colours):
        np.copyto(cut[..., channel], part[..., channel], where=covered > 0)
    cut[..., colours] = shares if pixels.dtype.kind == "f" else np.rint(shares)
    return view._replace(picture=Picture(canvas, True, picture.icc))
