"""Images on the device that a border continues: see :mod:`glimpsecli.sampling.continued`."""

from __future__ import annotations

from typing import Any

import numpy as np

from glimpsecli.backends.cpu.kernels.neighbours import BORDERS
from glimpsecli.backends.cuda.device import blocks
from glimpsecli.backends.cuda.kernels import continued as kernels
from glimpsecli.backends.cuda.kernels.forward import THREADS
from glimpsecli.backends.cuda.memory import empty, upload


def put_together(images: Any, start: tuple[int, int], size: tuple[int, int], border: str, colours: np.ndarray) -> Any:
    """Give the part of `size` from the pixel `start` on, (B, h, w, C), of (B, H, W, C) images on the device.

    `colours`, (B, C), stand where a constant border does; black does with ``zeros``.
    """
    if border != "constant":
        colours = np.zeros_like(colours)
    kind = np.result_type(images.dtype, colours) if border == "constant" else images.dtype
    part = empty((images.shape[0], *size, images.shape[3]), kind)
    launch = kernels.put_together[blocks(-(-part.size // (part.shape[3] * THREADS))), THREADS]
    launch(images, *start, BORDERS[border], upload(colours), part)
    return part


def bring_back(by_part: Any, start: tuple[int, int], border: str, by_images: Any) -> None:
    """Add gradients with respect to the pixels of a part to those of the images, both on the device."""
    b, height, width, channels = by_images.shape
    by_rows = empty((b, height, by_part.shape[2] * channels))
    by_rows[:] = np.float32(0)
    _add_places(by_part.reshape(b, by_part.shape[1], by_rows.shape[2]), start[0], border, by_rows)
    columns = by_rows.reshape(b * height, by_part.shape[2], channels)
    _add_places(columns, start[1], border, by_images.reshape(b * height, width, channels))


def _add_places(by_part: Any, start: int, border: str, by_pixels: Any) -> None:
    launch = kernels.add_places[blocks(-(-by_pixels.size // THREADS)), THREADS]
    launch(by_part, start, BORDERS[border], by_pixels)
