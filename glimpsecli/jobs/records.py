"""The record of a glimpse: one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.jobs.objects import marks_of, objects_in
from glimpsecli.jobs.requests import Placement, as_matrix, as_window
from glimpsecli.window import GaussianParams, Projective, Size, corners, share_outside, stack_gaussians

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glimpsecli.jobs.objects import Objects
    from glimpsecli.jobs.plan import How, Item
    from glimpsecli.sampling import Sampling

OUTSIDE = "its window lies outside the image"
"""The note of a glimpse that sees nothing of its image."""


def record(
    source: str,
    index: int,
    placement: Placement,
    image_size: Size,
    sampling: Sampling,
    *,
    backend: str | None = None,
    decoded: str | None = None,
    objects: Objects | None = None,
) -> dict[str, Any]:
    """Describe a glimpse.

    Parameters
    ----------
    source : str
    index : int
        Number of the glimpse in its image, from 0.
    placement : Placement
    image_size : (int, int)
        Height and width of the upright image.
    sampling : Sampling
    backend, decoded : str, optional
    objects : Objects, optional
        The objects of the image, of which those in the window are listed.

    Returns
    -------
    dict
        ``file`` (filled in when it is written), ``source``, ``index``, ``label``, ``scale``, ``size`` of the glimpse
        and ``image_size`` ({width, height}, pixels), ``window`` (image plane; null where no window has these taps),
        ``quad`` (the corners [x, y] of a projective window on the image plane, in the order of the glimpse's own from
        the top left clockwise, to a millionth of a pixel; null for all others), ``matrix`` (2x3, or 3x3 of a projective
        window), ``sampler``, ``gaussian`` (index coordinates; null for ellipses, which follow from the matrix and the
        blur, and for the other samplers), ``backend``, ``decoded`` (``whole``, ``window`` or ``reduced:N``), and
        ``outside``, the share of the window's area beyond the image; where windows are clamped, ``shift``: the {x, y}
        in pixels by which this one was shifted; where they are known, ``annotation_id``, ``category_id`` and ``score``
        of its box, and ``objects``, as :func:`.objects.objects_in` gives them; and ``cut_out``, true, where all but
        the object is transparent.
    """
    affine, window = as_matrix(placement), as_window(placement)
    params = None
    if sampling.sampler == "gaussian":
        rows = stack_gaussians(placement.place, placement.size, sampling.blur)
        params = asdict(GaussianParams(*rows[0])) if rows.ndim == 2 else None
    more: dict[str, Any] = {} if placement.shift is None else {"shift": dict(zip("xy", placement.shift, strict=True))}
    more |= marks_of(placement.box)
    if placement.outline is not None:
        more["cut_out"] = True
    if objects is not None:
        more["objects"] = objects_in(placement, objects, image_size)
    return {
        "file": None,
        "source": source,
        "index": index,
        "label": placement.label,
        "scale": placement.scale,
        "size": _width_height(placement.size),
        "image_size": _width_height(image_size),
        "window": asdict(window) if window else None,
        "quad": _quad(affine, placement.size) if isinstance(affine, Projective) else None,
        "matrix": affine.matrix.tolist(),
        "sampler": sampling.sampler,
        "gaussian": params,
        "backend": backend,
        "decoded": decoded,
        "outside": round(share_outside(affine, placement.size, image_size), 6),
        **more,
    }


def planned(
    item: Item,
    placements: Sequence[Placement],
    image_size: Size,
    how: How,
    *,
    backend: str | None = None,
    decoded: str | None = None,
) -> list[dict[str, Any]]:
    """Describe the glimpses that will be made of an image, each with its file; those that are dropped are left out."""
    return [
        record(
            item.label,
            index,
            placement,
            image_size,
            how.sampling,
            backend=backend,
            decoded=decoded,
            objects=item.objects,
        )
        | {"file": target}
        for index, (placement, target) in enumerate(zip(placements, item.targets, strict=True))
        if placement.dropped is None
    ]


def window_row(entry: dict[str, Any]) -> NDArray[np.float64]:
    """Give (cx, cy, width, height, angle) of a record, NaN where it has no window."""
    window = entry["window"]
    return np.array(list(window.values()) if window else [np.nan] * 5)


def _quad(place: Projective, size: Size) -> list[list[float]]:
    rounded: list[list[float]] = (np.round(corners(place, size), 6) + 0.0).tolist()  # no -0.0
    return rounded


def _width_height(size: Size) -> dict[str, int]:
    return {"width": size[1], "height": size[0]}
