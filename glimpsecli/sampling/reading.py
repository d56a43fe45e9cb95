"""Images of any type and with alpha, brought to what a backend reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.backends.footprint import union
from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.dispatch import prepare
from glimpsecli.sampling.precision import full_scale, readable
from glimpsecli.sampling.transparency import unweigh, weigh_by_alpha

if TYPE_CHECKING:
    from glimpsecli.arrays import Glimpses, Images
    from glimpsecli.sampling.options import Sampling
    from glimpsecli.sampling.taps import Taps


def read_taps(images: Images, taps: Taps, out: Glimpses, sampling: Sampling, alpha: bool) -> None:
    """Fill `out`, (N, h, w, C) contiguous, from (1 or N, H, W, C) images."""
    channels = images.shape[3]
    colours = sampling.colours(taps.windows, channels)
    if alpha and channels not in (2, 4):
        raise InvalidInputError(f"alpha with {channels} channels", "grey and alpha are 2, red, green, blue and alpha 4")
    scale = full_scale(images.dtype) if alpha else 1.0
    images, taps = readable(images, taps)
    if not alpha or taps.order == 0:  # single pixels keep their own alpha
        prepare(taps, images.shape, colours, sampling)(images, out)
        return
    top, bottom, left, right = union(taps.boxes())
    cut, moved = images[:, top:bottom, left:right], taps.moved(top, left, (bottom - top, right - left))
    gain = np.ones(taps.windows, np.float32)
    if taps.places.ndim == 2:  # the division by alpha would cancel the gain
        gain = taps.places[:, 6].astype(np.float32)
        moved.places[:, 6] = 1
    weighted = weigh_by_alpha(cut, scale)
    prepare(moved, weighted.shape, weigh_by_alpha(colours, scale), sampling)(weighted, out)
    unweigh(out, scale)
    with np.errstate(over="ignore", invalid="ignore"):
        out[..., :-1] *= gain[:, None, None, None]
    whole = taps.whole_pixels()
    if np.any(whole):  # crops keep the colours that alpha hides
        crops = np.empty((int(whole.sum()), *out.shape[1:]), np.float32)
        some = images if len(images) == 1 else images[whole]
        prepare(taps._replace(places=taps.places[whole]), some.shape, colours[whole], sampling)(some, crops)
        out[whole] = crops
