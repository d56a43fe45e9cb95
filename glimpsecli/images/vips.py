"""PNG of 16 bit with colour or alpha, which Pillow can neither read nor write: libvips can, when it is installed."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from glimpsecli.errors import UnavailableError, extra
from glimpsecli.images.picture import Array
from glimpsecli.images.silence import silence_logger, silenced

_INTERPRETATIONS = {2: "grey16", 3: "rgb16", 4: "rgb16"}


def load_vips(what: str) -> Any:
    """Import pyvips, or say which extra brings it.

    Parameters
    ----------
    what : str
        The work that needs pyvips, as the subject of the message.
    """
    try:
        silence_logger("pyvips")
        with silenced:
            import pyvips
    except (ImportError, OSError) as error:  # OSError: the Python package is there, the library under it is not
        raise UnavailableError(f"{what} needs pyvips", extra("vips")) from error
    return pyvips


def read_png(stream: BinaryIO, label: str) -> tuple[Array, bytes | None]:
    """Decode a PNG file to its stored (H, W, C) uint16 samples and its ICC profile."""
    pyvips = load_vips(f"{label}, a PNG of 16 bit with colour or alpha,")
    stream.seek(0)
    image = pyvips.Image.new_from_buffer(stream.read(), "", access="sequential", fail_on="truncated")
    icc = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else None
    pixels = np.ndarray((image.height, image.width, image.bands), np.uint16, image.write_to_memory())
    return pixels, icc


def encode_png(pixels: Array, *, icc: bytes | None, compress: int) -> bytes:
    """Encode (H, W, 2 to 4) uint16 as a PNG file."""
    pyvips = load_vips("a PNG of 16 bit with colour or alpha")
    height, width, channels = pixels.shape
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).data, width, height, channels, "ushort")
    image = image.copy(interpretation=_INTERPRETATIONS[channels])
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    # Without `keep` libvips would add EXIF of its own making.
    return bytes(image.pngsave_buffer(compression=compress, keep="icc"))
