"""Attention arrays that somebody's model made: files to arrays, arrays to grids, and where a grid lies on an image."""

from glimpsecli.maps.geometry import Preprocess, Rect
from glimpsecli.maps.guessing import LAYOUTS
from glimpsecli.maps.layouts import Arranged, arrange
from glimpsecli.maps.ranges import Limits, Range, check_finite, scaled
from glimpsecli.maps.reading import read_array
from glimpsecli.maps.regions import Region, Threshold, regions
from glimpsecli.maps.statistics import measure
from glimpsecli.maps.upsampling import Laid, lay

__all__ = [
    "LAYOUTS",
    "Arranged",
    "Laid",
    "Limits",
    "Preprocess",
    "Range",
    "Rect",
    "Region",
    "Threshold",
    "arrange",
    "check_finite",
    "lay",
    "measure",
    "read_array",
    "regions",
    "scaled",
]
