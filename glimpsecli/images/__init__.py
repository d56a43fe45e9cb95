"""Files to arrays and back: reading without losing depth, writing without leaving half a file."""

from glimpsecli.images.alpha import flatten
from glimpsecli.images.depth import DEPTHS, convert, depth_of
from glimpsecli.images.formats import FORMATS, Format, check
from glimpsecli.images.picture import Picture
from glimpsecli.images.reading import read, upright_size
from glimpsecli.images.sources import opened
from glimpsecli.images.writing import write, write_npz

__all__ = [
    "DEPTHS",
    "FORMATS",
    "Format",
    "Picture",
    "check",
    "convert",
    "depth_of",
    "flatten",
    "opened",
    "read",
    "upright_size",
    "write",
    "write_npz",
]
