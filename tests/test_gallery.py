"""The pictures that the README shows are those that its commands make."""

import re

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from glimpsecli import cli

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"\]\((sample_images/gallery/[^)]+)\)", README)
TIMED = "sample_images/gallery/stride.png"
"""A chart of times, which no run draws twice."""


def test_all_pictures_of_the_gallery_are_shown():
    assert sorted(SHOWN) == sorted(
        f"sample_images/gallery/{path.name}" for path in (ROOT / "sample_images/gallery").iterdir()
    )
    assert sum(path.stat().st_size for path in (ROOT / "sample_images").rglob("*") if path.is_file()) < 3_000_000


@pytest.mark.parametrize("shown", [one for one in SHOWN if one != TIMED])
def test_a_command_of_the_readme_makes_the_picture(shown, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    name = shown.rpartition("/")[2]
    line = next(line for line in README.splitlines() if line.startswith("glimpse ") and line.endswith(f" -o {name}"))
    words = line.split()[1:-1]
    assert cli.run([*words, str(tmp_path / name)]) == 0
    with Image.open(tmp_path / name) as made, Image.open(ROOT / shown) as kept:
        assert made.size == kept.size
        difference = np.abs(np.asarray(made, np.float64) - np.asarray(kept, np.float64))
    assert difference.mean() < 0.5  # of 255: other libraries round letters and JPEGs otherwise
