"""Aliasing through a turned window: rings that the glimpse cannot hold, and the numbers of the README about them."""

import re

import numpy as np
from conftest import ROOT

from glimpsecli import Window, extract

README = (ROOT / "README.md").read_text(encoding="utf-8")
SIDE, TAPS, STRIDE = 324, 54, 4


def test_turned_gaussians_do_not_alias_as_the_readme_says():
    """The rings cos(pi r^2 / SIDE) have r / SIDE periods a pixel at r pixels from the middle, away from it."""
    along = np.arange(SIDE) - (SIDE - 1) / 2
    rings = np.load(ROOT / "sample_images/zone_plate.npy")
    wanted = np.rint(127.5 + 127.5 * np.cos(np.pi / SIDE * (along[:, None] ** 2 + along**2)))
    np.testing.assert_array_equal(rings, wanted)
    periods = np.abs(np.arange(TAPS) - (TAPS - 1) / 2) * STRIDE**2 / SIDE  # a tap, along a row and along a column
    beyond = np.maximum(periods[:, None], periods) > 0.5
    found = []
    for sampler in ("bilinear", "gaussian"):
        window = Window(SIDE / 2, SIDE / 2, TAPS * STRIDE, TAPS * STRIDE, 30)
        seen = extract(rings, window, (TAPS, TAPS), sampler=sampler) / 127.5 - 1
        found.append([np.mean(seen[taps] ** 2) / 0.5 for taps in (beyond, ~beyond)])
    (alias, kept), (gaussian_alias, gaussian_kept) = found
    number = r"([\d.]+) %"
    told = re.search(
        rf"shows {number}.*? Gaussian\s+attention {number}.* keeps\s+{number}, and Gaussian\s+attention {number}",
        README,
        re.DOTALL,
    )
    assert told.groups() == tuple(f"{100 * one:.1f}" for one in (alias, gaussian_alias, kept, gaussian_kept))
    assert gaussian_alias < 0.005 < 0.5 < alias
