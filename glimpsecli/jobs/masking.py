"""The attention mask of an image's windows: by itself, times the image, or drawn as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.images import Picture, convert
from glimpsecli.jobs.products import Product
from glimpsecli.jobs.records import record
from glimpsecli.jobs.storing import check_fits, stored
from glimpsecli.sampling import Taps
from glimpsecli.sampling.masks import join_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.images.picture import Array
    from glimpsecli.jobs.plan import How, Item, Plan
    from glimpsecli.jobs.products import View
    from glimpsecli.jobs.requests import Placement
    from glimpsecli.window import Size

    Mask = NDArray[np.float32]

_ARRAYS = ("npy", "tiff")


def mask_of(view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
    """Give the mask, 0 to 1, in one channel."""
    depth = plan.output.depth or ("float" if plan.format.name in _ARRAYS else "8")
    mask = convert(joined_mask(placements, view.image_size, plan.how)[..., None], "float", depth).pixels
    return [_finished(mask, item, placements, view, plan)]


def figure_of(view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
    """Draw the mask between its two profiles: ``a_x`` above, ``a_y`` at the right."""
    from glimpsecli.pictures.mask import mask_figure

    mask = joined_mask(placements, view.image_size, plan.how)
    # The maximum along the other axis is the attention vector itself where the mask is an outer product.
    drawn = mask_figure(mask, mask.max(axis=0), mask.max(axis=1))
    return [_finished(drawn, item, placements, view, plan)]


def attended(view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> list[Product]:
    """Give soft attention: the mask times the colours of the image, whose alpha stays."""
    picture = view.picture
    check_fits(picture, plan)
    values = np.zeros(picture.pixels.shape, np.float32)
    colours = picture.pixels.shape[2] - picture.alpha
    mask = joined_mask(placements, view.image_size, plan.how)
    np.multiply(picture.pixels[..., :colours], mask[..., None], out=values[..., :colours], where=mask[..., None] > 0)
    values[..., colours:] = picture.pixels[..., colours:]
    return [stored(values, picture, record_of(view, item, placements, plan), plan)]


def joined_mask(placements: Sequence[Placement], image_size: Size, how: How) -> Mask:
    """Give the maximum of the masks of some placements, (H, W)."""
    whole = np.zeros(image_size, np.float32)
    for (size, _), members in groupby(placements, key=lambda placement: (placement.size, type(placement.place))):
        places: Any = [placement.place for placement in members]
        join_masks(Taps.make(places, size, image_size, how.sampling), whole)
    return whole


def record_of(view: View, item: Item, placements: Sequence[Placement], plan: Plan) -> dict[str, Any]:
    """Give the record of a picture that shows some placements of an image."""
    height, width = view.image_size
    return {
        "file": None,
        "source": item.label,
        "index": 0,
        "image_size": {"width": width, "height": height},
        "windows": [
            record(item.label, index, placement, view.image_size, plan.how.sampling)
            for index, placement in enumerate(placements)
        ],
    }


def _finished(pixels: Array, item: Item, placements: Sequence[Placement], view: View, plan: Plan) -> Product:
    picture = Picture(pixels)
    check_fits(picture, plan)
    return stored(pixels, picture, record_of(view, item, placements, plan), plan)
