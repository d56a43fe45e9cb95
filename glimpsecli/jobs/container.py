"""One ``.npz`` for many glimpses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glimpsecli.images.picture import Array
from glimpsecli.jobs.products import Product
from glimpsecli.jobs.records import window_row


def arrays_of(kept: Sequence[Product]) -> dict[str, Array]:
    """Lay glimpses out for one ``.npz``.

    ``glimpses`` is (N, h, w, C) where all are of one shape and type, otherwise there is a ``glimpse_0000`` for each;
    ``windows`` is (N, 5) with NaN where no window has the taps, as for projective ones; ``matrices`` is (N, 2, 3), or
    (N, 3, 3) of projective windows, whose corners then are ``quads`` (N, 4, 2); ``sources`` and ``labels`` are (N,).
    """
    pixels = [seen.pixels for seen in kept]
    if len({(array.shape, array.dtype) for array in pixels}) == 1:
        arrays: dict[str, Array] = {"glimpses": np.stack(pixels)}
    else:
        arrays = {f"glimpse_{index:04d}": array for index, array in enumerate(pixels)}
    records = [seen.record for seen in kept]
    if all(one["quad"] for one in records):
        arrays["quads"] = np.array([one["quad"] for one in records])
    return arrays | {
        "windows": np.stack([window_row(one) for one in records]),
        "matrices": np.array([one["matrix"] for one in records]),
        "sources": np.array([one["source"] for one in records]),
        "labels": np.array([one["label"] or "" for one in records]),
    }
