"""A model at work on a picture: the class, the windows on the picture, and what was seen. Needs torch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from glimpsecli.errors import InvalidInputError
from glimpsecli.networks.answering import answer, pixels
from glimpsecli.networks.letterbox import letterbox
from glimpsecli.networks.scenes import Batch
from glimpsecli.pictures.mask import mask_figure
from glimpsecli.pictures.sequence import sequence_picture
from glimpsecli.sampling import Sampling
from glimpsecli.sampling.masks import mask
from glimpsecli.window import Window, corners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Array, Figure, Floats
    from glimpsecli.images import Picture
    from glimpsecli.networks.files import Stored
    from glimpsecli.networks.model import Model
    from glimpsecli.networks.specification import Specification

_SAMPLERS = {"hard": "hard", "bilinear": "bilinear"}
"""Sampler that reads the pixels that a model's does; gaussian for the others, ``blurred`` among them."""


class Observation(NamedTuple):
    """The answer of a model about a picture.

    Attributes
    ----------
    picture : (H, W, C)
        As it was read.
    windows : (T, 5) float64
        (cx, cy, width, height, angle) on the picture, in the order of the glimpses.
    probabilities : (K,) float32
        Of the classes, after the last glimpse.
    seen : (T, h, w) or (T, h, w, 3) float32, or None
        What the model saw through each, 0 to 1; None where it sees all pixels at once.
    fitted : bool
        Whether the picture was not of the model's size and was fitted onto its canvas.
    """

    picture: Array
    windows: Floats
    probabilities: NDArray[np.float32]
    seen: NDArray[np.float32] | None
    fitted: bool

    @property
    def label(self) -> int:
        """Index of the most probable class."""
        return int(self.probabilities.argmax())


def look(stored: Stored, picture: Picture, label: str = "the image") -> Observation:
    """Ask a model about a picture.

    Parameters
    ----------
    stored : Stored
    picture : Picture
    label : str
        Its name in messages.

    Raises
    ------
    InvalidInputError
        The model looks at an oracle window, or its windows are no numbers; or the picture is neither grey nor RGB.
    """
    model, specification = stored.model, stored.model.specification
    if specification.sampler == "oracle":
        raise InvalidInputError("a model with an oracle window", "it knows nothing of an image; take another")
    canvas = letterbox(picture, specification.canvas, colour=specification.channels == 3, label=label)
    batch = Batch(canvas.image[None], np.zeros(1, np.int64), np.full((1, 5), np.nan))
    probabilities, windows = (part[0] for part in answer(model, batch))
    if not np.isfinite(windows).all() or not np.isfinite(probabilities).all():
        raise InvalidInputError(f"the model's answer about {label} is no number", "its file is damaged")
    return Observation(
        picture.pixels, canvas.to_picture(windows), probabilities[-1], _seen(model, batch, windows),
        not canvas.unchanged or picture.pixels.shape[:2] != canvas.image.shape[:2],
    )  # fmt: skip


def draw_windows(observed: Observation) -> Figure:
    """Draw the windows over the picture, numbered in their order."""
    return sequence_picture(observed.picture, [_corners(row) for row in observed.windows])


def draw_mask(observed: Observation, specification: Specification) -> Figure:
    """Draw how much each pixel counts in what the model chose to see: of several windows, all but the first."""
    height, width = observed.picture.shape[:2]
    size = (specification.size, specification.size)
    places = observed.windows[1:] if len(observed.windows) > 1 else observed.windows
    sampling = Sampling(sampler=_SAMPLERS.get(specification.sampler, "gaussian"))
    if sampling.sampler == "gaussian":
        sampling = replace(sampling, blur=specification.blur)
    found = mask((height, width), places, size, sampler=sampling.sampler, blur=sampling.blur)
    return mask_figure(found, found.max(axis=0), found.max(axis=1))


def as_rows(observed: Observation, name: str, stored: Stored) -> list[dict[str, object]]:
    """Give a row for each glimpse, with the columns that tables of windows have, and the class."""
    chance = float(observed.probabilities[observed.label])
    return [
        {
            "image": name,
            "label": stored.classes[observed.label],
            "probability": round(chance, 4),
            "glimpse": number,
            "x": float(cx - width / 2),
            "y": float(cy - height / 2),
            "width": float(width),
            "height": float(height),
        }
        for number, (cx, cy, width, height, _) in enumerate(observed.windows, 1)
    ]


def _seen(model: Model, batch: Batch, windows: Floats) -> NDArray[np.float32] | None:
    with torch.inference_mode():
        glimpses = model.glimpses(pixels(batch.images), torch.from_numpy(windows)[None])
    if glimpses is None:
        return None
    found: NDArray[np.float32] = glimpses[0].permute(0, 2, 3, 1).numpy()
    return found[..., 0] if found.shape[-1] == 1 else found


def _corners(row: Floats) -> Floats:
    return corners(Window(*map(float, row)).to_affine((1, 1)), (1, 1))
