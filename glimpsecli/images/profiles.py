"""Colour models that have no place in a glimpse, CMYK and Lab, brought to sRGB."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from glimpsecli.images.picture import Array

_STRIP_PIXELS = 1 << 16  # converted at a time


def to_srgb(mode: str, icc: bytes | None) -> Callable[[Image.Image], Image.Image]:
    """Make the function that brings images of mode CMYK or LAB to sRGB.

    CMYK goes through its embedded profile. Without one, or with a damaged one, the inks are unknown, and Pillow's
    formula (255 - C)(255 - K) / 255 stands in.
    """
    if mode == "CMYK" and (not icc or icc[16:20] != b"CMYK"):
        return _by_formula
    from PIL import ImageCms  # only here: loading the colour engine takes time

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc or b"") if mode == "CMYK" else ImageCms.createProfile("LAB"))
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return _by_formula

    def through_profile(image: Image.Image) -> Image.Image:
        converted = ImageCms.applyTransform(image, transform)
        assert converted is not None  # it is None only when converting in place
        return converted

    return through_profile


def cmyk_to_srgb(inks: Array, icc: bytes | None) -> Array:
    """Convert (H, W, 4) uint8, 0 for no ink, to (H, W, 3) uint8 sRGB."""
    height, width, _ = inks.shape
    convert = to_srgb("CMYK", icc)
    rgb = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = np.ascontiguousarray(inks[top : top + rows])
        image = Image.frombuffer("CMYK", (width, len(strip)), strip.tobytes(), "raw", "CMYK", 0, 1)
        rgb[top : top + rows] = np.asarray(convert(image))
    return rgb


def _by_formula(image: Image.Image) -> Image.Image:
    return image.convert("RGB")
